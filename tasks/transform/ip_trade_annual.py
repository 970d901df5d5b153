"""``ip_trade_annual``: receipts and payments of an economy and year side by side."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl


def transform(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """One row an economy and year with at least one figure.

    Args:
        tables: ``observations`` with economy_code, indicator (``receipts``, ``payments``), year, value_usd
            (US dollars), source_vintage; ``economies`` with economy_code, economy_name, is_aggregate.

    Returns:
        The contract's columns. ``balance_usd`` is null unless both flows are known: a missing flow is not 0.
        Values are the publisher's, digit by digit; nothing is summed over economies.
    """
    key = ["economy_code", "year"]
    flows = (
        tables["observations"]
        .group_by([*key, "source_vintage"])
        .agg(
            [
                pl.col("value_usd").filter(pl.col("indicator") == indicator).first().alias(f"{indicator}_usd")
                for indicator in ("receipts", "payments")
            ]
        )
        .with_columns((pl.col("receipts_usd") - pl.col("payments_usd")).alias("balance_usd"))
    )
    return (
        flows.join(tables["economies"], on="economy_code", how="left", validate="m:1")
        .select(
            "economy_code",
            "economy_name",
            "is_aggregate",
            pl.col("year").cast(pl.Int32),
            "receipts_usd",
            "payments_usd",
            "balance_usd",
            "source_vintage",
        )
        .sort(key)
    )
