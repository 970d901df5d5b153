"""``techtrade read`` and ``show`` on a store: the rows that are asked for, and whose figures they are."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from configs.contracts import load_contract
from tasks.storage.local import LocalStore
from tasks.warehouse import layout, protocol, yank
from tests.support.plain import Run, plain
from tests.support.sealing import TRADE, WORLD, seal, trade, world


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def techtrade(store: LocalStore, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    return plain(monkeypatch, capfd, store.url)


@pytest.fixture
def two(store: LocalStore) -> list[str]:
    """Two versions of 30 and of 40 months."""
    return [seal(store, WORLD, world({m: m + n for m in range(n)}), f"2020-{n // 10:02}") for n in (30, 40)]


def test_rows_columns_order_and_number_are_chosen(techtrade: Run, two: list[str]) -> None:
    wanted = ("period>=2021", "period<2022-03", "exports_usd!=60,61", "--columns", "period,exports_usd")
    ran = techtrade("read", WORLD, *wanted, "--sort", "-period", "--limit", "2", "--format", "json")
    assert json.loads(ran.out) == [
        {"period": "2022-02-01", "exports_usd": 65},
        {"period": "2022-01-01", "exports_usd": 64},
    ]


def test_the_same_conditions_hold_for_a_version_a_day_and_a_vintage(
    techtrade: Run, store: LocalStore, two: list[str]
) -> None:
    latest, _ = protocol.read_latest(store, WORLD)
    assert latest is not None
    wanted = ("period=2020-05", "--columns", "exports_usd", "--format", "csv")
    old, new = "exports_usd\n34\n", "exports_usd\n44\n"
    assert techtrade("read", WORLD, *wanted).out == new
    assert techtrade("read", f"{WORLD}@{two[0]}", *wanted).out == old
    assert techtrade("read", WORLD, "--as-of", latest.log[0].at, *wanted).out == old
    assert techtrade("read", WORLD, "--vintage", "2020-03", *wanted).out == old


@pytest.mark.parametrize("extension", ["csv", "json", "parquet"])
def test_the_extension_of_the_output_decides(techtrade: Run, two: list[str], tmp_path: Path, extension: str) -> None:
    file = tmp_path / f"c.{extension}"
    ran = techtrade("read", WORLD, "period=2020", "--output", str(file))
    assert ran.code == 0 and "12 rows written to" in ran.err
    kinds = {"csv": pl.read_csv, "json": pl.read_json, "parquet": pl.read_parquet}
    assert kinds[extension](file)["exports_usd"].to_list() == list(range(40, 52))


def test_a_file_of_a_table_has_all_rows(techtrade: Run, two: list[str], tmp_path: Path) -> None:
    assert techtrade("read", WORLD, "--output", str(tmp_path / "c.txt")).code == 0
    lines = (tmp_path / "c.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3 + 40 and lines[0].endswith("40 rows")


def test_a_contradiction_is_refused_before_anything_is_read(techtrade: Run, tmp_path: Path) -> None:
    ran = techtrade("read", WORLD, "--format", "csv", "--output", str(tmp_path / "c.json"))
    assert ran.code == 2 and "contradicts" in ran.err, "the store is empty, and that is not what it says"
    ran = techtrade("read", WORLD, "--output", str(tmp_path / "c.xls"))
    assert ran.code == 2 and not list(tmp_path.glob("c.*"))


def test_parquet_of_some_columns_keeps_their_types_and_units(techtrade: Run, two: list[str], tmp_path: Path) -> None:
    file = tmp_path / "c.parquet"
    assert techtrade("read", WORLD, "--columns", "imports_usd,period", "--output", str(file)).code == 0
    schema, contract = pq.read_schema(file), load_contract(WORLD)
    assert schema.names == ["imports_usd", "period"]
    assert pl.read_parquet(file).schema == {n: contract.column(n).polars for n in schema.names}
    assert schema.field("imports_usd").metadata[b"unit"] == b"US dollars" and b"licence" in schema.metadata


def test_a_table_says_how_many_rows_there_are_and_shows_both_ends(techtrade: Run, two: list[str]) -> None:
    ran = techtrade("read", WORLD)
    lines = ran.out.splitlines()
    assert lines[0] == f"{WORLD}@{two[1]}, vintage 2020-04, 40 rows, the first and last 12 shown"
    assert (len(lines), lines[3][:10], lines[-1][:10]) == (3 + 25, "2020-01-01", "2023-04-01")
    assert "--limit N" in ran.err and "--output FILE.csv" in ran.err
    lines = techtrade("read", WORLD, "--limit", "30").out.splitlines()
    assert lines[0].endswith("40 rows, the first 30 shown") and len(lines) == 3 + 30
    lines = techtrade("read", WORLD, "period=2021", "--limit", "5").out.splitlines()
    assert lines[0].endswith("12 of 40 rows, the first 5 shown") and len(lines) == 3 + 5
    lines = techtrade("read", WORLD, "period=2021", "--sort", "-period").out.splitlines()
    assert lines[0].endswith("12 of 40 rows") and lines[3][:10] == "2021-12-01"


def test_the_ends_of_a_large_dataset_need_its_first_and_last_files_only(techtrade: Run, store: LocalStore) -> None:
    version = seal(store, TRADE, trade({m: m for m in range(36)}), "2022-12")
    (file,) = store.entries(layout.version(TRADE, version, "data/part_year=2021/"))
    (store.root / file.key).write_bytes(b"not parquet")
    lines = techtrade("read", TRADE, "--columns", "period").out.splitlines()
    assert lines[0].endswith("72 rows, the first and last 12 shown")
    assert (lines[3], lines[-1]) == ("2020-01-01", "2022-12-01")
    assert techtrade("read", TRADE, "--columns", "period", "--format", "csv").code == 1


def test_no_row_is_no_error_and_says_what_was_meant(techtrade: Run, store: LocalStore) -> None:
    seal(store, TRADE, trade({0: 1}), "2020-01")
    for form in ("table", "csv"):
        ran = techtrade("read", TRADE, "partner_name=world", "--format", form)
        assert ran.code == 0 and ran.err == "no row has partner_name=world; did you mean World?\n"
    assert "no row fulfils all conditions" in techtrade("read", TRADE, "value_usd>5").err


def test_partitions_that_are_not_wanted_are_not_read(techtrade: Run, store: LocalStore) -> None:
    version = seal(store, TRADE, trade({0: 1, 12: 2, 24: 3}), "2022-01")
    for year in (2020, 2022):
        (file,) = store.entries(layout.version(TRADE, version, f"data/part_year={year}/"))
        store.delete(file.key)
    ran = techtrade("read", TRADE, "period=2021", "technology_group=01", "--columns", "value_usd", "--format", "csv")
    assert (ran.code, ran.out) == (0, "value_usd\n2\n")
    assert techtrade("read", TRADE, "period>=2021", "--format", "csv").code == 1, "there it is missed"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("perod=2021",), "did you mean period?"),
        (("exports_usd=many",), "exports_usd is a whole number (int64); for example: exports_usd=1000"),
        (("period",), "quote < and >"),
        (("--columns", "export_usd"), "did you mean exports_usd?"),
        (("--sort", "-export_usd"), "did you mean exports_usd?"),
        (("--limit", "0"), "0 is not in the range"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    techtrade: Run, two: list[str], arguments: tuple[str, ...], told: str
) -> None:
    ran = techtrade("read", WORLD, *arguments)
    assert ran.code == 2 and told in ran.err.splitlines()[-1]


# ------------------------------------------------------------------------ show


def test_show_says_whose_figures_these_are(techtrade: Run, two: list[str]) -> None:
    ran = techtrade("show", WORLD)
    assert "\nnewest figures, in US dollars:\n  ATP exports 2023-04: 79\n  ATP imports 2023-04: 158\n" in ran.out
    told = json.loads(techtrade("show", WORLD, "--json").out)
    assert (told["state"], told["readers_get"]) == ("latest", two[1])
    assert told["newest"][0]["headline"] == "ATP exports" and told["newest"][0]["value"] == 79
    assert "ATP exports 2022-06: 59" in techtrade("show", f"{WORLD}@{two[0]}").out


def test_show_of_a_rejected_version_says_what_readers_get_instead(techtrade: Run, store: LocalStore) -> None:
    bad = seal(store, WORLD, world({0: 5000}), "2020-01", "rejected")
    ran = techtrade("show", f"{WORLD}@{bad}")
    assert "Readers get nothing: no version was published yet." in ran.out
    assert "those of this version are REJECTED, readers get nothing:" in ran.out
    good = seal(store, WORLD, world({0: 5, 1: 6}), "2020-02")
    ran = techtrade("show", f"{WORLD}@{bad}")
    assert f"{WORLD}@{bad}: REJECTED by the quality gate, never published\n" in ran.out
    assert f"Readers get {WORLD}@{good} instead.\n" in ran.out
    assert f"those of this version are REJECTED, readers get {WORLD}@{good} instead:" in ran.out
    rows = [line.split() for line in ran.out.splitlines() if line.startswith("ATP exports ")]
    assert rows == [["ATP", "exports", "2020-01:", "5,000", "2020-02:", "6"]]
    (hint,) = (line.partition(": ")[2] for line in ran.out.splitlines() if line.startswith("What it would have"))
    assert f"what {bad} would have changed" in techtrade(*hint.split()[1:]).out
    told = json.loads(techtrade("show", f"{WORLD}@{bad}", "--json").out)
    assert (told["state"], told["readers_get"], told["newest"][0]["value"]) == ("rejected", good, 5000)


def test_show_of_a_withdrawn_and_of_an_abandoned_version(techtrade: Run, store: LocalStore, two: list[str]) -> None:
    yank.yank(store, WORLD, two[1], "wrong", None)
    ran = techtrade("show", f"{WORLD}@{two[1]}")
    assert "YANKED at" in ran.out and f"are YANKED, readers get {WORLD}@{two[0]} instead:" in ran.out
    draft = protocol.claim(store, protocol.read_head(store, WORLD))
    key = layout.manifest(WORLD, draft.version)
    given = protocol.read_manifest(store, WORLD, two[0])
    gone = {"version": draft.version, "status": "abandoned", "files": (), "rows": 0, "token": draft.claim.token}
    store.create(key, given.model_copy(update=gone).dump())
    ran = techtrade("show", f"{WORLD}@{draft.version}")
    assert ran.code == 0 and "GIVEN UP before it was checked" in ran.out
    assert techtrade("show", f"{WORLD}@{draft.version}", "--json").code == 0
    ran = techtrade("diff", WORLD, draft.version)
    assert ran.code == 1 and "none of its figures are left" in ran.err


def test_the_newest_figures_of_a_large_dataset_need_its_last_partition_only(techtrade: Run, store: LocalStore) -> None:
    exports = trade({0: 1, 12: 7})
    imports = exports.with_columns(flow=pl.lit("imports"))
    china = imports.with_columns(partner_code=pl.lit("5700"), partner_name=pl.lit("China"))
    version = seal(store, TRADE, pl.concat([exports, imports, china]), "2021-01")
    (file,) = store.entries(layout.version(TRADE, version, "data/part_year=2020/"))
    store.delete(file.key)
    ran = techtrade("show", TRADE)
    assert ran.code == 0 and "  ATP exports to the world 2021-01: 14\n" in ran.out
