"""Candidates that a gate lets through when a rule is held against nothing, or cannot be held at all.

Each of these once passed, or ended in an error of another kind: a first publication in the wrong unit, a table that
the source did not give, a version before of an older contract, a loss hidden by new rows.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

import polars as pl
import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from configs.contracts import load_contract
from configs.errors import CheckCouldNotRunError
from expectations.check import Check, GateInput
from tasks.build.parquet import write
from tasks.publish import staged
from tasks.quality import gate as gate_module
from tasks.quality.gate import run_gate
from tasks.storage.local import LocalStore
from tasks.warehouse.records import FileEntry, Manifest
from tests.support.gate import (
    ATP,
    DEU,
    IP,
    VINTAGE,
    Figures,
    balanced,
    failed,
    given,
    of,
    scaled,
    tables,
    when,
    without,
)

FRA, JAM = pl.col("economy_code") == "FRA", pl.col("economy_code") == "JAM"


# ------------------------------------------------------------------ the first publication

FIRST: dict[str, tuple[str, str, Callable[[pl.DataFrame], pl.DataFrame], str]] = {
    "exports and imports swapped": (
        ATP, "2025-02", lambda df: df.with_columns(exports_usd="imports_usd", imports_usd="exports_usd"), "known_year known_years",
    ),
    "a wrong month among the first twelve": (
        ATP, "2025-02", when(pl.col("period") == date(1989, 3, 1), exports_usd=pl.col("exports_usd") * 3), "known_year",
    ),
    "another partner of about that size": (
        ATP, "2025-02", when(pl.col("period") < date(2009, 1, 1), imports_usd=pl.col("imports_usd") + 2_000_000_000),
        "known_year known_years",
    ),
    "no world total": (IP, "2021-09-15", without(pl.col("economy_code") == "WLD"), "unit"),
    "payments in thousands": (IP, "2021-09-15", scaled(1e-3, "payments_usd"), "unit"),
    "receipts and payments swapped": (
        IP, "2021-09-15", lambda df: df.with_columns(receipts_usd="payments_usd", payments_usd="receipts_usd"), "unit",
    ),
    "no payments at all": (
        IP, "2021-09-15",
        lambda df: df.filter(pl.col("receipts_usd").is_not_null()).with_columns(payments_usd=pl.lit(None, pl.Float64)),
        "unit complete economies_a_year",
    ),
}  # fmt: skip


@pytest.mark.parametrize("corruption", FIRST)
def test_without_a_version_before_it_is_caught_by_these_checks_alone(good: Figures, corruption: str) -> None:
    dataset, vintage, corrupt, check = FIRST[corruption]
    report = run_gate(given(dataset, balanced(corrupt(good(dataset, vintage))), vintage))
    assert failed(report, "critical") == set(check.split())


def test_a_candidate_without_a_data_file_is_rejected(good: Figures) -> None:
    report = run_gate(given(ATP, good(ATP, "2025-02"), "2025-02", staged_schemas={}))
    assert failed(report, "critical") == {"schema"}


# ------------------------------------------------------------------ the checks that a contract generates

# Other datasets, histories and the vintage of the version before are not given here; one dataset has no text.
ELSEWHERE = ("same_total", "new_months_agree", "ft900_found", "same_us_total", "no_news", "readable_text", "returning")
# Bundled figures have neither two-letter codes nor the publisher's marks.
LIVE_ONLY = ("iso_codes", "forecasts", "forecast_as_figure", "pattern_observation_status")


def first_row(df: pl.DataFrame, column: str, value: object) -> pl.DataFrame:
    put = pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(value, dtype=df.schema[column])).otherwise(pl.col(column))
    return df.with_columns(put.alias(column))


@pytest.mark.parametrize(
    ("dataset", "column"), [(d, c.name) for d in (ATP, IP) for c in load_contract(d).columns if not c.nullable]
)
def test_one_null_in_a_column_that_has_none_is_rejected(good: Figures, dataset: str, column: str) -> None:
    report = run_gate(given(dataset, first_row(good(dataset, VINTAGE[dataset]), column, None), VINTAGE[dataset]))
    assert f"not_null_{column}" in failed(report, "critical")
    assert of(report, f"not_null_{column}").rows_failed == 1


@pytest.mark.parametrize("column", [c.name for c in load_contract(IP).columns if c.type == "float64"])
def test_one_nan_is_rejected(good: Figures, column: str) -> None:
    report = run_gate(given(IP, first_row(good(IP, VINTAGE[IP]), column, float("nan")), VINTAGE[IP]))
    assert f"no_nan_{column}" in failed(report, "critical")


@pytest.mark.parametrize("dataset", [ATP, IP])
def test_what_every_dataset_is_asked(good: Figures, dataset: str) -> None:
    """A file with swapped columns, an empty candidate, another vintage than asked for, figures once yanked."""
    vintage, schema = VINTAGE[dataset], load_contract(dataset).arrow_schema
    ready = given(dataset, good(dataset, vintage), vintage)
    swapped = pa.schema([schema.field(1), schema.field(0), *list(schema)[2:]], metadata=schema.metadata)
    for other, check in (
        (replace(ready, staged_schemas={"data/part-0000.parquet": swapped}), "schema"),
        (replace(ready, data=ready.data.head(0)), "has_rows"),
        (replace(ready, asked_vintage="1999-01"), "asked_vintage"),
        (replace(ready, yanked_contents={ready.content_sha256: "2026-01-01.0001 (wrong unit)"}), "yanked_content"),
    ):
        assert check in failed(run_gate(other))


# ------------------------------------------------------------------ losses


NEWER = "2022-06-01"
# What the rows end with, 2020 and for some large economies 2019, is early for that.
STALE = "large_are_current"


def relabelled(df: pl.DataFrame) -> pl.DataFrame:
    """As a live source gives it: every row of one new vintage."""
    return df.with_columns(source_vintage=pl.lit(NEWER))


def test_a_figure_that_goes_while_its_row_stays_is_a_loss(good: Figures) -> None:
    before = good(IP, "2025-01-28")
    one = FRA & (pl.col("year") == 2015)
    data = balanced(when(one, receipts_usd=pl.lit(None))(before))
    assert data.height == before.height
    report = run_gate(given(IP, data, "2025-01-28", before))
    assert (failed(report, "critical"), failed(report, "hold")) == (set(), {"rows_lost_large"})
    assert failed(report, "warning") == {"near_world"}, "the world is more than its economies then"
    (row,) = [json.loads(r) for r in of(report, "rows_lost_large").failing_rows]
    assert (row["economy_code"], row["year"], row["direction"]) == ("FRA", 2015, "exports")


def test_the_same_with_a_newer_vintage_is_the_publishers_and_a_warning(good: Figures) -> None:
    before = good(IP, "2021-09-15")
    data = balanced(when(JAM & (pl.col("year") == 2015), receipts_usd=pl.lit(None))(before))
    report = run_gate(given(IP, relabelled(data), NEWER, before))
    assert failed(report) == {"rows_withdrawn", STALE}


def test_the_real_withdrawals_are_counted_in_observations(good: Figures) -> None:
    report = run_gate(given(IP, good(IP, "2025-01-28"), "2025-01-28", good(IP, "2024-11-13")))
    assert of(report, "rows_withdrawn").rows_failed == 44, "Pakistan 35, Jamaica 9"


def test_an_economy_that_loses_one_of_its_flows_altogether_is_held(good: Figures) -> None:
    before = good(IP, "2021-09-15")
    data = balanced(when(pl.col("economy_code") == "IND", payments_usd=pl.lit(None))(before))
    report = run_gate(given(IP, relabelled(data), NEWER, before))
    assert (failed(report, "critical"), failed(report, "hold")) == (set(), {"economies_lost_large"})


def test_new_rows_do_not_make_up_for_lost_ones(good: Figures) -> None:
    """The number of rows falls by so little that row_count has nothing to say."""
    before = good(IP, "2021-09-15")
    early = before.filter((pl.col("year") < 2000) & ~pl.col("is_aggregate") & ~DEU).drop_nulls(
        ["receipts_usd", "payments_usd"]
    )
    early = early.filter((pl.col("receipts_usd") != 0) & (pl.col("payments_usd") != 0)).head(330)
    newest = before.filter(pl.col("year") == 2020).with_columns(year=pl.lit(2021, pl.Int32))
    data = pl.concat([before.join(early, on=["economy_code", "year"], how="anti"), newest])
    report = run_gate(given(IP, relabelled(data), NEWER, before))
    assert failed(report) >= {"withdrawn_share", "rows_withdrawn"}
    assert of(report, "row_count").outcome == "passed"


# ------------------------------------------------------------------ real revisions that must not be rejected


@pytest.mark.parametrize(
    ("who", "flow", "factor", "warned"),
    [
        (pl.col("economy_code") == "AUS", "receipts_usd", 2.62, {"large_revision", "adds_up_to_world", "near_world"}),
        (pl.lit(True), "payments_usd", 1.21, set()),
    ],
)
def test_revisions_of_this_size_came_with_a_later_vintage(
    good: Figures, who: pl.Expr, flow: str, factor: float, warned: set[str]
) -> None:
    """Receipts of Australia, and payments of the world, of 2019 and 2020: vintage 2021-09-15 against one after mid
    2025. A live run after the bundled vintages meets them all at once."""
    before = good(IP, "2021-09-15")
    data = relabelled(balanced(when(who, **{flow: pl.col(flow) * factor})(before)))
    report = run_gate(given(IP, data, NEWER, before))
    moved = {"figures_revised", "us_recent"} if who.meta.eq(pl.lit(True)) else {"figures_revised"}
    assert (failed(report, "critical"), failed(report, "warning") - moved) == (set(), warned | {STALE})


# ------------------------------------------------------------------ nothing to hold a rule against


def test_a_rule_held_against_no_rows_has_not_passed(good: Figures) -> None:
    report = run_gate(given(ATP, good(ATP, "2025-02").head(0), "2025-02"))
    assert "has_rows" in failed(report, "critical")
    for check_id in ("balance", "precision", "not_null_exports_usd", "range_imports_usd", "key_unique"):
        result = of(report, check_id)
        assert (result.outcome, result.reason) == ("not_applicable", gate_module.NOTHING_TO_HOLD), check_id


NULLS: dict[str, tuple[str, tuple[str, ...], set[str]]] = {
    "no flow is known": (ATP, ("exports_usd", "imports_usd"), {"balance", "jumps"}),
    "no precision is told": (ATP, ("reported_precision_usd",), {"precision"}),
    "no month is told": (ATP, ("period",), {"no_unpublished"}),
    "no economy has both flows": (IP, ("payments_usd", "balance_usd"), {"balance"}),
    "no vintage is told": (IP, ("source_vintage",), {"vintage_not_later"}),
    "no year is told": (IP, ("year",), {"no_future_year"}),
}


@pytest.mark.parametrize("case", NULLS)
def test_a_rule_on_values_has_not_passed_where_there_are_none(good: Figures, case: str) -> None:
    dataset, columns, unheld = NULLS[case]
    data = good(dataset, VINTAGE[dataset])
    data = data.with_columns([pl.lit(None, dtype=data.schema[c]).alias(c) for c in columns])
    report = run_gate(given(dataset, data, VINTAGE[dataset]))
    assert report.rejected
    for check_id in unheld:
        result = of(report, check_id)
        assert (result.outcome, result.reason) == ("not_applicable", gate_module.NOTHING_TO_HOLD), check_id


def test_changes_have_not_passed_where_no_figure_is_in_both_versions(good: Figures) -> None:
    now, before = good(IP, "2022-09-16"), good(IP, "2021-09-15")
    nothing = [pl.lit(None, dtype=pl.Float64).alias(c) for c in ("receipts_usd", "payments_usd")]
    report = run_gate(given(IP, now, "2022-09-16", before.with_columns(nothing)))
    for check_id in ("size_of_change", "large_revision", "total_change", "withdrawn_share"):
        assert of(report, check_id).outcome == "not_applicable", check_id


def test_a_report_says_how_many_rows_a_rule_was_held_against(good: Figures) -> None:
    report = run_gate(given(ATP, good(ATP, "2025-02"), "2025-02", good(ATP, "2023-01")))
    checked = {r.check_id: r.rows_checked for r in report.results}
    assert checked["balance"] == checked["not_null_exports_usd"] == 434
    assert checked["jumps"] == 434 - 12
    assert checked["months_lost"] == 409
    assert checked["size_of_change"] == 70, "years and flows that both have"


@pytest.mark.parametrize(
    ("dataset", "gone", "not_applicable"),
    [
        (ATP, ["imports_usd"], set()),
        (
            ATP,
            ["exports_usd", "imports_usd"],
            {
                "months_lost",
                "size_of_change",
                "year_revised",
                "old_revision",
                "month_revised",
                "figures_moved",
                "returning",
            },
        ),
        (
            IP,
            ["source_vintage"],
            {
                "vintage_not_back",
                "rows_withdrawn",
                "large_withdrawn",
                *(f"{i}{d}" for i in ("rows_lost", "figures_changed") for d in ("", "_large", "_small")),
            },
        ),
        (IP, ["payments_usd"], set()),
    ],
)
def test_a_version_before_of_an_older_contract_is_compared_in_what_both_have(
    good: Figures, dataset: str, gone: list[str], not_applicable: set[str]
) -> None:
    before, now = ("2023-01", "2025-02") if dataset == ATP else ("2021-09-15", "2022-09-16")
    parent = good(dataset, before).drop(gone)
    report = run_gate(given(dataset, good(dataset, now), now, parent, asked_vintage=now))
    assert not report.rejected, report.failures()
    skipped = {r.check_id: r.reason for r in report.results if r.outcome == "not_applicable"}
    otherwise = {*ELSEWHERE, *LIVE_ONLY, "year_totals", "adds_up_to_world", "fresh_enough"} - not_applicable
    assert set(skipped) - otherwise == not_applicable
    assert all(gone[0] in skipped[i] for i in not_applicable)


def test_what_both_have_is_still_compared(good: Figures) -> None:
    parent = good(ATP, "2023-01").drop("imports_usd")
    doubled = when(pl.col("period").dt.year() > 1990, exports_usd=pl.col("exports_usd") * 2)(good(ATP, "2025-02"))
    assert "size_of_change" in failed(run_gate(given(ATP, balanced(doubled), "2025-02", parent)), "critical")


# ------------------------------------------------------------------ could not run


@pytest.mark.parametrize(
    ("dataset", "vintage", "check"), [(ATP, "2025-02", "year_totals"), (IP, "2021-09-15", "aggregate_marks")]
)
def test_a_table_that_the_source_did_not_give(good: Figures, dataset: str, vintage: str, check: str) -> None:
    data = good(dataset, vintage)
    with pytest.raises(CheckCouldNotRunError, match="gives no table") as e:
        run_gate(given(dataset, data, vintage, tables={"partners": tables[dataset]["partners"]}))
    assert e.value.check == check


@pytest.mark.parametrize(("dataset", "vintage"), [(ATP, "2025-02"), (IP, "2021-09-15")])
def test_a_vintage_that_is_none(good: Figures, dataset: str, vintage: str) -> None:
    with pytest.raises(CheckCouldNotRunError, match="newest"):
        run_gate(given(dataset, good(dataset, vintage), "newest"))


def test_staged_data_that_cannot_be_read_is_neither_a_pass_nor_a_rejection(good: Figures, tmp_path: Path) -> None:
    """Damage inside the file comes through polars as OSError, not as an error of polars."""
    file = tmp_path / "a.parquet"
    write(good(IP, "2021-09-15"), load_contract(IP), file)
    lazy = pl.scan_pyarrow_dataset(pads.dataset([str(file)], format="parquet"))
    body = file.read_bytes()
    file.write_bytes(body[:2000] + bytes(4000) + body[6000:])
    with pytest.raises(CheckCouldNotRunError) as e:
        run_gate(replace(given(IP, good(IP, "2021-09-15"), "2021-09-15"), data=lazy))
    assert isinstance(e.value.__cause__, OSError)


def test_an_expectation_with_arguments_that_great_expectations_refuses(
    good: Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong:
        def checks(self, gate: GateInput) -> list[Check]:
            import great_expectations.expectations as gxe

            def build() -> Any:
                return gxe.ExpectColumnValuesToBeBetween(colum="year")

            return [Check("misspelt", "", "critical", "", gate.data, build)]

    monkeypatch.setattr(gate_module, "load_checks", lambda _: Wrong())
    with pytest.raises(CheckCouldNotRunError, match="misspelt"):
        run_gate(given(IP, good(IP, "2021-09-15"), "2021-09-15"))


# ------------------------------------------------------------------ what a gate leaves behind: nothing


def test_a_gate_says_nothing_writes_nothing_and_calls_nobody(
    good: Figures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("the gate opened a connection")

    ready = given(ATP, good(ATP, "2025-02"), "2025-02", good(ATP, "2023-01"))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    capfd.readouterr()
    run_gate(ready)
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_small_data_is_read_from_the_store_once(good: Figures, tmp_path: Path) -> None:
    """Some thirty checks would read it thirty times: over S3 that is hundreds of requests."""
    from fsspec.implementations.local import LocalFileSystem

    opened: list[str] = []

    class Counting(LocalFileSystem):
        def _open(self, path: str, *args: Any, **kwargs: Any) -> Any:
            opened.append(path)
            return super()._open(path, *args, **kwargs)

    class Counted(LocalStore):
        def filesystem(self) -> Any:
            return Counting(skip_instance_cache=True)

    contract, store = load_contract(IP), Counted(tmp_path)
    figures = good(IP, "2021-09-15")
    file = FileEntry(path="data/part-0000.parquet", bytes=1, sha256="", rows=figures.height)
    version = Manifest(
        dataset=IP, version="2026-01-01.0001", parent=None, status="passed", token="", files=(file,), created_at=""
    )
    path = tmp_path / IP / "versions" / version.version / file.path
    path.parent.mkdir(parents=True)
    write(figures, contract, path)
    run_gate(replace(given(IP, figures, "2021-09-15"), data=staged._kept(store, contract, version)))
    assert 1 <= len(opened) <= 2, "its schema, then its rows"
