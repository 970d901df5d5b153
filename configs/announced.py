"""Release days that a publisher announces, and the months and windows that they belong to.

BEA announces its days by the name of the release, FT-900 among them, and says which are to be rescheduled; not of which
month a release is. In a shutdown releases come late and close together, so the day alone does not tell: days are
counted, one a month, and what does not fit a release's usual distance from its month is not believed at all. Then the
rules and windows in ``configs/calendars`` and the contracts are all there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from configs.operations import Window
from configs.release_calendar import month_after

# Days from the end of a month to its release: 32 to 40 as a rule, 80 in the shutdown of 2025. The last day of a list is
# months ahead, so it is as far from its month as a rule: further, if one between is missing.
EARLIEST, LATEST, LATEST_AT_THE_END = 28, 120, 50
# A release is in a window from so many days before it; after it, until the next one begins.
EARLY = timedelta(days=15)


@dataclass(frozen=True)
class ReleaseDays:
    """The days of one release. ``open``: days that were taken back, and are to be rescheduled."""

    days: tuple[date, ...] = ()
    open: tuple[date, ...] = ()

    @property
    def in_order(self) -> list[tuple[date, bool]]:
        """Each day, and whether it stands."""
        return sorted({**dict.fromkeys(self.open, False), **dict.fromkeys(self.days, True)}.items())


@dataclass(frozen=True)
class Announced:
    """What a publisher announces, by the name of the release in lower case."""

    releases: Mapping[str, ReleaseDays] = field(default_factory=dict)

    def of(self, name: str) -> ReleaseDays:
        """The days of a release; none where nothing is announced."""
        return self.releases.get(name.casefold(), UNKNOWN)


UNKNOWN, NOTHING = ReleaseDays(), Announced()


def of_months(announced: ReleaseDays) -> dict[date, date | None]:
    """The day of each month's release, None where it is to be rescheduled; empty where the days do not fit months."""
    days = announced.in_order
    if not days:
        return {}
    first = month_after(days[0][0].replace(day=1), -2)
    found = {month_after(first, n): day for n, day in enumerate(days)}
    passed = [(day - month_after(month)).days + 1 for month, (day, _) in found.items()]
    if min(passed) < EARLIEST or max(passed) > LATEST or passed[-1] > LATEST_AT_THE_END:
        return {}
    return {month: day if stands else None for month, (day, stands) in found.items()}


def of_windows(announced: ReleaseDays, windows: Sequence[Window]) -> dict[tuple[int, int], date | None]:
    """The day of the release of each year and window (by its place), None where it is to be rescheduled."""
    found: dict[tuple[int, int], date | None] = {}
    for day, stands in announced.in_order:
        begun = [
            (begins, (year, place))
            for year in (day.year - 1, day.year)
            for place, window in enumerate(windows)
            if (begins := date.fromisoformat(f"{year}-{window.first}")) - EARLY <= day
        ]
        if begun and (key := max(begun)[1]) not in found:
            found[key] = day if stands else None
        elif begun and stands:
            found[key] = found[key] or day
    return found
