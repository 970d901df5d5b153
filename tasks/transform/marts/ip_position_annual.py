"""``ip_position_annual``: where each economy stands, by rank and by share, within one vintage."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

WORLD = "WLD"
FLOWS = ("receipts", "payments")
# Since 1975 every year of a whole vintage has more; before it, and of vintages of single economies, a rank says little.
RANKED_FROM = 50


def transform(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """One row an economy and year.

    Args:
        tables: ``ip_trade_annual``, with the columns of its contract.

    Returns:
        The contract's columns. Ranks are among economies, in years whose economies are all of one vintage and are
        ``RANKED_FROM`` or more; shares are of the world's total of the row's own vintage.
    """
    rows = tables["ip_trade_annual"]
    economies = rows.filter(~pl.col("is_aggregate"))
    years = economies.group_by("year").agg(
        one_vintage=pl.col("source_vintage").n_unique() == 1, economies=pl.col("economy_code").n_unique()
    )
    place = [
        pl.col(f"{f}_usd").rank("min", descending=True).over("year").cast(pl.Int32).alias(f"{f}_rank") for f in FLOWS
    ]
    ranked = economies.select("economy_code", "year", *place)
    counts = economies.group_by("year").agg(
        pl.col(f"{f}_usd").count().cast(pl.Int32).alias(f"{f}_economies") for f in FLOWS
    )
    world = rows.filter(pl.col("economy_code") == WORLD).select(
        "year", "source_vintage", *[pl.col(f"{f}_usd").alias(f"{f}_world") for f in FLOWS]
    )
    note = (
        pl.when("is_aggregate")
        .then(pl.lit("aggregate"))
        .when(~pl.col("one_vintage"))
        .then(pl.lit("mixed vintages"))
        .when(pl.col("economies") < RANKED_FROM)
        .then(pl.lit("few economies"))
        .alias("rank_note")
    )
    told = pl.col("rank_note").is_null()
    total = {f: pl.col(f"{f}_world") for f in FLOWS}
    return (
        rows.join(ranked, on=["economy_code", "year"], how="left")
        .join(years, on="year", how="left")
        .join(counts, on="year", how="left")
        .join(world, on=["year", "source_vintage"], how="left")
        .with_columns(note)
        .with_columns(
            *[pl.when(told).then(f"{f}_rank").alias(f"{f}_rank") for f in FLOWS],
            *[pl.col(f"{f}_economies").fill_null(0) for f in FLOWS],
            *[pl.when(total[f] > 0).then(pl.col(f"{f}_usd") / total[f]).alias(f"{f}_share") for f in FLOWS],
        )
        .select(
            "economy_code", "economy_name", "is_aggregate", "year", "receipts_usd", "payments_usd", "balance_usd",
            "receipts_rank", "payments_rank", "receipts_share", "payments_share", "receipts_economies",
            "payments_economies", "rank_note", "source_vintage",
        )
        .sort("economy_code", "year")
    )  # fmt: skip
