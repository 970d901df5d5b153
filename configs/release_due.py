"""Which release of a dataset is to be expected, and when it is late: what the freshness watch goes by.

Other than the calendar of what to ask for, which rather asks a day too early, this one rather waits a day too long: an
alert that says "late" has to be true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from configs import CONFIGS, yaml_file
from configs.columns import Frozen
from configs.contracts import load_contract
from configs.errors import ConfigError
from configs.operations import Window
from configs.release_calendar import Calendar, Suspension, load_calendar, month_after

MONTHLY = "ft900"
MONTHS_BACK = 14


@dataclass(frozen=True)
class ExpectedRelease:
    """One release. ``vintage``: what has it is of this vintage or a later one. It comes between ``earliest`` and
    ``expected``, and is late after ``overdue``, when we have had the time to look. ``note``: why it comes when it does.
    Moments in UTC."""

    what: str
    vintage: str
    earliest: datetime
    expected: datetime
    overdue: datetime
    note: str = ""

    def had_by(self, vintage: str) -> bool:
        """Whether figures of that vintage have this release; a month has it if it is the month of that day."""
        return vintage >= self.vintage[: len(vintage)]


class Yearly(Frozen):
    """How one publisher releases: the hour of the days in the contracts' windows. ``own``: a table that we keep."""

    title: str
    timezone: str
    time: time
    grace_hours: float
    suspended: tuple[Suspension, ...] = ()
    own: bool = False


@dataclass(frozen=True)
class Expectations:
    """What is to be expected of a dataset: ``due``, the newest release that would be late by now, and ``open``, one
    that may come any day. Both None: releases come on no fixed days."""

    calendar: str
    own: bool
    due: ExpectedRelease | None
    open: ExpectedRelease | None


def releases_due(dataset: str, now: datetime) -> Expectations:
    """What is to be expected of a dataset at that moment.

    Raises:
        ConfigError: its contract names no calendar, or the calendar is wrong.
    """
    releases = load_contract(dataset).releases
    if releases is None:
        raise ConfigError(f"configs/datasets/{dataset}.yaml: releases is missing; name a calendar of configs/calendars")
    if releases.calendar == MONTHLY:
        monthly = load_calendar(MONTHLY)
        return _at(now, monthly.title, False, months(monthly, now))
    yearly = load_yearly(releases.calendar)
    return _at(now, yearly.title, yearly.own, years(yearly, releases.windows, now))


def months(calendar: Calendar, now: datetime) -> list[ExpectedRelease]:
    """The releases of the months before that moment, oldest first."""
    this = date(now.year, now.month, 1)
    found = []
    for month in (month_after(this, -n) for n in range(MONTHS_BACK, -1, -1)):
        last = month_after(month) - timedelta(days=1) + timedelta(days=calendar.latest_days_after_month)
        name = f"{month:%Y-%m}"
        found.append(
            _release(calendar, name, name, calendar.released(month).date(), calendar.releases.get(month, last))
        )
    return found


def years(calendar: Yearly, windows: Sequence[Window], now: datetime) -> list[ExpectedRelease]:
    """The releases of two years before that moment and of its own, oldest first."""
    found = [_in_year(calendar, window, year) for year in range(now.year - 2, now.year + 1) for window in windows]
    return sorted(found, key=lambda r: r.earliest)


def _in_year(calendar: Yearly, window: Window, year: int) -> ExpectedRelease:
    first, last = (date.fromisoformat(f"{year}-{day}") for day in (window.first, window.last))
    return _release(calendar, window.what.format(year=year, before=year - 1), first.isoformat(), first, last)


def _release(calendar: Calendar | Yearly, what: str, vintage: str, first: date, last: date) -> ExpectedRelease:
    """Days become moments in the publisher's time zone, and those in UTC, so that hours can be added to them."""
    zone = ZoneInfo(calendar.timezone)
    halt = next((s for s in calendar.suspended if s.first <= last <= s.last), None)
    earliest = datetime.combine(first, calendar.time, zone).astimezone(UTC)
    expected = datetime.combine(halt.until if halt else last, calendar.time, zone).astimezone(UTC)
    release = ExpectedRelease(what, vintage, earliest, expected, expected + timedelta(hours=calendar.grace_hours))
    return replace(release, note=halt.why) if halt else release


def _at(now: datetime, title: str, own: bool, releases: Sequence[ExpectedRelease]) -> Expectations:
    due = [r for r in releases if r.overdue <= now]
    coming = [r for r in releases if r.earliest <= now < r.overdue]
    return Expectations(title, own, due[-1] if due else None, coming[-1] if coming else None)


@cache
def load_yearly(name: str) -> Yearly:
    """The calendar ``configs/calendars/<name>.yaml`` of a publisher without months.

    Raises:
        ConfigError: there is none, or it is wrong.
    """
    return yaml_file.load(Yearly, CONFIGS / "calendars" / f"{name}.yaml")
