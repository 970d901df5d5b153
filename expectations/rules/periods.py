"""The months and years that vintages and series are of."""

from __future__ import annotations

from datetime import date

import polars as pl

from configs.errors import CheckCouldNotRunError
from expectations.check import Check, GateInput, bound, none_of


def vintage_month(gate: GateInput, check_id: str) -> date:
    """The last month covered, which a monthly vintage is named after.

    Raises:
        CheckCouldNotRunError: the vintage is no month.
    """
    try:
        return date.fromisoformat(f"{gate.vintage}-01")
    except ValueError as e:
        raise CheckCouldNotRunError(
            gate.contract.name, check_id, f"the vintage {gate.vintage!r} is not a month (YYYY-MM)"
        ) from e


def vintage_year(gate: GateInput) -> int:
    """The year that a vintage begins with.

    Raises:
        CheckCouldNotRunError: it begins with none.
    """
    if not gate.vintage[:4].isdecimal():
        raise CheckCouldNotRunError(gate.contract.name, "fresh", f"the vintage {gate.vintage!r} begins with no year")
    return int(gate.vintage[:4])


def fresh(gate: GateInput, rows: pl.LazyFrame) -> Check:
    """The newest year of the rows is within the contract's ``years`` of the vintage."""
    oldest = vintage_year(gate) - bound(gate, "fresh", "years")
    stale = rows.select(pl.col("year").max()).filter(pl.col("year").fill_null(0) < oldest)
    title = "the newest year is not older than the vintage explains"
    return none_of(gate, "fresh", title, f"figures of {oldest:g} or later", stale)


def every_month(first: date, last: date) -> pl.LazyFrame:
    """``period``: the first of each month, both ends included."""
    return pl.LazyFrame({"period": pl.date_range(first, last, "1mo", eager=True)}, schema={"period": pl.Date})
