"""Checks of ``atp_trade_monthly`` against the version before: revisions told from faults."""

from __future__ import annotations

import polars as pl

from configs.contract import Severity
from expectations.check import Check, GateInput, bound, none_of, not_applicable
from expectations.rules.continuity import figures_moved
from expectations.rules.periods import vintage_month
from expectations.rules.revisions import before, incomparable, ratio

VALUE = "value_usd"
SERIES = ["flow", "technology_group", "partner_code"]
TITLES: dict[str, tuple[str, Severity]] = {
    "months_lost": ("no month of the version before is lost", "critical"),
    "partners_lost": ("no partner of the version before is gone from a year it traded in", "critical"),
    "size_of_change": ("no year of the world changes beyond belief", "critical"),
    "large_revision": ("no group's year of the world is revised by an unusual amount", "warning"),
    "month_revised": ("no group's month of the world is revised by an unusual amount", "warning"),
    "old_revision": ("nothing before the revision window changes", "warning"),
}


def against_parent(gate: GateInput) -> list[Check]:
    """Whether what changed looks like a revision."""
    if why := incomparable(gate, "flow", "technology_group", "partner_code", "period", VALUE):
        return [
            *[not_applicable(gate, i, title, why, severity) for i, (title, severity) in TITLES.items()],
            figures_moved(gate, SERIES, "period", VALUE),
        ]
    old = before(gate)
    return [
        _months_lost(gate, old),
        _partners_lost(gate, old),
        _size(gate, old, "size_of_change", ["flow", "year"]),
        _size(gate, old, "large_revision", ["flow", "technology_group", "year"]),
        _old_revision(gate, old),
        _size(gate, old, "month_revised", ["flow", "technology_group", "period"]),
        figures_moved(gate, SERIES, "period", VALUE),
    ]


def _months_lost(gate: GateInput, old: pl.LazyFrame) -> Check:
    months = old.select("flow", "period").unique()
    gone = months.join(gate.data, on=["flow", "period"], how="anti").sort("flow", "period")
    return none_of(gate, "months_lost", TITLES["months_lost"][0], "none", gone, over=months)


def _partners_lost(gate: GateInput, old: pl.LazyFrame) -> Check:
    floor = bound(gate, "partners_lost", "floor_usd")
    by = ["flow", "partner_code", "year"]
    large, now = (
        f.group_by("flow", "partner_code", pl.col("period").dt.year().alias("year")).agg(pl.col(VALUE).sum())
        for f in (old, gate.data)
    )
    large = large.filter(pl.col(VALUE) > floor)
    gone = large.join(now, on=by, how="anti").sort(by)
    title = TITLES["partners_lost"][0]
    return none_of(gate, "partners_lost", title, f"none that traded above {floor:,.0f} dollars", gone, over=large)


def _size(gate: GateInput, old: pl.LazyFrame, check_id: str, by: list[str]) -> Check:
    """World sums over the months that both have."""
    key = ["flow", "technology_group", "period"]
    world = pl.col("partner_code") == "-"
    both = (
        gate.data.filter(world)
        .join(old.filter(world).select(*key, pl.col(VALUE).alias(f"{VALUE}_before")), on=key)
        .with_columns(pl.col("period").dt.year().alias("year"))
    )
    sums = both.group_by(by).agg(pl.col(VALUE, f"{VALUE}_before").sum()).sort(by)
    policy = gate.contract.quality.get(check_id)
    floor = policy.bounds.get("floor_usd", 0) if policy else 0
    title, severity = TITLES[check_id]
    return ratio(gate, check_id, title, sums, [VALUE], severity, floor, over=both)


def _old_revision(gate: GateInput, old: pl.LazyFrame) -> Check:
    years = bound(gate, "old_revision", "years")
    limit = vintage_month(gate, "old_revision").year - years
    key = ["flow", "technology_group", "partner_code", "period"]
    past = pl.col("period").dt.year() < limit
    was = old.filter(past).select(*key, pl.col(VALUE).alias(f"{VALUE}_before"))
    both = gate.data.filter(past).select(*key, VALUE).join(was, on=key, how="full", coalesce=True)
    off = both.filter(pl.col(VALUE).ne_missing(pl.col(f"{VALUE}_before"))).sort(key)
    return none_of(
        gate, "old_revision", TITLES["old_revision"][0], f"none older than {years:g} years", off, "warning", over=was
    )
