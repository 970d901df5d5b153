"""Whether years of exports, imports and their balance are of the size that is known, or that readers have.

A balance is a small difference of large flows: two flows that are each a few percent off, one up and one down, move it
by a sixth. So it has a bound of its own, a share of the year's trade, because it can be near zero.
"""

from __future__ import annotations

import polars as pl

from configs.contract import Severity
from expectations.check import Check, GateInput, Observations, bound, none_of

KEY = ("flow", "year")
SCHEMA = {"flow": pl.String, "year": pl.Int32, "known_usd": pl.Float64}


def year_sums(flows: pl.LazyFrame) -> pl.LazyFrame:
    """flow, year, value_usd: of the years that have all twelve months.

    Args:
        flows: flow, period, value_usd (US dollars), one row a month.
    """
    year = pl.col("period").dt.year().cast(pl.Int32).alias("year")
    sums = flows.group_by("flow", year).agg(pl.col("value_usd").sum(), pl.len().alias("months"))
    return sums.filter(pl.col("months") == 12).select(*KEY, "value_usd")


def known(gate: GateInput) -> pl.LazyFrame:
    """flow, year, known_usd: the years that the contract knows, up to the last that the vintage has whole."""
    name = "known_years"
    first, last = int(bound(gate, name, "first_year")), int(bound(gate, name, "last_year"))
    whole = int(gate.vintage[:4]) - (gate.vintage[5:7] < "12")
    years = range(first, min(last, whole) + 1)
    rows = [(f, y, bound(gate, name, f"{f}_{y}_usd")) for y in years for f in ("exports", "imports")]
    return pl.LazyFrame(rows, schema=SCHEMA, orient="row")


def known_years(gate: GateInput, sums: pl.LazyFrame, published: pl.LazyFrame | None) -> Check:
    """Known years are of their size: tells unit, flow, partner and month without a version before.

    Beside a version before, a year that is further off than ``share`` may be a benchmark revision: it blocks beyond
    ``next_share`` only, and where readers have another figure than that.

    Args:
        sums: flow, year, value_usd. A year without a row is 0.
        published: the same of the version before.
    """
    share = bound(gate, "known_years", "share" if published is None else "next_share")
    both = known(gate).join(sums, on=KEY, how="left").with_columns(pl.col("value_usd").fill_null(0))
    off = both.filter((pl.col("value_usd") - pl.col("known_usd")).abs() > share * pl.col("known_usd"))
    if published is not None:
        was = published.select(*KEY, pl.col("value_usd").alias("published_usd"))
        moved = (pl.col("value_usd") - pl.col("published_usd")).abs() > share * pl.col("published_usd").abs()
        off = off.join(was, on=KEY, how="left").filter(moved.fill_null(True)).drop("published_usd")
    title, told = "known years are of their size", f"within {share:.1%} of what these years were in a real vintage"
    return none_of(gate, "known_years", title, told, off.sort(KEY), over=known(gate))


def settled_years(gate: GateInput, sums: pl.LazyFrame, published: pl.LazyFrame | None) -> Check:
    """Years past revision are what they were in every vintage (to ``settled_year``: ``settled_share``), later ones
    within ``recent_share``, and the balance of each within ``balance_share`` of its trade."""
    settled, share, recent, balance = (
        bound(gate, "settled_years", b) for b in ("settled_year", "settled_share", "recent_share", "balance_share")
    )
    usual = known(gate).rename({"known_usd": "usual"})
    both = sums.join(usual, on=KEY).with_columns(
        pl.when(pl.col("year") <= settled).then(share).otherwise(recent).alias("share")
    )
    told = f"within {share:.1%} to {settled:.0f} and {recent:.0%} after, balances within {balance:.1%} of the trade"
    return none_of(
        gate, "settled_years", "years past revision are as they have been", told, moved(both, balance).sort(KEY),
        "hold", over=both, observed=Observations(KEY, sums, published),
    )  # fmt: skip


def year_revised(gate: GateInput, title: str, sums: pl.LazyFrame, published: pl.LazyFrame) -> Check:
    """No whole year of a flow moves by more than ``share`` from the version before, nor its balance by more than
    ``balance_share`` of its trade."""
    share, balance = bound(gate, "year_revised", "share"), bound(gate, "year_revised", "balance_share")
    was = published.select(*KEY, pl.col("value_usd").cast(pl.Float64).alias("usual"))
    both = sums.join(was, on=KEY).with_columns(share=pl.lit(share))
    told = f"within {share:.1%} of the version before, balances within {balance:.1%} of the trade"
    return none_of(
        gate, "year_revised", title, told, moved(both, balance).sort(KEY), "hold", over=both,
        observed=Observations(KEY, sums, published),
    )  # fmt: skip


def size_of_change(gate: GateInput, title: str, both: pl.LazyFrame) -> Check:
    """No year of a flow, in the months that both have, is beyond ``factor`` of the version before; a year that is not
    whole not beyond ``running_factor``: a corrected month weighs more in it.

    Args:
        both: flow, period, value_usd and value_usd_before.
    """
    factor, running = bound(gate, "size_of_change", "factor"), bound(gate, "size_of_change", "running_factor")
    year = pl.col("period").dt.year().cast(pl.Int32).alias("year")
    sums = both.group_by("flow", year).agg(pl.col("value_usd", "value_usd_before").sum(), pl.len().alias("months"))
    room = pl.when(pl.col("months") == 12).then(factor).otherwise(running)
    ratio = pl.col("value_usd") / pl.col("value_usd_before")
    off = sums.filter(~ratio.is_between(1 / room, room)).sort(KEY)
    told = f"within a factor of {factor:g} of the version before, {running:g} where the year is not whole"
    return none_of(gate, "size_of_change", title, told, off, over=sums)


def moved(both: pl.LazyFrame, balance_share: float) -> pl.LazyFrame:
    """The flows that are further than their ``share`` from ``usual``, or that move their year's balance too far: of
    these the ones that are a quarter of it at least."""
    by = pl.col("value_usd") - pl.col("usual")
    toward = pl.when(pl.col("flow") == "exports").then(by).otherwise(-by)
    balance, trade = toward.sum().over("year"), pl.col("usual").sum().over("year")
    too_far = (balance.abs() > balance_share * trade) & (pl.len().over("year") == 2)
    part = toward * balance.sign() >= balance.abs() / 4
    return both.filter((by.abs() > pl.col("share") * pl.col("usual").abs()) | (too_far & part)).drop("share")


def month_revised(
    gate: GateInput,
    title: str,
    now: pl.LazyFrame,
    was: pl.LazyFrame,
    series: tuple[str, ...] = ("flow",),
    default: Severity = "hold",
) -> Check:
    """No month moves beyond ``factor`` from the version before, above ``floor_usd``; nor, in a year that is not whole
    yet, by more than ``running_share``, if the months that both have move by as much together."""
    factor = bound(gate, "month_revised", "factor")
    bounds = gate.contract.policy("month_revised", default).bounds
    floor, running = bounds.get("floor_usd", 0.0), bounds.get("running_share")
    key = (*series, "period")
    before = was.select(*key, pl.col("value_usd").cast(pl.Float64).alias("usual"))
    both = now.select(*key, "value_usd").join(before, on=list(key))
    ratio = pl.col("value_usd") / pl.col("usual")
    outside = ~ratio.is_between(1 / factor, factor) & (pl.max_horizontal("value_usd", "usual") > floor)
    if running is not None:
        year = [*series, pl.col("period").dt.year()]
        together = pl.col("value_usd").sum().over(year) / pl.col("usual").sum().over(year) - 1
        some = (pl.len().over(year) < 12) & (pl.len().over(year) >= 2)
        outside = outside | (some & (together.abs() > running) & ((ratio - 1).abs() > running))
    told = f"within a factor of {factor:g} of the version before"
    return none_of(
        gate, "month_revised", title, told, both.filter(outside).sort(key), default, over=both,
        observed=Observations(key, now, was),
    )  # fmt: skip
