"""``ip_trade_annual``: receipts and payments of an economy and year side by side, with their balance."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tasks.transform.by_economy import side_by_side


def transform(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """Return the contract's columns, see ``side_by_side``.

    ``balance_usd`` is null unless both flows are known: a missing flow is not 0.
    """
    balance = (pl.col("receipts_usd") - pl.col("payments_usd")).alias("balance_usd")
    rows = side_by_side(tables, ("receipts", "payments")).with_columns(balance)
    return rows.select(pl.exclude("observation_status", "source_vintage"), "observation_status", "source_vintage")
