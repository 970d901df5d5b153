"""Whether figures are of the size that their own series has shown; robust, so that a bad month cannot hide itself.

A month is held against the median of the months around it, and that against what the same month usually is to its
surroundings; how far it may be off follows from how far months of the series usually are (median absolute deviation).
A mean and a standard deviation were rejected: one figure in another unit widens them until it fits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

from configs.contract import Severity
from expectations.check import Check, GateInput, Observations, bound, none_of

# What makes the median absolute deviation of a normal distribution its standard deviation.
TO_SIGMA = 1.4826


def in_season(
    gate: GateInput,
    check_id: str,
    title: str,
    frame: pl.LazyFrame,
    series: Sequence[str],
    value: str,
    default: Severity = "warning",
    published: pl.LazyFrame | None = None,
) -> Check:
    """No month stands out from its own series: by more than ``sigmas`` of what its months usually are off, and by more
    than ``log_floor`` (natural logarithm of a ratio), both from the contract.

    Args:
        frame: the columns ``series``, ``period`` and ``value``, one row a month.
        published: the same of the version before.
    """
    sigmas, floor = bound(gate, check_id, "sigmas"), bound(gate, check_id, "log_floor")
    by, month = list(series), pl.col("period").dt.month()
    log = pl.col(value).cast(pl.Float64).clip(lower_bound=1e-12).log()
    around = (
        frame.select(*by, "period", value)
        .drop_nulls(value)
        .sort(*by, "period")
        .with_columns(log.alias("log"))
        .with_columns(
            (pl.col("log") - pl.col("log").rolling_median(13, center=True, min_samples=7).over(by)).alias("off")
        )
        .with_columns((pl.col("off") - pl.col("off").median().over([*by, month])).alias("off"))
        .with_columns((TO_SIGMA * pl.col("off").abs().median().over(by)).alias("usual"))
    )
    room = pl.max_horizontal(sigmas * pl.col("usual"), pl.lit(floor))
    off = around.filter(pl.col("off").abs() > room).select(
        *by, "period", value, (pl.col(value) / pl.col("off").exp()).alias("usual")
    )
    more, less = math.expm1(floor), -math.expm1(-floor)
    usual = f"{sigmas:g} times what its months are usually off"
    expected = f"within {usual}, or from {less:.0%} less to {more:.0%} more, whichever is wider"
    # A month that stands alone in its season is its own usual, and one without months around it has none.
    judged = around.drop_nulls("off").filter(pl.len().over([*by, month]) > 1)
    observed = Observations((*by, "period"), frame.select(*by, "period", value), published, value)
    return none_of(gate, check_id, title, expected, off.sort(*by, "period"), default, over=judged, observed=observed)


def among_neighbours(
    gate: GateInput,
    check_id: str,
    title: str,
    frame: pl.LazyFrame,
    series: Sequence[str],
    value: str,
    default: Severity = "warning",
) -> Check:
    """No year is beyond the contract's ``factor`` of the median of the seven around it, above ``floor_usd``.

    Args:
        frame: the columns ``series``, ``year`` and ``value`` (US dollars), one row a year.
    """
    factor, floor = bound(gate, check_id, "factor"), bound(gate, check_id, "floor_usd")
    by = list(series)
    usual = pl.col(value).cast(pl.Float64).rolling_median(7, center=True, min_samples=4).over(by)
    around = (
        frame.select(*by, "year", value)
        .drop_nulls(value)
        .sort(*by, "year")
        .with_columns(usual.alias(f"{value}_usual"))
        .filter(pl.col(f"{value}_usual") > floor)
    )
    off = around.filter(~(pl.col(value) / pl.col(f"{value}_usual")).is_between(1 / factor, factor))
    expected = f"within a factor of {factor:g} of the median of seven years, above {floor:,.0f}"
    return none_of(gate, check_id, title, expected, off.sort(*by, "year"), default, over=around)


def not_rounded(gate: GateInput, check_id: str, title: str, frame: pl.LazyFrame, value: str = "value_usd") -> Check:
    """Of the figures above ``floor_usd`` at most the contract's ``share`` are multiples of ``unit_usd``: more means
    that somebody rounded, and that the precision told is not the true one.

    Args:
        frame: the column ``value``, US dollars.
    """
    unit, share, floor = (bound(gate, check_id, name) for name in ("unit_usd", "share", "floor_usd"))
    large = frame.select(pl.col(value).cast(pl.Float64)).filter(pl.col(value).abs() >= floor)
    counts = large.select(pl.len().cast(pl.Int64).alias("figures"), (pl.col(value) % unit == 0).sum().alias("round"))
    off = counts.filter(pl.col("round") > share * pl.col("figures"))
    expected = f"at most {share:.0%} of the figures above {floor:,.0f} are multiples of {unit:,.0f}"
    return none_of(gate, check_id, title, expected, off, over=large)
