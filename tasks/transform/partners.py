"""``partners``: the table of economies as it is kept, in the order of its key."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl


def transform(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """One row a partner, with the contract's columns.

    Args:
        tables: ``partners``, which has them already. Nothing is derived: what is in the file was looked at by a
            person, and its redundancies (``is_aggregate`` and ``kind``, the id and the codes) are checked.
    """
    return tables["partners"].sort("partner_id")
