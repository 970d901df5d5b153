"""The publishing protocol: claim, stage, seal, swap. DESIGN's guarantees G1 to G5 hang on this module.

Each step takes the type the step before returned, so they cannot be taken out of order::

    Head ──claim──▶ Draft ──stage──▶ Draft ──seal──▶ Sealed ──swap──▶ Release

The swap is conditional on the tag of ``latest.json`` that was read at the very beginning (``Head.etag``), never
on a newer one: changes and checks were made against that parent. So of any number of publishers who started
from one state exactly one wins, and gc can shut out a sleeper by changing the tag (``Latest.fence``).

A reply that gets lost after a write was applied is settled by reading back: a claim by its random token, a
manifest by the claim's token in it, ``latest.json`` by our version standing in its log (version numbers are
claimed once and never reused, so nobody else can have put it there).
"""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from configs.errors import (
    ClaimLostError,
    ConcurrentPublishError,
    CorruptVersionError,
    NotPublishedError,
    ObjectExistsError,
    ObjectNotFoundError,
    PreconditionFailedError,
    StoreError,
    StorePermissionError,
    StoreUnavailableError,
)
from configs.hints import command
from configs.words import did_you_mean
from tasks.common.clock import Clock, stamp, utc_now
from tasks.common.hashing import sha256_of_file
from tasks.storage.documents import DamagedRecordError, change_document, stored_at
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.candidate import Built
from tasks.warehouse.clock_check import believed
from tasks.warehouse.records import FileEntry, Latest, LogEntry, Manifest, MisplacedRecordError, VersionClaim


@dataclass(frozen=True)
class Head:
    """What readers see at one instant: ``latest.json`` with its tag, and the manifest it names."""

    dataset: str
    latest: Latest | None
    etag: str | None
    manifest: Manifest | None


def between(store: ObjectStore, older: str, newer: Manifest) -> list[Manifest] | None:
    """The versions after an older one up to a newer one, newest first, each made after the one before it; None if the
    newer one does not descend from the older: it was yanked, or is the newer of the two.

    Raises:
        CorruptVersionError, NotPublishedError: a manifest is damaged, or gone.
    """
    found, at = [newer], newer
    while at.parent is not None and at.parent != older:
        at = read_manifest(store, at.dataset, at.parent)
        found.append(at)
    return found if at.parent == older else None


@dataclass(frozen=True)
class Draft:
    """A claimed version and what has been staged under it so far. Not readable as a release."""

    head: Head
    claim: VersionClaim
    files: tuple[FileEntry, ...] = ()

    @property
    def dataset(self) -> str:
        return self.claim.dataset

    @property
    def version(self) -> str:
        return self.claim.version


@dataclass(frozen=True)
class Sealed:
    """A version with its manifest. Complete and immutable, but published only if the swap says so."""

    head: Head
    manifest: Manifest
    manifest_sha256: str


@dataclass(frozen=True)
class Release:
    """A version that readers see, or have seen: it stands in the log."""

    latest: Latest
    manifest: Manifest


def read_latest(store: ObjectStore, dataset: str) -> tuple[Latest | None, str | None]:
    """``latest.json`` and the tag of exactly that body; ``(None, None)`` if nothing was ever published."""
    stored = stored_at(store, layout.latest(dataset))
    return (_latest_of(dataset, stored.body), stored.etag) if stored else (None, None)


def change_latest(store: ObjectStore, dataset: str, change: Callable[[Latest], Latest | None]) -> Latest | None:
    """Change ``latest.json`` by compare-and-swap, where there is one, and return it.

    Only for steps that do not depend on what else is published meanwhile: a publish and a yank move readers, and
    settle a lost reply by their entry in the log (``move_latest``).

    Args:
        change: a pure step; None: leave it as it is.

    Raises:
        KeptChangingError: others were faster every time.
        StoreError: the store could not be read or written; the change may have been applied.
    """
    return change_document(
        store,
        layout.latest(dataset),
        lambda body, _: _latest_of(dataset, body),
        lambda was: change(was) if was else None,
    )


def _latest_of(dataset: str, body: bytes) -> Latest:
    latest = Latest.load(body, layout.latest(dataset))
    if latest.dataset != dataset:
        raise MisplacedRecordError(layout.latest(dataset), latest.dataset)
    return latest


def _meant(store: ObjectStore, dataset: str, version: str) -> str:
    """Return which published version a misspelt one may mean, as far as the log can be read."""
    with suppress(DamagedRecordError):
        latest, _ = read_latest(store, dataset)
        return did_you_mean(version, [e.version for e in latest.published]) if latest else ""
    return ""


def read_manifest(store: ObjectStore, dataset: str, version: str, sha256: str | None = None) -> Manifest:
    """The manifest of a version, checked against its hash where one is given.

    Raises:
        NotPublishedError: there is no such version (and no hash was given, which would say that there was one).
        CorruptVersionError: the manifest is not the one that was sealed, or is gone although the log has it.
    """
    key = layout.manifest(dataset, version)
    try:
        body = store.get(key).body
    except ObjectNotFoundError as e:
        if sha256:
            raise CorruptVersionError(dataset, version, ["manifest.json is gone"]) from e
        see = command("versions", dataset, store=store.url)
        meant = _meant(store, dataset, version)
        raise NotPublishedError(f"{dataset}@{version}: no such version{meant}; see: {see}") from e
    if sha256 and hashlib.sha256(body).hexdigest() != sha256:
        raise CorruptVersionError(dataset, version, ["manifest.json is not the one that latest.json names (sha256)"])
    manifest = Manifest.load(body, key)
    if (manifest.dataset, manifest.version) != (dataset, version):
        raise MisplacedRecordError(key, f"{manifest.dataset}@{manifest.version}")
    return manifest


def next_stamp(store: ObjectStore, dataset: str, latest: Latest | None, clock: Clock) -> str:
    """The moment of the next event: now, but never before the event before it. Clocks of several hosts differ,
    and what readers were given on a day is answered by these stamps.

    Raises:
        WrongClockError: the clock, or the last stamp of the log, is wrong by more than a day.
    """
    now = stamp(believed(store, dataset, latest, clock()))
    return max(now, latest.log[-1].at) if latest and latest.log else now


def read_head(store: ObjectStore, dataset: str) -> Head:
    """The state a publish starts from."""
    latest, etag = read_latest(store, dataset)
    if latest is None:
        return Head(dataset, None, None, None)
    return Head(dataset, latest, etag, read_manifest(store, dataset, latest.version, latest.manifest_sha256))


def _version_after(head: Head, now: datetime) -> tuple[str, int]:
    """The date and the first number to try: the later of today and the newest date in the log, and there the
    number after the newest one."""
    today = now.astimezone(UTC).strftime("%Y-%m-%d")
    dated = [e.version for e in head.latest.log if e.version not in head.latest.misdated] if head.latest else []
    newest = max(dated, default="")
    match = layout.VERSION.match(newest)
    return (match[1], int(match[2]) + 1) if match and match[1] >= today else (today, 1)


def claim(store: ObjectStore, head: Head, clock: Clock = utc_now) -> Draft:
    """Takes the next free version number, so that nobody else ever has it.

    Raises:
        ConditionsIgnoredError: the store would let somebody else have it, too.
        WrongClockError: the date would be wrong.
    """
    if head.latest is not None:
        with suppress(ObjectNotFoundError):  # gone since: the swap finds out
            store.prove_conditions(layout.latest(head.dataset))
    day, number = _version_after(head, believed(store, head.dataset, head.latest, clock()))
    token = uuid.uuid4().hex
    while True:
        version = f"{day}.{number:04d}"
        wanted = VersionClaim(
            dataset=head.dataset,
            version=version,
            token=token,
            claimed_at=stamp(clock()),
            claimed_by=f"{socket.gethostname()}:{os.getpid()}",
        )
        try:
            store.create(layout.claim(head.dataset, version), wanted.dump())
            return Draft(head, wanted)
        except ObjectExistsError:
            number += 1
            if number > 9999:
                raise StoreError(f"{head.dataset}: no version number left for {day}") from None


def stage_data(store: ObjectStore, draft: Draft, built: Built) -> Draft:
    """Stages the data files. A part whose content and contract equal the parent's is copied within the store."""
    parent = draft.head.manifest
    known = {f.path: f for f in parent.files} if parent and parent.contract_sha256 == built.contract_sha256 else {}
    for part in built.parts:
        path = layout.data_file(part.partition)
        key = layout.version(draft.dataset, draft.version, path)
        same = known.get(path)
        if parent is not None and same is not None and same.content_sha256 == part.content_sha256:
            store.copy(layout.version(draft.dataset, parent.version, path), key)
            # Without fields of newer code: what they say of the parent's file may not be true of this version's.
            draft = with_file(draft, FileEntry(**same.__dict__ | {"inputs_sha256": part.inputs_sha256}))
            continue
        if part.file is None:
            store.copy(part.key, key)
        else:
            store.create_file(key, part.file)
        entry = FileEntry(
            path=path,
            bytes=part.bytes,
            sha256=part.sha256,
            rows=part.rows,
            content_sha256=part.content_sha256,
            inputs_sha256=part.inputs_sha256,
        )
        draft = with_file(draft, entry)
    return draft


def with_file(draft: Draft, file: FileEntry) -> Draft:
    """The draft with one more object, which stands under it already."""
    return replace(draft, files=(*draft.files, file))


def stage_bytes(store: ObjectStore, draft: Draft, path: str, body: bytes) -> Draft:
    """Stages a small object of the version (quality, changes)."""
    store.create(layout.version(draft.dataset, draft.version, path), body)
    return with_file(draft, FileEntry(path=path, bytes=len(body), sha256=hashlib.sha256(body).hexdigest()))


def stage_file(store: ObjectStore, draft: Draft, path: str, file: Path) -> Draft:
    """The same of a file on this machine."""
    store.create_file(layout.version(draft.dataset, draft.version, path), file)
    return with_file(draft, FileEntry(path=path, bytes=file.stat().st_size, sha256=sha256_of_file(file)))


def seal(store: ObjectStore, draft: Draft, manifest: Manifest) -> Sealed:
    """Writes the manifest, once. From here on nothing under the version is written.

    Raises:
        ClaimLostError: gc gave up this claim meanwhile.
    """
    if (manifest.dataset, manifest.version, manifest.token) != (draft.dataset, draft.version, draft.claim.token):
        raise StoreError(f"{draft.dataset}@{draft.version}: the manifest is not of this claim")
    body = manifest.dump()
    try:
        store.create(layout.manifest(draft.dataset, draft.version), body)
    except ObjectExistsError as e:
        raise ClaimLostError(draft.dataset, draft.version) from e
    return Sealed(draft.head, manifest, hashlib.sha256(body).hexdigest())


def swap(store: ObjectStore, sealed: Sealed, clock: Clock = utc_now) -> Release:
    """Makes the version the latest one, if nobody else moved ``latest`` since the head was read.

    Raises:
        ConcurrentPublishError: somebody did.
        StoreUnavailableError: the store failed, and it could not be found out whether the write was applied.
    """
    manifest = sealed.manifest
    if manifest.status != "passed":
        raise StoreError(f"{manifest.dataset}@{manifest.version}: a {manifest.status} version cannot be published")
    before = sealed.head.latest
    at = next_stamp(store, manifest.dataset, before, clock)
    seq = (before.seq if before else 0) + 1
    override = manifest.override
    entry = LogEntry(
        seq=seq,
        event="promoted" if override else "published",
        version=manifest.version,
        at=at,
        vintage=manifest.vintage,
        inputs_sha256=manifest.inputs_sha256,
        content_sha256=manifest.content_sha256,
        contract_sha256=manifest.contract_sha256,
        manifest_sha256=sealed.manifest_sha256,
        reason=override.reason if override else "",
        rejected=override.rejected if override else None,
        by=override.by if override else "",
    )
    wanted = Latest(
        dataset=manifest.dataset,
        version=manifest.version,
        manifest=f"versions/{manifest.version}/manifest.json",
        manifest_sha256=sealed.manifest_sha256,
        published_at=at,
        seq=seq,
        log=(*(before.log if before else ()), entry),
        fence=before.fence if before else 0,
        retired=before.retired if before else (),
        redated=before.redated if before else (),
    )
    wanted = wanted.onto(before) if before else wanted
    return Release(move_latest(store, sealed.head, wanted, entry), manifest)


def move_latest(store: ObjectStore, head: Head, wanted: Latest, entry: LogEntry) -> Latest:
    """Compare-and-swap of ``latest.json``; whether an unclear write was ours is told by ``entry`` in the log."""
    key = layout.latest(wanted.dataset)
    try:
        store.replace(key, wanted.dump(), head.etag)
        return wanted
    except (PreconditionFailedError, StoreUnavailableError, StorePermissionError) as unclear:
        # Also when permission was refused: the first attempt may have been applied, and the credentials expired since.
        seen = _seen_after(store, wanted.dataset, unclear)
        if seen is not None and any(entry.same_as(e) for e in seen.log):
            return seen
        if isinstance(unclear, PreconditionFailedError):
            raise ConcurrentPublishError(
                wanted.dataset, entry.version, f"latest is now {seen.version}" if seen else "latest is gone"
            ) from unclear
        if isinstance(unclear, StorePermissionError):
            raise
        raise StoreUnavailableError(
            f"{wanted.dataset}: the store failed while latest.json was written ({unclear}); the log does not say "
            f"'{entry.event} {entry.version}' so far, and a delayed write can still put it there. Run again after a "
            f"look at: {command('versions', wanted.dataset, store=store.url)}"
        ) from unclear


def _seen_after(store: ObjectStore, dataset: str, cause: StoreError) -> Latest | None:
    try:
        return read_latest(store, dataset)[0]
    except (StoreUnavailableError, StorePermissionError) as e:
        raise type(e)(
            f"{dataset}: the store failed while latest.json was written ({cause}) and cannot be read now ({e}); "
            "the version is either published or not, never half; run again after a look at: "
            f"{command('versions', dataset, store=store.url)}"
        ) from e
