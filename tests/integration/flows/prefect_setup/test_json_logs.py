"""The JSON lines of real runs: of the command line, and of the process that a worker starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.storage.open import open_store
from tasks.warehouse import protocol
from tests.doubles.publishers import closed_port
from tests.paths import ROOT
from tests.support import terminal
from tests.support.plain import Ran

Run = Callable[..., Ran]
ATP = "atp_world_monthly"


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_each_line_of_a_run_names_run_dataset_and_version(
    techtrade: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHTRADE_LOG_FORMAT", "json")
    ran = techtrade("publish", ATP, "partners", "--source", "snapshot", "--json")
    assert ran.code == 0 and [o["outcome"] for o in json.loads(ran.out)] == ["published", "published"]
    said = lines(ran.err)
    for dataset in (ATP, "partners"):
        mine = [line for line in said if line["dataset"] == dataset and line["logger"] == "techtrade"]
        latest = protocol.read_latest(open_store(str(tmp_path / "store")), dataset)[0]
        assert latest is not None
        assert len({line["run_id"] for line in mine}) == 1 and mine[0]["run_id"]
        assert mine[0]["message"].startswith(f"{dataset}: extracting") and mine[0]["version"] is None
        staged = next(i for i, line in enumerate(mine) if "staged as" in line["message"])
        assert {line["version"] for line in mine[staged:]} == {latest.version}
    assert len({line["run_id"] for line in said} - {None}) == 2
    ours = [line for line in said if line["logger"] == "techtrade" and line["dataset"] is None]
    assert [line["message"].split()[0] for line in ours] == ["starting"]


def test_lines_on_a_dependent_name_it_and_its_own_version(
    techtrade: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHTRADE_LOG_FORMAT", "json")
    monkeypatch.setenv("TECHTRADE_FOLLOW", "true")
    ran = techtrade("publish", ATP, "--source", "snapshot")
    history = f"{ATP}_history"
    mine = [line for line in lines(ran.err) if line["message"].startswith(f"{history}: ")]
    latest = protocol.read_latest(open_store(str(tmp_path / "store")), history)[0]
    assert latest is not None and len(mine) > 2
    assert {line["dataset"] for line in mine} == {history}
    assert {line["version"] for line in mine} == {None, latest.version}


def test_an_error_of_the_command_line_is_a_line_too(techtrade: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TECHTRADE_LOG_FORMAT", "json")
    with closed_port() as nobody:
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", f"{nobody}/country.xlsx")
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__ATTEMPTS", "1")
        ran = techtrade("publish", ATP)
    assert ran.code == 1
    last = lines(ran.err)[-1]
    assert (last["level"], last["message"].split(":")[:2]) == ("error", ["error", " census_balance"])
    assert lines(techtrade("show", "no_such").err)[-1]["level"] == "error"
    monkeypatch.setenv("TECHTRADE_LOG_FORMAT", "xml")
    assert techtrade("versions", ATP).err.startswith("error: setting log_format: Input should be 'plain' or 'json'")


@pytest.mark.slow
def test_a_run_that_a_worker_starts_says_json_lines(prefect_api: str, tmp_path: Path) -> None:
    """A worker's process has imported Prefect, and set up its logging, before any code of ours."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate

    from flows.publish import publish

    pool = "test-logs"
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=pool, type="process"), overwrite=True)
        parameters = {"dataset": ATP, "source": "snapshot", "store": str(tmp_path / "store")}
        made: Any = publish.to_deployment(name="test-logs", parameters=parameters, work_pool_name=pool)
        made.entrypoint = "flows.publish.publish"
        run = client.create_flow_run_from_deployment(made.apply())
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    environment |= {"PREFECT_API_URL": prefect_api, "TECHTRADE_LOG_FORMAT": "json", "PREFECT_HOME": str(tmp_path)}
    worker = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--run-once"]
    done = subprocess.run(worker, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=240)
    of_run = [line for line in done.stderr.splitlines() if str(run.id) in line and '"run_id"' in line]
    said = [json.loads(line) for line in of_run]
    assert said, done.stderr + done.stdout
    assert {(line["run_id"], line["dataset"]) for line in said} == {(str(run.id), ATP)}
    latest = protocol.read_latest(open_store(str(tmp_path / "store")), ATP)[0]
    assert latest is not None
    assert {line["version"] for line in said} == {None, latest.version}
    finished = [line for line in said if line["logger"] == "prefect.flow_runs" and "Completed" in line["message"]]
    assert finished and finished[-1]["version"] == latest.version


PREFECT_SAYS = """
from flows.cli.output import guarded
with guarded():
    from prefect.logging import get_logger
    from prefect.logging.configuration import setup_logging
    setup_logging()
    get_logger("a").info("Flow run 'a' finished in state Completed()")
"""


def test_what_prefect_says_on_a_terminal_has_no_escapes() -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    run = terminal.start(
        [sys.executable, "-c", PREFECT_SAYS], environment | {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO"}
    )
    assert run.end() == 0 and "Completed()" in run.text
    assert "x1b" not in run.shown and "\x1b" not in run.shown
