"""Withdrawing a published version.

The log in ``latest.json`` is the authority: one compare-and-swap appends the event and, if the version was the
current one, moves readers to the newest version that is not yanked. ``yanked/<version>.json`` is then written from
the log. Were the file written first, a crash in between would leave readers a latest version that is yanked.
"""

from __future__ import annotations

from contextlib import suppress

from configs.errors import (
    ConcurrentPublishError,
    NotPublishedError,
    ObjectExistsError,
    ObjectNotFoundError,
    YankRefusedError,
)
from configs.hints import command
from tasks.common.clock import Clock, utc_now
from tasks.storage.documents import DamagedRecordError, retry_races
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.protocol import Head, move_latest, next_stamp, read_latest, read_manifest
from tasks.warehouse.records import Latest, LogEntry, YankNote


def yank(
    store: ObjectStore,
    dataset: str,
    version: str,
    reason: str,
    replaced_by: str | None = None,
    clock: Clock = utc_now,
) -> Latest:
    """Withdraws a version and returns the log as it is then. Yanking twice changes nothing.

    Raises:
        NotPublishedError: nothing of the dataset was ever published.
        YankRefusedError: the version was never published; it is the only one left; the replacement is no
            published version, is yanked itself, or is the version itself.
        CorruptVersionError: the version to fall back to is damaged; nothing was changed.
        WrongClockError: the clock, or the last stamp of the log, is wrong by more than a day.
        ConcurrentPublishError: others kept moving ``latest`` meanwhile; nothing was changed.
    """

    def attempt() -> Latest:
        latest, etag = read_latest(store, dataset)
        if latest is None:
            raise NotPublishedError(f"{dataset}: nothing is published in {store.url}, so there is nothing to yank")
        if version in latest.yanked:
            return latest
        _refuse_nonsense(latest, version, reason, replaced_by)
        entry = LogEntry(
            seq=latest.seq + 1,
            event="yanked",
            version=version,
            at=next_stamp(store, dataset, latest, clock),
            reason=reason,
            replaced_by=replaced_by,
        )
        wanted = _after(store, latest, entry)
        return move_latest(store, Head(dataset, latest, etag, None), wanted, wanted.log[-1])

    # A yank does not depend on what else was published meanwhile. Not change_document: a lost reply is settled by the
    # entry in the log.
    latest = retry_races(attempt, (ConcurrentPublishError,))
    write_missing_notes(store, dataset, latest)
    return latest


def write_missing_notes(store: ObjectStore, dataset: str, latest: Latest | None = None) -> list[str]:
    """Write the ``yanked/*.json`` that a yank killed after its swap left unwritten.

    Returns:
        Notes that do not say what the log says, a line each. They are left as they are: readers go by the log.
    """
    if latest is None:
        latest, _ = read_latest(store, dataset)
    problems = []
    for entry in latest.log if latest else ():
        if entry.event != "yanked":
            continue
        key = layout.yanked(dataset, entry.version)
        wanted = YankNote(
            dataset=dataset, version=entry.version, reason=entry.reason, replaced_by=entry.replaced_by, at=entry.at
        )
        try:
            there = YankNote.load(store.get(key).body, key)
            # The note keeps the time that a wrong clock had stamped; the log was corrected.
            as_stamped = wanted.model_copy(update={"at": entry.stamped or entry.at})
            if not (wanted.same_as(there) or as_stamped.same_as(there)):
                problems.append(f"{key} is not what latest.json says; delete it, and gc writes it again")
        except ObjectNotFoundError:
            with suppress(ObjectExistsError):  # somebody else settled it
                store.create(key, wanted.dump())
        except DamagedRecordError as e:
            problems.append(f"{e}, or delete it, and gc writes it again")
    return problems


def _refuse_nonsense(latest: Latest, version: str, reason: str, replaced_by: str | None) -> None:
    published = {e.version for e in latest.published}
    if not reason.strip():
        raise YankRefusedError("a yank needs a reason, for the readers who pinned the version")
    if version not in published:
        raise YankRefusedError(
            f"{latest.dataset}@{version} was never published, so readers never saw it; "
            f"see: {command('versions', latest.dataset)}"
        )
    if replaced_by is not None and (replaced_by not in published - latest.yanked or replaced_by == version):
        raise YankRefusedError(f"{latest.dataset}@{replaced_by} cannot replace it: not a published, good other version")


def _after(store: ObjectStore, latest: Latest, entry: LogEntry) -> Latest:
    logged = latest.model_copy(update={"seq": entry.seq, "log": (*latest.log, entry)})
    if entry.version != latest.version:
        return logged
    gone = latest.yanked | {entry.version}
    if not (left := [e for e in latest.published if e.version not in gone | latest.retired_versions]):
        retired = " that has its data" if latest.retired_versions - gone else ""
        raise YankRefusedError(
            f"{latest.dataset}@{entry.version} is the only version left{retired}; readers would have none. "
            "Publish a good one first, then yank this"
        )
    back, sha256 = left[-1].version, left[-1].manifest_sha256
    read_manifest(store, latest.dataset, back, sha256)  # readers are about to be sent there
    return logged.model_copy(
        update={
            "log": (*latest.log, entry.model_copy(update={"fallback": back})),
            "version": back,
            "manifest": f"versions/{back}/manifest.json",
            "manifest_sha256": sha256,
            "published_at": left[-1].at,
        }
    )
