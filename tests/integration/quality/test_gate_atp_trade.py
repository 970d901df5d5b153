"""Corruptions of the trade API's groups and newest month, and small changes that nobody announces."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import polars as pl
import pytest

from benchmarks.quality_mutations.grounds import TRADE, Tables, hitech, partners_table
from configs.contracts import load_contract
from expectations.check import GateInput
from tasks.quality.gate import run_gate
from tasks.quality.results import CheckResult, GateResult
from tasks.transform.registry import load_transform

CODE, PERIOD = pl.col("partner_code"), pl.col("period")
NEW = PERIOD == date(2025, 2, 1)
SERIES = ["flow", "hitech", "partner_code"]


def outcomes(report: GateResult, severity: str) -> set[str]:
    return {r.check_id for r in report.results if r.outcome == "failed" and r.severity == severity}


def of(report: GateResult, check_id: str) -> CheckResult:
    return next(r for r in report.results if r.check_id == check_id)


@cache
def answers() -> pl.DataFrame:
    return hitech().tables["trade"].collect()


def to_date(trade: pl.DataFrame) -> pl.DataFrame:
    """Years to date that follow the months."""
    year = PERIOD.dt.year()
    summed = pl.col("value_usd").cum_sum().over([*SERIES, year])
    return trade.sort(*SERIES, "period").with_columns(value_ytd_usd=summed)


def without_exhibits(tables: Tables) -> Tables:
    names = ("technology_group", "flow", "partner_code")
    schema = {**dict.fromkeys(names, pl.String), "period": pl.Date, "value_musd": pl.Float64}
    return {**tables, "ft900": pl.LazyFrame(schema=schema)}


def times(factor: float, where: pl.Expr) -> pl.DataFrame:
    value = pl.col("value_usd")
    return to_date(
        answers().with_columns(pl.when(where).then((value * factor).round().cast(pl.Int64)).otherwise(value))
    )


def candidate(trade: pl.DataFrame, *, first: bool = False, names: dict[str, str] | None = None) -> GateInput:
    """What the API would give, as a candidate without a second source."""
    ground = replace(hitech(), others=None)
    given = pl.LazyFrame(
        {"partner_code": list(names or {}), "publisher_name": list((names or {}).values())},
        schema={"partner_code": pl.String, "publisher_name": pl.String},
    )
    tables = {**without_exhibits(ground.tables), "trade": trade.lazy(), "names": given, "partners": partners_table()}
    contract = load_contract(TRADE)
    data = load_transform(contract).transform(tables).collect().sort([PERIOD.dt.year(), *contract.sort_by])
    return (ground.at("alone") if first else ground).gate(data, tables)


def add(trade: pl.DataFrame, code: str, amount: int) -> pl.DataFrame:
    """Take an amount of the newest imports of group 04 from China, and give it to another code in Asia."""
    cell = NEW & (pl.col("flow") == "imports") & pl.col("hitech").is_in(["04", "-"]) & (CODE == "5700")
    less = trade.with_columns(
        pl.when(cell).then(pl.col("value_usd") - amount).otherwise(pl.col("value_usd")).alias("value_usd")
    )
    more = trade.filter(cell).with_columns(partner_code=pl.lit(code), value_usd=pl.lit(amount, pl.Int64))
    return to_date(pl.concat([less, more]))


# ------------------------------------------------------------------ groups of partners


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("where", [pl.lit(True), NEW])
def test_a_continent_of_half_its_size_blocks(where: pl.Expr, first: bool) -> None:
    report = run_gate(candidate(times(0.5, (CODE == "5XXX") & where), first=first))
    assert "continents_to_world" in outcomes(report, "critical")


@pytest.mark.parametrize(("code", "factor", "where"), [("0003", 0.5, pl.lit(True)), ("0003", 1.35, NEW), ("0020", 1.01, NEW)])  # fmt: skip
def test_a_group_that_is_not_its_members_blocks(code: str, factor: float, where: pl.Expr) -> None:
    report = run_gate(candidate(times(factor, (CODE == code) & where)))
    assert "groups_to_members" in outcomes(report, "critical")
    assert of(report, "continents_to_world").outcome == "passed"


def test_the_united_kingdom_counts_until_2017() -> None:
    """As the publisher does: its rows are in the group to that year's end, and taken out they are missing."""
    britain = answers().filter((CODE == "4120") & (PERIOD < date(2018, 1, 1))).select(
        "flow", "hitech", "period", pl.col("value_usd").alias("british")
    )  # fmt: skip
    value = pl.col("value_usd")
    less = answers().join(britain, on=["flow", "hitech", "period"], how="left")
    trade = to_date(
        less.with_columns(
            pl.when(CODE == "0003").then(value - pl.col("british").fill_null(0)).otherwise(value)
        ).drop("british")
    )  # fmt: skip
    assert "groups_to_members" in outcomes(run_gate(candidate(trade)), "critical")


def test_a_group_known_by_treaty_is_a_warning() -> None:
    report = run_gate(candidate(times(0.5, CODE == "0022"), first=True))
    assert "groups_near_members" in outcomes(report, "warning")


# ------------------------------------------------------------------ what nobody announces


def test_rows_of_zero_may_be_left_out() -> None:
    report = run_gate(candidate(answers().filter(pl.col("value_usd") != 0)))
    assert (outcomes(report, "critical"), outcomes(report, "hold")) == (set(), set())
    assert outcomes(report, "warning") == {"row_count", "zeros_left_out"}


def test_a_month_left_out_that_is_not_zero_blocks() -> None:
    china = (CODE == "5700") & (PERIOD == date(2024, 5, 1))
    report = run_gate(candidate(answers().filter(~china)))
    assert {"months_to_year", "partners_to_world"} <= outcomes(report, "critical")


def test_a_small_new_partner_is_published_with_its_name() -> None:
    given = candidate(add(answers(), "5990", 10_000), names={"5990": "NEWLAND"})
    report = run_gate(given)
    assert outcomes(report, "critical") | outcomes(report, "hold") == set()
    assert "resolves_partner_code" in outcomes(report, "warning")
    row = given.data.filter(CODE == "5990").select("partner_name", "partner_iso3", "is_aggregate").collect().row(0)
    assert row == ("NEWLAND [5990]", None, False)


def test_a_large_new_partner_holds() -> None:
    report = run_gate(candidate(add(answers(), "5990", 50_000_000)))
    assert outcomes(report, "critical") == set()
    assert outcomes(report, "hold") == {"new_partners"}


def test_a_new_group_is_an_aggregate() -> None:
    """It counts in no sum, whatever its size."""
    new = answers().filter((CODE == "0028") & NEW).with_columns(partner_code=pl.lit("0029"))
    given = candidate(to_date(pl.concat([answers(), new])))
    assert given.data.filter(CODE == "0029").select(pl.col("is_aggregate").all()).collect().item() in (True, None)
    assert outcomes(run_gate(given), "critical") == set()


@pytest.mark.parametrize(("code", "held"), [("0003", True), ("0028", False)])
def test_a_group_may_end_within_a_year(code: str, held: bool) -> None:
    report = run_gate(candidate(answers().filter((CODE != code) | ~NEW)))
    assert outcomes(report, "critical") == set()
    assert ("groups_ended" in outcomes(report, "hold")) == held


# ------------------------------------------------------------------ the newest month


def test_a_large_partner_that_is_gone_from_the_newest_month_holds() -> None:
    """Zero is possible, and absent means zero; its groups follow."""
    china = answers().filter((CODE == "5700") & NEW).select(
        "flow", "hitech", "period", pl.col("value_usd").alias("gone")
    )  # fmt: skip
    has = CODE.is_in(["5XXX", "-", "0014", "0026"])
    less = answers().join(china, on=["flow", "hitech", "period"], how="left").with_columns(
        (pl.col("value_usd") - pl.when(has).then(pl.col("gone")).otherwise(0).fill_null(0)).alias("value_usd")
    )  # fmt: skip
    report = run_gate(candidate(to_date(less.drop("gone").filter((CODE != "5700") | ~NEW))))
    assert outcomes(report, "critical") == set()
    assert {"newest_partners", "newest_in_season"} <= outcomes(report, "hold")


@pytest.mark.parametrize(
    ("where", "factor", "check"),
    [(pl.lit(True), 0.75, "newest_in_season"), (pl.col("hitech") == "04", 0.15, "newest_groups")],
)
def test_a_newest_month_out_of_season_holds(where: pl.Expr, factor: float, check: str) -> None:
    """All partners of a group alike, so that everything adds up."""
    some = NEW & (pl.col("flow") == "imports") & where
    value = pl.col("value_usd")
    detail = answers().filter(~CODE.str.contains("XXX|^0|^-$") & (pl.col("hitech") != "-"))
    cut = detail.with_columns(pl.when(some).then((value * factor).round().cast(pl.Int64)).otherwise(value))
    data, tables = hitech().rebuilt(cut.select(hitech().figures.columns))
    report = run_gate(replace(hitech(), others=None).gate(data, without_exhibits(tables)))
    assert check in outcomes(report, "hold")


def test_a_year_that_moves_by_more_than_revisions_holds() -> None:
    every = (PERIOD.dt.year() == 2023) & (pl.col("flow") == "imports")
    value = pl.col("value_usd")
    detail = answers().filter(~CODE.str.contains("XXX|^0|^-$") & (pl.col("hitech") != "-"))
    moved = detail.with_columns(pl.when(every).then((value * 1.03).round().cast(pl.Int64)).otherwise(value))
    data, tables = hitech().rebuilt(moved.select(hitech().figures.columns))
    report = run_gate(replace(hitech(), others=None).gate(data, without_exhibits(tables)))
    assert outcomes(report, "critical") - {"continents_to_world", "groups_to_members"} == set()
    assert {"year_revised", "settled_years"} <= outcomes(report, "hold")
