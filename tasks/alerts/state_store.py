"""``_alerts/state.json``: what was told, swap-looped, so that runs on several machines tell of one thing once.

Unlike other derived documents a change that cannot be written is an error here: who could not write down that it took
an alert must not send it, or every machine would.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from configs.errors import ObjectNotFoundError, PreconditionFailedError, StoreError
from tasks.alerts.model import State
from tasks.storage.documents import DamagedRecordError
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout

log = logging.getLogger("techtrade")
# More than for status and catalog: all datasets share this one, and a storm is what it is for.
TRIES = 200


class AlertStateError(StoreError):
    """What was told could not be read or written."""


def read(store: ObjectStore) -> State:
    """The state; an empty one where there is none. A damaged one is begun anew: at worst something is told twice.

    Raises:
        NewerFormatError: a newer techtrade wrote it; it is left as it is.
        StoreError: the store could not be read.
    """
    return _read(store)[0]


def look(store: ObjectStore) -> State:
    """Return the state for who only looks at it: a damaged one is no empty one.

    Raises:
        DamagedRecordError: the document is damaged, so what is wrong is not known.
        StoreError: the store could not be read.
    """
    try:
        return State.load(store.get(layout.ALERTS).body, layout.ALERTS)
    except ObjectNotFoundError:
        return State()


def change(store: ObjectStore, step: Callable[[State], State]) -> State:
    """Applies a pure step by compare-and-swap, again from the new state while somebody else is faster; the state after
    it. Nothing is written where nothing changes.

    Raises:
        StoreError: the store could not be read or written; the step may have been applied.
    """
    for _ in range(TRIES):
        before, etag = _read(store)
        after = step(before).onto(before)
        if after == before:
            return after
        try:
            store.replace(layout.ALERTS, after.dump(), etag)
            return after
        except PreconditionFailedError:
            continue
    raise AlertStateError(f"{layout.ALERTS} was not written: others kept changing it; run again")


def _read(store: ObjectStore) -> tuple[State, str | None]:
    try:
        stored = store.get(layout.ALERTS)
    except ObjectNotFoundError:
        return State(), None
    try:
        return State.load(stored.body, layout.ALERTS), stored.etag
    except DamagedRecordError as e:
        log.warning("%s; it is begun anew", e)
        return State(), stored.etag
