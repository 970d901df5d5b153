"""A range of months, as a person names it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from configs.errors import UsageError


@dataclass(frozen=True)
class Months:
    """A closed range of months, each as its first day."""

    first: date
    last: date

    @staticmethod
    def of(first: str, last: str) -> Months:
        """From two texts ``YYYY-MM``.

        Raises:
            UsageError: one is no month, or the first comes after the last.
        """
        try:
            found = Months(*(datetime.strptime(m, "%Y-%m").date() for m in (first, last)))
        except ValueError:
            raise UsageError(f"{first} to {last}: give months as YYYY-MM") from None
        if found.first > found.last:
            raise UsageError(f"{first} to {last}: the first month comes after the last")
        return found

    def __str__(self) -> str:
        return f"{self.first:%Y-%m} to {self.last:%Y-%m}"
