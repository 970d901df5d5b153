"""``atp_world_monthly``: from the balance workbook's millions to whole US dollars."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

MILLION, BILLION = 1_000_000, 1_000_000_000


def transform(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """One row a month: period, exports_usd, imports_usd, balance_usd, reported_precision_usd (all US dollars).

    Args:
        tables: ``monthly`` with period (date), exports_musd and imports_musd (millions of US dollars).

    The workbook carries at most six decimals of a million, so whole dollars are exact; rounding only undoes
    binary fractions. The balance is the difference of the rounded flows, so it adds up to the dollar.
    """
    exports, imports = pl.col("exports_usd"), pl.col("imports_usd")
    return (
        tables["monthly"]
        .select(
            "period",
            (pl.col("exports_musd") * MILLION).round().cast(pl.Int64).alias("exports_usd"),
            (pl.col("imports_musd") * MILLION).round().cast(pl.Int64).alias("imports_usd"),
        )
        .with_columns((exports - imports).alias("balance_usd"), reported_precision_usd())
        .sort("period")
    )


def reported_precision_usd() -> pl.Expr:
    """To what the publisher rounded a month: 0.1 million up to 1995, 1 million from 1996 to 2008, then dollars. A later
    month whose flows, billions, are both multiples of a coarser unit was rounded to it: by chance one in 10 billion is.

    Source: the workbook itself, measured in two vintages (see docs/sources.md).
    """
    year, flows = pl.col("period").dt.year(), [pl.col("exports_usd"), pl.col("imports_usd")]
    apart = flows[0] != flows[1]  # equal flows are a fault, and say nothing of rounding
    rounded = {
        unit: pl.all_horizontal([apart, *[(flow % unit == 0) & (flow >= BILLION) for flow in flows]])
        for unit in (MILLION, 100_000)
    }
    return (
        pl.when(year <= 1995)
        .then(pl.lit(100_000, dtype=pl.Int64))
        .when((year <= 2008) | rounded[MILLION])
        .then(pl.lit(MILLION, dtype=pl.Int64))
        .when(rounded[100_000])
        .then(pl.lit(100_000, dtype=pl.Int64))
        .otherwise(pl.lit(1, dtype=pl.Int64))
        .alias("reported_precision_usd")
    )
