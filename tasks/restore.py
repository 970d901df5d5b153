"""Making a lost store again from a copy of its raw archive and ledger.

Every published version is built from its archived inputs by today's code, under the name that it had. What comes out
must be what was published, to the last figure (``content_sha256``): then readers who pinned a version get the same
again. Where it is not, nothing of the dataset is restored, and the message says which code made it.

Nobody sees anything until all versions of a dataset stand: ``latest.json`` is written once, last, with the log of old,
so that what was given on which day is still answered. The gate runs again, for its evidence; it stops nothing, because
these figures passed it, or were promoted, when they were published.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from configs.contract import Contract
from configs.errors import ObjectExistsError, ObjectNotFoundError, RestoreError
from tasks import pipeline
from tasks.extract.base import Extraction, Meter
from tasks.lineage import code_version
from tasks.runs import Fetched, Request, SourceKind
from tasks.store import layout, ledger, versions
from tasks.store.objects import ObjectStore
from tasks.store.raw import RawArchive
from tasks.store.records import Claim, Latest, LogEntry, Manifest, Restored
from tasks.store.versions import Built, Draft, Head, Sealed

log = logging.getLogger("techtrade")
KINDS: tuple[SourceKind, ...] = ("live", "snapshot")


@dataclass(frozen=True)
class Restoration:
    """What stands again. ``before``: it stood there already."""

    dataset: str
    versions: tuple[str, ...]
    rows: int
    before: bool = False


def rebuild(archive: RawArchive, contract: Contract, manifest: Manifest, folder: Path) -> tuple[Extraction, Built]:
    """The figures of a version, made again from its archived inputs into ``folder``.

    Raises:
        RestoreError: raw inputs are not in the archive (any more), or no source of the contract reads them.
        SourceError: today's code cannot read them.
    """
    documents = archive.known(manifest)
    missing = [s.raw_key for s in manifest.sources if s.role not in documents]
    if missing:
        raise RestoreError(f"{_name(manifest)}: its raw inputs were taken down or never copied: {', '.join(missing)}")
    request = _request(contract, manifest)
    fetched = Fetched(request.source, tuple(documents[s.role] for s in manifest.sources), Meter())
    try:
        extraction = pipeline.read(request, fetched)
        return extraction, pipeline.transform(contract, extraction, folder)
    except ObjectNotFoundError as e:
        raise RestoreError(f"{_name(manifest)}: a raw input is not in the archive: {e.key}") from e


def restore(copy: ObjectStore, store: ObjectStore, contract: Contract) -> Restoration:
    """Restores all published versions of one dataset from ``copy`` into ``store``. Killed, it can be run again.

    Raises:
        RestoreError: there is no ledger of it; something else is published there; a version does not come out as it
            was. Readers see nothing of it.
    """
    found = ledger.read(copy, contract.name)
    if found is None:
        raise RestoreError(f"{contract.name}: {copy.url} has no {layout.ledger_log(contract.name)} to restore it from")
    lost, manifests = found
    standing, _ = versions.read_latest(store, contract.name)
    if standing is not None:
        if _told(standing) == _told(lost):
            return Restoration(contract.name, tuple(manifests), sum(m.rows for m in manifests.values()), before=True)
        raise RestoreError(
            f"{contract.name}: {store.url} has versions of its own ({standing.version} is latest); nothing was "
            "changed. Restore into a store where nothing of it is published"
        )
    now = versions.stamp(datetime.now(UTC))
    sealed: dict[str, Sealed] = {}
    for version, manifest in manifests.items():
        parent = sealed[manifest.parent].manifest if manifest.parent in sealed else None
        sealed[version] = _again(copy, store, contract, manifest, parent, now)
        log.info("%s: restored, %s rows", _name(manifest), f"{manifest.rows:,}")
    wanted = _with_new_seals(lost, sealed)
    versions.move_latest(store, Head(contract.name, None, None, None), wanted, wanted.log[-1])
    return Restoration(contract.name, tuple(sealed), sum(s.manifest.rows for s in sealed.values()))


def _again(
    copy: ObjectStore, store: ObjectStore, contract: Contract, lost: Manifest, parent: Manifest | None, now: str
) -> Sealed:
    """One version under its old name."""
    _copy_raw(copy, store, lost)
    with TemporaryDirectory(prefix="techtrade-") as scratch:
        extraction, built = rebuild(RawArchive(store), contract, lost, Path(scratch))
        if built.content_sha256 != lost.content_sha256:
            raise RestoreError(
                f"{_name(lost)}: what its raw inputs give now is not what was published (content "
                f"{built.content_sha256[:12]}, was {lost.content_sha256[:12]}); it was made by code "
                f"{lost.code_version}, this is {code_version()}. Restore it with that code; nothing of "
                f"{lost.dataset} was published here"
            )
        draft = versions.stage_data(store, _claimed(store, lost, parent), built)
        checked = pipeline.check(store, _request(contract, lost), extraction, built, draft, {})
    told = {
        "token": draft.claim.token,
        "files": checked.draft.files,
        "changes": checked.changes,
        "quality": checked.report.counts,
        "restored": Restored(at=now, code_version=code_version()),
    }
    return versions.seal(store, checked.draft, lost.model_copy(update=told))


def _request(contract: Contract, manifest: Manifest) -> Request:
    """The request that asked for these inputs."""
    of = {s.source for s in manifest.sources}
    for kind in KINDS:
        named = contract.sources.live if kind == "live" else contract.sources.snapshot
        if named in of:
            return Request(contract, kind, manifest.vintage)
    raise RestoreError(
        f"{_name(manifest)} was made from {', '.join(sorted(of)) or 'nothing'}, which "
        f"configs/datasets/{contract.name}.yaml names no more; restore it with code {manifest.code_version}"
    )


def _copy_raw(copy: ObjectStore, store: ObjectStore, manifest: Manifest) -> None:
    """The inputs and what is told of them, byte for byte, unless they are there."""
    for source in manifest.sources:
        for key in (source.raw_key, source.raw_key + ".json"):
            if store.size(key) is None:
                try:
                    store.create(key, copy.get(key).body)
                except ObjectNotFoundError as e:
                    raise RestoreError(f"{_name(manifest)}: {copy.url} lacks its raw input {key}") from e


def _claimed(store: ObjectStore, lost: Manifest, parent: Manifest | None) -> Draft:
    """The version's own name. What a restoration that was killed had staged under it is cleared away."""
    head = Head(lost.dataset, None, None, parent)
    claim = Claim(
        dataset=lost.dataset,
        version=lost.version,
        token=lost.token,
        claimed_at=lost.created_at,
        claimed_by="restored",
    )
    try:
        store.create(layout.claim(lost.dataset, lost.version), claim.dump())
    except ObjectExistsError as e:
        raise RestoreError(f"{_name(lost)}: somebody else has claimed it in {store.url}; nothing was changed") from e
    for entry in list(store.entries(layout.version(lost.dataset, lost.version))):
        if entry.key != layout.claim(lost.dataset, lost.version):
            store.delete(entry.key)
    return Draft(head, claim)


def _with_new_seals(lost: Latest, sealed: dict[str, Sealed]) -> Latest:
    """The log of old, naming the manifests that were made again."""

    def entry(e: LogEntry) -> LogEntry:
        again = sealed.get(e.version) if e.event != "yanked" else None
        return e.model_copy(update={"manifest_sha256": again.manifest_sha256}) if again else e

    return lost.model_copy(
        update={"manifest_sha256": sealed[lost.version].manifest_sha256, "log": tuple(map(entry, lost.log))}
    )


def _told(latest: Latest) -> list[tuple[int, str, str, str]]:
    """What a log says, whoever sealed the manifests."""
    return [(e.seq, e.event, e.version, e.content_sha256) for e in latest.log]


def _name(manifest: Manifest) -> str:
    return f"{manifest.dataset}@{manifest.version}"
