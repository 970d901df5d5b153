"""``_schedule/release_dates.json``: the release days that BEA announces, as they were last read.

Written at night by maintenance, read by whatever judges freshness. Without it, and when it has grown old, the calendars
in ``configs/calendars`` are what releases are expected by.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta

from configs.announced import NOTHING, Announced, ReleaseDays
from configs.errors import StorePermissionError
from tasks.common.clock import moment, stamp
from tasks.storage.documents import (
    DamagedRecordError,
    Document,
    Record,
    if_sound,
    read_document,
    read_modify_write,
)
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout

log = logging.getLogger("techtrade")
# A list that nobody could fetch for so long may have been overtaken: releases are moved by a few weeks' notice.
GOOD_FOR = timedelta(days=14)


class DaysOfRelease(Record):
    days: tuple[date, ...] = ()
    open: tuple[date, ...] = ()


class ReleaseDates(Document):
    """The list, when it was read, and the raw document that it is from."""

    read_at: str
    raw_key: str
    releases: dict[str, DaysOfRelease]


def note(store: ObjectStore, announced: Announced, raw_key: str, now: datetime) -> None:
    """Write the list down.

    Raises:
        StoreError: it could not be written.
    """
    of = {name: DaysOfRelease(days=r.days, open=r.open) for name, r in announced.releases.items()}
    found = ReleaseDates(read_at=stamp(now), raw_key=raw_key, releases=of)
    key = layout.RELEASE_DATES

    def written(body: bytes | None) -> bytes:
        before = if_sound(ReleaseDates, body, key)
        return (found.onto(before) if before else found).dump()

    read_modify_write(store, key, written)


def announced(store: ObjectStore, now: datetime) -> Announced:
    """What was announced as of late; nothing where it is not known, too old, or may not be read."""
    try:
        found = read_document(store, layout.RELEASE_DATES, ReleaseDates.load)
        if found is None or not timedelta(0) <= now - moment(found.read_at) <= GOOD_FOR:
            return NOTHING
    except (DamagedRecordError, StorePermissionError, ValueError) as e:
        log.warning("%s; releases are expected by the calendars", e)
        return NOTHING
    return Announced({name: ReleaseDays(r.days, r.open) for name, r in found.releases.items()})
