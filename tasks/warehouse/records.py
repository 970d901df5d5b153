"""The JSON documents of the store, as types. Their fields are public: see ``docs/store.md``.

A claim, a sealed manifest and the log are different types so that no code can take a version that was only
staged for one that was published: only ``Latest`` says what was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import ConfigDict, Field

from tasks.storage.documents import (
    DamagedRecordError,
    Document,
    Record,
)


class MisplacedRecordError(DamagedRecordError):
    """A sound document that belongs elsewhere: a person copied it there."""

    def __init__(self, key: str, of: str) -> None:
        super().__init__(f"{key} is the document of {of}; put the right one back from a copy, or remove the folder")


class VersionClaim(Document):
    """``claim.json``: this version number is taken, and by whom. Never deleted, so never reused."""

    dataset: str
    version: str
    token: str
    claimed_at: str
    claimed_by: str


class FileEntry(Record):
    """An object of a version. ``rows`` and ``content_sha256`` for data files only. ``inputs_sha256``: what the file was
    made from, where a dataset is made a partition at a time."""

    path: str
    bytes: int
    sha256: str
    rows: int | None = None
    content_sha256: str | None = None
    inputs_sha256: str | None = None


class BuiltPart(Document):
    """A data file that was made of pieces, before any version has it."""

    partition: str
    rows: int
    bytes: int
    sha256: str
    content_sha256: str


class SchemaField(Record):
    """A column as readers were told of it. ``role`` and ``nullable`` are not known of older versions."""

    name: str
    type: str
    unit: str
    description: str
    basis: str = ""
    role: str | None = None
    nullable: bool | None = None


class Cost(Record):
    """What an extraction took: requests and bytes asked of the publisher, documents taken over from a run that was
    cut off, and documents taken over from the version before."""

    requests: int = 0
    bytes: int = 0
    resumed: int = 0
    reused: int = 0


class SourceEntry(Record):
    """One raw input of a version: where it came from and under which key it is archived. ``role`` is what it was to
    the source (``exports/2024-01:2024-12``), ``modified`` what the publisher said of its last change."""

    source: str
    role: str = ""
    url: str
    retrieved_at: str
    sha256: str
    bytes: int
    raw_key: str
    vintage: str
    licence: str
    citation: str
    modified: str = ""


class Override(Record):
    """Why a version is published although the gate rejected it: the version that it did reject, and who says so."""

    rejected: str
    reason: str
    by: str


class Confirmed(Record):
    """Why a version is published although checks hold for what they found: each of those cells was found in a second
    source, or is of a candidate that was held until then (``held``). ``by``: the sources, with versions."""

    held: str = ""
    by: tuple[str, ...] = ()
    cells: int = 0


class Restored(Record):
    """When a lost version was made again from its raw inputs, and by which code."""

    at: str
    code_version: str


class MadeBy(Record):
    """What turned raw bytes into figures: a hash of that code, and versions of the libraries. Empty in versions that
    are older than this."""

    code: str = ""
    libraries: dict[str, str] = Field(default_factory=dict)


class QualityCounts(Record):
    """How many expectations, by outcome."""

    passed: int = 0
    failed_critical: int = 0
    failed_hold: int = 0
    failed_warning: int = 0
    failed_info: int = 0
    not_applicable: int = 0


class ChangeCounts(Record):
    """Differences from the parent version by kind, in rows and in cells. Rows: ``new`` and ``removed`` keys,
    ``revised`` rows with at least one revised measure. Cells also: ``representation``, ``relabelled``. ``causes``:
    cells of measures that are new, revised or removed, by cause; one with two causes counts in both. Empty in a first
    version and in versions that are older than this."""

    rows: dict[str, int] = Field(default_factory=dict)
    cells: dict[str, int] = Field(default_factory=dict)
    causes: dict[str, int] = Field(default_factory=dict)


class Manifest(Document):
    """``manifest.json``: seals a version. A manifest alone does not mean that the version was published.

    ``override``: the gate had rejected these figures and somebody publishes them all the same; ``quality`` then still
    counts what failed. ``breaking_note``: what readers have to change since the last major step of the schema.
    ``breaks_seen``: expected breaks that came, in this version or in one before it. ``diagnosis``: what happened to
    figures that failed checks, in a sentence; empty where no sentence says it. ``held``: the checks for which the
    version is held until it is confirmed; its status is ``rejected`` then, as readers never got it.
    """

    dataset: str
    version: str
    parent: str | None
    status: Literal["passed", "rejected", "abandoned"]
    schema_version: str = ""
    contract_sha256: str = ""
    inputs_sha256: str = ""
    content_sha256: str = ""
    token: str
    files: tuple[FileEntry, ...] = ()
    rows: int = 0
    schema_: tuple[SchemaField, ...] = Field(default=(), alias="schema")
    sources: tuple[SourceEntry, ...] = ()
    vintage: str = ""
    code_version: str = ""
    made_by: MadeBy = MadeBy()
    quality: QualityCounts = QualityCounts()
    changes: ChangeCounts = ChangeCounts()
    cost: Cost = Cost()
    override: Override | None = None
    restored: Restored | None = None
    breaking_note: str = ""
    breaks_seen: tuple[str, ...] = ()
    diagnosis: str = ""
    held: tuple[str, ...] = ()
    confirmed: Confirmed | None = None
    created_at: str

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True, serialize_by_alias=True)


class LogEntry(Record):
    """One event. ``vintage``, ``inputs_sha256`` and ``content_sha256`` are carried along on publication so that
    a run can see that nothing is new from ``latest.json`` alone, however long the history; ``manifest_sha256`` so
    that a pinned or superseded version can be checked like the latest one; ``reason`` and ``replaced_by`` on a
    yank, so that the log is the authority and ``yanked/*.json`` can be written again; ``fallback`` on a yank of what
    readers got, the version that they get instead; ``rejected``, ``reason`` and ``by`` on a promotion;
    ``stamped``, the ``at`` that a wrong clock had written (see ``Redating``)."""

    seq: int
    event: Literal["published", "yanked", "promoted"]
    version: str
    at: str
    vintage: str = ""
    inputs_sha256: str = ""
    content_sha256: str = ""
    contract_sha256: str = ""
    manifest_sha256: str = ""
    reason: str = ""
    replaced_by: str | None = None
    fallback: str = ""
    rejected: str | None = None
    by: str = ""
    stamped: str = ""

    identified_by = ("seq",)


def misdated(log: Sequence[LogEntry]) -> dict[str, str]:
    """The versions that a wrong clock named, with the day on which they were published."""
    return {e.version: e.at[:10] for e in log if e.stamped and e.event != "yanked"}


class Retired(Record):
    """A version whose data files were deleted by a policy: when, and by which. All else of it stays."""

    version: str
    at: str
    why: str

    identified_by = ("version",)


class Redating(Record):
    """A correction of stamps that a wrong clock had made: of which events (their numbers), when, by whom and why, and
    what each true time was taken from. The events keep the old stamp in ``stamped``."""

    events: tuple[int, ...]
    evidence: tuple[str, ...]
    reason: str
    by: str
    at: str

    identified_by = ("at",)


class Latest(Document):
    """``latest.json``: the one authoritative mutable object of a dataset.

    ``fence`` is raised by gc before it deletes sealed versions that never were published: it changes the tag,
    so that a publisher asleep since before can no longer swap one of them in.
    """

    dataset: str
    version: str
    manifest: str
    manifest_sha256: str
    published_at: str
    seq: int
    log: tuple[LogEntry, ...]
    fence: int = 0
    retired: tuple[Retired, ...] = ()
    redated: tuple[Redating, ...] = ()

    @property
    def misdated(self) -> dict[str, str]:
        """The versions whose name has a wrong date, with the day on which they were published."""
        return misdated(self.log)

    @property
    def retired_versions(self) -> set[str]:
        """The versions whose data were deleted, rejected ones among them."""
        return {r.version for r in self.retired}

    def retired_of(self, version: str) -> Retired | None:
        """When and why the data of a version were deleted, if they were."""
        return next((r for r in self.retired if r.version == version), None)

    @property
    def yanked(self) -> set[str]:
        return {e.version for e in self.log if e.event == "yanked"}

    @property
    def published(self) -> list[LogEntry]:
        """The publications (also by promotion), oldest first."""
        return [e for e in self.log if e.event in ("published", "promoted")]


class YankNote(Document):
    """``yanked/<version>.json``."""

    dataset: str
    version: str
    reason: str
    replaced_by: str | None
    at: str


class Status(Document):
    """``status.json``: what the last run found. Derived, never authoritative. ``rejected``: the last version that the
    gate rejected, also where later runs ended otherwise. ``asked_at``: when the publisher itself was last asked and
    gave an answer that could be used, kept the same way; bundled figures say nothing of a publisher. ``cost`` and
    ``seconds``: what the last run took, from its beginning to its end; None where it is not known. ``held``: the
    version that is held until confirmed, ``held_since`` when; None and empty where none is."""

    dataset: str
    checked_at: str
    outcome: str
    detail: str
    vintage: str = ""
    version: str | None = None
    rejected: str | None = None
    diagnosis: str = ""
    asked_at: str = ""
    held: str | None = None
    held_since: str = ""
    cost: Cost | None = None
    seconds: float | None = None


class Schedule(Document):
    """``_schedule/since.json``: since when a schedule publishes into the store, and who said so first."""

    since: str
    by: str


class Announced(Document):
    """``announced.json``: the number of the event in the log up to which each subscriber was told; ``held``: the time
    up to which it was told of candidates that are held, or were."""

    seq: dict[str, int] = Field(default_factory=dict)
    held: dict[str, str] = Field(default_factory=dict)


class Waiting(Record):
    """Newer figures that are held until confirmed: their version and vintage, since when, and why."""

    version: str
    vintage: str
    since: str
    why: str


class CatalogEntry(Record):
    dataset: str
    title: str
    version: str
    vintage: str
    rows: int
    published_at: str
    manifest: str
    licence: str
    citation: str
    held: Waiting | None = None

    identified_by = ("dataset",)


class Catalog(Document):
    """``catalog.json``: index of datasets and their latest version. Derived; any later run repairs it."""

    datasets: tuple[CatalogEntry, ...] = ()


def as_plain(record: Record) -> dict[str, Any]:
    """The record as plain JSON values, for ``--json``."""
    plain: dict[str, Any] = record.model_dump(mode="json")
    return plain
