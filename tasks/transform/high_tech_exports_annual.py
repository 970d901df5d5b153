"""``high_tech_exports_annual``: one series of the World Bank by economy and year."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tasks.transform.by_economy import side_by_side


def transform(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """Return the contract's columns, see ``side_by_side``; a forecast has no row, because a row has a figure."""
    return side_by_side(tables, ("high_tech_exports",)).drop_nulls("high_tech_exports_usd")
