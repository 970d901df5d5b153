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
from configs.announced import NOTHING, UNKNOWN, Announced, ReleaseDays, of_months, of_windows
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


def releases_due(dataset: str, now: datetime, announced: Announced = NOTHING) -> Expectations:
    """What is to be expected of a dataset at that moment.

    Args:
        announced: the days that the publisher itself announces.

    Raises:
        ConfigError: its contract names no calendar, or the calendar is wrong.
    """
    releases = load_contract(dataset).releases
    if releases is None:
        raise ConfigError(f"configs/datasets/{dataset}.yaml: releases is missing; name a calendar of configs/calendars")
    if releases.calendar == MONTHLY:
        monthly = load_calendar(MONTHLY)
        return _at(now, monthly.title, False, months(monthly, now, announced.of(monthly.announced)))
    yearly = load_yearly(releases.calendar)
    days = announced.of(releases.announced)
    return _at(now, yearly.title, yearly.own, years(yearly, releases.windows, now, days))


def months(calendar: Calendar, now: datetime, announced: ReleaseDays = UNKNOWN) -> list[ExpectedRelease]:
    """The releases of the months before that moment, oldest first; none of a month whose day is to be rescheduled."""
    this = date(now.year, now.month, 1)
    days = of_months(announced)
    found = []
    for month in (month_after(this, -n) for n in range(MONTHS_BACK, -1, -1)):
        last = month_after(month) - timedelta(days=1) + timedelta(days=calendar.latest_days_after_month)
        name = f"{month:%Y-%m}"
        if month not in days:
            earliest, latest = calendar.released(month).date(), calendar.releases.get(month, last)
            found.append(_release(calendar, name, name, earliest, latest))
        elif (day := days[month]) is not None:
            found.append(_release(calendar, name, name, day, day, known=True))
    return found


def years(
    calendar: Yearly, windows: Sequence[Window], now: datetime, announced: ReleaseDays = UNKNOWN
) -> list[ExpectedRelease]:
    """The releases of two years before that moment and of its own, oldest first; none that is to be rescheduled."""
    days, found = of_windows(announced, windows), []
    for year in range(now.year - 2, now.year + 1):
        for place, window in enumerate(windows):
            first, last = (date.fromisoformat(f"{year}-{day}") for day in (window.first, window.last))
            known = (year, place) in days
            if (day := days.get((year, place), last)) is not None:
                what = window.what.format(year=year, before=year - 1)
                vintage = min(first, day).isoformat()
                found.append(_release(calendar, what, vintage, day if known else first, day, known=known))
    return sorted(found, key=lambda r: r.earliest)


def _release(
    calendar: Calendar | Yearly, what: str, vintage: str, first: date, last: date, *, known: bool = False
) -> ExpectedRelease:
    """Days become moments in the publisher's time zone, and those in UTC, so that hours can be added to them.
    ``known``: the publisher announced the day, a shutdown or not."""
    if known:
        calendar = calendar.model_copy(update={"suspended": ()})
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
