"""Keeping house in the raw archive: what lies there, taking one source's bytes down, letting old ones expire.

Decide first (``plan_...``), act second (``execute``). Only verbatim bytes and notes of unfinished extractions go: what
says that they were there (sidecars, manifests, inventories) stays, and published versions do not depend on them.

- *Take-down* is for bytes that may not be kept: all of one source go, whatever needs them. A note says when, why and
  how many; it is begun before and ended after the deletion, so that a killed take-down can be seen and taken up.
- *Expiry* is for space: bytes go that are old and that no published, not yanked version and no inventory names. Where
  that cannot be read they stay (``tasks.raw.references``).

What does not have the name of a raw document or a note is not techtrade's, and is never deleted.

Run them while nothing is being published: an extraction that meets bytes it has archived long ago does not archive
them again, and an expiry could take them away before its version names them. That costs no figures, only the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from configs.errors import UsageError
from configs.words import plural
from tasks.common.clock import stamp
from tasks.raw import take_down
from tasks.raw.references import named
from tasks.raw.take_down import TakenDown
from tasks.storage.object_store import ListedObject, ObjectStore
from tasks.warehouse import key_grammar, layout
from tasks.warehouse.isolated import isolated

UNFINISHED = "_unfinished/"


@dataclass(frozen=True)
class Holding:
    """What is archived of one source. ``notes``: of unfinished extractions. ``gone``: documents that are known of by
    their sidecar, and whose bytes are not there any more. ``damaged``: copies of damaged bytes that were set aside when
    the right ones came again. ``problem``: why the note on take-downs cannot be read."""

    source: str
    documents: int
    bytes: int
    gone: int
    notes: int
    newest: str
    taken_down: TakenDown | None
    damaged: int = 0
    problem: str = ""


@dataclass(frozen=True)
class RawPlan:
    """What would be deleted, as of one moment. ``reason`` and ``source`` are of a take-down; ``older_than`` of an
    expiry. ``kept``: bytes old enough to go that something still names, or may. ``problems``: why it may, a line
    each."""

    made_at: datetime
    source: str | None
    reason: str | None
    older_than: datetime | None
    raw: tuple[ListedObject, ...]
    notes: tuple[ListedObject, ...] = ()
    kept: int = 0
    problems: tuple[str, ...] = ()

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
    raw, sidecars, notes, damaged = [], set(), 0, 0
    prefix = layout.raw_of(name)
    for entry in store.entries(prefix):
        if key_grammar.stranger(entry.key):
            continue
        if entry.key.startswith(prefix + UNFINISHED):
            notes += 1
        elif key_grammar.is_set_aside(entry.key):
            damaged += 1
        elif key_grammar.is_raw_document(entry.key):
            raw.append(entry)
        elif entry.key not in (layout.inventory(name), layout.taken_down(name)):
            sidecars.add(entry.key.removesuffix(".json"))
    problems, taken_down = list[str](), None
    with isolated(store, problems, name):
        taken_down = take_down.read(store, name)
    return Holding(
        source=name,
        documents=len(raw),
        bytes=sum(e.size for e in raw),
        gone=len(sidecars - {e.key for e in raw}),
        notes=notes,
        newest=max((stamp(e.modified) for e in raw), default=""),
        taken_down=taken_down,
        damaged=damaged,
        problem="; ".join(problems),
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
    unfinished extractions that are as old. Where it is not known what is named, ``problems`` says why.

    Raises:
        UsageError: nothing is archived of such a source.
    """
    if source is not None:
        _known(store, source)
    sources = [source] if source is not None else store.folders(layout.raw_of())
    older_than = now - age
    old = [e for name in sources for e in _raw_entries(store, name) if e.modified <= older_than]
    notes = [e for name in sources for e in _notes(store, name) if e.modified <= older_than]
    found = named(store) if old else None
    raw = tuple(e for e in old if found is not None and e.key not in found)
    problems = found.problems if found else ()
    return RawPlan(now, source, None, older_than, raw, tuple(notes), len(old) - len(raw), problems)


def execute(store: ObjectStore, plan: RawPlan) -> RawResult:
    """Carries the plan out. Safe when it is killed: it can be planned and run again."""
    if plan.reason is not None and plan.source is not None:
        take_down.begin(store, plan.source, plan.reason, plan.made_at, len(plan.raw), plan.bytes)
    now = named(store) if plan.older_than is not None and plan.raw else None
    spared = tuple(e.key for e in plan.raw if now is not None and e.key in now)
    going = [e.key for e in (*plan.notes, *plan.raw) if e.key not in spared]
    for key in going:
        store.delete(key)
    if plan.reason is not None and plan.source is not None:
        take_down.end(store, plan.source, plan.made_at)
    return RawResult(tuple(going), spared)


def _known(store: ObjectStore, source: str) -> None:
    if source not in (have := store.folders(layout.raw_of())):
        raise UsageError(f"nothing is archived of {source!r}; there is: {', '.join(have) or 'nothing at all'}")


def _raw_entries(store: ObjectStore, source: str) -> Iterator[ListedObject]:
    return (e for e in store.entries(layout.raw_of(source)) if key_grammar.is_raw_document(e.key))


def _notes(store: ObjectStore, source: str) -> Iterator[ListedObject]:
    return (e for e in store.entries(layout.raw_of(source) + UNFINISHED) if not key_grammar.stranger(e.key))


def _source_of(key: str) -> str:
    return key.removeprefix(layout.raw_of()).split("/", maxsplit=1)[0]
