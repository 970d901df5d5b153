"""``status.json``: what the last run of a dataset found. Derived, never a reason for a publish to fail.

Any later run repairs it, so a store error here is logged and not raised. One exception: of a run that published
nothing it is all that is written. There ``must_write_status`` raises, or a store that nobody can write to would look
well for as long as there is nothing new.
"""

from __future__ import annotations

import logging

from configs.errors import NewerFormatError, StoreError
from tasks.storage.documents import (
    KeptChangingError,
    if_sound,
    read_document,
    read_modify_write,
    write_derived,
)
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.records import MisplacedRecordError, Status

log = logging.getLogger("techtrade")


def recorded(store: ObjectStore, dataset: str) -> Status | None:
    """Return what the last run found, None if there was none.

    Raises:
        StoreError: it cannot be read, or is not of this dataset.
    """
    found = read_document(store, layout.status(dataset), Status.load)
    if found and found.dataset != dataset:
        raise MisplacedRecordError(layout.status(dataset), found.dataset)
    return found


def read_status(store: ObjectStore, dataset: str) -> Status | None:
    """Return what the last run found, None if there was none or it cannot be read (it is not authoritative).

    Raises:
        NewerFormatError: a newer techtrade wrote it; what it rejected is not known here.
    """
    try:
        return recorded(store, dataset)
    except NewerFormatError:
        raise
    except StoreError as e:
        log.warning("%s: status.json cannot be read: %s", dataset, e)
        return None


def write_status(store: ObjectStore, status: Status) -> bool:
    """Write ``status.json`` and return whether it could be written."""
    return write_derived(store, layout.status(status.dataset), lambda body: _rewritten(body, status))


def must_write_status(store: ObjectStore, status: Status) -> None:
    """Write ``status.json``.

    Raises:
        StoreError: the store refuses it, or cannot be written to.
        NewerFormatError: a newer techtrade wrote the one that is there; it was left as it is.
    """
    try:
        read_modify_write(store, layout.status(status.dataset), lambda body: _rewritten(body, status))
    except KeptChangingError as e:  # so the store can be written to, and the runs that were faster say how it is
        log.warning("%s", e)


def _rewritten(body: bytes | None, status: Status) -> bytes:
    before = if_sound(Status, body, layout.status(status.dataset))
    return (status.onto(before) if before else status).dump()


def last_rejected(store: ObjectStore, dataset: str) -> str | None:
    """Return the version that the gate rejected last.

    Runs that failed since do not make it forgotten: the same bad input after them is still the same.
    """
    if (status := read_status(store, dataset)) is None:
        return None
    return status.rejected or (status.version if status.outcome == "rejected" else None)
