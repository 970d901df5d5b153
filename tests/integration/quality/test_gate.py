"""The gate on real figures: what passes, and which check catches what.

Each row of the tables corrupts good figures in one way and names the check that must catch it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.contracts import dataset_names, load_contract
from configs.errors import CheckCouldNotRunError, ConfigError
from expectations.check import Check, GateInput
from tasks.build.parquet import write
from tasks.extract.bundled import snapshot
from tasks.quality import gate as gate_module
from tasks.quality.gate import run_gate
from tasks.quality.results import failures_of
from tests.support.gate import ATP, DEU, IP, MAY, Corruption, failed, given, scaled, tables, when, without

# ------------------------------------------------------------------ no false alarm


BUNDLED = [name for name in dataset_names() if load_contract(name).sources.snapshot == "snapshot"]
BY_ECONOMY = [name for name in BUNDLED if load_contract(name).series]


@pytest.mark.parametrize("dataset", BUNDLED)
def test_no_false_alarm_on_any_bundled_vintage(good: Callable[..., pl.DataFrame], dataset: str) -> None:
    parent = None
    warned = {}
    for vintage in snapshot.vintages(dataset):
        data = good(dataset, vintage)
        report = run_gate(given(dataset, data, vintage, parent, asked_vintage=vintage))
        assert not report.rejected, report.failures_by_severity()
        if failed(report):
            warned[vintage] = failed(report)
        parent = data
    for vintage, checks in warned.items():
        for check in checks:
            assert vintage in load_contract(dataset).quality[check].reason, "the contract says why it warns of it"
    # The World Bank did withdraw zeros and revise headlines, and the last revises 14 economies beside a world of 2021.
    known = {
        ATP: {},
        IP: {
            "2022-12-22": {"figures_revised"},
            "2024-05-08": {"rows_withdrawn"},
            "2024-11-13": {"figures_revised"},
            "2025-01-28": {"figures_revised", "rows_withdrawn"},
            "2025-10-07": {"figures_revised", "rows_withdrawn", "large_revision", "near_world"},
        },
    }
    assert warned == known.get(dataset, warned)


def test_every_check_has_an_outcome_and_none_is_counted_twice(good: Callable[..., pl.DataFrame]) -> None:
    report = run_gate(given(ATP, good(ATP, "2025-02"), "2025-02"))
    ids = [r.check_id for r in report.results]
    assert len(ids) == len(set(ids))
    counts = report.counts
    assert counts.passed + counts.not_applicable == len(ids)
    skipped = {r.check_id: r.reason for r in report.results if r.outcome == "not_applicable"}
    assert skipped["year_totals"] == "the source gives no year column"
    assert skipped["size_of_change"] == "there is no version before this one"


# ------------------------------------------------------------------ what is caught


def measures(dataset: str) -> list[str]:
    return [f"{name}_usd" for name in load_contract(dataset).series]


def again(year: int) -> Callable[[str], Corruption]:
    """The figures of a year given as those of the next."""
    return lambda dataset: (
        lambda df: pl.concat(
            [df.filter(pl.col("year") != year + 1), df.filter(pl.col("year") == year).with_columns(pl.col("year") + 1)]
        )
    )


def rounded(dataset: str) -> Corruption:
    return lambda df: df.with_columns((pl.col(c) / 1e6).round() * 1e6 for c in measures(dataset))


WLD = pl.col("economy_code") == "WLD"
# Of every table by economy and year: what is done to it, and the check that is for it, without a version before.
BY_ECONOMY_CORRUPTIONS: dict[str, tuple[Callable[[str], Corruption], str]] = {
    "thousands for dollars": (lambda d: scaled(1e-3, *measures(d)), "unit"),
    "half of the economies": (lambda d: without(pl.col("economy_code") > "K"), "complete"),
    "a year missing": (lambda d: without(pl.col("year") == 2015), "economies_a_year"),
    "nothing since 2015": (lambda d: without(pl.col("year") > 2015), "fresh"),
    "the world as an economy": (lambda d: when(WLD, is_aggregate=pl.lit(False)), "aggregate_marks"),
    "a year given again": (again(2014), "carried_periods"),
    "a name of another": (lambda d: when(DEU, economy_name=pl.lit("France")), "economy_names"),
    "rounded to millions": (rounded, "not_rounded"),
    "a row without a figure": (lambda d: when(DEU, **dict.fromkeys(measures(d), pl.lit(None))), "one_figure"),
}
# Beside the version before.
BY_ECONOMY_CHANGES: dict[str, tuple[Callable[[str], Corruption], str]] = {
    "ten economies gone": (lambda d: without(pl.col("economy_code") < "AZZ"), "economies_lost"),
    "figures gone within a vintage": (lambda d: without(DEU & (pl.col("year") > 2008)), "rows_lost"),
    "a figure changed within a vintage": (lambda d: when(DEU, **{m: pl.col(m) * 1.01 for m in measures(d)}), "figures_changed"),
    "an economy tenfold": (lambda d: when(DEU, **{m: pl.col(m) * 10 for m in measures(d)}), "size_of_change"),
    "everything doubled": (lambda d: scaled(2, *measures(d)), "total_change"),
    "an older vintage": (lambda d: when(DEU, source_vintage=pl.lit("2020-01-01")), "vintage_not_back"),
}  # fmt: skip


@pytest.mark.parametrize("what", BY_ECONOMY_CORRUPTIONS)
@pytest.mark.parametrize("dataset", BY_ECONOMY)
def test_a_corrupt_table_by_economy_is_caught(good: Callable[..., pl.DataFrame], dataset: str, what: str) -> None:
    corrupt, check = BY_ECONOMY_CORRUPTIONS[what]
    vintage = snapshot.vintages(dataset)[-1]
    report = run_gate(given(dataset, corrupt(dataset)(good(dataset, vintage)), vintage))
    assert check in failed(report, "critical"), failed(report)


@pytest.mark.parametrize("what", BY_ECONOMY_CHANGES)
@pytest.mark.parametrize("dataset", BY_ECONOMY)
def test_a_corrupt_change_by_economy_is_caught(good: Callable[..., pl.DataFrame], dataset: str, what: str) -> None:
    corrupt, check = BY_ECONOMY_CHANGES[what]
    before, vintage = snapshot.vintages(dataset)[-2:]
    parent, newest = good(dataset, before), good(dataset, vintage)
    if "within a vintage" in what:  # whatever the publisher has changed of Germany between the two
        newest = pl.concat([newest.filter(~DEU), parent.filter(DEU)])
    data = corrupt(dataset)(newest)
    report = run_gate(given(dataset, data, vintage, parent, parent_vintage=before))
    assert check in failed(report, "critical"), failed(report)


MONEY = ("exports_usd", "imports_usd", "balance_usd")
ATP_CORRUPTIONS: dict[str, tuple[Corruption, str]] = {
    "thousands for millions": (scaled(1000, *MONEY), "range_exports_usd"),
    "millions for dollars": (scaled(1e-6, *MONEY), "range_imports_usd"),
    "a month missing": (without(MAY), "no_gaps"),
    "the last month missing": (without(pl.col("period") == date(2025, 2, 1)), "no_gaps"),
    "the first year missing": (without(pl.col("period").dt.year() == 1989), "no_gaps"),
    "a month twice": (lambda df: pl.concat([df, df.filter(MAY)]), "key_unique"),
    "a month of nulls": (when(MAY, exports_usd=pl.lit(None)), "not_null_exports_usd"),
    "a key of null": (when(MAY, period=pl.lit(None, dtype=pl.Date)), "not_null_period"),
    "a month not yet published": (
        lambda df: pl.concat([df, df.tail(1).with_columns(period=pl.lit(date(2025, 3, 1)))]),
        "no_unpublished",
    ),
    "zeros for an unpublished month": (
        when(pl.col("period") == date(2025, 2, 1), exports_usd=pl.lit(0), imports_usd=pl.lit(0), balance_usd=pl.lit(0)),
        "no_unpublished",
    ),
    "a day that is not the first": (when(MAY, period=pl.lit(date(2021, 5, 2))), "no_unpublished"),
    "a period before the series": (when(MAY, period=pl.lit(date(1888, 5, 1))), "range_period"),
    "a balance with the other sign": (when(MAY, balance_usd=-pl.col("balance_usd")), "balance"),
    "a balance off by a dollar": (when(MAY, balance_usd=pl.col("balance_usd") + 1), "balance"),
    "digits that the publisher did not give": (
        when(pl.col("period") == date(2001, 5, 1), exports_usd=pl.col("exports_usd") + 7, balance_usd=pl.col("balance_usd") + 7),
        "precision",
    ),
    "another tier of rounding": (when(MAY, reported_precision_usd=pl.lit(1_000_000)), "precision"),
    "a precision that does not exist": (when(MAY, reported_precision_usd=pl.lit(10)), "allowed_reported_precision_usd"),
    "one month threefold": (
        when(MAY, exports_usd=pl.col("exports_usd") * 3, balance_usd=pl.col("exports_usd") * 3 - pl.col("imports_usd")),
        "jumps",
    ),
    "no rows at all": (lambda df: df.head(0), "has_rows"),
}  # fmt: skip


@pytest.mark.parametrize("corruption", ATP_CORRUPTIONS)
def test_a_corrupted_series_is_rejected_by(good: Callable[..., pl.DataFrame], corruption: str) -> None:
    corrupt, check = ATP_CORRUPTIONS[corruption]
    report = run_gate(given(ATP, corrupt(good(ATP, "2025-02")), "2025-02"))
    assert check in failed(report, "critical")


AGAINST_PARENT: dict[str, tuple[str, Corruption, str, str]] = {
    "a flow doubled in the years both have": (ATP, scaled(2, *MONEY), "size_of_change", "critical"),
    "flows swapped": (
        ATP,
        lambda df: df.with_columns(exports_usd="imports_usd", imports_usd="exports_usd", balance_usd=-pl.col("balance_usd")),
        "size_of_change",
        "critical",
    ),
    "a year revised by a tenth": (
        ATP,
        when(pl.col("period").dt.year() == 2021, exports_usd=pl.col("exports_usd") + pl.col("exports_usd") // 10),
        "year_revised",
        "hold",
    ),
    "a revision of long ago": (
        ATP,
        when(pl.col("period") == date(2012, 5, 1), exports_usd=pl.col("exports_usd") + 1),
        "old_revision",
        "warning",
    ),
    "months lost": (ATP, without(pl.col("period").dt.year() == 1990), "months_lost", "critical"),
    "rows lost": (ATP, without(pl.col("period").dt.year() < 1993), "row_count", "critical"),
    "a total off by a thousand": (IP, scaled(1000, "receipts_usd", "payments_usd"), "total_change", "critical"),
    "one country off by a thousand": (
        IP,
        when(pl.col("economy_code") == "DEU", receipts_usd=pl.col("receipts_usd") * 1000),
        "size_of_change",
        "critical",
    ),
    "one country's history up by 40 percent": (
        IP,
        when(pl.col("economy_code") == "DEU", receipts_usd=pl.col("receipts_usd") * 1.4),
        "large_revision",
        "warning",
    ),
    "an economy lost": (IP, without(pl.col("economy_code") == "FRA"), "economies_lost_large", "hold"),
    "rows lost without a newer vintage": (
        IP,
        without((pl.col("economy_code") == "DEU") & (pl.col("year") < 1990)),
        "rows_lost",
        "critical",
    ),
    "a page lost": (IP, lambda df: df.head(8000), "row_count", "critical"),
}  # fmt: skip


@pytest.mark.parametrize("corruption", AGAINST_PARENT)
def test_against_the_version_before_it_is_caught_by(good: Callable[..., pl.DataFrame], corruption: str) -> None:
    dataset, corrupt, check, severity = AGAINST_PARENT[corruption]
    before, now = ("2023-01", "2025-02") if dataset == ATP else ("2024-11-13", "2025-01-28")
    report = run_gate(given(dataset, corrupt(good(dataset, now)), now, good(dataset, before)))
    assert check in failed(report, severity)


def test_a_revision_of_ten_percent_of_one_countrys_history_is_real(good: Callable[..., pl.DataFrame]) -> None:
    """The World Bank has done it; it must not be rejected."""
    usa = pl.col("economy_code") == "USA"
    data = when(usa, receipts_usd=pl.col("receipts_usd") * 1.1)(good(IP, "2025-01-28")).with_columns(
        balance_usd=pl.col("receipts_usd") - pl.col("payments_usd")
    )
    report = run_gate(given(IP, data, "2025-01-28", good(IP, "2024-11-13")))
    assert failed(report, "critical") == set()


def test_negative_receipts_are_legal(good: Callable[..., pl.DataFrame]) -> None:
    data = good(IP, "2021-09-15")
    assert data.filter(pl.col("receipts_usd") < 0).height > 0, "they are real: Guinea 2013"
    assert failed(run_gate(given(IP, data, "2021-09-15")), "critical") == set()


IP_CORRUPTIONS: dict[str, tuple[Corruption, str]] = {
    "thousands": (scaled(1e-3, "receipts_usd", "payments_usd", "balance_usd"), "unit"),
    "the United States missing": (without(pl.col("economy_code") == "USA"), "unit"),
    "the world marked as an economy": (
        when(pl.col("economy_code") == "WLD", is_aggregate=pl.lit(False)),
        "not_counted_twice",
    ),
    "a region marked as an economy": (when(pl.col("economy_code") == "EUU", is_aggregate=pl.lit(False)), "aggregate_marks"),
    "a country marked as an aggregate": (when(DEU, is_aggregate=pl.lit(True)), "aggregate_marks"),
    "a value that is NaN": (when(DEU, receipts_usd=pl.lit(float("nan"))), "no_nan_receipts_usd"),
    "a missing flow made zero in the balance": (
        when(pl.col("payments_usd").is_null(), balance_usd=pl.col("receipts_usd")),
        "balance",
    ),
    "a row without figures": (
        when(DEU, receipts_usd=pl.lit(None), payments_usd=pl.lit(None), balance_usd=pl.lit(None)),
        "one_figure",
    ),
    "an economy under two names": (when(DEU & (pl.col("year") == 2010), economy_name=pl.lit("Germania")), "one_of_each"),
    "an economy in two vintages": (when(DEU & (pl.col("year") == 2010), source_vintage=pl.lit("2020-01-01")), "one_of_each"),
    "an economy without a name": (when(DEU, economy_name=pl.lit(None, dtype=pl.String)), "not_null_economy_name"),
    "a code of another kind": (when(DEU, economy_code=pl.lit("de")), "pattern_economy_code"),
    "a vintage that is no date": (when(DEU, source_vintage=pl.lit("latest")), "pattern_source_vintage"),
    "a row of the future": (when(DEU, source_vintage=pl.lit("2031-01-01")), "vintage_not_later"),
    "the same year twice": (lambda df: pl.concat([df, df.filter(DEU).head(1)]), "key_unique"),
    "a year before the series": (when(DEU & (pl.col("year") == 2010), year=pl.lit(201)), "range_year"),
    "a figure beyond the world": (when(DEU & (pl.col("year") == 2010), receipts_usd=pl.lit(9e12)), "range_receipts_usd"),
    "stale figures under a new date": (without(pl.col("year") > 2017), "fresh"),
    "a year that has not come yet": (when(DEU & (pl.col("year") == 2020), year=pl.lit(2022)), "no_future_year"),
}  # fmt: skip


@pytest.mark.parametrize("corruption", IP_CORRUPTIONS)
def test_a_corrupted_table_is_rejected_by(good: Callable[..., pl.DataFrame], corruption: str) -> None:
    corrupt, check = IP_CORRUPTIONS[corruption]
    report = run_gate(given(IP, corrupt(good(IP, "2021-09-15")), "2021-09-15"))
    assert check in failed(report, "critical")


def test_economies_that_do_not_add_up_to_the_world_are_a_warning(good: Callable[..., pl.DataFrame]) -> None:
    data = when(DEU, receipts_usd=pl.col("receipts_usd") * 2)(good(IP, "2021-09-15"))
    assert "adds_up_to_world" in failed(run_gate(given(IP, data, "2021-09-15")), "warning")


def test_the_publishers_year_column_is_held_against_the_months(good: Callable[..., pl.DataFrame]) -> None:
    data = good(ATP, "2025-02")
    annual = data.group_by(pl.col("period").dt.year().alias("year").cast(pl.Int32)).agg(
        (pl.col("exports_usd").sum() / 1e6).alias("exports_musd"),
        (pl.col("imports_usd").sum() / 1e6).alias("imports_musd"),
    )
    for off, expected in ((0.0, set()), (0.00001, {"year_totals"})):
        wrong = annual.with_columns(
            exports_musd=pl.when(pl.col("year") == 2015)
            .then(pl.col("exports_musd") + off)
            .otherwise(pl.col("exports_musd"))
        )
        source = tables[ATP] | {"annual": wrong.lazy()}
        assert failed(run_gate(given(ATP, data, "2025-02", tables=source))) == expected
    fewer = tables[ATP] | {"annual": annual.filter(pl.col("year") != 2015).lazy()}
    assert failed(run_gate(given(ATP, data, "2025-02", tables=fewer))) == {"year_totals"}


def test_another_vintage_than_asked_for_is_rejected(good: Callable[..., pl.DataFrame]) -> None:
    report = run_gate(given(ATP, good(ATP, "2025-02"), "2025-02", asked_vintage="2025-03"))
    assert failed(report, "critical") == {"asked_vintage"}


def test_the_figures_of_a_yanked_version_are_refused(good: Callable[..., pl.DataFrame]) -> None:
    report = run_gate(
        given(ATP, good(ATP, "2025-02"), "2025-02", yanked_contents={"x": "2026-01-01.0001 (wrong unit)"})
    )
    assert failed(report, "critical") == {"yanked_content"}
    assert "wrong unit" in report.failures_by_severity()[0]


def test_a_file_without_units_or_of_another_type_is_rejected(good: Callable[..., pl.DataFrame], tmp_path: Path) -> None:
    data = good(ATP, "2025-02")
    file = tmp_path / "a.parquet"
    write(data, load_contract(ATP), file)
    schema = pq.read_schema(file)
    bare = schema.set(1, schema.field(1).remove_metadata())
    narrow = schema.set(1, schema.field(1).with_type(pa.int32()))
    loose = schema.set(1, schema.field(1).with_nullable(True))
    for other in (bare, narrow, loose, schema.remove(1)):
        report = run_gate(given(ATP, data, "2025-02", staged_schemas={"data/part-0000.parquet": other}))
        assert failed(report, "critical") == {"schema"}
    assert failed(run_gate(given(ATP, data, "2025-02", staged_schemas={"data/part-0000.parquet": schema}))) == set()


# --------------------------------------------------------- could not run, and reports


def test_a_check_that_raises_inside_great_expectations_fails_the_run(
    good: Callable[..., pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers success=False then, which must not be taken for a rejection."""

    class Broken:
        def checks(self, gate: GateInput) -> list[Check]:
            import great_expectations.expectations as gxe

            return [
                Check(
                    "broken", "compares text with numbers", "critical", "", gate.data,
                    lambda: gxe.ExpectColumnValuesToBeBetween(column="economy_code", min_value=1, max_value=2),
                )
            ]  # fmt: skip

    monkeypatch.setattr(gate_module, "load_checks", lambda _: Broken())
    with pytest.raises(CheckCouldNotRunError, match="broken") as e:
        run_gate(given(IP, good(IP, "2021-09-15"), "2021-09-15"))
    assert e.value.exit_code == 1


def test_a_check_whose_frame_raises_fails_the_run(good: Callable[..., pl.DataFrame]) -> None:
    source = {**tables.get(IP, {}), "economies": pl.LazyFrame({"another": [1]})}
    good(IP, "2021-09-15")
    with pytest.raises(CheckCouldNotRunError):
        run_gate(given(IP, good(IP, "2021-09-15"), "2021-09-15", tables=source))


def test_a_bound_that_the_contract_does_not_give_is_told(good: Callable[..., pl.DataFrame]) -> None:
    ready = given(ATP, good(ATP, "2025-02"), "2025-02")
    bare = ready.contract.model_copy(update={"quality": {}})
    with pytest.raises(ConfigError, match=r"quality\.jumps\.bounds\.factor"):
        run_gate(replace(ready, contract=bare))


BEFORE = "in the version before"
DIAGNOSES: dict[str, tuple[Corruption, bool, str]] = {
    "a version before, all in thousands": (
        scaled(1000, *MONEY),
        True,
        f"nearly every figure of exports_usd, imports_usd and balance_usd is 1,000 times what it was {BEFORE}",
    ),
    "no version before, all in thousands": (
        scaled(1000, *MONEY),
        False,
        "value_usd is 1,000 times what is known, in 70 rows of known_years",
    ),
    "flows swapped": (
        lambda df: df.rename({"exports_usd": "imports_usd", "imports_usd": "exports_usd"}).select(df.columns),
        True,
        f"figures moved: exports_usd has the figures of imports_usd {BEFORE}",
    ),
    "a month missing": (without(MAY), True, ""),
    "one month in thousands": (when(MAY, exports_usd=pl.col("exports_usd") * 1000), True, ""),
}


@pytest.mark.parametrize("fault", DIAGNOSES)
def test_the_gate_says_what_happened_to_the_figures_as_a_whole(good: Callable[..., pl.DataFrame], fault: str) -> None:
    corrupt, has_parent, told = DIAGNOSES[fault]
    data = good(ATP, "2025-02")
    report = run_gate(given(ATP, corrupt(data), "2025-02", data if has_parent else None))
    assert report.rejected
    assert report.diagnosis.endswith(told) and bool(report.diagnosis) == bool(told), report.diagnosis


def test_the_report_says_which_rows_failed_and_by_which_rule(good: Callable[..., pl.DataFrame]) -> None:
    corrupt = ATP_CORRUPTIONS["a balance off by a dollar"][0]
    report = run_gate(given(ATP, corrupt(good(ATP, "2025-02")), "2025-02"))
    frame = report.frame()
    row = frame.filter(pl.col("check_id") == "balance").row(0, named=True)
    assert (row["outcome"], row["severity"], row["rows_failed"]) == ("failed", "critical", 1)
    assert json.loads(row["failing_rows"][0])["period"] == "2021-05-01"
    assert row["owner"] == "techtrade data team"
    assert failures_of(frame) == report.failures_by_severity()
    assert "2021-05-01" in report.failures_by_severity()[0]


def test_at_most_twenty_failing_rows_are_kept(good: Callable[..., pl.DataFrame]) -> None:
    report = run_gate(given(ATP, scaled(1000, *MONEY)(good(ATP, "2025-02")), "2025-02"))
    result = next(r for r in report.results if r.check_id == "range_exports_usd")
    assert result.rows_failed == 434
    assert len(result.failing_rows) == 20
    assert "period" in json.loads(result.failing_rows[0])


def test_the_great_expectations_result_is_kept_in_its_own_format(good: Callable[..., pl.DataFrame]) -> None:
    report = run_gate(given(ATP, good(ATP, "2025-02"), "2025-02"))
    documents = json.loads(report.gx_json)
    checks = [r["expectation_config"]["meta"]["check"] for d in documents for r in d["results"]]
    ran = [r.check_id for r in report.results if r.outcome != "not_applicable"]
    assert sorted(checks) == sorted(ran)
    assert all({"success", "statistics", "suite_name"} <= d.keys() for d in documents)
