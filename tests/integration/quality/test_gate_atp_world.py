"""Corruptions of the balance workbook's figures that look like news, and news that looks like them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from benchmarks.quality_mutations.grounds import ATP, TRADE, Ground, atp_world, bundled
from expectations.check import GateInput, Other
from tasks.quality.cells import Cell, held_frame, key_of
from tasks.quality.gate import run_gate
from tasks.quality.results import GateResult

YEAR, PERIOD = pl.col("period").dt.year(), pl.col("period")
NEW = PERIOD == date(2025, 2, 1)
Corruption = Callable[[pl.DataFrame], pl.DataFrame]


def outcomes(report: GateResult, severity: str) -> set[str]:
    return {r.check_id for r in report.results if r.outcome == "failed" and r.severity == severity}


def balanced(df: pl.DataFrame) -> pl.DataFrame:
    return df.with_columns(balance_usd=pl.col("exports_usd") - pl.col("imports_usd"))


def times(where: pl.Expr, exports: float = 1.0, imports: float = 1.0) -> Corruption:
    def corrupt(df: pl.DataFrame) -> pl.DataFrame:
        moved = [
            pl.when(where).then((pl.col(c) * f).round().cast(pl.Int64)).otherwise(c).alias(c)
            for c, f in (("exports_usd", exports), ("imports_usd", imports))
        ]
        return balanced(df.with_columns(moved))

    return corrupt


def candidate(df: pl.DataFrame, parent: pl.DataFrame | None, vintage: str = "2025-02", **more: object) -> GateInput:
    """A candidate without a second source, unless one is given."""
    ground: Ground = replace(
        atp_world(), others=None, parent=parent, parent_vintage=None if parent is None else "2025-02"
    )
    return replace(ground.gate(df, ground.tables, vintage), **more)  # type: ignore[arg-type]


def good() -> pl.DataFrame:
    return atp_world().data


def seasonally_adjusted(df: pl.DataFrame) -> pl.DataFrame:
    """Months since 2023 less what their month usually is to the median around it."""
    for flow in ("exports_usd", "imports_usd"):
        log = pl.col(flow).log()
        df = df.with_columns((log - log.rolling_median(13, center=True)).alias("off"))
        usual = pl.col("off").filter(YEAR >= 2012).median().over(PERIOD.dt.month())
        adjusted = (pl.col(flow) / usual.exp()).round().cast(pl.Int64)
        df = df.with_columns(pl.when(YEAR >= 2023).then(adjusted).otherwise(flow).alias(flow)).drop("off")
    return balanced(df)


@pytest.mark.parametrize("parent", [None, "2023-01", "2025-02"])
def test_the_real_vintage_raises_no_alarm(parent: str | None) -> None:
    before = bundled(ATP, parent)[0] if parent else None
    report = run_gate(candidate(good(), before))
    assert report.failures() == []


def test_a_first_version_with_a_fifth_of_imports_gone_blocks() -> None:
    report = run_gate(candidate(times(YEAR == 2024, imports=0.8)(good()), None))
    assert "known_years" in outcomes(report, "critical")


HELD: dict[str, tuple[Corruption, set[str]]] = {
    "both flows off, the balance by a sixth": (times(YEAR == 2024, 1.045, 0.957), {"year_revised", "settled_years"}),
    "imports of a year too high": (times(YEAR == 2024, imports=1.045), {"year_revised", "settled_years"}),
    "five years off": (times(YEAR.is_between(2020, 2024), 1.045, 0.957), {"year_revised", "settled_years"}),
    "flows off by less than their bound, the balance by more": (
        times(YEAR == 2024, 1.008, 0.993), {"year_revised"},
    ),
    "months of a year under way": (times(YEAR == 2025, imports=1.02), {"month_revised"}),
    "redefined back to 2012": (times(YEAR >= 2012, imports=1.012), {"year_revised", "settled_years"}),
}  # fmt: skip


@pytest.mark.parametrize("what", HELD)
def test_a_revision_beyond_the_usual_holds(what: str) -> None:
    corrupt, checks = HELD[what]
    report = run_gate(candidate(corrupt(good()), good()))
    assert outcomes(report, "critical") == set()
    assert checks <= outcomes(report, "hold")


def test_a_year_that_moves_by_more_than_a_quarter_blocks() -> None:
    report = run_gate(candidate(times(YEAR == 2021, exports=1.3)(good()), good()))
    assert "size_of_change" in outcomes(report, "critical")


NEWEST: dict[str, tuple[Corruption, str]] = {
    "domestic exports only": (times(NEW, exports=0.83), "newest_proportion"),
    "imports of a part of the month": (times(NEW, imports=0.55), "newest_in_season"),
    "imports brought forward": (times(NEW, imports=1.3), "newest_in_season"),
    "imports blocked": (times(NEW, imports=0.45), "newest_in_season"),
    "both flows down as in 2020": (times(PERIOD >= date(2024, 12, 1), 0.68, 0.68), "newest_in_season"),
    "seasonally adjusted": (seasonally_adjusted, "seasonal_pattern"),
}


@pytest.mark.parametrize("what", NEWEST)
def test_an_unusual_new_month_holds_and_does_not_block(what: str) -> None:
    corrupt, check = NEWEST[what]
    before = good().filter(PERIOD < date(2023, 1, 1) if what == "seasonally adjusted" else PERIOD < date(2024, 12, 1))
    report = run_gate(candidate(corrupt(good()), before))
    assert outcomes(report, "critical") == set()
    assert check in outcomes(report, "hold")


def test_an_annual_revision_of_five_years_does_not_block() -> None:
    random.seed(15)
    data = good()
    for year in range(2017, 2025):  # of which a benchmark revision moves all
        data = times(YEAR == year, 1 + random.gauss(0, 0.01), 1 + random.gauss(0, 0.01))(data)
    assert outcomes(run_gate(candidate(data, good())), "critical") == set()


def back_to_2023() -> pl.DataFrame:
    older = bundled(ATP, "2023-01")[0].filter(YEAR >= 2020)
    return pl.concat([good().join(older, on="period", how="anti"), older]).sort("period")


def test_months_that_go_back_to_an_older_vintage_hold() -> None:
    report = run_gate(candidate(back_to_2023(), good()))
    assert outcomes(report, "critical") == set()
    assert outcomes(report, "hold") == {"returning"}
    (result,) = [r for r in report.results if r.check_id == "returning"]
    assert result.rows_failed == 74, "37 months of both flows"


def test_the_history_tells_what_goes_back() -> None:
    """Of two states, one is bundled, the other only the history has."""
    revised = times(YEAR == 2024, 1.002, 1.002)(good())
    ended = good().filter(YEAR == 2024).unpivot(
        ["exports_usd", "imports_usd"], index="period", variable_name="measure", value_name="value"
    )  # fmt: skip
    spans = ended.with_columns(vintage_from=pl.lit("2025-02"), vintage_until=pl.lit("2025-03"))
    others = {f"{ATP}_history": Other(spans.lazy(), "2025-03")}.get
    report = run_gate(candidate(good(), revised, others=others))
    assert outcomes(report, "hold") == {"returning"}
    assert outcomes(run_gate(candidate(good(), revised)), "hold") == set(), "without it nobody knows"


def test_one_figure_may_go_back() -> None:
    older = bundled(ATP, "2023-01")[0].filter(PERIOD == date(2021, 5, 1)).select("exports_usd").item()
    one = pl.when(PERIOD == date(2021, 5, 1)).then(older).otherwise("exports_usd").alias("exports_usd")
    assert outcomes(run_gate(candidate(balanced(good().with_columns(one)), good())), "hold") == set()


def test_new_months_that_are_rounded_are_told() -> None:
    rounded = [
        pl.when(YEAR == 2025).then((pl.col(c) / 1e6).round().cast(pl.Int64) * 1_000_000).otherwise(c).alias(c)
        for c in ("exports_usd", "imports_usd")
    ]
    coarse = pl.when(YEAR == 2025).then(1_000_000).otherwise("reported_precision_usd").cast(pl.Int64)
    data = balanced(good().with_columns(rounded).with_columns(reported_precision_usd=coarse))
    report = run_gate(candidate(data, good().filter(YEAR < 2025)))
    assert outcomes(report, "critical") == set()
    assert outcomes(report, "warning") == {"coarser_months"}
    told = data.with_columns(reported_precision_usd=pl.lit(1_000))
    assert "precision" in outcomes(run_gate(candidate(told, None)), "critical"), "rounded more than it says"


def test_workbook_and_api_of_one_vintage_that_differ_hold() -> None:
    """Nothing else can tell: a twentieth less is a usual month."""
    trade = (atp_world().others or {})[TRADE]
    data, before = times(YEAR == 2025, imports=0.95)(good()), good().filter(YEAR < 2025)
    beside = run_gate(candidate(data, before, others={TRADE: trade}.get))
    assert outcomes(beside, "hold") == {"new_months_agree"}
    other = Other(trade.frame, "2025-01")
    assert outcomes(run_gate(candidate(data, before, others={TRADE: other}.get)), "hold") == set()


@pytest.mark.parametrize(("expected", "published", "held"), [(1.05, False, True), (1.001, True, False)])
def test_a_check_that_does_not_apply_any_more_releases_nothing(expected: float, published: bool, held: bool) -> None:
    """The API went on to another month; the workbook still says what the API contradicted."""
    value = float(good().filter(NEW)["imports_usd"].item())
    key = key_of({"flow": "imports", "period": date(2025, 2, 1)})
    cells = held_frame([Cell("new_months_agree", key, value, value * expected)])
    parent = good() if published else good().filter(~NEW)
    gate = candidate(good(), parent, held_cells=cells)
    report = run_gate(replace(gate, tables={**gate.tables, "ft900": gate.tables["ft900"].clear()}))
    assert report.held == (("new_months_agree",) if held else ())
    assert [c.key for c in report.cells] == ([key] if held else [])
    assert run_gate(gate).held == (), "FT-900 has it"


def test_what_was_corrected_is_released_by_a_check_that_does_not_apply() -> None:
    value = float(good().filter(NEW)["imports_usd"].item())
    key = key_of({"flow": "imports", "period": date(2025, 2, 1)})
    cells = held_frame([Cell("new_months_agree", key, value * 1.1, value)])
    assert run_gate(candidate(good(), good().filter(~NEW), held_cells=cells)).failures() == []


def test_both_flows_of_a_wrong_proportion_are_to_be_confirmed() -> None:
    """Exports that are truly high would else vouch for imports that are wrongly low."""
    corrupt = run_gate(candidate(times(NEW, 1.1, 0.8)(good()), good()))
    named = {c.names["flow"] for c in corrupt.cells if c.check_id == "newest_proportion"}
    assert named == {"exports", "imports"}
