"""``us_ip_trade_quarterly``: BEA's quarterly figures with the place of each type in its tree."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

KEY = ["direction", "ip_type", "seasonal_adjustment", "period"]


def transform(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """One row a direction, type, seasonal adjustment and quarter, with the contract's columns.

    Args:
        tables: ``observations`` with the columns of KEY, value_usd (US dollars), observation_status,
            reported_precision_usd and source_vintage; ``types`` with code, name, parent and is_quarterly.

    A type is an aggregate here if types of this dataset are parts of it: what the annual figures divide further, and
    these do not, is no aggregate here.
    """
    here = tables["types"].filter("is_quarterly")
    divided = here.select(pl.col("parent").alias("ip_type")).drop_nulls().unique().with_columns(divided=pl.lit(True))
    types = here.select(
        pl.col("code").alias("ip_type"),
        pl.col("name").alias("ip_type_name"),
        pl.col("parent").alias("ip_type_parent"),
    ).join(divided, on="ip_type", how="left")
    return (
        tables["observations"]
        .join(types, on="ip_type", how="left", validate="m:1")
        .select(
            "direction",
            "ip_type",
            "ip_type_name",
            "ip_type_parent",
            pl.col("divided").fill_null(False).alias("ip_type_is_aggregate"),
            "seasonal_adjustment",
            "period",
            "value_usd",
            "observation_status",
            "reported_precision_usd",
            "source_vintage",
        )
        .sort(KEY)
    )
