"""Whether new months are what their series lets expect, looking back only.

A month is compared with the same month of the year before, carried on by what the three months before it were to
theirs: calendar and season are in both. ``in_season`` cannot do this at the end of a series, where half of the months
that it compares with are missing. What true news can trip holds; a second source confirms it within minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from expectations.check import Check, GateInput, Observations, bound, none_of
from expectations.rules.magnitude import TO_SIGMA
from expectations.rules.revisions import before


def new_since(gate: GateInput, newest: date) -> date:
    """The first month to judge: the newest that readers have, which may have been wrong; of a first version the newest
    of the candidate, because true outliers of the past have nothing to confirm them."""
    if gate.parent is None:
        return newest
    found = before(gate).select(pl.col("period").max()).collect().item()
    return min(found, newest) if isinstance(found, date) else newest


def one_step(frame: pl.LazyFrame, series: Sequence[str]) -> pl.LazyFrame:
    """``usual`` (US dollars), ``off`` (natural logarithm of the ratio to it) and ``spread`` (a robust standard
    deviation of ``off`` in the series) of each month that has fifteen before it.

    Args:
        frame: ``series``, period and value_usd, a row each month.
    """
    by = list(series)
    log = pl.col("value_usd").cast(pl.Float64).clip(lower_bound=1).log()
    return (
        frame.sort(*by, "period")
        .with_columns((log - log.shift(12).over(by)).alias("growth"), log.shift(12).over(by).alias("a_year_before"))
        .with_columns(pl.col("growth").rolling_median(3).shift(1).over(by).alias("lately"))
        .drop_nulls("lately")
        .with_columns(
            (pl.col("growth") - pl.col("lately")).alias("off"),
            (pl.col("a_year_before") + pl.col("lately")).exp().alias("usual"),
        )
        .with_columns((TO_SIGMA * pl.col("off").abs().median().over(by)).alias("spread"))
    )


def newest_in_season(
    gate: GateInput,
    check_id: str,
    title: str,
    frame: pl.LazyFrame,
    series: Sequence[str],
    since: date,
    published: pl.LazyFrame | None,
) -> Check:
    """No new month is further off than ``sigmas`` of its series' spread and ``log_floor`` (natural logarithm of a
    ratio), whichever is wider.

    Args:
        frame: ``series``, period and value_usd, a row each month.
        since: see ``new_since``.
    """
    sigmas, floor = bound(gate, check_id, "sigmas"), bound(gate, check_id, "log_floor")
    key = (*series, "period")
    judged = one_step(frame, series).filter(pl.col("period") >= since)
    room = pl.max_horizontal(sigmas * pl.col("spread"), pl.lit(floor))
    off = judged.filter(pl.col("off").abs() > room).select(*key, "value_usd", "usual").sort(key)
    told = f"within {sigmas:g} times what its months are usually off, or {floor:.0%}, of the year before carried on"
    return none_of(gate, check_id, title, told, off, "hold", over=judged, observed=Observations(key, frame, published))


def newest_proportion(gate: GateInput, flows: pl.LazyFrame, newest: date, published: pl.LazyFrame | None) -> Check:
    """Exports and imports of the newest month keep their proportion within ``log_share``: what lacks a part of one flow
    (foreign exports, a district) is within the bound of the flow alone, and off against the other. Which of the two is
    wrong is not known here, so both are named where both are off by a quarter of the larger distance."""
    share = bound(gate, "newest_proportion", "log_share")
    months = one_step(flows, ["flow"]).select("flow", "period", "value_usd", "usual")
    wide = (
        flows.with_columns(log=pl.col("value_usd").cast(pl.Float64).clip(lower_bound=1).log())
        .with_columns(pl.when(pl.col("flow") == "exports").then("log").otherwise(-pl.col("log")).alias("log"))
        .group_by("period").agg(pl.col("log").sum().exp().alias("value_usd"))
    )  # fmt: skip
    # A proportion below one would be cut off at one dollar.
    scaled = wide.select(pl.lit("both").alias("flow"), "period", pl.col("value_usd") * 1e9)
    now = one_step(scaled, ["flow"]).filter(pl.col("period") == newest)
    wrong = now.filter(pl.col("off").abs() > share).select("period")
    distance = (pl.col("value_usd") / pl.col("usual")).log().abs()
    off = months.join(wrong, on="period", how="semi").filter(distance >= distance.max() / 4).sort("flow")
    title = "the newest month's exports and imports keep their proportion"
    told = f"within {share:.0%} of the year before carried on"
    return none_of(
        gate, "newest_proportion", title, told, off, "hold", over=now,
        observed=Observations(("flow", "period"), flows, published),
    )  # fmt: skip


def seasonal_pattern(gate: GateInput, flows: pl.LazyFrame, newest: date, published: pl.LazyFrame | None) -> Check:
    """The last two years have the season of the eight before: their months' distance from the median of thirteen, over
    what it was, has a slope of 1, and of 0 where somebody adjusted the figures seasonally. Not below ``slope``."""
    least, apart = bound(gate, "seasonal_pattern", "slope"), bound(gate, "seasonal_pattern", "log_apart")
    log = pl.col("value_usd").cast(pl.Float64).clip(lower_bound=1).log()
    age = (newest.year - pl.col("period").dt.year()) * 12 + newest.month - pl.col("period").dt.month()
    around = (
        flows.sort("flow", "period")
        .with_columns((log - log.rolling_median(13, center=True).over("flow")).alias("off"), age.alias("age"))
        .drop_nulls("off")
        .with_columns(pl.col("period").dt.month().alias("month"))
    )
    season = around.filter(pl.col("age").is_between(24, 119)).group_by("flow", "month").agg(
        pl.col("off").median().alias("season")
    )  # fmt: skip
    lately = around.filter(pl.col("age") < 24).join(season, on=["flow", "month"])
    x, y = (pl.col(c) - pl.col(c).mean() for c in ("season", "off"))
    slopes = lately.group_by("flow").agg(((x * y).sum() / (x * x).sum()).alias("slope"), pl.len().alias("months"))
    wrong = slopes.filter((pl.col("slope") < least) & (pl.col("months") >= 12))
    gap = pl.col("season") - pl.col("off")
    off = (
        lately.join(wrong, on="flow")
        .filter(gap.abs() > apart)
        .select("flow", "period", "value_usd", (pl.col("value_usd") * gap.exp()).alias("usual"), "slope")
    )
    title = "the last two years have the season of those before"
    return none_of(
        gate, "seasonal_pattern", title, f"a slope of {least:g} at least", off.sort("flow", "period"), "hold",
        over=lately, observed=Observations(("flow", "period"), flows, published),
    )  # fmt: skip
