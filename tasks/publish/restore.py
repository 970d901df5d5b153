"""Making a lost store again from a copy of its raw archive and ledger.

Every published version is built from its archived inputs, under the name that it had. What comes out must be what was
published, to the last figure (``content_sha256``), and by the same contract: then readers who pinned a version get the
same again. Versions that this code does not give so are named, with the code that made them: with that code the next
run makes them, and keeps what stands already. Or they are left out by name, and the log is then without them.

Nobody sees anything until all versions of a dataset stand and were read back: ``latest.json`` is written once, last,
with the log of old, so that what was given on which day is still answered. The gate runs again, for its evidence; a
failed check stops nothing here, because these figures passed it, or were promoted, when they were published.

One restoration of a dataset at a time: it holds ``_restore/<dataset>.json``, and looks before each version whether it
still does. A version that has its manifest is never touched again, whoever made it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import uuid
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from configs.contract import Contract
from configs.errors import (
    CheckCouldNotRunError,
    NotPublishedError,
    ObjectExistsError,
    ObjectNotFoundError,
    RestoreError,
)
from tasks.build.recipe import NOT_MADE
from tasks.build.recipes import recipe_for
from tasks.build.replay import rebuild, request_of
from tasks.common.clock import stamp, utc_now
from tasks.publish import steps
from tasks.publish.manifest import code_version
from tasks.publish.restore_lock import Hold
from tasks.raw import take_down
from tasks.raw.archive import RawArchive
from tasks.storage.documents import DamagedRecordError
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import key_grammar, layout, ledger, protocol
from tasks.warehouse.integrity import refuse_damaged
from tasks.warehouse.protocol import Draft, Head, Sealed
from tasks.warehouse.records import Latest, LogEntry, Manifest, Restored, VersionClaim

log = logging.getLogger("techtrade")
# What says that this code, or this copy, does not give a version as it was. A store that fails is not among them.
NOT_AS_IT_WAS = (RestoreError, *NOT_MADE, CheckCouldNotRunError)
UNFINISHED = "/_unfinished/"


@dataclass(frozen=True)
class Restoration:
    """What stands again. ``before``: it stood there already."""

    dataset: str
    versions: tuple[str, ...]
    rows: int
    left_out: tuple[str, ...] = ()
    before: bool = False


def restore(
    copy: ObjectStore,
    store: ObjectStore,
    contract: Contract,
    without: Collection[str] = (),
    *,
    take_over: bool = False,
) -> Restoration:
    """Restores the published versions of one dataset from ``copy`` into ``store``. Killed, it can be run again.

    Args:
        without: versions that are not to be restored.
        take_over: another restoration that holds the dataset is known to be dead.

    Raises:
        RestoreError: there is no ledger of it; something else is published there; another restoration is under way; or
            versions do not come out as they were, which are named. Readers see nothing of the dataset.
        CorruptVersionError: the ledger, or what stands in ``store`` already, is damaged.
    """
    found = ledger.read(copy, contract.name)
    if found is None:
        raise RestoreError(f"{contract.name}: {copy.url} has no {layout.ledger_log(contract.name)} to restore it from")
    lost, manifests = found
    if strange := sorted(set(without) - set(manifests)):
        raise RestoreError(f"{contract.name}: {', '.join(strange)} was never published; name what is to be left out")
    wanted = {v: m for v, m in manifests.items() if v not in without}
    standing, _ = protocol.read_latest(store, contract.name)
    if standing is not None:
        return _standing(store, contract, standing, _log_without(lost, wanted), wanted, tuple(without))
    hold = Hold.take(store, contract.name, take_over)
    try:
        sealed = _all(copy, store, contract, wanted, hold)
        latest = _latest(lost, sealed)
        for one in sealed.values():
            refuse_damaged(store, one.manifest)
        hold.check()
        protocol.move_latest(store, Head(contract.name, None, None, None), latest, latest.log[-1])
    finally:
        hold.release()
    return Restoration(contract.name, tuple(sealed), _rows(wanted), tuple(without))


def copy_raw(copy: ObjectStore, store: ObjectStore) -> int:
    """Copies the whole raw archive, so that the next copy can be made of this store. Of a source whose bytes were taken
    down, the note, and none of the bytes that the copy still has: those that came later are copied with their versions.

    Returns:
        How many objects were copied.

    Raises:
        RestoreError: bytes in the copy are not those that their name says.
    """
    copied = 0
    for source in copy.folders(layout.raw_of()):
        gone = _may_be_taken_down(copy, source)
        for entry in list(copy.entries(layout.raw_of(source))):
            left = UNFINISHED in entry.key or key_grammar.stranger(entry.key) or key_grammar.is_set_aside(entry.key)
            if not left and not (gone and key_grammar.is_raw_document(entry.key)):
                copied += _copy_one(copy, store, entry.key)
    return copied


def _may_be_taken_down(copy: ObjectStore, source: str) -> bool:
    try:
        return bool(_taken_down(copy, source))
    except DamagedRecordError as e:  # bytes that may not be kept are rather not copied; versions copy what they need
        log.warning("%s; of %s only the inputs of versions are copied", e, source)
        return True


# ------------------------------------------------------------------------ one dataset


def _standing(
    store: ObjectStore,
    contract: Contract,
    standing: Latest,
    lost: Latest | None,
    wanted: Mapping[str, Manifest],
    left_out: tuple[str, ...],
) -> Restoration:
    """What is published there already: the very same, whole, or something that is not to be touched."""
    if lost is None or _told(standing) != _told(lost):
        raise RestoreError(
            f"{contract.name}: {store.url} has versions of its own ({standing.version} is latest); nothing was "
            "changed. Restore into a store where nothing of it is published"
        )
    for entry in standing.published:
        refuse_damaged(store, protocol.read_manifest(store, contract.name, entry.version, entry.manifest_sha256))
    return Restoration(contract.name, tuple(wanted), _rows(wanted), left_out, before=True)


def _all(
    copy: ObjectStore, store: ObjectStore, contract: Contract, wanted: Mapping[str, Manifest], hold: Hold
) -> dict[str, Sealed]:
    """Every version, those that stand already included.

    Raises:
        RestoreError: names all that do not come out as they were, after the others were made.
    """
    sealed: dict[str, Sealed] = {}
    problems: list[str] = []
    before: Manifest | None = None
    for version, manifest in wanted.items():
        hold.check()
        parent = sealed[manifest.parent].manifest if manifest.parent in sealed else before
        try:
            sealed[version] = _made(store, manifest) or _again(copy, store, contract, manifest, parent)
        except NOT_AS_IT_WAS as e:
            problems.append(f"{version} (made by code {manifest.code_version}): {e}")
            continue
        before = sealed[version].manifest
        log.info("%s@%s: stands again, %s rows", contract.name, version, f"{manifest.rows:,}")
    if problems:
        raise RestoreError(
            f"{contract.name}: {len(sealed)} of {len(wanted)} versions stand, none is shown to readers. This code, "
            f"{code_version()}, does not make the others: {'; '.join(problems)}. Run it again with the code that made "
            "them, which keeps what stands, or leave them out: --without DATASET@VERSION"
        )
    return sealed


def _made(store: ObjectStore, lost: Manifest) -> Sealed | None:
    """The version as an earlier run of this made it, if one did.

    Raises:
        RestoreError: something else stands under its name.
        CorruptVersionError: it is damaged.
    """
    try:
        manifest = protocol.read_manifest(store, lost.dataset, lost.version)
    except NotPublishedError:
        return None
    if manifest.restored is None or manifest.content_sha256 != lost.content_sha256:
        raise RestoreError(f"another version stands under that name in {store.url}")
    refuse_damaged(store, manifest)
    body = store.get(layout.manifest(lost.dataset, lost.version)).body
    return Sealed(Head(lost.dataset, None, None, None), manifest, hashlib.sha256(body).hexdigest())


def _again(
    copy: ObjectStore, store: ObjectStore, contract: Contract, lost: Manifest, parent: Manifest | None
) -> Sealed:
    """One version under its old name."""
    for source in lost.sources:
        if source.retrieved_at <= _taken_down(copy, source.source):
            raise RestoreError(f"its raw input {source.raw_key} was taken down")
        for key in (source.raw_key, source.raw_key + ".json"):
            _copy_one(copy, store, key)
    with TemporaryDirectory(prefix="techtrade-") as scratch:
        extraction, built = rebuild(RawArchive(store), contract, lost, Path(scratch))
        if built.content_sha256 != lost.content_sha256:
            raise RestoreError(
                f"its raw inputs give other figures now (content {built.content_sha256[:12]}, was "
                f"{lost.content_sha256[:12]})"
            )
        if built.contract_sha256 != lost.contract_sha256:
            raise RestoreError("its contract is another now: the files would tell readers what they were not told")
        draft = protocol.stage_data(store, _claimed(store, lost, parent), built)
        checked = steps.check(store, request_of(contract, lost), recipe_for(contract), extraction, built, draft)
    told = {
        "token": draft.claim.token,
        "parent": parent.version if parent else None,
        "files": checked.draft.files,
        "changes": checked.changes,
        "quality": checked.report.counts,
        "restored": Restored(at=stamp(utc_now()), code_version=code_version()),
    }
    return protocol.seal(store, checked.draft, lost.model_copy(update=told))


def _claimed(store: ObjectStore, lost: Manifest, parent: Manifest | None) -> Draft:
    """The version's own name, taken over from a run that was killed. What that had staged is cleared away: it has no
    manifest, so it is nothing."""
    head, key = Head(lost.dataset, None, None, parent), layout.claim(lost.dataset, lost.version)
    wanted = VersionClaim(
        dataset=lost.dataset,
        version=lost.version,
        token=uuid.uuid4().hex,
        claimed_at=stamp(utc_now()),
        claimed_by=f"restore on {socket.gethostname()}:{os.getpid()}",
    )
    try:
        store.create(key, wanted.dump())
    except ObjectExistsError:
        wanted = VersionClaim.load(store.get(key).body, key)
        named = (wanted.dataset, wanted.version) == (lost.dataset, lost.version)
        if not named or not wanted.claimed_by.startswith("restore on "):
            raise RestoreError(f"somebody publishes under that name in {store.url}") from None
        for entry in list(store.entries(layout.version(lost.dataset, lost.version))):
            if key_grammar.is_staged(entry.key.removeprefix(layout.version(lost.dataset, lost.version))):
                store.delete(entry.key)
    return Draft(head, wanted)


def _copy_one(copy: ObjectStore, store: ObjectStore, key: str) -> bool:
    """An object of the raw archive, byte for byte, unless it is there; whether it was copied. What is not in the copy
    shows when it is needed."""
    if store.size(key) is not None:
        return False
    try:
        body = copy.get(key).body
    except ObjectNotFoundError:
        return False
    if key_grammar.is_raw_document(key) and hashlib.sha256(body).hexdigest() not in key:
        raise RestoreError(f"{copy.url}: {key} is not what was archived under that name; mend the copy")
    with suppress(ObjectExistsError):
        store.create(key, body)
    return True


def _taken_down(copy: ObjectStore, source: str) -> str:
    """When a source's bytes were last taken down; empty if they never were."""
    note = take_down.read(copy, source)
    return note.events[-1].at if note and note.events else ""


# ---------------------------------------------------------------------------- the log


def _log_without(lost: Latest, kept: Collection[str]) -> Latest | None:
    """The log without what is left out; None if readers would be left with nothing."""
    shorter = lost.model_copy(update={"log": tuple(e for e in lost.log if e.version in kept)})
    good = [e for e in shorter.published if e.version not in shorter.yanked]
    if not good:
        return None
    if lost.version in kept:
        return shorter
    newest = good[-1]
    return shorter.model_copy(
        update={
            "version": newest.version,
            "manifest": f"versions/{newest.version}/manifest.json",
            "published_at": newest.at,
        }
    )


def _latest(lost: Latest, sealed: Mapping[str, Sealed]) -> Latest:
    """The log of old, naming the manifests that were made again.

    Raises:
        RestoreError: nothing is left that was not yanked.
    """

    def entry(e: LogEntry) -> LogEntry:
        if e.event == "yanked":
            return e
        return e.model_copy(update={"manifest_sha256": sealed[e.version].manifest_sha256})

    kept = _log_without(lost, sealed)
    if kept is None:
        raise RestoreError(f"{lost.dataset}: every version that is not left out was yanked; leave out less")
    return kept.model_copy(
        update={"manifest_sha256": sealed[kept.version].manifest_sha256, "log": tuple(map(entry, kept.log))}
    )


def _told(latest: Latest) -> list[tuple[str, str, str]]:
    """What a log says, whoever sealed the manifests."""
    return [(e.event, e.version, e.content_sha256) for e in latest.log]


def _rows(manifests: Mapping[str, Manifest]) -> int:
    return sum(m.rows for m in manifests.values())
