"""``_schedule/since.json``: that a schedule publishes into this store, since when, and who said so first.

Written once, by whatever comes first: ``techtrade serve``, ``techtrade deploy``, a run of a deployment. From then on a
dataset that no run has brought is late; before, bundled figures are all that is meant to be there. The note stays when
the schedules are switched off: the freshness watch has to say that nothing comes any more.
"""

from __future__ import annotations

import logging

from configs.errors import ObjectExistsError, StoreError, StorePermissionError
from tasks.common.clock import moment, stamp, utc_now
from tasks.storage.documents import DamagedRecordError, read_document, stored_at
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.records import Schedule

log = logging.getLogger("techtrade")
UNKNOWN = Schedule(since="1970-01-01T00:00:00.000000Z", by="a note that cannot be read")


def read(store: ObjectStore) -> Schedule | None:
    """Return since when a schedule publishes into the store; None if none ever did.

    A note that is damaged, or that the identity in use may not read, counts as one: rather red than quiet.

    Raises:
        NewerFormatError: a newer techtrade wrote the note.
        StoreError: the store could not be read.
    """
    try:
        found = read_document(store, layout.SCHEDULE, Schedule.load)
        if found:
            moment(found.since)
        return found
    except (DamagedRecordError, StorePermissionError, ValueError) as e:
        log.warning("%s; taken for a store with a schedule", e)
        return UNKNOWN


def note_scheduled(store: ObjectStore, *, by: str) -> bool:
    """Note that a schedule publishes into the store, unless that is known; whether it is known now.

    Args:
        by: who says so, for people: ``techtrade serve``.

    Never raises a ``StoreError``: no run fails for want of this note, and the next one tries again.
    """
    try:
        if stored_at(store, layout.SCHEDULE):
            return True
    except StoreError as e:
        log.warning("cannot read whether this store has a schedule: %s", e)
        return False
    try:
        store.create(layout.SCHEDULE, Schedule(since=stamp(utc_now()), by=by).dump())
    except ObjectExistsError:
        return True  # another was first
    except StoreError as e:
        log.warning("cannot note that this store has a schedule: %s; the next scheduled run tries again", e)
        return False
    return True
