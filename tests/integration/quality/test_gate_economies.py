"""Tables of one vintage, as a live run gives them: structural faults block, true events do not.

The whole table of 2021-09-15 is real; the version before it is the same without its newest year.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from expectations.check import GateInput
from expectations.registry import load_checks
from tasks.quality.gate import run_gate
from tests.support.gate import DEU, IP, Corruption, failed, given, scaled, tables, when, without

VINTAGE, BEFORE = "2021-09-15", "2020-09-16"
CODE, YEAR = pl.col("economy_code"), pl.col("year")
USA, WLD, IND, JAM = (pl.col("economy_code") == c for c in ("USA", "WLD", "IND", "JAM"))
FLOWS = ("receipts_usd", "payments_usd")
LARGEST = ["USA", "NLD", "JPN", "DEU", "CHE", "GBR", "FRA", "SGP", "KOR", "CHN"]
Figures = Callable[[str, str], pl.DataFrame]


def whole(df: pl.DataFrame) -> pl.DataFrame:
    """The balance again, and no row without a figure."""
    kept = df.filter(pl.any_horizontal(pl.col(FLOWS).is_not_null()))
    return kept.with_columns(balance_usd=pl.col("receipts_usd") - pl.col("payments_usd"))


def emptied(where: pl.Expr, *flows: str) -> Corruption:
    return when(where, **dict.fromkeys(flows or FLOWS, pl.lit(None, dtype=pl.Float64)))


def flows_exchanged(where: pl.Expr) -> Corruption:
    return when(where, receipts_usd=pl.col("payments_usd"), payments_usd=pl.col("receipts_usd"))


def places_exchanged(one: str, other: str, where: pl.Expr) -> Corruption:
    """The figures of two economies, not their names."""
    both = where & CODE.is_in([one, other])

    def corrupt(df: pl.DataFrame) -> pl.DataFrame:
        found = df.filter(both).select(CODE.replace({one: other, other: one}), "year", *FLOWS)
        joined = df.join(found, on=["economy_code", "year"], how="left", suffix="_new")
        return joined.with_columns(pl.when(both).then(f"{c}_new").otherwise(c).alias(c) for c in FLOWS).select(
            df.columns
        )

    return corrupt


def named(**names: str) -> Corruption:
    return lambda df: df.with_columns(economy_name=CODE.replace_strict(names, default=pl.col("economy_name")))


def added(like: str, share: float) -> Corruption:
    """An aggregate that nobody has heard of."""

    def change(df: pl.DataFrame) -> pl.DataFrame:
        new = df.filter((CODE == like) & (YEAR > 2000)).with_columns(
            *(pl.col(c) * share for c in FLOWS),
            economy_code=pl.lit("MNX"),
            economy_name=pl.lit("MENAAP"),
            is_aggregate=True,
        )
        return pl.concat([df, new])

    return change


def zeros_withdrawn(df: pl.DataFrame) -> pl.DataFrame:
    return df.with_columns(pl.when(pl.col(c) != 0).then(c).alias(c) for c in FLOWS)


def carried(code: str) -> Corruption:
    """The newest receipts are those of the year before."""
    return lambda df: df.with_columns(
        receipts_usd=pl.when((CODE == code) & (YEAR == 2020))
        .then(pl.col("receipts_usd").shift(1).over("economy_code", order_by="year"))
        .otherwise("receipts_usd")
    )


def judged(good: Figures, change: Corruption, *, first: bool = False) -> GateInput:
    """The publisher's own list of economies has the same names and marks as his figures."""
    table = good(IP, VINTAGE)
    data = whole(change(table))
    parent = None if first else whole(table.filter(YEAR < 2020)).with_columns(source_vintage=pl.lit(BEFORE))
    columns = ["economy_code", "economy_name", "is_aggregate"]
    listed = data.select(columns).unique("economy_code")
    rest = tables[IP]["economies"].collect().join(listed, on="economy_code", how="anti").select(columns)
    told = tables[IP] | {"economies": pl.concat([listed, rest]).lazy()}
    return given(IP, data, VINTAGE, parent, tables=told, parent_vintage=None if first else BEFORE)


NEWEST = YEAR == 2020
ECONOMY = ~pl.col("is_aggregate")
BLOCKED: dict[str, tuple[Corruption, str]] = {
    "flows exchanged in the newest year": (flows_exchanged(NEWEST), "flows_exchanged"),
    "the largest economies lose two years": (emptied(CODE.is_in(LARGEST) & (YEAR >= 2019)), "short_of_world"),
    "receipts but the American gone": (emptied(ECONOMY & ~USA & (YEAR >= 2018), "receipts_usd"), "short_of_world"),
    "an economy as an aggregate": (when(CODE == "CYP", is_aggregate=pl.lit(True)), "aggregate_marks"),
    "Niger and Nigeria": (named(NER="Nigeria", NGA="Niger"), "names_of_others"),
    "Austria's name on Australia": (named(AUS="Austria", AUT="Oesterreich"), "names_of_others"),
    "half of the table": (without(CODE > "K"), "complete"),
}  # fmt: skip
HELD: dict[str, tuple[Corruption, str]] = {
    "Japan and Germany exchanged": (places_exchanged("JPN", "DEU", NEWEST), "economies_exchanged"),
    "in euros": (scaled(0.92, *FLOWS), "us_years"),
    "in special drawing rights": (scaled(0.75, *FLOWS), "us_years"),
    "one economy's flows exchanged": (flows_exchanged(NEWEST & (CODE == "IND")), "flow_exchanged"),
    "the United States a quarter too low": (when(NEWEST & (USA | WLD), receipts_usd=pl.col("receipts_usd") * 0.75), "us_growth"),
}  # fmt: skip
WARNED: dict[str, tuple[Corruption, str]] = {
    "one economy in euros": (when(DEU & (YEAR >= 2010), **{c: pl.col(c) * 0.92 for c in FLOWS}), "adds_up_to_world"),
    "payments of the United States two percent too low": (when(USA & NEWEST, payments_usd=pl.col("payments_usd") * 0.98), "us_recent"),
}  # fmt: skip
FAULTS = {
    **{k: (*v, "critical") for k, v in BLOCKED.items()},
    **{k: (*v, "hold") for k, v in HELD.items()},
    **{k: (*v, "warning") for k, v in WARNED.items()},
}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_whole_table_is_caught(good: Figures, fault: str, first: bool) -> None:
    change, check, severity = FAULTS[fault]
    assert check in failed(run_gate(judged(good, change, first=first)), severity)


# What a true event trips besides nothing: the checks that hold, and those that warn.
TRUE: dict[str, tuple[Corruption, set[str], set[str]]] = {
    "nothing": (lambda df: df, set(), set()),
    "everything ten percent higher": (scaled(1.1, *FLOWS), {"us_years"}, {"us_recent", "figures_revised"}),
    "economies renamed": (named(TUR="Türkiye", SWZ="Eswatini", IND="Bharat"), set(), {"renamed"}),
    "the world of the newest year incomplete": (
        when(WLD & NEWEST, **{c: pl.col(c) * 0.75 for c in FLOWS}), set(), {"adds_up_to_world"},
    ),
    "all zeros withdrawn": (zeros_withdrawn, set(), {"rows_withdrawn"}),
    "a small economy not listed": (without(CODE == "ABW"), set(), {"economies_lost_small", "rows_withdrawn", "adds_up_to_world"}),
    "a large economy not listed": (
        without(IND), {"economies_lost_large"}, {"rows_withdrawn", "adds_up_to_world", "near_world"},
    ),
    "payments of a small economy emptied": (
        emptied(JAM, "payments_usd"), set(), {"economies_lost_small", "rows_withdrawn", "adds_up_to_world"},
    ),
    "a small aggregate added": (added("ABW", 0.5), set(), {"unknown_economy_code", "renamed"}),
    "a large aggregate added": (added("EUU", 0.5), {"resolves_economy_code"}, {"renamed"}),
    "an estimate carried forward": (carried("PER"), set(), {"adds_up_to_world"}),
    "a large estimate carried forward": (carried("SWE"), {"flat_lines_large"}, {"adds_up_to_world"}),
    "another membership of an aggregate": (
        when(CODE == "FCS", **{c: pl.col(c) * 4.67 for c in FLOWS}), set(), {"aggregate_revision"},
    ),
    "one figure corrected": (when(DEU & NEWEST, receipts_usd=pl.col("receipts_usd") * 1.01), set(), {"adds_up_to_world"}),
}  # fmt: skip


@pytest.mark.parametrize("event", TRUE)
def test_a_true_event_is_not_blocked(good: Figures, event: str) -> None:
    change, holds, warns = TRUE[event]
    report = run_gate(judged(good, change))
    assert failed(report, "critical") == set()
    assert failed(report, "hold") == holds
    assert failed(report, "warning") <= warns


@pytest.mark.parametrize(("code", "held"), [("DEU", "figures_changed_large"), ("ABW", None)])
def test_one_figure_corrected_within_a_vintage(good: Figures, code: str, held: str | None) -> None:
    table = good(IP, VINTAGE)
    newest = table.filter((CODE == code) & pl.col("payments_usd").is_not_null())["year"].max()
    data = whole(when((CODE == code) & (YEAR == newest), payments_usd=pl.col("payments_usd") * 1.02)(table))
    report = run_gate(given(IP, data, VINTAGE, table, parent_vintage=VINTAGE))
    assert (failed(report, "critical"), failed(report, "hold")) == (set(), {held} - {None})
    assert held or "figures_changed_small" in failed(report, "warning")


def test_economies_without_anything_but_zeros_are_not_lost(good: Figures) -> None:
    report = run_gate(judged(good, zeros_withdrawn))
    withdrawn = next(r for r in report.results if r.check_id == "rows_withdrawn")
    assert withdrawn.rows_failed and withdrawn.rows_failed > 4000, "they are told of"


def test_a_settled_year_says_where_it_can_be_found(good: Figures) -> None:
    """One observation a row, in US dollars, so that BEA's figure of it can confirm."""
    gate = judged(good, scaled(0.92, *FLOWS))
    (found,) = [c for c in load_checks(gate.contract).checks(gate) if c.id == "us_years"]
    assert found.frame is not None and found.observed is not None
    rows = found.frame.collect()
    assert (found.observed.key, set(rows["direction"])) == (
        ("economy_code", "direction", "year"),
        {"exports", "imports"},
    )
    assert rows.select((pl.col("value_usd") / pl.col("usual") - 0.92).abs().max()).item() < 1e-6
    assert gate.contract.quality["us_years"].confirmed_by == ("us_ip_trade_annual",)
