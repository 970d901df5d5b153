"""Checks of ``us_ip_trade_quarterly``: whole series, types that add up, and two adjustments that agree over a year."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from configs.contract import Severity
from configs.errors import CheckCouldNotRunError
from expectations.check import Check, GateInput, bound, none_of
from expectations.rules.cross_source import bea_totals, quarter_sums, quarters_to_year
from expectations.rules.magnitude import in_season
from expectations.rules.us_ip_trade import TOTAL, Tree, adds_up, common, continuity, unit
from expectations.rules.us_ip_trade_revisions import losses, size_of_change

UNADJUSTED = pl.col("seasonal_adjustment") == "not_seasonally_adjusted"
SERIES = ["direction", "ip_type", "seasonal_adjustment"]
of_year = pl.col("period").dt.year()


def checks(gate: GateInput) -> list[Check]:
    """See docs/quality.md for the list in words."""
    totals = gate.data.filter((pl.col("ip_type") == TOTAL) & UNADJUSTED & (of_year >= 2000))
    tree = Tree.of(gate, "ip_type", "types", "types_add_up", quarterly=True)
    since = of_year >= bound(gate, "types_add_up", "first_year")
    return [
        *common(gate),
        unit(gate, totals, "period"),
        _fresh(gate, "fresh", "critical"),
        _fresh(gate, "fresh_quarter", "warning"),
        _no_future_quarter(gate),
        _no_gaps(gate),
        adds_up(
            gate, "types_add_up", "types of intellectual property add up", tree, gate.data.filter(UNADJUSTED), since
        ),
        _years_agree(gate),
        _smoother_adjusted(gate),
        *continuity(gate, "period"),
        in_season(gate, "in_season", "no quarter stands out from its own series", gate.data, SERIES, "value_usd"),
        quarters_to_year(gate, "us_ip_trade_annual", quarter_sums, bea_totals),
        *losses(gate, {"ip_type": "types"}),
        *_changes(gate),
    ]


def _vintage(gate: GateInput) -> date:
    try:
        return date.fromisoformat(gate.vintage)
    except ValueError as e:
        raise CheckCouldNotRunError(gate.contract.name, "fresh", f"the vintage {gate.vintage!r} is no date") from e


def _fresh(gate: GateInput, check_id: str, severity: Severity) -> Check:
    oldest = _vintage(gate) - timedelta(days=bound(gate, check_id, "days"))
    newest = gate.data.drop_nulls("value_usd").select(pl.col("period").max())
    stale = newest.filter((pl.col("period") < oldest).fill_null(True))
    title = "the newest quarter is not older than the vintage explains"
    return none_of(gate, check_id, title, f"a quarter that begins on {oldest} or later", stale, severity)


def _no_future_quarter(gate: GateInput) -> Check:
    vintage = _vintage(gate)
    wrong = (pl.col("period").dt.offset_by("3mo") > vintage) | ~(
        (pl.col("period").dt.day() == 1) & pl.col("period").dt.month().is_in([1, 4, 7, 10])
    )
    off = gate.data.filter(wrong).group_by("period").len("rows").sort("period")
    title = "every period is the first day of a quarter that was over"
    return none_of(gate, "no_future_quarter", title, f"a quarter that ended by {vintage}", off, over=gate.data)


def _no_gaps(gate: GateInput) -> Check:
    """By series: as many quarters as lie between its first and the newest of all, and both directions and adjustments
    of each type."""
    number = of_year.cast(pl.Int32) * 4 + pl.col("period").dt.quarter()
    newest = gate.data.select(number.max().alias("newest"))
    seen = gate.data.group_by(SERIES).agg(number.min().alias("first"), pl.len().cast(pl.Int32).alias("quarters"))
    of = [gate.data.select(c).unique() for c in SERIES]
    wanted = of[0].join(of[1], how="cross").join(of[2], how="cross").join(newest, how="cross")
    whole = pl.col("quarters") == pl.col("newest") - pl.col("first") + 1
    off = wanted.join(seen, on=SERIES, how="left").filter(~whole.fill_null(False)).sort(SERIES)
    title = "every series is whole up to the newest quarter, in both directions and adjustments"
    return none_of(gate, "no_gaps", title, "no quarter missing", off, over=wanted)


def _years_agree(gate: GateInput) -> Check:
    share, floor = bound(gate, "years_agree", "share"), bound(gate, "years_agree", "floor_usd")
    years = (
        gate.data.drop_nulls("value_usd")
        .group_by("direction", "ip_type", of_year.alias("year"))
        .agg(
            adjusted=pl.col("value_usd").filter(~UNADJUSTED).sum(),
            unadjusted=pl.col("value_usd").filter(UNADJUSTED).sum(),
            quarters=pl.len(),
        )
        .filter((pl.col("quarters") == 8) & (pl.col("unadjusted").abs() > floor))
    )
    wrong = (pl.col("adjusted") - pl.col("unadjusted")).abs() > share * pl.col("unadjusted").abs()
    off = years.filter(wrong).sort("direction", "ip_type", "year")
    title = "adjusted and unadjusted quarters of a year add up to the same"
    return none_of(gate, "years_agree", title, f"within {share:.0%}", off, "warning", over=years)


def _smoother_adjusted(gate: GateInput) -> Check:
    """By direction, the total of whole years: how far the four quarters lie apart as a rule."""
    year = of_year.alias("year")
    total = gate.data.filter(pl.col("ip_type") == TOTAL).drop_nulls("value_usd").filter(pl.col("value_usd") > 0)
    log = pl.col("value_usd").cast(pl.Float64).log()
    own = ["direction", "seasonal_adjustment"]
    years = total.select(*own, year, pl.col("period").dt.quarter().alias("quarter"), log.alias("log"))
    off_year = (pl.col("log") - pl.col("log").mean().over(*own, "year")).alias("log")
    seasons = years.with_columns(off_year).group_by(*own, "quarter").agg(pl.col("log").median())
    spread = seasons.group_by(own).agg((pl.col("log").max() - pl.col("log").min()).alias("spread"))
    adjusted = pl.col("seasonal_adjustment") == "seasonally_adjusted"
    both = spread.group_by("direction").agg(
        pl.col("spread").filter(adjusted).first().alias("adjusted"),
        pl.col("spread").filter(~adjusted).first().alias("unadjusted"),
    )
    off = both.filter((pl.col("adjusted") > pl.col("unadjusted")).fill_null(True)).sort("direction")
    title = "adjusted quarters differ less by season than unadjusted ones"
    return none_of(gate, "smoother_adjusted", title, "always", off, "warning", over=both)


def _changes(gate: GateInput) -> list[Check]:
    every = pl.lit(True)
    return [
        size_of_change(gate, "size_of_change", "no series changes beyond belief", every, SERIES),
        size_of_change(gate, "large_revision", "no series is revised by an unusual amount", every, SERIES, "warning"),
    ]
