"""Checks of ``atp_world_monthly``: a gapless series of months that adds up, and moves as trade moves."""

from __future__ import annotations

from datetime import date

import polars as pl

from configs.errors import SourceLayoutError
from expectations.base import Check, GateInput, bound, none_of, not_applicable

FLOWS = ("exports_usd", "imports_usd")
MILLION = 1_000_000


def checks(gate: GateInput) -> list[Check]:
    """See docs/quality.md for the list in words."""
    return [
        _no_gaps(gate),
        _no_unpublished(gate),
        _balance(gate),
        _precision(gate),
        _year_totals(gate),
        _jumps(gate),
        *_against_parent(gate),
    ]


def _vintage_month(gate: GateInput) -> date:
    try:
        return date.fromisoformat(f"{gate.vintage}-01")
    except ValueError as e:
        raise SourceLayoutError("atp_world_monthly", f"vintage {gate.vintage!r} is not a month (YYYY-MM)") from e


def _no_gaps(gate: GateInput) -> Check:
    every = pl.LazyFrame(
        {"period": pl.date_range(date(1989, 1, 1), _vintage_month(gate), "1mo", eager=True)},
        schema={"period": pl.Date},
    )
    missing = every.join(gate.data, on="period", how="anti")
    expected = f"every month from 1989-01 to {gate.vintage}"
    return none_of(gate, "no_gaps", "no month is missing, up to the vintage", expected, missing)


def _no_unpublished(gate: GateInput) -> Check:
    zero = (pl.col("exports_usd") == 0) | (pl.col("imports_usd") == 0)
    late = gate.data.filter((pl.col("period") > _vintage_month(gate)) | zero | (pl.col("period").dt.day() != 1))
    expected = f"no month after {gate.vintage}, none of 0"
    return none_of(gate, "no_unpublished", "no month that the publisher has not published", expected, late)


def _balance(gate: GateInput) -> Check:
    off = gate.data.filter(pl.col("exports_usd") - pl.col("imports_usd") != pl.col("balance_usd"))
    return none_of(gate, "balance", "exports less imports is the balance, to the dollar", "no difference", off)


def _precision(gate: GateInput) -> Check:
    year, precision = pl.col("period").dt.year(), pl.col("reported_precision_usd")
    tier = pl.when(year <= 1995).then(100_000).when(year <= 2008).then(MILLION).otherwise(1)
    finer = pl.any_horizontal([pl.col(c) % precision != 0 for c in FLOWS])
    off = gate.data.filter((precision != tier) | finer)
    expected = "100,000 dollars to 1995, 1,000,000 to 2008, then 1, and figures are multiples of it"
    return none_of(gate, "precision", "figures are rounded as the publisher rounded them", expected, off)


def _year_totals(gate: GateInput) -> Check:
    title = "months add up to the publisher's own year column"
    annual = gate.tables["annual"]
    if annual.head(1).collect().is_empty():
        return not_applicable(gate, "year_totals", title, "the source gives no year column")
    tolerance = bound(gate, "year_totals", "tolerance_usd")
    ours = gate.data.group_by(pl.col("period").dt.year().cast(pl.Int32).alias("year")).agg(pl.col(FLOWS).sum())
    theirs = annual.select("year", *[(pl.col(f"{c[:-4]}_musd") * MILLION).alias(f"{c}_published") for c in FLOWS])
    both = ours.join(theirs, on="year", how="full", coalesce=True).sort("year")
    off = both.filter(
        pl.any_horizontal([((pl.col(c) - pl.col(f"{c}_published")).abs() > tolerance).fill_null(True) for c in FLOWS])
    )
    return none_of(gate, "year_totals", title, f"within {tolerance:,.0f} dollars, the same years", off)


def _jumps(gate: GateInput) -> Check:
    factor = bound(gate, "jumps", "factor")
    ordered = gate.data.select("period", *FLOWS).sort("period")
    usual = ordered.with_columns(
        [pl.col(c).cast(pl.Float64).rolling_median(12).shift(1).alias(f"{c}_usual") for c in FLOWS]
    )
    wild = [
        ~(pl.col(c) / pl.col(f"{c}_usual")).is_between(1 / factor, factor) & pl.col(f"{c}_usual").is_not_null()
        for c in FLOWS
    ]
    expected = f"within a factor of {factor:g} of the median of the 12 months before"
    return none_of(
        gate,
        "jumps",
        "no month is out of all proportion to those before it",
        expected,
        usual.filter(pl.any_horizontal(wild)),
    )


def _against_parent(gate: GateInput) -> list[Check]:
    titles = {
        "months_lost": "no month of the version before is lost",
        "size_of_change": "no year's total changes beyond belief",
        "large_revision": "no year's total is revised by an unusual amount",
        "old_revision": "nothing before the revision window changes",
    }
    if gate.parent is None:
        why = "there is no version before this one"
        warn = ("large_revision", "old_revision")
        return [not_applicable(gate, i, t, why, "warning" if i in warn else "critical") for i, t in titles.items()]
    parent = gate.parent.select("period", *[pl.col(c).alias(f"{c}_before") for c in FLOWS])
    both = gate.data.join(parent, on="period")
    years = both.group_by(pl.col("period").dt.year().alias("year")).agg(pl.col(c, f"{c}_before").sum() for c in FLOWS)
    window = bound(gate, "old_revision", "years")
    changed = pl.any_horizontal([pl.col(c) != pl.col(f"{c}_before") for c in FLOWS])
    old = both.filter(changed & (pl.col("period").dt.year() < _vintage_month(gate).year - window))
    return [
        none_of(gate, "months_lost", titles["months_lost"], "none", parent.join(gate.data, on="period", how="anti")),
        _ratio(gate, "size_of_change", titles["size_of_change"], years, "critical"),
        _ratio(gate, "large_revision", titles["large_revision"], years, "warning"),
        none_of(gate, "old_revision", titles["old_revision"], f"none older than {window:g} years", old, "warning"),
    ]


def _ratio(gate: GateInput, check_id: str, title: str, years: pl.LazyFrame, severity: str) -> Check:
    factor = bound(gate, check_id, "factor")
    outside = [~(pl.col(c) / pl.col(f"{c}_before")).is_between(1 / factor, factor) for c in FLOWS]
    return none_of(
        gate, check_id, title, f"within a factor of {factor:g} of the version before",
        years.filter(pl.any_horizontal(outside)).sort("year"), "warning" if severity == "warning" else "critical",
    )  # fmt: skip
