"""One observation a row: what the checks of a table by economy and year count, compare, and find in other sources.

The World Bank is withdrawing its zeros (a quarter of all observations of 2021), so losses and sizes are counted over
observations that are not zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from expectations.check import GateInput, Observations
from expectations.rules.revisions import before, shared

KEY = ("economy_code", "year")
CELL = ("economy_code", "direction", "year")
# As BEA has it: exports are received for, imports are paid for.
DIRECTIONS = {"receipts_usd": "exports", "payments_usd": "imports", "high_tech_exports_usd": "exports"}


def measures(gate: GateInput) -> list[str]:
    """Return the columns that hold a series of the publisher."""
    return [f"{name}_usd" for name in gate.contract.series]


def observations(frame: pl.LazyFrame, columns: Sequence[str], *also: str) -> pl.LazyFrame:
    """Return economy_code, direction, year, value_usd and the columns ``also``; one row a figure, zeros included.

    A measure that is no flow known here has its own name as its direction.
    """
    long = frame.unpivot(columns, index=[*KEY, *also], variable_name="direction", value_name="value_usd")
    named = pl.col("direction").replace(DIRECTIONS)
    return long.drop_nulls("value_usd").select("economy_code", named, "year", *also, "value_usd")


def figures(frame: pl.LazyFrame, columns: Sequence[str], *also: str) -> pl.LazyFrame:
    """Return the observations that are not zero."""
    return observations(frame, columns, *also).filter(pl.col("value_usd") != 0)


def observed(gate: GateInput) -> Observations:
    """Return every observation of the candidate and of the version before, by economy, direction and year."""
    flows = shared(gate, measures(gate))
    published = observations(before(gate), flows) if gate.parent is not None and flows else None
    return Observations(CELL, observations(gate.data, measures(gate)), published)
