"""``_alerts/state.json``: what was told, swap-looped, so that runs on several machines tell of one thing once.

Unlike other derived documents a change that cannot be written is an error here: who could not write down that it took
an alert must not send it, or every machine would.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from tasks.alerts.model import AlertState
from tasks.storage.documents import DamagedRecordError, change_document, read_document
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout

log = logging.getLogger("techtrade")
# More than for status and catalog: all datasets share this one, and a storm is what it is for.
TRIES = 200


def read(store: ObjectStore) -> AlertState:
    """The state; an empty one where there is none. A damaged one is begun anew: at worst something is told twice.

    Raises:
        NewerFormatError: a newer techtrade wrote it; it is left as it is.
        StoreError: the store could not be read.
    """
    return read_document(store, layout.ALERTS, _load) or AlertState()


def look(store: ObjectStore) -> AlertState:
    """Return the state for who only looks at it: a damaged one is no empty one.

    Raises:
        DamagedRecordError: the document is damaged, so what is wrong is not known.
        StoreError: the store could not be read.
    """
    return read_document(store, layout.ALERTS, AlertState.load) or AlertState()


def change(store: ObjectStore, step: Callable[[AlertState], AlertState]) -> AlertState:
    """Applies a pure step by compare-and-swap, again from the new state while somebody else is faster; the state after
    it. Nothing is written where nothing changes.

    Raises:
        StoreError: the store could not be read or written; the step may have been applied.
    """

    def applied(before: AlertState | None) -> AlertState | None:
        after = step(before or AlertState())
        return after if before or after != AlertState() else None

    return change_document(store, layout.ALERTS, _load, applied, TRIES) or AlertState()


def _load(body: bytes, key: str) -> AlertState:
    try:
        return AlertState.load(body, key)
    except DamagedRecordError as e:
        log.warning("%s; it is begun anew", e)
        return AlertState()
