"""What follows from the contracts is up to date in the files that hold it, and a file that is not is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from configs.contracts import dataset_names, load_contract
from configs.errors import ConfigError
from configs.operations import Operations, Schedule
from deploy.generate import __main__ as generate
from deploy.generate.deployments import deployments, operations_of
from deploy.generate.regions import replace_region


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the files that have generated content, and of what they are made from beside the contracts."""
    for path in (*generate.generated(), "deploy/access.yaml"):
        copy = tmp_path / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text((generate.ROOT / path).read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def test_generated_files_are_up_to_date() -> None:
    assert list(generate.stale()) == [], "run make generate"


@pytest.mark.parametrize("path", generate.generated())
def test_a_stale_file_is_found_and_mended(path: str, checkout: Path) -> None:
    good = (checkout / path).read_text(encoding="utf-8")
    before, begin, generated = good.rpartition("GENERATED" if "END GENERATED" not in good else "BEGIN GENERATED")
    written = (way for n in dataset_names() for way in (n, n.replace("_", "-")))
    name = next(way for way in written if way in generated)
    (checkout / path).write_text(before + begin + generated.replace(name, "another", 1), encoding="utf-8")
    assert generate.stale(checkout) == {path: good}


def test_text_outside_of_a_region_is_left_alone() -> None:
    text = "above\n# BEGIN GENERATED: x (make generate)\nold\n# END GENERATED: x\nbelow\n"
    assert replace_region(text, "x", "new", "f") == text.replace("old", "new")
    assert replace_region(text.replace("old\n", ""), "x", "new", "f") == text.replace("old", "new")
    for wrong in ("above\n", text + text):
        with pytest.raises(ConfigError, match="f: needs exactly one region 'BEGIN GENERATED: x'"):
            replace_region(wrong, "x", "new", "f")


def test_a_dataset_that_does_not_say_when_it_runs_is_refused() -> None:
    without = load_contract("partners").model_copy(update={"operations": None})
    with pytest.raises(ConfigError, match=r"partners\.yaml: operations is missing"):
        operations_of(without)


def test_operations_become_a_deployment() -> None:
    schedule = Schedule(slug="monthly", cron="0 8 1 * *", timezone="UTC", day_or=False)
    said = Operations(description="D", reason="R", schedules=(schedule,), run_seconds=7200, backfill=True)
    contract = load_contract("partners").model_copy(update={"operations": said})
    head = "x: {a: &one_at_a_time {limit: 1}, b: &patient {A: b}}\ndeployments:\n"
    made: list[dict[str, Any]] = yaml.safe_load(head + deployments([contract]))["deployments"]
    publishing, backfill = made
    assert publishing["schedules"] == [
        {"slug": "monthly", "cron": "0 8 1 * *", "day_or": False, "timezone": "UTC"},
    ]
    assert publishing["work_pool"]["job_variables"]["env"]["TECHTRADE_RUN_SECONDS"] == "7200"
    assert (backfill["name"], backfill["entrypoint"]) == ("backfill-partners", "flows.backfill.backfill")
    assert backfill["schedules"] == []
