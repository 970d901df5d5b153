"""Which time the name of a vintage stands for."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date

VINTAGE = re.compile(r"^\d{4}(-\d{2}){0,2}$")


def last_day(vintage: str) -> date | None:
    """The last day of the day, month or year that a vintage is named after; None if it is named otherwise."""
    if not VINTAGE.match(vintage):
        return None
    year, month, day = (*map(int, vintage.split("-")), 0, 0)[:3]
    try:
        return date(year, month or 12, day or monthrange(year, month or 12)[1])
    except ValueError:
        return None
