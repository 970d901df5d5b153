"""When publishers release: which month can be expected by now, and whether an annual revision lies in between.

A calendar answers what to *ask* for, never what is true: whether a month is there, the publisher's answer says.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from pydantic import field_validator

from configs import CONFIGS, yaml_file
from configs.columns import Frozen


def month_after(month: date, number: int = 1) -> date:
    """The first of the month so many months later (earlier, if negative)."""
    index = month.year * 12 + month.month - 1 + number
    return date(index // 12, index % 12 + 1, 1)


class Suspension(Frozen):
    """A time without regular releases, such as a shutdown of the government: one that was due from ``first`` to
    ``last`` is not expected before ``until``."""

    first: date
    last: date
    until: date
    why: str


class Calendar(Frozen):
    """The releases of one publisher: those announced, and a rule for the rest. ``days_after_month`` says when to begin
    to ask for a month, ``latest_days_after_month`` when it is late. ``announced``: the name of the release in the
    publisher's own list of days (``configs.announced``)."""

    title: str
    timezone: str
    time: time
    days_after_month: int
    latest_days_after_month: int
    grace_hours: float
    revision_month: int
    suspended: tuple[Suspension, ...] = ()
    announced: str = ""
    releases: dict[date, date]

    @field_validator("releases", mode="before")
    @classmethod
    def _months(cls, value: dict[str, date]) -> dict[date, date]:
        return {date.fromisoformat(f"{month}-01"): day for month, day in value.items()}

    def released(self, month: date) -> datetime:
        """When a month is released, or expected to be."""
        day = self.releases.get(month) or month_after(month) - timedelta(days=1) + timedelta(days=self.days_after_month)
        return datetime.combine(day, self.time, ZoneInfo(self.timezone))

    def newest(self, now: datetime) -> date:
        """The newest month that can be expected at that moment."""
        month = date(now.year, now.month, 1)
        while self.released(month) > now:
            month = month_after(month, -1)
        return month

    def revised_between(self, known: date, found: date) -> bool:
        """Whether the annual revision came with one of the months after ``known``, up to ``found``."""
        month = month_after(known)
        while month <= found:
            if month.month == self.revision_month:
                return True
            month = month_after(month)
        return False


@cache
def load_calendar(name: str) -> Calendar:
    """The calendar ``configs/calendars/<name>.yaml``.

    Raises:
        ConfigError: there is none, or it is wrong.
    """
    return yaml_file.load(Calendar, CONFIGS / "calendars" / f"{name}.yaml")
