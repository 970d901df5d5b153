"""Which time a vintage stands for, and what checks of monthly series have in common."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date

import polars as pl

from configs.errors import CheckCouldNotRunError
from expectations.check import GateInput

VINTAGE = re.compile(r"^\d{4}(-\d{2}){0,2}$")


def vintage_month(gate: GateInput, check_id: str) -> date:
    """The last month covered, which a monthly vintage is named after.

    Raises:
        CheckCouldNotRunError: the vintage is no month.
    """
    try:
        return date.fromisoformat(f"{gate.vintage}-01")
    except ValueError as e:
        why = f"the vintage {gate.vintage!r} is not a month (YYYY-MM)"
        raise CheckCouldNotRunError(gate.contract.name, check_id, why) from e


def last_day(vintage: str) -> date | None:
    """The last day of the day, month or year that a vintage is named after; None if it is named otherwise."""
    if not VINTAGE.match(vintage):
        return None
    year, month, day = (*map(int, vintage.split("-")), 0, 0)[:3]
    try:
        return date(year, month or 12, day or monthrange(year, month or 12)[1])
    except ValueError:
        return None


def every_month(first: date, last: date) -> pl.LazyFrame:
    """``period``: the first of each month, both ends included."""
    return pl.LazyFrame({"period": pl.date_range(first, last, "1mo", eager=True)}, schema={"period": pl.Date})
