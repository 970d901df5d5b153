"""The note that a take-down of raw bytes leaves behind: when, why, how many.

Begun before the first byte goes and ended after the last, so that one that was killed in between can be seen; the next
take-down of the source takes it up.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tasks.common.clock import stamp
from tasks.storage.documents import Document, Record, change_document, read_document
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout


class TakeDown(Record):
    """One take-down. ``objects`` and ``bytes``: what it set out to delete; ``done_at`` is empty until that was done."""

    at: str
    reason: str
    objects: int
    bytes: int
    done_at: str = ""

    identified_by = ("at",)


class TakenDown(Document):
    """``_raw/<source>/taken_down.json``: the take-downs of a source, oldest first."""

    source: str
    events: tuple[TakeDown, ...] = ()


Events = tuple[TakeDown, ...]


def read(store: ObjectStore, source: str) -> TakenDown | None:
    """The note on a source's take-downs, None if there was none."""
    return read_document(store, layout.taken_down(source), TakenDown.load)


def begin(store: ObjectStore, source: str, reason: str, at: datetime, objects: int, size: int) -> None:
    """Notes a take-down before it is done. One that was killed is taken up, with what it set out to delete."""
    event = TakeDown(at=stamp(at), reason=reason, objects=objects, bytes=size)

    def change(events: Events) -> Events:
        under_way = bool(events) and not events[-1].done_at
        return events if under_way or not objects else (*events, event)

    _write(store, source, change)


def end(store: ObjectStore, source: str, at: datetime) -> None:
    """Notes that the take-down that was begun is done."""

    def change(events: Events) -> Events:
        if not events or events[-1].done_at:
            return events
        return (*events[:-1], events[-1].model_copy(update={"done_at": stamp(at)}))

    _write(store, source, change)


def _write(store: ObjectStore, source: str, change: Callable[[Events], Events]) -> None:
    def changed(note: TakenDown | None) -> TakenDown | None:
        events = note.events if note else ()
        after = change(events)
        return TakenDown(source=source, events=after) if after != events else None

    change_document(store, layout.taken_down(source), TakenDown.load, changed)
