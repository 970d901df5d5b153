"""Reading versions: which one, and its rows as a lazy frame."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

import polars as pl
import pyarrow as pa
import pyarrow.dataset as pads

from configs.contract import Contract
from configs.errors import CorruptVersionError, NotPublishedError, ObjectNotFoundError, StoreUnavailableError
from configs.first_publish import start_words
from configs.hints import command
from configs.words import did_you_mean
from tasks.common.clock import stamp, to_minute
from tasks.storage.documents import DamagedRecordError
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import holds, layout
from tasks.warehouse.holds import Hold, Holds
from tasks.warehouse.log_order import in_order, readers_got
from tasks.warehouse.protocol import read_latest, read_manifest
from tasks.warehouse.records import FileEntry, Latest, LogEntry, Manifest, Retired

VersionState = Literal[
    "latest",
    "published",
    "retired",
    "yanked",
    "rejected",
    "held",
    "no longer held",
    "abandoned",
    "not published",
    "corrupt",
]
# What is told of one version while the others are gone through. A store that cannot be reached is not among it: nothing
# is known of any version then.
DAMAGED = (CorruptVersionError, DamagedRecordError)


@dataclass(frozen=True)
class Resolved:
    """A published version. ``yank`` is set when it was withdrawn, so that whoever reads it can be warned."""

    latest: Latest
    manifest: Manifest
    yank: LogEntry | None

    @property
    def retired(self) -> Retired | None:
        """Set where the data files were deleted by a policy."""
        return self.latest.retired_of(self.manifest.version)


@dataclass(frozen=True)
class Listed:
    """A version in a listing. ``event`` is its publication, None if it never was. ``manifest`` is None in state
    ``corrupt``, and ``problem`` says why. ``retired``: its data files were deleted by a policy. ``hold``: of a
    candidate that is or was held."""

    version: str
    manifest: Manifest | None
    state: VersionState
    event: LogEntry | None
    yank: LogEntry | None
    problem: str = ""
    retired: Retired | None = None
    hold: Hold | None = None


@dataclass(frozen=True)
class Sealed:
    """A sealed version, published or not. ``latest``: what readers get, None if nothing was ever published. ``event``:
    its publication. ``promoted``: of a rejected version, the publication of its figures by a person. ``retired``: its
    data files were deleted by a policy. ``hold``: of a candidate that is or was held."""

    latest: Latest | None
    manifest: Manifest
    state: VersionState
    event: LogEntry | None = None
    yank: LogEntry | None = None
    promoted: LogEntry | None = None
    retired: Retired | None = None
    hold: Hold | None = None


class HasFiles(Protocol):
    """A manifest, or a draft that is being checked."""

    @property
    def dataset(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def files(self) -> tuple[FileEntry, ...]: ...


def resolve(store: ObjectStore, dataset: str, version: str | None = None) -> Resolved:
    """The latest version, or a published one by name.

    Raises:
        NotPublishedError: nothing was published, or this version never was (a manifest alone proves nothing).
        CorruptVersionError: its manifest is not the one that was published, or is gone.
    """
    latest = _latest(store, dataset)
    wanted = version or latest.version
    if (event := next((e for e in latest.published if e.version == wanted), None)) is None:
        meant = did_you_mean(wanted, (e.version for e in latest.published))
        see = command("versions", dataset, store=store.url)
        raise NotPublishedError(f"{dataset}@{wanted} was never published{meant}; see: {see}")
    sha256 = latest.manifest_sha256 if wanted == latest.version else event.manifest_sha256
    return Resolved(latest, read_manifest(store, dataset, wanted, sha256), _yank_of(latest, wanted))


def sealed(store: ObjectStore, dataset: str, version: str) -> Sealed:
    """A version by name, also one that was never published.

    Raises:
        NotPublishedError: there is no such version.
        CorruptVersionError: its manifest is not the one that was published, or is gone.
    """
    latest, _ = read_latest(store, dataset)
    event = next((e for e in latest.published if e.version == version), None) if latest else None
    if latest is None or event is None:
        manifest = read_manifest(store, dataset, version)
        promoted = next((e for e in latest.published if e.rejected == version), None) if latest else None
        hold = holds.read(store, dataset).of(version) if manifest.held else None
        gone = latest.retired_of(version) if latest else None
        return Sealed(latest, manifest, _never(manifest, hold, latest), promoted=promoted, retired=gone, hold=hold)
    found = resolve(store, dataset, version)
    state: VersionState = "yanked" if found.yank else "latest" if version == latest.version else "published"
    return Sealed(
        latest, found.manifest, "retired" if found.retired else state, event, found.yank, retired=found.retired
    )


def open_hold(store: ObjectStore, dataset: str, latest: Latest | None) -> Hold | None:
    """Return the candidate of a dataset that is held. One that a later version took the place of is not, whatever
    ``held.json`` says: the run that published it may have been killed before it wrote that.

    Raises:
        StoreError: ``held.json`` cannot be read.
    """
    hold = holds.read(store, dataset).open
    return None if hold and published_after(latest, hold.version, hold.held_at, hold.vintage) else hold


def published_after(latest: Latest | None, version: str, sealed_at: str, vintage: str) -> list[LogEntry]:
    """Return the publications after a version was sealed, of its vintage or a newer one: figures of an older state take
    no candidate's place. The name of one that a wrong clock named says nothing."""
    wrong = latest.misdated if latest else {}
    every = [e for e in latest.published if e.vintage >= vintage] if latest else []
    return [e for e in every if (e.at > sealed_at if e.version in wrong else e.version > version)]


def latest_version(store: ObjectStore, dataset: str) -> str:
    """The version that ``latest.json`` names.

    Raises:
        NotPublishedError: nothing was published.
    """
    return _latest(store, dataset).version


def as_of(store: ObjectStore, dataset: str, moment: datetime) -> Resolved:
    """What a reader of ``latest`` was given at that moment, yanked since or not.

    Raises:
        NotPublishedError: nothing was published by then.
    """
    latest = _latest(store, dataset)
    if not (until := [e for e in latest.log if e.at <= stamp(moment)]):
        raise NotPublishedError(
            f"{dataset}: nothing was published by {stamp(moment)}; the first version is of {latest.log[0].at}"
        )
    version = readers_got(until)[-1]
    event = next(e for e in latest.published if e.version == version)
    return Resolved(latest, read_manifest(store, dataset, version, event.manifest_sha256), _yank_of(latest, version))


def list_versions(store: ObjectStore, dataset: str, *, unpublished: bool = False) -> list[Listed]:
    """The versions in the log, oldest first; with ``unpublished`` also sealed ones that never were in it. One whose
    manifest is damaged is listed as ``corrupt``.

    Raises:
        DamagedRecordError: ``latest.json`` cannot be read, so there is no log.
    """
    latest, _ = read_latest(store, dataset)
    events = {e.version: e for e in latest.published} if latest else {}
    listed: list[Listed] = []
    for version, event in events.items():
        yank = _yank_of(latest, version) if latest else None
        gone = latest.retired_of(version) if latest else None
        state: VersionState = "yanked" if yank else "published"
        state = "retired" if gone else "latest" if latest and version == latest.version else state
        try:
            manifest = read_manifest(store, dataset, version, event.manifest_sha256)
        except DAMAGED as e:
            listed.append(Listed(version, None, "corrupt", event, yank, str(e), gone))
            continue
        listed.append(Listed(version, manifest, state, event, yank, retired=gone))
    if unpublished:
        held: Holds | None = None
        for version in store.folders(layout.versions(dataset)):
            if version in events or not layout.VERSION.match(version):
                continue
            try:
                manifest = read_manifest(store, dataset, version)
            except NotPublishedError:  # claimed, not sealed: under way, or killed
                continue
            except DAMAGED as e:
                listed.append(Listed(version, None, "corrupt", None, None, str(e)))
                continue
            hold = None
            if manifest.held:
                held = held or holds.read(store, dataset)
                hold = held.of(version)
            gone = latest.retired_of(version) if latest else None
            state = _never(manifest, hold, latest)
            listed.append(Listed(version, manifest, state, None, None, retired=gone, hold=hold))
    order = in_order(latest.log if latest else ())
    return sorted(listed, key=lambda v: order(v.version))


def scan(store: ObjectStore, version: HasFiles, contract: Contract | None = None) -> pl.LazyFrame:
    """The rows of a version, lazily, from its data files; the folder key of partitions is not a column. With
    ``contract``, a version without data files is an empty frame of its columns.

    Through pyarrow and the store's own file system: polars' native reader would take credentials and endpoint
    from other places than the rest of the code does.

    Raises:
        ObjectNotFoundError: a data file is gone.
        CorruptVersionError: the first data file is not parquet.
        StoreError: the store could not be read, now or, on S3, while rows are collected.
    """
    paths = [uri.removeprefix("s3://") for uri in data_uris(store, version)]
    if not paths and contract is not None:
        return contract.polars_schema.to_frame().lazy()
    try:
        data = pads.dataset(paths, filesystem=store.arrow_files(), format="parquet", partitioning=None)
    except FileNotFoundError as e:
        raise ObjectNotFoundError(paths[0]) from e
    except pa.ArrowInvalid as e:
        raise CorruptVersionError(version.dataset, version.version, [f"{paths[0]} is not parquet"]) from e
    except OSError as e:
        raise StoreUnavailableError(f"{store.url}: {paths[0]} cannot be read: {e.strerror or e}") from e
    return pl.scan_pyarrow_dataset(data)


def data_uris(store: ObjectStore, version: HasFiles) -> list[str]:
    """The addresses of the data files, for any reader: paths, or ``s3://...``."""
    return [
        store.uri(layout.version(version.dataset, version.version, f.path)) for f in version.files if f.rows is not None
    ]


def not_published(store: ObjectStore, dataset: str) -> str:
    """Say that nothing of a dataset is published, and why, if the gate stopped a first candidate; else how to start."""
    return f"nothing is published in {store.url}; {_first_candidate(store, dataset) or start_words(dataset, store.url)}"


def _first_candidate(store: ObjectStore, dataset: str) -> str:
    """The newest candidate that was stopped, in words; empty where none was."""
    names = [v for v in store.folders(layout.versions(dataset)) if layout.VERSION.match(v)]
    for version in sorted(names, reverse=True):
        try:
            found = sealed(store, dataset, version)
        except (NotPublishedError, *DAMAGED):  # under way, killed, or broken: not the one that was stopped
            continue
        name = f"{dataset}@{version}"
        if found.state == "rejected":
            see = command("quality", name, store=store.url)
            return f"the first candidate, {name}, was rejected by the quality gate; see: {see}"
        if found.state == "held":
            since = f" since {to_minute(found.hold.since)}" if found.hold else ""
            see = command("held", dataset, store=store.url)
            return f"the first candidate, {name}, is held until confirmed{since}; see: {see}"
    return ""


def _never(manifest: Manifest, hold: Hold | None, latest: Latest | None) -> VersionState:
    """The state of a version that was never published. One that was sealed as held by a run that was killed before it
    said so is held as long as readers have nothing newer."""
    if manifest.held and manifest.status == "rejected":
        newest = not published_after(latest, manifest.version, manifest.created_at, manifest.vintage)
        return "held" if newest and not (hold and hold.ended) else "no longer held"
    return "not published" if manifest.status == "passed" else manifest.status


def _latest(store: ObjectStore, dataset: str) -> Latest:
    latest, _ = read_latest(store, dataset)
    if latest is None:
        raise NotPublishedError(f"{dataset}: {not_published(store, dataset)}")
    return latest


def _yank_of(latest: Latest, version: str) -> LogEntry | None:
    return next((e for e in latest.log if e.event == "yanked" and e.version == version), None)
