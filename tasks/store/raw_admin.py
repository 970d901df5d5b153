"""Keeping house in the raw archive: what lies there, taking one source's bytes down, letting old ones expire.

Decide first (``plan_...``), act second (``execute``). Only verbatim bytes and notes of unfinished extractions go: what
says that they were there (sidecars, manifests, inventories) stays, and published versions do not depend on them.

- *Take-down* is for bytes that may not be kept: all of one source go, whatever needs them. A note says when, why and
  how many; it is begun before and ended after the deletion, so that a killed take-down can be seen and taken up.
- *Expiry* is for space: bytes go that are old and that no published, not yanked version and no inventory names.

Run them while nothing is being published: an extraction that meets bytes it has archived long ago does not archive
them again, and an expiry could take them away before its version names them. That costs no figures, only the bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from configs.errors import ObjectNotFoundError, StoreError, UsageError
from configs.words import plural
from tasks.store import documents, layout, raw_taken_down
from tasks.store.objects import Entry, ObjectStore
from tasks.store.raw_taken_down import TakenDown
from tasks.store.versions import read_latest, read_manifest, stamp

IN_FOLDER = re.compile(r"^[0-9a-f]{2}/[^/]+$")
SIDECAR = re.compile(r"^[0-9a-f]{2}/[0-9a-f]{64}\.[^/]+\.json$")
UNFINISHED = "_unfinished/"


@dataclass(frozen=True)
class Holding:
    """What is archived of one source. ``notes``: of unfinished extractions. ``gone``: documents that are known of by
    their sidecar, and whose bytes are not there any more."""

    source: str
    documents: int
    bytes: int
    gone: int
    notes: int
    newest: str
    taken_down: TakenDown | None


@dataclass(frozen=True)
class RawPlan:
    """What would be deleted, as of one moment. ``reason`` and ``source`` are of a take-down; ``older_than`` of an
    expiry. ``kept``: bytes old enough to go that something still names."""

    made_at: datetime
    source: str | None
    reason: str | None
    older_than: datetime | None
    raw: tuple[Entry, ...]
    notes: tuple[Entry, ...] = ()
    kept: int = 0

    @property
    def bytes(self) -> int:
        return sum(e.size for e in self.raw)

    def lines(self) -> list[str]:
        """One line a source, for a person."""
        sources = sorted({_source_of(e.key) for e in (*self.raw, *self.notes)})
        told = []
        for name in sources:
            raw = [e for e in self.raw if _source_of(e.key) == name]
            notes = [e for e in self.notes if _source_of(e.key) == name]
            more = f", {plural(len(notes), 'note')} of unfinished extractions" if notes else ""
            told.append(
                f"delete of {name}: {plural(len(raw), 'document')}, {plural(sum(e.size for e in raw), 'byte')}{more}"
            )
        return told


@dataclass(frozen=True)
class RawResult:
    """What was deleted, and what was spared because something names it since the plan was made."""

    deleted: tuple[str, ...]
    spared: tuple[str, ...]


def holdings(store: ObjectStore) -> list[Holding]:
    """What is archived, a source each, by name."""
    return [_holding(store, name) for name in store.folders(layout.raw_of())]


def _holding(store: ObjectStore, name: str) -> Holding:
    raw, sidecars, notes = [], set(), 0
    prefix = layout.raw_of(name)
    for entry in store.entries(prefix):
        path = entry.key.removeprefix(prefix)
        if path.startswith(UNFINISHED):
            notes += 1
        elif SIDECAR.match(path):
            sidecars.add(entry.key.removesuffix(".json"))
        elif IN_FOLDER.match(path):
            raw.append(entry)
    return Holding(
        source=name,
        documents=len(raw),
        bytes=sum(e.size for e in raw),
        gone=len(sidecars - {e.key for e in raw}),
        notes=notes,
        newest=max((stamp(e.modified) for e in raw), default=""),
        taken_down=raw_taken_down.read(store, name),
    )


def plan_take_down(store: ObjectStore, source: str, reason: str, now: datetime) -> RawPlan:
    """All raw bytes of one source.

    Raises:
        UsageError: nothing is archived of such a source, or no reason is given.
    """
    if not reason.strip():
        raise UsageError("say why: --reason TEXT; it stands in the note that is left behind")
    _known(store, source)
    return RawPlan(now, source, reason, None, tuple(_raw_entries(store, source)))


def plan_expiry(store: ObjectStore, source: str | None, now: datetime, age: timedelta) -> RawPlan:
    """The raw bytes (of one source, or of all) that are older than ``age`` and that nothing names; and the notes of
    unfinished extractions that are as old.

    Raises:
        UsageError: nothing is archived of such a source.
        StoreError: a manifest or an inventory cannot be read: then it is not known what is named.
    """
    if source is not None:
        _known(store, source)
    sources = [source] if source is not None else store.folders(layout.raw_of())
    older_than = now - age
    old = [e for name in sources for e in _raw_entries(store, name) if e.modified <= older_than]
    notes = [e for name in sources for e in _notes(store, name) if e.modified <= older_than]
    named = _named(store) if old else set()
    raw = tuple(e for e in old if e.key not in named)
    return RawPlan(now, source, None, older_than, raw, tuple(notes), kept=len(old) - len(raw))


def execute(store: ObjectStore, plan: RawPlan) -> RawResult:
    """Carries the plan out. Safe when it is killed: it can be planned and run again."""
    if plan.reason is not None and plan.source is not None:
        raw_taken_down.begin(store, plan.source, plan.reason, plan.made_at, len(plan.raw), plan.bytes)
    named = _named(store) if plan.older_than is not None and plan.raw else set()
    spared = tuple(e.key for e in plan.raw if e.key in named)
    going = [e.key for e in (*plan.notes, *plan.raw) if e.key not in spared]
    for key in going:
        store.delete(key)
    if plan.reason is not None and plan.source is not None:
        raw_taken_down.end(store, plan.source, plan.made_at)
    return RawResult(tuple(going), spared)


def _known(store: ObjectStore, source: str) -> None:
    have = store.folders(layout.raw_of())
    if source not in have:
        raise UsageError(f"nothing is archived of {source!r}; there is: {', '.join(have) or 'nothing at all'}")


def _raw_entries(store: ObjectStore, source: str) -> Iterator[Entry]:
    prefix = layout.raw_of(source)
    for entry in store.entries(prefix):
        path = entry.key.removeprefix(prefix)
        if IN_FOLDER.match(path) and not SIDECAR.match(path):
            yield entry


def _notes(store: ObjectStore, source: str) -> Iterator[Entry]:
    return store.entries(layout.raw_of(source) + UNFINISHED)


def _source_of(key: str) -> str:
    return key.removeprefix(layout.raw_of()).split("/", maxsplit=1)[0]


def _named(store: ObjectStore) -> set[str]:
    """The raw keys that a published, not yanked version or an inventory names."""
    named: set[str] = set()
    for dataset in store.folders(""):
        if dataset.startswith("_"):
            continue
        latest, _ = read_latest(store, dataset)
        for entry in latest.published if latest else []:
            if latest is not None and entry.version not in latest.yanked:
                manifest = read_manifest(store, dataset, entry.version, entry.manifest_sha256)
                named.update(s.raw_key for s in manifest.sources)
    for source in store.folders(layout.raw_of()):
        named.update(_in_inventory(store, layout.inventory(source)))
    return named


def _in_inventory(store: ObjectStore, key: str) -> Iterator[str]:
    """Every raw key that stands in it, wherever: whoever adds a field to an inventory need not know of this."""
    try:
        content = json.loads(store.get(key).body)
        documents.refuse_newer(content, key)
    except ObjectNotFoundError:
        return
    except ValueError as e:
        raise StoreError(f"{key} is not JSON ({e}); nothing was deleted, mend or restore it first") from e
    todo: list[Any] = [content]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)
        elif isinstance(value, str) and value.startswith(layout.raw_of()):
            yield value
