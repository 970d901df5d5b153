"""Cleaning up what killed or beaten runs left behind. Decide first (``plan``), act second (``execute``).

What is published (in the log, yanked or not) and what was rejected (evidence) is never touched. Two kinds go:

- *A claim that was never sealed.* It is first sealed as ``abandoned``: create-only, so either the claim's owner
  seals or gc does, and a sleeper that wakes up gets ``ClaimLostError``. Then its data is deleted.
- *A sealed version that never was published* (its publisher lost a race, or died before the swap). Its publisher
  may only sleep, about to swap it in. So ``latest.json`` is changed first (``fence``), which makes that swap fail;
  and only if the version is still not in the log after that, its data is deleted. While a dataset has no
  ``latest.json`` there is nothing to raise the fence in, and such versions are kept.

Claims and manifests stay for ever, so that a number is never used again.

Deleted are only objects that are certainly techtrade's (``tasks.warehouse.key_grammar``): in a folder of the form of a
version, whose claim and manifest say that very dataset and version, under a name that its manifest has or that a
publisher stages. What people put into a store is reported and left alone; a document that cannot be read keeps its
version, or its dataset, out of the plan, and no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from configs.errors import NotPublishedError, ObjectExistsError, StoreError
from configs.words import plural
from tasks.common.clock import stamp
from tasks.storage.documents import read_document
from tasks.storage.object_store import ListedObject, ObjectStore
from tasks.warehouse import key_grammar, layout, yank
from tasks.warehouse.isolated import isolated
from tasks.warehouse.protocol import change_latest, read_latest, read_manifest
from tasks.warehouse.records import Latest, Manifest, VersionClaim

Action = Literal["abandon", "delete abandoned", "delete unpublished"]


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
    """What gc would do, as of one moment. ``foreign``: names that techtrade never wrote, a line each; ``problems``:
    what could not be looked at, a line each."""

    made_at: datetime
    older_than: datetime
    leftovers: tuple[Leftover, ...]
    foreign: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """One line a version, for a person."""
        return [
            f"{x.action} {x.dataset}@{x.version}: {x.reason}; "
            f"{plural(len(x.keys), 'object')}, {plural(x.bytes, 'byte')}"
            for x in self.leftovers
        ]


@dataclass(frozen=True)
class GcResult:
    """What gc did. ``problems``: what it could not do, a line each."""

    deleted: tuple[str, ...]
    uploads_aborted: tuple[str, ...]
    spared: tuple[str, ...]
    problems: tuple[str, ...] = ()


def plan(store: ObjectStore, now: datetime, grace: timedelta) -> GcPlan:
    """Looks for leftovers that are older than ``grace``; changes nothing."""
    older_than = now - grace
    found, problems, copied = list[Leftover](), list[str](), list[str]()
    for dataset in key_grammar.datasets(store):
        with isolated(store, problems, dataset):
            latest, _ = read_latest(store, dataset)
            found += _of_dataset(store, dataset, latest, older_than, problems, copied)
    return GcPlan(now, older_than, tuple(found), tuple(key_grammar.foreign(store, problems, copied)), tuple(problems))


def _of_dataset(
    store: ObjectStore,
    dataset: str,
    latest: Latest | None,
    older_than: datetime,
    problems: list[str],
    copied: list[str],
) -> list[Leftover]:
    """``copied``: filled with the folders that look like a version and that nobody claimed."""
    logged = {e.version for e in latest.log} if latest else set()
    found = []
    for version in store.folders(layout.versions(dataset)):
        if version in logged or not layout.VERSION.match(version):
            continue
        with isolated(store, problems, f"{dataset}@{version}"):
            if (claim := _claim(store, dataset, version)) is None:
                copied.append(layout.version(dataset, version))
                continue
            if leftover := _leftover(store, claim, older_than, has_latest=latest is not None):
                found.append(leftover)
    return found


def _leftover(store: ObjectStore, claim: VersionClaim, older_than: datetime, *, has_latest: bool) -> Leftover | None:
    dataset, version = claim.dataset, claim.version
    manifest = _manifest(store, dataset, version)
    if manifest is not None and manifest.status == "rejected":
        return None
    entries = list(store.entries(layout.version(dataset, version)))
    _refuse_foreign(store, claim, manifest, {e.key for e in entries})
    data = _staged(dataset, version, entries)
    if manifest is None:
        if _younger(entries, claim.claimed_at, older_than):
            return None
        return _left(dataset, version, "abandon", f"claimed {claim.claimed_at}, never sealed", data, claim.token)
    if manifest.status == "abandoned":
        told = "given up, with data left"
        return _left(dataset, version, "delete abandoned", told, data, manifest.token) if data else None
    sealed = {layout.version(dataset, version, f.path) for f in manifest.files}
    data = [e for e in data if e.key in sealed]
    if not data or not has_latest or _younger(entries, manifest.created_at, older_than):
        return None
    return _left(
        dataset, version, "delete unpublished", f"sealed {manifest.created_at}, never published", data, manifest.token
    )


def _refuse_foreign(store: ObjectStore, claim: VersionClaim, manifest: Manifest | None, keys: set[str]) -> None:
    """Raises ``StoreError`` if claim and manifest are not two documents of one version, or are links."""
    dataset, version = claim.dataset, claim.version
    linked = {layout.claim(dataset, version), layout.manifest(dataset, version) if manifest else ""} - keys - {""}
    if linked and any(store.size(key) is not None for key in linked):
        raise StoreError(f"{', '.join(sorted(linked))} is a symbolic link, so nothing of the version is touched")
    if manifest is not None and manifest.token != claim.token:
        raise StoreError("claim.json and manifest.json are of two publishers, so nothing of the version is touched")


def _staged(dataset: str, version: str, entries: list[ListedObject]) -> list[ListedObject]:
    prefix = layout.version(dataset, version)
    return [e for e in entries if key_grammar.is_staged(e.key.removeprefix(prefix))]


def _left(dataset: str, version: str, action: Action, reason: str, data: list[ListedObject], token: str) -> Leftover:
    return Leftover(dataset, version, action, reason, tuple(e.key for e in data), sum(e.size for e in data), token)


def _younger(entries: list[ListedObject], said: str, older_than: datetime) -> bool:
    """By the writer's clock or by the store's: whichever says younger, because either may be wrong."""
    return said > stamp(older_than) or any(e.modified > older_than for e in entries)


def execute(store: ObjectStore, decided: GcPlan) -> GcResult:
    """Carries the plan out. Safe beside publishers and other gcs, and when it is killed: it can run again."""
    deleted, spared, aborted, problems = list[str](), list[str](), list[str](), list[str]()
    # One fence a dataset: each makes every publisher that is under way lose and start over.
    fenced: dict[str, set[str]] = {}
    for dataset in sorted({x.dataset for x in decided.leftovers if x.action == "delete unpublished"}):
        with isolated(store, problems, dataset):
            fenced[dataset] = _fenced(store, dataset, decided)
    for leftover in decided.leftovers:
        name = f"{leftover.dataset}@{leftover.version}"
        with isolated(store, problems, name):
            if not _made_safe(store, leftover, decided.made_at, fenced):
                spared.append(name)
                continue
            for key in leftover.keys:
                store.delete(key)
                deleted.append(key)
    for folder in [*key_grammar.datasets(store), *layout.COMMON]:
        with isolated(store, problems, folder):
            aborted.extend(store.abort_uploads(f"{folder}/", decided.older_than))
            if folder not in layout.COMMON:
                problems += yank.write_missing_notes(store, folder)
    # The plan names a dataset whose log cannot be read already.
    new = tuple(p for p in problems if p not in decided.problems)
    return GcResult(tuple(deleted), tuple(aborted), tuple(spared), new)


def _made_safe(store: ObjectStore, leftover: Leftover, now: datetime, fenced: dict[str, set[str]]) -> bool:
    """Makes sure that nobody can publish the version any more; False if somebody just did or still may."""
    if leftover.action == "abandon":
        return _seal_abandoned(store, leftover, now).status == "abandoned"
    if leftover.action == "delete abandoned":
        return True
    return leftover.version in fenced.get(leftover.dataset, ())


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
    planned = {x.version for x in decided.leftovers if x.dataset == dataset and x.action == "delete unpublished"}

    def never(latest: Latest) -> set[str]:
        return planned - {e.version for e in latest.log}

    def fenced(latest: Latest) -> Latest | None:
        return latest.model_copy(update={"fence": latest.fence + 1}) if never(latest) else None

    latest = change_latest(store, dataset, fenced)
    return never(latest) if latest else set()


def _claim(store: ObjectStore, dataset: str, version: str) -> VersionClaim | None:
    """None if nobody claimed this folder, or a person copied it from another place: not ours to clean."""
    claim = read_document(store, layout.claim(dataset, version), VersionClaim.load)
    return claim if claim and (claim.dataset, claim.version) == (dataset, version) else None


def _manifest(store: ObjectStore, dataset: str, version: str) -> Manifest | None:
    try:
        return read_manifest(store, dataset, version)
    except NotPublishedError:
        return None
