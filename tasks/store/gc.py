"""Cleaning up what killed or beaten runs left behind. Decide first (``plan``), act second (``execute``).

What is published (in the log, yanked or not) and what was rejected (evidence) is never touched. Two kinds go:

- *A claim that was never sealed.* It is first sealed as ``abandoned``: create-only, so either the claim's owner
  seals or gc does, and a sleeper that wakes up gets ``ClaimLostError``. Then its data is deleted.
- *A sealed version that never was published* (its publisher lost a race, or died before the swap). Its publisher
  may only sleep, about to swap it in. So ``latest.json`` is changed first (``fence``), which makes that swap fail;
  and only if the version is still not in the log after that, its data is deleted. While a dataset has no
  ``latest.json`` there is nothing to raise the fence in, and such versions are kept.

Claims and manifests stay for ever, so that a number is never used again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from configs.errors import ObjectExistsError, ObjectNotFoundError, PreconditionFailedError, StoreError
from configs.words import plural
from tasks.store import layout, yank
from tasks.store.objects import Entry, ObjectStore
from tasks.store.records import Claim, Manifest
from tasks.store.versions import read_latest, read_manifest, stamp

Action = Literal["abandon", "delete abandoned", "delete unpublished"]
TRIES = 20


@dataclass(frozen=True)
class Leftover:
    """A version whose data goes. ``keys`` are the objects; claim and manifest are not among them."""

    dataset: str
    version: str
    action: Action
    reason: str
    keys: tuple[str, ...]
    bytes: int
    token: str


@dataclass(frozen=True)
class GcPlan:
    """What gc would do, as of one moment."""

    made_at: datetime
    older_than: datetime
    leftovers: tuple[Leftover, ...]

    def lines(self) -> list[str]:
        """One line a version, for a person."""
        return [
            f"{x.action} {x.dataset}@{x.version}: {x.reason}; "
            f"{plural(len(x.keys), 'object')}, {plural(x.bytes, 'byte')}"
            for x in self.leftovers
        ]


@dataclass(frozen=True)
class GcResult:
    """What gc did."""

    deleted: tuple[str, ...]
    uploads_aborted: tuple[str, ...]
    spared: tuple[str, ...]


def plan(store: ObjectStore, now: datetime, grace: timedelta) -> GcPlan:
    """Looks for leftovers that are older than ``grace``; changes nothing."""
    older_than = now - grace
    found = []
    for dataset in store.folders(""):
        if dataset.startswith("_"):
            continue
        latest, _ = read_latest(store, dataset)
        logged = {e.version for e in latest.log} if latest else set()
        for version in store.folders(layout.versions(dataset)):
            if version in logged:
                continue
            leftover = _leftover(store, dataset, version, older_than, has_latest=latest is not None)
            if leftover:
                found.append(leftover)
    return GcPlan(now, older_than, tuple(found))


def _leftover(
    store: ObjectStore, dataset: str, version: str, older_than: datetime, *, has_latest: bool
) -> Leftover | None:
    entries = list(store.entries(layout.version(dataset, version)))
    protected = {layout.claim(dataset, version), layout.manifest(dataset, version)}
    data = [e for e in entries if e.key not in protected]
    manifest = _manifest(store, dataset, version)
    if manifest is not None and manifest.status == "rejected":
        return None
    if manifest is None:
        claim = _claim(store, dataset, version)
        if claim is None or _younger(entries, claim.claimed_at, older_than):
            return None
        return _left(dataset, version, "abandon", f"claimed {claim.claimed_at}, never sealed", data, claim.token)
    if not data:
        return None
    if manifest.status == "abandoned":
        return _left(dataset, version, "delete abandoned", "given up, with data left", data, manifest.token)
    if not has_latest or _younger(entries, manifest.created_at, older_than):
        return None
    return _left(
        dataset, version, "delete unpublished", f"sealed {manifest.created_at}, never published", data, manifest.token
    )


def _left(dataset: str, version: str, action: Action, reason: str, data: list[Entry], token: str) -> Leftover:
    return Leftover(dataset, version, action, reason, tuple(e.key for e in data), sum(e.size for e in data), token)


def _younger(entries: list[Entry], said: str, older_than: datetime) -> bool:
    """By the writer's clock or by the store's: whichever says younger, because either may be wrong."""
    return said > stamp(older_than) or any(e.modified > older_than for e in entries)


def execute(store: ObjectStore, decided: GcPlan) -> GcResult:
    """Carries the plan out. Safe beside publishers and other gcs, and when it is killed: it can run again."""
    deleted: list[str] = []
    spared: list[str] = []
    # One fence a dataset: each makes every publisher that is under way lose and start over.
    sealed = {x.dataset for x in decided.leftovers if x.action == "delete unpublished"}
    fenced = {dataset: _fenced(store, dataset, decided) for dataset in sorted(sealed)}
    for leftover in decided.leftovers:
        name = f"{leftover.dataset}@{leftover.version}"
        if not _made_safe(store, leftover, decided.made_at, fenced):
            spared.append(name)
            continue
        for key in leftover.keys:
            store.delete(key)
        deleted.extend(leftover.keys)
    aborted: list[str] = []
    for dataset in store.folders(""):
        aborted.extend(store.abort_uploads(f"{dataset}/", decided.older_than))
        if not dataset.startswith("_"):
            yank.settle(store, dataset)
    return GcResult(tuple(deleted), tuple(aborted), tuple(spared))


def _made_safe(store: ObjectStore, leftover: Leftover, now: datetime, fenced: dict[str, set[str]]) -> bool:
    """Makes sure that nobody can publish the version any more; False if somebody just did or still may."""
    if leftover.action == "abandon":
        sealed = _seal_abandoned(store, leftover, now)
        return sealed.status == "abandoned"
    if leftover.action == "delete abandoned":
        return True
    return leftover.version in fenced[leftover.dataset]


def _seal_abandoned(store: ObjectStore, leftover: Leftover, now: datetime) -> Manifest:
    manifest = Manifest(
        dataset=leftover.dataset,
        version=leftover.version,
        parent=None,
        status="abandoned",
        token=leftover.token,
        created_at=stamp(now),
    )
    try:
        store.create(layout.manifest(leftover.dataset, leftover.version), manifest.dump())
    except ObjectExistsError:  # its owner sealed it after all, or another gc did
        return read_manifest(store, leftover.dataset, leftover.version)
    return manifest


def _fenced(store: ObjectStore, dataset: str, decided: GcPlan) -> set[str]:
    """Changes the tag of ``latest.json``; the planned versions that were not published by then, and now never
    can be: each of their publishers holds a tag from before."""
    key = layout.latest(dataset)
    planned = {x.version for x in decided.leftovers if x.dataset == dataset and x.action == "delete unpublished"}
    for _ in range(TRIES):
        latest, etag = read_latest(store, dataset)
        never = planned - {e.version for e in latest.log} if latest else set()
        if latest is None or not never:
            return set()
        try:
            store.replace(key, latest.model_copy(update={"fence": latest.fence + 1}).dump(), etag)
            return never
        except PreconditionFailedError:
            continue
    raise StoreError(f"{dataset}: latest.json kept changing; run gc again when fewer publishers run")


def _claim(store: ObjectStore, dataset: str, version: str) -> Claim | None:
    key = layout.claim(dataset, version)
    try:
        return Claim.load(store.get(key).body, key)
    except ObjectNotFoundError:  # nobody claimed this folder: not ours to clean
        return None


def _manifest(store: ObjectStore, dataset: str, version: str) -> Manifest | None:
    key = layout.manifest(dataset, version)
    try:
        return Manifest.load(store.get(key).body, key)
    except ObjectNotFoundError:
        return None
