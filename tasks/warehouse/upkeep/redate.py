"""Correcting the stamps that a wrong clock gave to events of a log. Decide first (``plan``), act second (``execute``).

The events at the end of the log, from the first one of the future on, get their true time: as the operator states it,
or the store's time of the object that the event wrote. Order, versions and old stamps stay in the log, with the name of
the person, the moment and the reason: the log again says which version readers got at any moment, and also what it said
until now. No file of a version is touched, so the names of versions keep the wrong date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from configs.errors import NotPublishedError, RedateRefusedError, StoreError
from tasks.common.clock import moment, stamp
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.clock_check import is_future
from tasks.warehouse.protocol import Head, move_latest, read_latest
from tasks.warehouse.records import Latest, LogEntry, Redating


@dataclass(frozen=True)
class Correction:
    """An event of the log, its stamp now, the true one, and what that was taken from."""

    entry: LogEntry
    to: str
    evidence: str

    def line(self) -> str:
        """For a person."""
        e = self.entry
        return f"event {e.seq}, {e.event} {e.version}: {e.at[:16]} becomes {self.to[:16]} ({self.evidence})"


@dataclass(frozen=True)
class RedatePlan:
    """What would be corrected in the log of a dataset, as of one moment."""

    head: Head
    made_at: datetime
    corrections: tuple[Correction, ...]


def plan(store: ObjectStore, dataset: str, now: datetime, stated: Mapping[int, datetime]) -> RedatePlan:
    """Return which events are stamped with a time of the future, and when they were; changes nothing.

    Args:
        now: the time by the clock of this machine.
        stated: true times by the number of the event, where a person knows better than the store.

    Raises:
        NotPublishedError: nothing of the dataset was published.
        RedateRefusedError: no stamp is of the future; the true time of one is not known; or what was stated is of no
            such event, of the future, or not in the order of the log.
    """
    latest, etag = read_latest(store, dataset)
    if latest is None:
        raise NotPublishedError(f"{dataset}: nothing is published in {store.url}, so there is no log to correct")
    there = store.clock()
    if there is not None and is_future(now, there):
        raise RedateRefusedError(f"{dataset}: the clock of this machine is ahead of the store's; set it first")
    first = next((n for n, e in enumerate(latest.log) if is_future(moment(e.at), now)), None)
    if first is None:
        raise RedateRefusedError(f"{dataset}: no event is stamped more than a day ahead of now; nothing to correct")
    wrong = latest.log[first:]
    if unknown := sorted(set(stated) - {e.seq for e in wrong}):
        numbers = ", ".join(str(e.seq) for e in wrong)
        raise RedateRefusedError(f"{dataset}: event {unknown[0]} has no stamp of the future; these have: {numbers}")
    found: list[Correction] = []
    before = latest.log[first - 1].at if first else ""
    for entry in wrong:
        found.append(_corrected(store, dataset, entry, now, stated.get(entry.seq), before))
        before = found[-1].to
    return RedatePlan(Head(dataset, latest, etag, None), now, tuple(found))


def _corrected(
    store: ObjectStore, dataset: str, entry: LogEntry, now: datetime, stated: datetime | None, before: str
) -> Correction:
    name = f"{dataset}: event {entry.seq} ({entry.event} {entry.version})"
    if stated is not None:
        if not before <= stamp(stated) <= stamp(now):
            raise RedateRefusedError(
                f"{name} was not at {stamp(stated)}: the event before it was at {before or 'no time'}, and now is "
                f"{stamp(now)}; state a time between them"
            )
        return Correction(entry, stamp(stated), "as stated")
    key = layout.yanked(dataset, entry.version) if entry.event == "yanked" else layout.manifest(dataset, entry.version)
    written = next((e.modified for e in store.entries(key) if e.key == key), None)
    if written is None or is_future(written, now):
        raise RedateRefusedError(f"{name}: the store does not know when it was; state it with --at {entry.seq}=TIME")
    # Copied objects have the time of the copy, which may be later than that of an event after it.
    return Correction(entry, min(max(stamp(written), before), stamp(now)), "the store's time of its file")


def execute(store: ObjectStore, decided: RedatePlan, reason: str, by: str) -> Latest:
    """Carry the plan out and return the log as it is then.

    Raises:
        RedateRefusedError: no reason, or no name.
        ConcurrentPublishError: something was published since the plan was made; make it again.
    """
    if not reason.strip() or not by.strip():
        raise RedateRefusedError("a correction needs a reason and a name, for the readers of the log: --reason, --by")
    if (latest := decided.head.latest) is None:
        raise StoreError(f"{decided.head.dataset}: the plan has no log")
    corrected = {
        c.entry.seq: c.entry.model_copy(update={"at": c.to, "stamped": c.entry.stamped or c.entry.at})
        for c in decided.corrections
    }
    log = tuple(corrected.get(e.seq, e) for e in latest.log)
    note = Redating(
        events=tuple(corrected),
        evidence=tuple(c.evidence for c in decided.corrections),
        reason=reason,
        by=by,
        at=stamp(decided.made_at),
    )
    served = next((e.at for e in reversed(log) if e.event != "yanked" and e.version == latest.version), "")
    # The fence makes publishers that are under way start over, and copies of the log be written again.
    wanted = latest.model_copy(
        update={
            "log": log,
            "published_at": served or latest.published_at,
            "fence": latest.fence + 1,
            "redated": (*latest.redated, note),
        }
    )
    return move_latest(store, decided.head, wanted, log[-1])
