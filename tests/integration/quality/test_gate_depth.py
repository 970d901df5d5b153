"""Checks that look beyond a row: the series' own history, other publishers, the version before; on good figures silent.

What each catches is in ``benchmarks/quality_mutations``; here is when it must hold its tongue, and when it does not apply.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from benchmarks.quality_mutations.grounds import ANNUAL, ATP, GROUNDS, IP, PRODUCTS, QUARTERLY, TRADE, Ground
from configs.errors import CheckCouldNotRunError
from expectations.check import GateInput, Other
from tasks.quality.gate import run_gate
from tasks.quality.results import CheckResult, GateResult


def of(report: GateResult, check_id: str) -> CheckResult:
    return next(r for r in report.results if r.check_id == check_id)


def failed(report: GateResult) -> set[str]:
    return {r.check_id for r in report.results if r.outcome == "failed"}


def good(ground: Ground) -> GateInput:
    return ground.gate(ground.data, ground.tables)


@pytest.mark.parametrize("stance", ["next", "first", "alone"])
@pytest.mark.parametrize("dataset", GROUNDS)
def test_good_candidates_raise_no_alarm(dataset: str, stance: str) -> None:
    """Beside another dataset and after a version, and without; revisions and updates included."""
    report = run_gate(good(GROUNDS[dataset]().at(stance)))  # type: ignore[arg-type]
    # The World Bank withdrew observations; the lists of 2022 follow a revision of the Harmonized System.
    known = {
        (IP, "next"): {"rows_withdrawn", "figures_revised"},
        **{(PRODUCTS, s): {"churn"} for s in ("next", "first", "alone")},
    }
    expected = known.get((dataset, stance), set())
    assert failed(report) == expected, report.failures()


@pytest.mark.parametrize(("dataset", "check"), [(ATP, "same_total"), (TRADE, "same_total"), (IP, "same_us_total")])
def test_another_source_is_held_against_figures_and_agrees(dataset: str, check: str) -> None:
    result = of(run_gate(good(GROUNDS[dataset]())), check)
    assert (result.outcome, result.severity) == ("passed", "warning")
    assert (result.rows_checked or 0) >= 8, "both flows, every month or year that both have"


@pytest.mark.parametrize("dataset", [ATP, TRADE, IP, ANNUAL])
def test_without_the_other_dataset_it_does_not_apply(dataset: str) -> None:
    report = run_gate(good(GROUNDS[dataset]().at("alone")))
    check = "same_total" if dataset in (ATP, TRADE) else "same_us_total"
    assert (of(report, check).outcome, "is published" in of(report, check).reason) == ("not_applicable", True)


def test_vintages_that_do_not_match_are_not_compared() -> None:
    """BEA's update of July 2025 against the World Bank of January 2025: the figures differ, and rightly."""
    result = of(run_gate(good(GROUNDS[ANNUAL]())), "same_us_total")
    assert result.outcome == "not_applicable"
    assert "2025-01-28" in result.reason and "2025-07-03" in result.reason


@pytest.mark.parametrize(
    ("updated", "applies"), [("2024-07-03", True), ("2024-11-15", False), ("2023-07-06", False), ("2025-07-03", False)]
)
def test_the_world_banks_vintage_has_the_update_of_the_summer_before(updated: str, applies: bool) -> None:
    """It is of 2025-01-28: at least 90 days after the update, and before the next July."""
    ground = GROUNDS[IP]()
    bea = (ground.others or {})[ANNUAL]
    moved = replace(ground, others={ANNUAL: Other(bea.frame, updated)})
    assert (of(run_gate(good(moved)), "same_us_total").outcome == "passed") == applies


def test_a_disagreement_says_what_both_say_and_blocks_nothing() -> None:
    ground = GROUNDS[IP]()
    bea = (ground.others or {})[ANNUAL]
    off = Other(bea.frame.with_columns(value_usd=pl.col("value_usd") * 2), bea.vintage)
    report = run_gate(good(replace(ground, others={ANNUAL: off})))
    result = of(report, "same_us_total")
    assert result.outcome == "failed" and not report.rejected
    assert "value_usd_there" in result.failing_rows[0]


def test_another_dataset_that_cannot_be_read_is_a_failed_run() -> None:
    ground = GROUNDS[ATP]()
    unreadable = Other(pl.LazyFrame({"partner_code": ["-"], "flow": ["exports"]}), "2025-02")
    with pytest.raises(CheckCouldNotRunError):
        run_gate(good(replace(ground, others={TRADE: unreadable})))


def test_an_older_vintage_of_the_workbook_is_compared_with_more_room() -> None:
    """A month revised by two percent is no disagreement between two vintages, and is one within a vintage."""
    ground = GROUNDS[TRADE]()
    workbook = (ground.others or {})[ATP]
    recent = pl.col("period") == pl.date(2023, 6, 1)
    revised = workbook.frame.with_columns(
        exports_usd=pl.when(recent).then((pl.col("exports_usd") * 1.02).cast(pl.Int64)).otherwise("exports_usd")
    )
    for vintage, outcome in (("2025-02", "failed"), ("2025-01", "passed")):
        others = {ATP: Other(revised, vintage)}
        assert of(run_gate(good(replace(ground, others=others))), "same_total").outcome == outcome


def test_quarters_and_years_of_one_update_agree() -> None:
    for dataset in (ANNUAL, QUARTERLY):
        assert of(run_gate(good(GROUNDS[dataset]())), "quarters_to_year").outcome == "passed"
