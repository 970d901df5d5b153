"""Checks of ``atp_trade_monthly`` against the version before: revisions told from faults."""

from __future__ import annotations

import polars as pl

from configs.contract import Severity
from expectations.check import Check, GateInput, Observations, bound, none_of, not_applicable
from expectations.rules.atp_sums import Sums
from expectations.rules.continuity import figures_moved
from expectations.rules.periods import vintage_month
from expectations.rules.returning import history_of, returning
from expectations.rules.revisions import before
from expectations.rules.year_sums import month_revised, size_of_change, year_revised, year_sums

VALUE = "value_usd"
SERIES = ["flow", "technology_group", "partner_code"]
TITLES: dict[str, tuple[str, Severity]] = {
    "months_lost": ("no month of the version before is lost", "critical"),
    "rows_lost": ("the number of figures that are not 0 does not shrink", "critical"),
    "partners_lost": ("no partner of the version before is gone from a year it traded in", "critical"),
    "size_of_change": ("no year of the world changes beyond belief", "critical"),
    "year_revised": ("no year of the world, nor its balance, moves by more than revisions do", "hold"),
    "groups_revised": ("no group's year of the world is revised by an unusual amount", "hold"),
    "partners_revised": ("no large partner's year is revised by an unusual amount", "hold"),
    "month_revised": ("no group's month of the world is revised by an unusual amount", "hold"),
    "old_revision": ("nothing before the revision window changes", "warning"),
    "returning": ("figures do not go back to an older state", "hold"),
}


def against_parent(gate: GateInput, now: Sums, was: Sums | None) -> list[Check]:
    """Whether what changed looks like a revision."""
    if was is None:
        why = "there is no version before this one" if gate.parent is None else "the version before has other columns"
        return [
            *[not_applicable(gate, i, title, why, severity) for i, (title, severity) in TITLES.items()],
            figures_moved(gate, SERIES, "period", VALUE),
        ]
    old = before(gate)
    both = now.totals.join(was.totals.rename({VALUE: f"{VALUE}_before"}), on=["flow", "period"])
    key = [*SERIES, "period"]
    return [
        _months_lost(gate, now, was),
        _rows_lost(gate, old),
        _partners_lost(gate, now, was),
        size_of_change(gate, TITLES["size_of_change"][0], both),
        year_revised(gate, TITLES["year_revised"][0], year_sums(now.totals), year_sums(was.totals)),
        _years(gate, "groups_revised", now.groups, was.groups, "technology_group"),
        _years(gate, "partners_revised", now.partners, was.partners, "partner_code"),
        _old_revision(gate, old),
        month_revised(gate, TITLES["month_revised"][0], now.groups, was.groups, ("flow", "technology_group")),
        figures_moved(gate, SERIES, "period", VALUE),
        returning(gate, key, gate.data, old, history_of(gate, {VALUE: VALUE})),
    ]


def _months_lost(gate: GateInput, now: Sums, was: Sums) -> Check:
    months = was.totals.select("flow", "period")
    gone = months.join(now.totals, on=["flow", "period"], how="anti").sort("flow", "period")
    return none_of(gate, "months_lost", TITLES["months_lost"][0], "none", gone, over=months)


def _rows_lost(gate: GateInput, old: pl.LazyFrame) -> Check:
    """Zeros are not counted: an extract that leaves them out says the same."""
    share = bound(gate, "rows_lost", "minimum_share")
    figures = [
        f.select((pl.col(VALUE) != 0).sum().cast(pl.Int64).alias(n))
        for f, n in ((gate.data, "rows"), (old, "rows_before"))
    ]
    shrunk = pl.concat(figures, how="horizontal").filter(pl.col("rows") < pl.col("rows_before") * share)
    return none_of(gate, "rows_lost", TITLES["rows_lost"][0], f"at least {share:.0%} of those before", shrunk)


def _partners_lost(gate: GateInput, now: Sums, was: Sums) -> Check:
    floor = bound(gate, "partners_lost", "floor_usd")
    by = ["flow", "partner_code", "year"]
    sums, had = (
        s.partners.group_by("flow", "partner_code", pl.col("period").dt.year().alias("year")).agg(pl.col(VALUE).sum())
        for s in (now, was)
    )
    traded = had.filter(pl.col(VALUE) > floor)
    gone = traded.join(sums, on=by, how="anti").sort(by)
    title = TITLES["partners_lost"][0]
    return none_of(gate, "partners_lost", title, f"none that traded above {floor:,.0f} dollars", gone, over=traded)


def _years(gate: GateInput, check_id: str, now: pl.LazyFrame, was: pl.LazyFrame, of: str) -> Check:
    """No whole year of a group, or partner, is beyond ``factor`` of the version before, above ``floor_usd``."""
    factor, floor = bound(gate, check_id, "factor"), bound(gate, check_id, "floor_usd")
    key = ("flow", of, "year")
    year = pl.col("period").dt.year().cast(pl.Int32).alias("year")
    last = was.select(pl.col("period").max()).collect().item()
    whole = pl.col("period") < pl.lit(last).dt.offset_by("1mo").dt.truncate("1y")
    sums, had = (f.filter(whole).group_by("flow", of, year).agg(pl.col(VALUE).sum()) for f in (now, was))
    both = had.rename({VALUE: "usual"}).join(sums, on=key, how="left").with_columns(pl.col(VALUE).fill_null(0))
    outside = ~(pl.col(VALUE) / pl.col("usual")).is_between(1 / factor, factor)
    off = both.filter(outside & (pl.max_horizontal(VALUE, "usual") > floor)).select(
        *key, VALUE, pl.col("usual").cast(pl.Float64)
    )
    told = f"within a factor of {factor:g} of the version before, above {floor:,.0f}"
    return none_of(
        gate,
        check_id,
        TITLES[check_id][0],
        told,
        off.sort(key),
        "hold",
        over=both,
        observed=Observations(key, sums, had),
    )


def _old_revision(gate: GateInput, old: pl.LazyFrame) -> Check:
    years = bound(gate, "old_revision", "years")
    limit = vintage_month(gate, "old_revision").year - years
    key = [*SERIES, "period"]
    past = pl.col("period").dt.year() < limit
    was = old.filter(past).select(*key, pl.col(VALUE).alias(f"{VALUE}_before"))
    both = gate.data.filter(past).select(*key, VALUE).join(was, on=key, how="full", coalesce=True)
    # An absent row is a 0.
    off = both.filter(pl.col(VALUE).fill_null(0) != pl.col(f"{VALUE}_before").fill_null(0)).sort(key)
    title = TITLES["old_revision"][0]
    return none_of(gate, "old_revision", title, f"none older than {years:g} years", off, "warning", over=was)
