"""The command line as a person meets it: exit codes, one-line errors, JSON, warnings."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from tasks.warehouse import layout, protocol
from tests.support.plain import Ran, error_line, nothing_published
from tests.support.two_versions import opened_store, published_vintages  # noqa: F401 - a fixture

Run = Callable[..., Ran]
ATP, IP = "atp_world_monthly", "ip_trade_annual"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("publish", "apt_world"), 2, "there are: atp_"),
        (("read", "apt_world"), 2, "there are: atp_"),
        (("read", ATP), 1, "techtrade publish atp_world_monthly --source snapshot"),
        (("read", f"{ATP}@latest"), 2, "techtrade versions atp_world_monthly"),
        (("read", f"{ATP}@2026-01-01.0001"), 1, "nothing is published"),
        (("read", ATP, "--as-of", "yesterday"), 2, "YYYY-MM-DD"),
        (("yank", ATP, "--reason", "x"), 2, "atp_world_monthly@VERSION"),
        (("yank", f"{ATP}@2026-01-01.0001", "--reason", "x"), 1, "nothing to yank"),
        (("publish", ATP, "--source", "snapshot", "--vintage", "1999-01"), 1, "2023-01, 2025-02"),
        (("publish", "--source", "snapshot", "--vintage", "2025-02"), 2, "publish DATASET --vintage VINTAGE"),
        (("verify",), 1, "name the store that is meant with --store"),
        (("datasets", "--store", "gs://bucket/x"), 1, "conditional writes"),
        (("datasets", "--store", "s3://key:s3cret@bucket/x"), 2, "does not belong in an address"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(
    techtrade: Run, store: Any, arguments: tuple[str, ...], code: int, told: str
) -> None:
    nothing_published(store)
    ran = techtrade(*arguments)
    assert ran.code == code
    assert told in error_line(ran)
    assert "s3cret" not in ran.err


@pytest.mark.parametrize(
    "arguments", [("publish", "--sauce", "live"), ("frobnicate",), ("yank", f"{ATP}@x"), ("gc", "--grace-hours", "-1")]
)
def test_wrong_usage_ends_with_2(techtrade: Run, arguments: tuple[str, ...]) -> None:
    assert techtrade(*arguments).code == 2


def test_a_store_that_cannot_be_created_is_told_with_what_to_do(techtrade: Run, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")
    ran = techtrade("publish", ATP, "--source", "snapshot", "--store", str(tmp_path / "a file" / "store"))
    assert ran.code == 1
    assert "name a folder that you may write to" in error_line(ran)


def test_a_misspelt_source_in_a_setting_is_told_before_anything_is_asked(
    techtrade: Run, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALLANCE__URL", "file:///nowhere")
    ran = techtrade("publish", ATP)
    assert ran.code == 1
    assert "'census_ballance'" in error_line(ran) and "census_balance" in error_line(ran)
    assert list(store.entries("")) == []


def test_a_traceback_only_with_debug(tmp_path: Path) -> None:
    (tmp_path / "catalog.json").write_text('{"datasets": []}')
    command = [sys.executable, "-m", "flows.cli", "read", ATP, "--store", str(tmp_path)]
    plain = subprocess.run(command, capture_output=True, text=True)
    debug = subprocess.run([*command, "--debug"], capture_output=True, text=True)
    assert plain.returncode == debug.returncode == 1
    assert "Traceback" not in plain.stderr
    assert "Traceback" in debug.stderr and "NotPublishedError" in debug.stderr


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv=['techtrade','--help']\n"
        "from flows.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('HEAVY', [m for m in ('prefect','great_expectations','polars','pydantic','s3fs') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "HEAVY []"


def test_every_command_has_help(techtrade: Run) -> None:
    from flows.cli import cli

    for command in cli.commands:
        ran = techtrade(command, "--help")
        assert ran.code == 0 and "Usage" in ran.out


def test_versions_and_datasets_as_json(techtrade: Run, two_versions: list[str]) -> None:
    listed = json.loads(techtrade("versions", ATP, "--json").out)
    assert [(v["version"], v["state"], v["vintage"]) for v in listed] == [
        (two_versions[0], "published", "2023-01"),
        (two_versions[1], "latest", "2025-02"),
    ]
    datasets = {d["dataset"]: d for d in json.loads(techtrade("datasets", "--json").out)}
    assert datasets[ATP]["version"] == two_versions[1]
    assert datasets[IP]["version"] is None
    vintages = json.loads(techtrade("vintages", ATP, "--json").out)
    assert [(v["vintage"], v["bundled"], v["versions"]) for v in vintages] == [
        ("2023-01", True, [two_versions[0]]),
        ("2025-02", True, [two_versions[1]]),
    ]


def test_show_prints_the_dictionary_also_before_anything_is_published(techtrade: Run, store: Any) -> None:
    nothing_published(store)
    ran = techtrade("show", IP)
    assert ran.code == 0
    for told in ("receipts_usd", "Balance of payments basis", "CC-BY-4.0", "Nothing is published"):
        assert told in ran.out
    contract = json.loads(techtrade("show", IP, "--json").out)["contract"]
    assert contract["primary_key"] == ["economy_code", "year"]


def test_diff_shows_what_the_manifest_counted(techtrade: Run, two_versions: list[str]) -> None:
    found = json.loads(techtrade("diff", ATP, "--json").out)
    assert (found["old"], found["new"]) == tuple(two_versions)
    assert found["counts"]["rows"]["revised"] == 37
    back = json.loads(techtrade("diff", ATP, two_versions[1], two_versions[0], "--json").out)
    assert back == found, "whichever is named first"
    human = techtrade("diff", ATP)
    assert "111 revisions by the publisher" in human.out and "37 revisions by the publisher" in human.out
    assert "ATP balance | 2022 | -244.113 billion | -241.633 billion" in human.out
    stored = techtrade("show", ATP)
    assert stored.code == 0


def test_the_first_version_has_nothing_to_be_compared_with(techtrade: Run, two_versions: list[str]) -> None:
    ran = techtrade("diff", ATP, two_versions[0])
    assert ran.code == 0, "from the named old one to the latest"
    assert techtrade("diff", ATP, two_versions[0], two_versions[0]).code == 0


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_read_gives_the_same_rows_in_every_format(
    techtrade: Run, two_versions: list[str], tmp_path: Path, form: str
) -> None:
    file = tmp_path / f"out.{form}"
    assert techtrade("read", ATP, "--format", form, "--output", str(file)).code == 0
    readers: dict[str, Callable[[], pl.DataFrame]] = {
        "csv": lambda: pl.read_csv(file),
        "json": lambda: pl.read_json(file),
        "parquet": lambda: pl.read_parquet(file),
    }
    assert readers[form]()["balance_usd"].sum() == _latest_sum(techtrade)


def _latest_sum(techtrade: Run) -> int:
    return int(pl.read_csv(StringIO(techtrade("read", ATP, "--format", "csv").out))["balance_usd"].sum())


def test_read_as_of_a_moment_gives_what_was_latest_then(techtrade: Run, store: Any, two_versions: list[str]) -> None:
    first, second = protocol.read_latest(store, ATP)[0].published
    then = techtrade("read", ATP, "--as-of", first.at, "--format", "csv")
    assert then.out.count("\n") == 1 + 409
    assert techtrade("read", ATP, "--as-of", second.at[:10], "--format", "csv").out.count("\n") == 1 + 434
    ran = techtrade("read", ATP, "--as-of", "2001-01-01")
    assert ran.code == 1 and "nothing was published by" in error_line(ran)


def test_a_yanked_version_stays_readable_and_says_so(techtrade: Run, store: Any, two_versions: list[str]) -> None:
    first, second = two_versions
    ran = techtrade("yank", f"{ATP}@{second}", "--reason", "a wrong month", "--replaced-by", first)
    assert ran.code == 0 and first in ran.out
    assert protocol.read_latest(store, ATP)[0].version == first
    pinned = techtrade("read", f"{ATP}@{second}", "--format", "csv")
    assert pinned.code == 0 and pinned.out.count("\n") == 1 + 434
    assert f"{ATP}@{second} was yanked: a wrong month; use {first}" in pinned.err
    assert "yanked: a wrong month" in techtrade("versions", ATP).out
    catalog = json.loads(store.get(layout.CATALOG).body)
    assert catalog["datasets"][0]["version"] == first


def test_parquet_is_written_with_units_and_citation(
    techtrade: Run, two_versions: list[str], tmp_path: Path, environment: dict[str, str]
) -> None:
    file = tmp_path / "out.parquet"
    assert techtrade("read", ATP, "--format", "parquet", "--output", str(file)).code == 0
    command = [sys.executable, "-m", "flows.cli", "read", ATP, "--format", "parquet"]
    piped = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    for schema in (pq.read_schema(file), pq.read_schema(BytesIO(piped))):
        assert schema.metadata[b"dataset"] == ATP.encode() and b"Census" in schema.metadata[b"citation"]
        assert schema.field("exports_usd").metadata[b"unit"] == b"US dollars"
        assert b"free alongside ship" in schema.field("exports_usd").metadata[b"basis"]


@pytest.mark.parametrize("form", ["table", "csv", "json", "parquet"])
def test_an_output_that_cannot_be_written_is_told(techtrade: Run, two_versions: list[str], form: str) -> None:
    ran = techtrade("read", ATP, "--format", form, "--output", "/nonexistent/x")
    assert ran.code == 1
    told = error_line(ran)
    assert "/nonexistent/x cannot be written: " in told and "No such file or directory; name a file" in told


def test_a_day_that_has_not_come_yet_is_remarked_on(techtrade: Run, two_versions: list[str]) -> None:
    ran = techtrade("read", ATP, "--as-of", "2199-01-01", "--format", "csv")
    assert ran.code == 0 and ran.out.count("\n") == 1 + 434
    assert "has not come yet" in ran.err
    today = datetime.now(UTC).date().isoformat()
    assert "has not come yet" not in techtrade("read", ATP, "--as-of", today, "--format", "csv").err


def test_the_only_version_cannot_be_yanked(techtrade: Run, store: Any) -> None:
    assert techtrade("publish", ATP, "--source", "snapshot").code == 0
    before = store.get(layout.latest(ATP)).body
    version = protocol.read_latest(store, ATP)[0].version
    ran = techtrade("yank", f"{ATP}@{version}", "--reason", "x")
    assert ran.code == 1 and "only version left" in error_line(ran)
    assert store.get(layout.latest(ATP)).body == before


def test_verify_finds_a_changed_byte(techtrade: Run, store: Any, two_versions: list[str]) -> None:
    assert techtrade("verify").code == 0
    file = Path(store.uri(layout.version(ATP, two_versions[0], "data/part-0000.parquet")))
    body = bytearray(file.read_bytes())
    body[len(body) // 2] ^= 1
    file.write_bytes(bytes(body))
    ran = techtrade("verify", "--json")
    assert ran.code == 1
    ok = {r["version"]: r["ok"] for r in json.loads(ran.out)}
    assert ok == {two_versions[0]: False, two_versions[1]: True}
    assert techtrade("verify", f"{ATP}@{two_versions[1]}").code == 0


def test_gc_on_a_clean_store_finds_nothing_and_changes_nothing(
    techtrade: Run, store: Any, two_versions: list[str]
) -> None:
    before = {e.key: store.get(e.key).etag for e in store.entries("")}
    ran = techtrade("gc", "--grace-hours", "0")
    assert ran.code == 0 and "nothing to clean up" in ran.out
    assert {e.key: store.get(e.key).etag for e in store.entries("")} == before


def test_the_console_of_a_publish_is_clean(techtrade: Run) -> None:
    ran = techtrade("publish", ATP, "--source", "snapshot")
    assert ran.out.count("\n") == 1
    for noise in ("Traceback", "Warning", "WARNING", "Calculating", "Beginning"):
        assert noise not in ran.err + ran.out


def test_output_into_a_closed_pipe_is_no_traceback(techtrade: Run, two_versions: list[str], tmp_path: Path) -> None:
    command = f"{sys.executable} -m flows.cli read {ATP} --format csv --store {tmp_path / 'store'} | head -1"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert ran.stdout.startswith("period,")
    assert "Traceback" not in ran.stderr


def test_what_is_made_from_a_dataset_is_shown_too(techtrade: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TECHTRADE_FOLLOW", "true")
    assert techtrade("publish", IP, "--source", "snapshot").code == 0
    for name in (f"{IP}_history", "revision_profile", "ip_position_annual"):
        assert techtrade("show", name).code == 0, name
