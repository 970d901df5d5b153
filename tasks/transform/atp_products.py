"""``atp_products``: from lists to intervals of validity, and from those to what entered, left and changed group.

What a list vouches for: the months from its own up to December of that year, or up to the month before the next list if
that comes sooner. Lists change every January, so nothing is known of a year without one, although the list before would
"apply forward": intervals end in the December before (``coverage_gap``) and begin anew with the next list
(``coverage_begins``), even if the code stands in both with the same group. The newest list of a flow ends in December
of its year like any other (``newest_list``): of the year after nothing is known yet.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

CODE = ["flow", "hs10"]


def transform(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """One row a flow, code and interval of validity, with the contract's columns.

    Args:
        tables: ``lists`` with flow, list_month (date, the first month of validity), hs10, technology_group.
    """
    ordinal, group = pl.col("ordinal"), pl.col("technology_group")
    listed = tables["lists"].join(_coverage(tables["lists"]), on=["flow", "list_month"]).sort(*CODE, "list_month")
    follows = (ordinal.shift(1).over(CODE) == ordinal - 1).fill_null(False) & ~pl.col("opens")
    goes_on = (ordinal.shift(-1).over(CODE) == ordinal + 1).fill_null(False)
    began = pl.when("opens").then(pl.lit("coverage_begins")).when(follows).then(pl.lit("changed_group"))
    ended = pl.when("newest").then(pl.lit("newest_list")).when("closes").then(pl.lit("coverage_gap"))
    return (
        listed.with_columns(
            began=began.otherwise(pl.lit("entered")),
            ended=ended.when(goes_on).then(pl.lit("changed_group")).otherwise(pl.lit("left")),
            run=(~(follows & (group.shift(1).over(CODE) == group))).cum_sum().over(CODE),
        )
        .group_by(*CODE, "run")
        .agg(
            pl.col("technology_group", "began", "source_vintage").first(),
            pl.col("list_month").first().alias("valid_from"),
            pl.col("covers_to").last().alias("valid_to"),
            pl.col("ended").last(),
        )
        .select(*CODE, "technology_group", "valid_from", "valid_to", "began", "ended", "source_vintage")
        .sort(*CODE, "valid_from")
    )


def _coverage(lists: pl.LazyFrame) -> pl.LazyFrame:
    """By flow and list: its number, the last month it vouches for, whether it begins a stretch of months without a gap
    (``opens``) or ends one before a gap (``closes``), whether it is the newest; the flow's newest month as text."""
    month, after = pl.col("list_month"), pl.col("list_month").shift(-1).over("flow")
    december = pl.date(month.dt.year(), 12, 1)
    reached = pl.col("covers_to").dt.offset_by("1mo")
    return (
        lists.select("flow", "list_month")
        .unique()
        .sort("flow", "list_month")
        .with_columns(
            ordinal=pl.int_range(pl.len()).over("flow"),
            covers_to=pl.min_horizontal(december, after.dt.offset_by("-1mo")),
            newest=after.is_null(),
            source_vintage=month.max().over("flow").dt.strftime("%Y-%m"),
        )
        .with_columns(
            opens=(reached.shift(1).over("flow") != month).fill_null(True),
            closes=(reached != after).fill_null(False),
        )
    )


def movements(products: pl.LazyFrame) -> pl.LazyFrame:
    """What entered, left and changed group: flow, month, hs10, event, group_before, group_after.

    Args:
        products: the dataset. Where coverage begins or has a gap nothing is known to have moved, and no row says so.
    """
    ordered = products.sort(*CODE, "valid_from")
    group, before = pl.col("technology_group"), pl.col("technology_group").shift(1).over(CODE)
    nothing = pl.lit(None, dtype=pl.String)
    came = ordered.select(
        "flow",
        pl.col("valid_from").alias("month"),
        "hs10",
        pl.col("began").alias("event"),
        pl.when(pl.col("began") == "changed_group").then(before).otherwise(nothing).alias("group_before"),
        group.alias("group_after"),
    ).filter(pl.col("event") != "coverage_begins")
    went = ordered.filter(pl.col("ended") == "left").select(
        "flow",
        pl.col("valid_to").dt.offset_by("1mo").alias("month"),
        "hs10",
        pl.col("ended").alias("event"),
        group.alias("group_before"),
        nothing.alias("group_after"),
    )
    return pl.concat([came, went]).sort("flow", "month", "event", "hs10")
