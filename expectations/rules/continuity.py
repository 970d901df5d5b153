"""Whether a series goes on as series do: no month carried forward, none given twice, none under another's name.

To the dollar, two figures of billions are equal by copying, not by chance. Against the version before, a figure that
changed and stood elsewhere in it (another month of its series, another series in its month) was moved, not revised.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from configs.contract import Severity
from expectations.check import Check, GateInput, bound, none_of, not_applicable
from expectations.rules.revisions import before, incomparable


def flat_lines(
    gate: GateInput,
    title: str,
    frame: pl.LazyFrame,
    series: Sequence[str],
    time: str,
    value: str,
    default: Severity = "critical",
) -> Check:
    """No figure above ``floor_usd`` stands ``run`` times in a row in its series.

    Args:
        frame: the columns ``series``, ``time`` and ``value`` (US dollars).
    """
    run, floor = int(bound(gate, "flat_lines", "run")), bound(gate, "flat_lines", "floor_usd")
    by = list(series)
    # Most series never reach the floor, and need no sorting.
    reach = frame.filter(pl.col(value).abs() >= floor).select(by).unique()
    series_of = frame.select(*by, time, value).join(reach, on=by, how="semi", nulls_equal=True).sort(*by, time)
    same = [(c == c.shift(n)).fill_null(False) for c in (*map(pl.col, by), pl.col(value)) for n in range(1, run)]
    # Floor and neighbours are asked of the whole series: a small or withheld figure in between ends a run.
    flat = series_of.filter(pl.all_horizontal(same) & (pl.col(value).abs() >= floor))
    large = series_of.filter(pl.col(value).abs() >= floor)
    return none_of(
        gate, "flat_lines", title, f"no figure above {floor:,.0f} {run} times in a row", flat, default, over=large
    )


def copied(
    gate: GateInput,
    title: str,
    frame: pl.LazyFrame,
    series: Sequence[str],
    time: str,
    values: Sequence[str],
    default: Severity = "critical",
) -> Check:
    """No two periods of a series have the same figures above ``floor_usd``: one of them is a copy of the other.

    Args:
        frame: the columns ``series``, ``time`` and ``values`` (US dollars, equal in all of them means copied).
    """
    floor = bound(gate, "copied_periods", "floor_usd")
    by = [*series, *values]
    large = frame.select(*series, time, *values).filter(pl.all_horizontal(pl.col(values) >= floor))
    twice = (
        large.group_by(by)
        .agg(pl.len().alias("periods"), pl.col(time).min().alias("first"), pl.col(time).max().alias("last"))
        .filter(pl.col("periods") > 1)
        .sort(*series, "first")
    )
    return none_of(gate, "copied_periods", title, "each period its own figures", twice, default, over=large)


def carried_periods(
    gate: GateInput, title: str, frame: pl.LazyFrame, series: Sequence[str], time: str, value: str
) -> Check:
    """No period has the contract's ``share`` or more of its figures above ``floor_usd`` from the period before it; with
    fewer than ``figures`` of them there is nothing to say."""
    floor, share, least = (bound(gate, "carried_periods", name) for name in ("floor_usd", "share", "figures"))
    by = list(series)
    large = frame.filter(pl.col(value).abs() >= floor).select(*by, time, value).sort(*by, time)
    same = pl.all_horizontal([(c == c.shift(1)).fill_null(False) for c in (*map(pl.col, by), pl.col(value))])
    periods = large.with_columns(same.alias("same")).group_by(time).agg(pl.len().alias("figures"), pl.col("same").sum())
    told = periods.filter(pl.col("figures") >= least)
    off = told.filter(pl.col("same") >= share * pl.col("figures")).sort(time)
    expected = f"fewer than {share:.0%} of the figures above {floor:,.0f} as in the period before"
    return none_of(gate, "carried_periods", title, expected, off, over=told)


def figures_moved(gate: GateInput, series: Sequence[str], time: str, value: str) -> Check:
    """Of the figures that changed since the version before, not ``least`` or more of a series are those that stood, in
    it, in another period at the same distance, or in one other series at the same time. Figures below ``floor_usd``
    can be equal by chance.

    Args:
        series: columns of the key that tell series apart; with ``time`` they are the key.
    """
    title = "no series has the figures that another series, or another time, had in the version before"
    by = list(series)
    if why := incomparable(gate, *by, time, value):
        return not_applicable(gate, "figures_moved", title, why)
    least, floor = int(bound(gate, "figures_moved", "least")), bound(gate, "figures_moved", "floor_usd")
    was = before(gate).select(*by, time, value).filter(pl.col(value).abs() >= floor)
    changed = (
        gate.data.select(*by, time, value)
        .filter(pl.col(value).abs() >= floor)
        .join(was, on=[*by, time, value], how="anti")
    )
    return none_of(
        gate, "figures_moved", title, f"fewer than {least} of a series", moved(changed, was, by, time, value, least),
        over=was,
    )  # fmt: skip


def moved(changed: pl.LazyFrame, was: pl.LazyFrame, by: list[str], time: str, value: str, least: int) -> pl.LazyFrame:
    """series, from, figures, newest: which of ``changed`` stood in ``was`` in another series at the same time, or in
    another period of their own. As text, so that both kinds stand in one table."""
    name = pl.concat_str(by, separator="|")
    told, stood = changed.with_columns(name.alias("series")), was.with_columns(name.alias("from"))
    across = (
        told.join(stood.select("from", time, value), on=[time, value])
        .filter(pl.col("series") != pl.col("from"))
        .group_by("series", "from")
        .agg(pl.len().alias("figures"), pl.col(time).max().cast(pl.String).alias("newest"))
    )
    along = (
        told.join(was.select(*by, value, pl.col(time).alias("stood")), on=[*by, value])
        .with_columns(pl.concat_str(pl.lit("itself, "), _distance(time), pl.lit(" later")).alias("from"))
        .group_by("series", "from")
        .agg(pl.len().alias("figures"), pl.col(time).max().cast(pl.String).alias("newest"))
    )
    return pl.concat([across, along]).filter(pl.col("figures") >= least).sort("series", "from")


def _distance(time: str) -> pl.Expr:
    """By how many months, or years where time is a year, a figure has moved."""
    if time != "period":
        return (pl.col(time) - pl.col("stood")).cast(pl.String)
    months = [pl.col(c).dt.year().cast(pl.Int32) * 12 + pl.col(c).dt.month() for c in (time, "stood")]
    return (months[0] - months[1]).cast(pl.String)


def no_news(gate: GateInput, key: Sequence[str], values: Sequence[str], default: Severity = "warning") -> Check:
    """A newer vintage has at least one other figure than the version before: else old figures came with a new date."""
    title = "a newer vintage says something new"
    why = incomparable(gate, *key, *values)
    if why or gate.parent_vintage is None:
        return not_applicable(gate, "no_news", title, why or "the vintage of the version before is not known", default)
    if gate.vintage <= gate.parent_vintage:
        return not_applicable(gate, "no_news", title, "it is of the vintage of the version before", default)
    said = [*key, *values]
    now, was = gate.data.select(said), before(gate).select(said)
    new = now.join(was, on=said, how="anti", nulls_equal=True).select(pl.len().alias("figures_that_are_new"))
    off = new.filter(pl.col("figures_that_are_new") == 0)
    return none_of(gate, "no_news", title, f"another figure than in {gate.parent_vintage}", off, default, over=was)
