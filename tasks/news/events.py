"""News for readers: an event of a dataset's log, told with the head of what changed.

Made from the log, the manifest and ``changes.parquet``, which never change, so the same event is always the same news.
What is damaged or gone is told as such; the event itself is in the log and stays news.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from io import BytesIO
from typing import Protocol

import polars as pl

from configs.contract import Contract
from configs.errors import NotPublishedError, ObjectNotFoundError
from configs.words import plural
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, protocol, reader
from tasks.warehouse.hold_words import stopped
from tasks.warehouse.records import ChangeCounts, Latest, LogEntry, Manifest

LARGEST = 10
# Of this project alone, so that two stores never give one id to different news.
NAMESPACE = uuid.UUID("6f1c8f0e-5a1b-4a3e-9c53-7b0d6a2f4e11")


@dataclass(frozen=True)
class ChangedCell:
    """One cell that differs; ``old`` and ``new`` as text, None where there is none."""

    kind: str
    key: str
    column: str
    old: str | None
    new: str | None

    def words(self) -> str:
        told = f"{self.key} {self.column}: {_figure(self.old)} -> {_figure(self.new)}"
        if self.kind != "revised":
            return f"{told} ({self.kind})"
        old, new = _number(self.old), _number(self.new)
        return f"{told} ({new - old:+,})" if old is not None and new is not None else told


class Event(Protocol):
    """What has happened to a version: an event of the log, or of a candidate that is held."""

    @property
    def event(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def at(self) -> str: ...
    @property
    def vintage(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def replaced_by(self) -> str | None: ...
    @property
    def seq(self) -> int | None: ...


@dataclass(frozen=True)
class News:
    """One event. ``lines``: what there is to say beyond the title, a sentence each. ``manifest``: its key in the store,
    and that of the version's manifest for a yank too. ``told`` is None where the manifest cannot be read."""

    id: str
    dataset: str
    event: Event
    title: str
    lines: tuple[str, ...]
    largest: tuple[ChangedCell, ...]
    manifest: str
    told: Manifest | None


def id_of(dataset: str, entry: LogEntry) -> str:
    """The same for the same event of the same store, wherever and whenever it is asked for."""
    what = (dataset, entry.version, entry.event, str(entry.seq), entry.stamped or entry.at, entry.manifest_sha256)
    return f"urn:uuid:{uuid.uuid5(NAMESPACE, ' '.join(what))}"


def news_of(store: ObjectStore, contract: Contract, latest: Latest, entry: LogEntry) -> News:
    """What there is to tell of an event of the log.

    Raises:
        StoreUnavailableError: the store could not be read.
    """
    key = layout.manifest(contract.name, entry.version)
    common = (id_of(contract.name, entry), contract.name, entry)
    if entry.event == "yanked":
        return News(*common, _yank_title(contract, entry), _yank_lines(latest, entry), (), key, None)
    try:
        manifest = protocol.read_manifest(store, contract.name, entry.version, entry.manifest_sha256)
    except reader.DAMAGED as e:
        title = f"{contract.name}: {entry.version} {entry.event}: vintage {entry.vintage}"
        return News(*common, title, (f"What changed cannot be told: {e}",), (), key, None)
    lines = [*_lines(store, contract, manifest)]
    try:
        largest = _largest(store, manifest)
    except ChangesGoneError as e:
        largest = ()
        lines.append(f"The single changes cannot be told: {e}.")
    return News(*common, _title(manifest, entry), tuple(lines), largest, key, manifest)


def _title(m: Manifest, entry: LogEntry) -> str:
    by = f" by {m.override.by} over the quality gate" if m.override else ""
    return f"{m.dataset}: {m.version} {entry.event}{by}: vintage {m.vintage}, {counts_words(m)}"


def counts_words(m: Manifest) -> str:
    """``2 new rows, 37 revised``; of a first version, how many rows there are."""
    if m.parent is None:
        return f"the first version, {plural(m.rows, 'row')}"
    rows = _counted(m.changes)
    if not (kinds := [kind for kind in ("new", "revised", "removed") if rows[kind]]):
        return "no difference in figures"
    first, *others = kinds
    return ", ".join([plural(rows[first], f"{first} row"), *(f"{rows[kind]:,} {kind}" for kind in others)])


def _counted(changes: ChangeCounts) -> dict[str, int]:
    return {kind: changes.rows.get(kind, 0) for kind in ("new", "revised", "removed")}


def _lines(store: ObjectStore, contract: Contract, m: Manifest) -> list[str]:
    after = f", after {m.parent}" if m.parent else ""
    lines = [f"{contract.title}. {plural(m.rows, 'row')}, vintage {m.vintage}{after}."]
    cells = [
        f"{m.changes.cells[k]:,} {k}" for k in ("new", "revised", "removed", "relabelled") if m.changes.cells.get(k)
    ]
    if m.parent and cells:
        lines.append(f"Cells: {', '.join(cells)}.")
    if m.override:
        was, critical = stopped(m.quality), m.quality.failed_critical
        checks = plural(critical, "critical check") if critical else plural(m.quality.failed_hold, "check")
        lines.append(
            f"The quality gate had {was} these figures as {m.override.rejected} ({checks}); "
            f"{m.override.by} publishes them all the same: {m.override.reason}"
        )
    if m.confirmed:
        lines.append(f"Figures that looked wrong were confirmed by {' and '.join(m.confirmed.by)}.")
    if m.quality.failed_warning:
        lines.append(f"Checks that warn: {m.quality.failed_warning}.")
    if m.breaking_note and m.parent and _step(store, m):
        lines.append(f"Readers have to change something (schema {m.schema_version}): {m.breaking_note}")
    return lines


def _step(store: ObjectStore, m: Manifest) -> bool:
    """Whether the version is the first of a major step of the schema."""
    try:
        before = protocol.read_manifest(store, m.dataset, str(m.parent))
    except (*reader.DAMAGED, NotPublishedError):
        return True
    return before.schema_version.partition(".")[0] != m.schema_version.partition(".")[0]


def _yank_title(contract: Contract, entry: LogEntry) -> str:
    use = f"; use {entry.replaced_by}" if entry.replaced_by else ""
    return f"{contract.name}: {entry.version} yanked: {entry.reason}{use}"


def _yank_lines(latest: Latest, entry: LogEntry) -> tuple[str, ...]:
    """What readers got right after it, not what they get now: news do not change."""
    until = [e for e in latest.log if e.seq <= entry.seq]
    gone = {e.version for e in until if e.event == "yanked"}
    given = [e.version for e in until if e.event != "yanked" and e.version not in gone]
    return (
        f"{entry.version} should not be used any more: {entry.reason}",
        f"Readers of latest get {given[-1] if given else 'nothing'}. The version stays readable by name.",
    )


# ---------------------------------------------------------------------- changes


class ChangesGoneError(Exception):  # not an error of ours: it becomes a line of the news
    """A file of a version that says what changed is gone or is not what was sealed."""


def sealed(store: ObjectStore, m: Manifest, path: str) -> bytes | None:
    """Return a file of a version; None if the version has no such file.

    Raises:
        ChangesGoneError: it is gone, or is not what was sealed.
    """
    if (entry := next((f for f in m.files if f.path == path), None)) is None:
        return None
    try:
        body = store.get(layout.version(m.dataset, m.version, path)).body
    except ObjectNotFoundError as e:
        raise ChangesGoneError(f"{path} is gone") from e
    if hashlib.sha256(body).hexdigest() != entry.sha256:
        raise ChangesGoneError(f"{path} is not what was sealed")
    return body


def _largest(store: ObjectStore, m: Manifest) -> tuple[ChangedCell, ...]:
    """The revisions that move most, then what went and what came, by size."""
    body = sealed(store, m, "changes.parquet") if m.parent is not None else None
    if body is None:
        return ()
    try:
        return largest_of(pl.read_parquet(BytesIO(body)))
    except pl.exceptions.PolarsError as e:
        raise ChangesGoneError("changes.parquet cannot be read") from e


def largest_of(changes: pl.DataFrame) -> tuple[ChangedCell, ...]:
    """The ten to tell first, of a frame as in ``changes.parquet``."""
    kinds = ["revised", "removed", "new"]
    old, new = (pl.col(c).cast(pl.Float64, strict=False).fill_null(0.0) for c in ("old", "new"))
    first = (
        changes.lazy()
        .filter(pl.col("kind").is_in(kinds))
        .with_columns(size=(new - old).abs(), rank=pl.col("kind").replace_strict(kinds, range(3), return_dtype=pl.Int8))
        .sort("rank", "size", "key", "column", descending=[False, True, False, False])
        .head(LARGEST)
        .select("kind", "key", "column", "old", "new")
        .collect()
    )
    return tuple(ChangedCell(**row) for row in first.iter_rows(named=True))


def _figure(text: str | None) -> str:
    """A number with thousands apart; anything else as it is."""
    if text is None:
        return "none"
    number = _number(text)
    return text if number is None else f"{number:,}"


def _number(text: str | None) -> int | None:
    """The whole number that the text is, written as one: ``01`` is a code."""
    digits = (text or "").removeprefix("-")
    return int(text or "") if digits.isascii() and digits.isdigit() and str(int(digits)) == digits else None
