"""The parts of a contract that say how a dataset is run: when, from which series, after which releases.

None of them is a promise to readers, so a change of one is no new version. ``make generate`` writes the files of
``deploy/`` and the tables of the documentation from them.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from configs.columns import Frozen

RUN_SECONDS = 10_800


class Series(Frozen):
    """A publisher's series: its code there, and its title as published, against which drift is checked."""

    code: Annotated[str, Field(pattern=r"^[A-Z0-9]+(\.[A-Z0-9]+)+$")]
    title: str


class Schedule(Frozen):
    """When a run starts. ``day_or`` False: days of the month *and* of the week must fit."""

    slug: str
    cron: str
    timezone: str = "America/New_York"
    day_or: bool = True


class Operations(Frozen):
    """How runs of a dataset are deployed. ``reason``: why at these times. ``run_seconds``: a longer run is ended.
    ``backfill``: months of its history can be requested again."""

    description: str
    reason: str
    schedules: tuple[Schedule, ...]
    run_seconds: int = Field(RUN_SECONDS, ge=60, le=21_600)
    backfill: bool = False


class Window(Frozen):
    """A release that comes each year between two days (MM-DD). ``what`` may name the ``{year}``, or the one
    ``{before}``."""

    what: str
    first: str
    last: str


class Releases(Frozen):
    """The calendar in ``configs/calendars/`` that a dataset's releases follow, and their windows in a calendar without
    months; without windows they come on no fixed days. ``announced``: the name of the release in the publisher's own
    list of days, which go before the windows."""

    calendar: str
    announced: str = ""
    windows: tuple[Window, ...] = ()


class Listing(Frozen):
    """The line of a dataset in the README: one row in words, the source (empty for a mart), and the first period."""

    row: str
    source: str = ""
    since: str = "-"
