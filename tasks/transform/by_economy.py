"""A World Bank table by economy and year: the indicators of one year side by side, with the economy's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

KEY = ["economy_code", "year"]
# The World Bank's mark of a forecast, which is no figure.
FORECAST = "F"


def side_by_side(tables: Mapping[str, pl.LazyFrame], names: Sequence[str]) -> pl.LazyFrame:
    """Return one row an economy and year with at least one figure or forecast.

    Args:
        tables: ``observations`` with economy_code, indicator (one of ``names``), year, value_usd (US dollars),
            source_vintage and, of a source that gives it, observation_status; ``economies`` with economy_code,
            economy_name, is_aggregate.
        names: the indicators; each becomes a column ``<name>_usd``.

    Returns:
        economy_code, economy_name, is_aggregate, year, the indicators, observation_status, source_vintage, sorted by
        economy and year. A forecast is null, and the row says so (``F``).
        Values are the publisher's, digit by digit; nothing is summed over economies.
    """
    columns = [pl.col("value_usd").filter(pl.col("indicator") == name).first().alias(f"{name}_usd") for name in names]
    marks = pl.col("observation_status").drop_nulls().unique().sort().str.join(", ").replace("", None)
    return (
        _with_status(tables["observations"])
        .group_by([*KEY, "source_vintage"])
        .agg(*columns, marks)
        .join(tables["economies"], on="economy_code", how="left", validate="m:1")
        .select(
            "economy_code",
            "economy_name",
            "is_aggregate",
            pl.col("year").cast(pl.Int32),
            *(f"{name}_usd" for name in names),
            "observation_status",
            "source_vintage",
        )
        .sort(KEY)
    )


def _with_status(observations: pl.LazyFrame) -> pl.LazyFrame:
    """Return the observations with the publisher's marks, and no value where it is a forecast."""
    if "observation_status" not in observations.collect_schema():
        return observations.with_columns(observation_status=pl.lit(None, dtype=pl.String))
    forecast = (pl.col("observation_status") == FORECAST).fill_null(False)
    return observations.with_columns(value_usd=pl.when(~forecast).then("value_usd"))
