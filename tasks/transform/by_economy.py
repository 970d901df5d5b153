"""A World Bank table by economy and year: the indicators of one year side by side, with the economy's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

KEY = ["economy_code", "year"]


def side_by_side(tables: Mapping[str, pl.LazyFrame], names: Sequence[str]) -> pl.LazyFrame:
    """Return one row an economy and year with at least one figure.

    Args:
        tables: ``observations`` with economy_code, indicator (one of ``names``), year, value_usd (US dollars),
            source_vintage; ``economies`` with economy_code, economy_name, is_aggregate.
        names: the indicators; each becomes a column ``<name>_usd``.

    Returns:
        economy_code, economy_name, is_aggregate, year, the indicators, source_vintage, sorted by economy and year.
        Values are the publisher's, digit by digit; nothing is summed over economies.
    """
    columns = [pl.col("value_usd").filter(pl.col("indicator") == name).first().alias(f"{name}_usd") for name in names]
    return (
        tables["observations"]
        .group_by([*KEY, "source_vintage"])
        .agg(columns)
        .join(tables["economies"], on="economy_code", how="left", validate="m:1")
        .select(
            "economy_code",
            "economy_name",
            "is_aggregate",
            pl.col("year").cast(pl.Int32),
            *(f"{name}_usd" for name in names),
            "source_vintage",
        )
        .sort(KEY)
    )
