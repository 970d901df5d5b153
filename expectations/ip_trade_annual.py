"""Checks of ``ip_trade_annual``: economies and aggregates kept apart, and revisions told from faults.

Negative receipts and payments are legal: refunds and corrections of earlier years can exceed the charges of a year
(Guinea 2013, Yemen 2007 to 2009, Bhutan 2024). Their size is bounded by the contract's range.
"""

from __future__ import annotations

import polars as pl

from configs.contract import Severity
from expectations.base import Check, GateInput, bound, none_of, not_applicable

FLOWS = ("receipts_usd", "payments_usd")
KEY = ("economy_code", "year")
# Marked wrongly, these would do the most harm. Codes of the World Bank.
SURE_AGGREGATES = ("WLD", "EUU", "HIC", "OED", "EAS", "ECS", "NAC")
SURE_ECONOMIES = ("USA", "CHN", "DEU", "JPN", "GBR", "IND", "KOR", "NLD", "IRL", "FRA")


def checks(gate: GateInput) -> list[Check]:
    """See docs/quality.md for the list in words."""
    return [
        _balance(gate),
        _one_figure(gate),
        _marks(gate),
        _one_of_each(gate),
        _vintage_not_later(gate),
        _fresh(gate),
        _unit(gate),
        _not_counted_twice(gate),
        _adds_up_to_world(gate),
        *_against_parent(gate),
    ]


def _balance(gate: GateInput) -> Check:
    receipts, payments, balance = pl.col("receipts_usd"), pl.col("payments_usd"), pl.col("balance_usd")
    wrong = (receipts - payments).ne_missing(balance)
    off = gate.data.filter(wrong).select(*KEY, *FLOWS, "balance_usd")
    return none_of(gate, "balance", "receipts less payments is the balance, null unless both are known", "always", off)


def _one_figure(gate: GateInput) -> Check:
    empty = gate.data.filter(pl.all_horizontal(pl.col(FLOWS).is_null())).select(KEY)
    return none_of(gate, "one_figure", "a row has at least one of receipts and payments", "always", empty)


def _marks(gate: GateInput) -> Check:
    code, mark = pl.col("economy_code"), pl.col("is_aggregate")
    listed = gate.tables["economies"].select("economy_code", pl.col("is_aggregate").alias("listed_as_aggregate"))
    marks = gate.data.select("economy_code", "is_aggregate").unique()
    off = marks.join(listed, on="economy_code", how="left").filter(
        mark.ne_missing(pl.col("listed_as_aggregate"))
        | (code.is_in(SURE_AGGREGATES) & ~mark)
        | (code.is_in(SURE_ECONOMIES) & mark)
    )
    title = "aggregates are marked as the publisher lists them"
    return none_of(gate, "aggregate_marks", title, "the world and regions are aggregates, countries are not", off)


def _one_of_each(gate: GateInput) -> Check:
    told = ("economy_name", "is_aggregate", "source_vintage")
    several = (
        gate.data.group_by("economy_code")
        .agg(pl.col(told).n_unique())
        .filter(pl.any_horizontal(pl.col(told) > 1))
        .sort("economy_code")
    )
    title = "an economy has one name, one mark and one vintage"
    return none_of(gate, "one_of_each", title, "one each", several)


def _vintage_not_later(gate: GateInput) -> Check:
    late = gate.data.filter(pl.col("source_vintage") > gate.vintage).select(*KEY, "source_vintage")
    title = "no row is of a later vintage than the version"
    return none_of(gate, "vintage_not_later", title, f"at most {gate.vintage}", late)


def _fresh(gate: GateInput) -> Check:
    years = bound(gate, "fresh", "years")
    newest = gate.data.select(pl.col("year").max())
    stale = newest.filter(pl.col("year").fill_null(0) < int(gate.vintage[:4]) - years)
    title = "the newest year is not older than the vintage explains"
    return none_of(gate, "fresh", title, f"figures of {int(gate.vintage[:4]) - years:g} or later", stale)


def _unit(gate: GateInput) -> Check:
    low, high = bound(gate, "unit", "lowest_usd"), bound(gate, "unit", "highest_usd")
    usa = gate.data.filter((pl.col("economy_code") == "USA") & (pl.col("year") >= 2000))
    # An aggregate over no rows is one row of null: the United States missing is a violation, not a pass.
    span = usa.select(pl.col("receipts_usd").min().alias("lowest"), pl.col("receipts_usd").max().alias("highest"))
    off = span.filter(~((pl.col("lowest") >= low) & (pl.col("highest") <= high)).fill_null(False))
    title = "the unit is US dollars: receipts of the United States since 2000 are of their known size"
    return none_of(gate, "unit", title, f"from {low:,.0f} to {high:,.0f}", off)


def _sums(gate: GateInput) -> pl.LazyFrame:
    """By year: what all economies add up to, and the publisher's world total."""
    economies = (
        gate.data.filter(~pl.col("is_aggregate"))
        .group_by("year")
        .agg(pl.col(FLOWS).sum(), pl.col("source_vintage").unique().alias("vintages"))
    )
    world = gate.data.filter(pl.col("economy_code") == "WLD").select(
        "year", *[pl.col(c).alias(f"{c}_world") for c in FLOWS], pl.col("source_vintage").alias("world_vintage")
    )
    return economies.join(world, on="year").sort("year")


def _not_counted_twice(gate: GateInput) -> Check:
    factor = bound(gate, "not_counted_twice", "factor")
    floor = bound(gate, "not_counted_twice", "floor_usd")
    twice = [(pl.col(c) > factor * pl.col(f"{c}_world")) & (pl.col(c) > floor) for c in FLOWS]
    off = _sums(gate).filter(pl.any_horizontal(twice)).drop("vintages", "world_vintage")
    title = "economies do not add up to much more than the world, as they would with an aggregate among them"
    return none_of(gate, "not_counted_twice", title, f"at most {factor:g} times the world", off)


def _adds_up_to_world(gate: GateInput) -> Check:
    share = bound(gate, "adds_up_to_world", "share")
    title = "economies add up to the world, in years that are of one vintage"
    sums = _sums(gate).filter(pl.col("vintages") == pl.concat_list("world_vintage"))
    if sums.head(1).collect().is_empty():
        return not_applicable(gate, "adds_up_to_world", title, "no year is of one vintage throughout", "warning")
    wrong = [((pl.col(c) - pl.col(f"{c}_world")).abs() > share * pl.col(f"{c}_world").abs()) for c in FLOWS]
    off = sums.filter(pl.any_horizontal(wrong)).drop("vintages", "world_vintage")
    return none_of(gate, "adds_up_to_world", title, f"within {share:.0%}", off, "warning")


def _against_parent(gate: GateInput) -> list[Check]:
    titles: dict[str, tuple[str, Severity]] = {
        "economies_lost": ("no economy of the version before is lost", "critical"),
        "rows_lost": ("no row is lost without a newer vintage of its economy", "critical"),
        "rows_withdrawn": ("no observation was withdrawn by the publisher", "warning"),
        "size_of_change": ("no economy's history changes beyond belief", "critical"),
        "large_revision": ("no economy's history is revised by an unusual amount", "warning"),
        "total_change": ("the sum of all economies does not change beyond belief", "critical"),
    }
    if gate.parent is None:
        why = "there is no version before this one"
        return [not_applicable(gate, i, title, why, severity) for i, (title, severity) in titles.items()]
    gone = gate.parent.select(*KEY, "source_vintage").join(gate.data, on=KEY, how="anti")
    now = gate.data.group_by("economy_code").agg(pl.col("source_vintage").max().alias("vintage_now"))
    gone = gone.join(now, on="economy_code", how="left").sort(KEY)
    same = pl.col("source_vintage") == pl.col("vintage_now")
    lost = gone.filter(pl.col("vintage_now").is_null()).group_by("economy_code").len("rows").sort("economy_code")
    parent = gate.parent.select(*KEY, *[pl.col(c).alias(f"{c}_before") for c in FLOWS])
    both = gate.data.join(parent, on=KEY)
    common = [
        pl.col(c, f"{c}_before").filter(pl.col(c).is_not_null() & pl.col(f"{c}_before").is_not_null()) for c in FLOWS
    ]
    by_economy = both.group_by("economy_code").agg([e.abs().sum() for e in common])
    total = both.filter(~pl.col("is_aggregate")).select([e.sum() for e in common])
    floor = bound(gate, "size_of_change", "floor_usd")
    t = {i: title for i, (title, _) in titles.items()}
    return [
        none_of(gate, "economies_lost", t["economies_lost"], "none", lost),
        none_of(gate, "rows_lost", t["rows_lost"], "none", gone.filter(same)),
        none_of(gate, "rows_withdrawn", t["rows_withdrawn"], "none", gone.filter(~same), "warning"),
        _ratio(gate, "size_of_change", t["size_of_change"], by_economy, floor, "critical"),
        _ratio(gate, "large_revision", t["large_revision"], by_economy, floor, "warning"),
        _ratio(gate, "total_change", t["total_change"], total, 0, "critical"),
    ]


def _ratio(gate: GateInput, check_id: str, title: str, sums: pl.LazyFrame, floor: float, default: Severity) -> Check:
    factor = bound(gate, check_id, "factor")
    outside = [
        ~(pl.col(c) / pl.col(f"{c}_before")).is_between(1 / factor, factor)
        & (pl.max_horizontal(pl.col(c).abs(), pl.col(f"{c}_before").abs()) > floor)
        for c in FLOWS
    ]
    expected = f"within a factor of {factor:g} of the version before" + (f", above {floor:,.0f}" if floor else "")
    return none_of(gate, check_id, title, expected, sums.filter(pl.any_horizontal(outside)), default)
