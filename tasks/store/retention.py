"""Which versions keep their data. Decide first (``plan``), act second (``execute``), as gc does.

Only data files go; manifest, quality, changes and notes of a version stay for ever, and its figures stand in the
history of its dataset. What goes is written into ``latest.json`` first, by compare-and-swap: a yank that would send
readers to it, and a publisher that would copy from it, then start over and see it. A run that was killed is ended by
the next.

Never touched: what readers of latest get; the newest versions, so that a yank has something to fall back to; what
another dataset was made from, as long as a version of that keeps its data; what is not in its history yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from configs.contract import load_contract, published_names
from configs.errors import PreconditionFailedError, StoreError, UsageError
from configs.history import SOURCE, SUFFIX, base_of
from configs.words import plural
from tasks.store import layout, reader
from tasks.store.objects import ObjectStore
from tasks.store.records import Latest, LogEntry, Manifest, Retired
from tasks.store.versions import read_latest, read_manifest, stamp

TRIES = 20
# The one that readers get, and one to fall back to.
LEAST = 2


@dataclass(frozen=True)
class Policy:
    """How many of the newest versions of each dataset keep their data, and for how long all do."""

    versions: int
    days: float

    def __post_init__(self) -> None:
        if self.versions < LEAST or self.days < 0:
            raise UsageError(
                f"--keep {self.versions} --keep-days {self.days:g}: keep at least {LEAST} versions, so that a yank has "
                "one to fall back to, and 0 days or more"
            )

    @property
    def words(self) -> str:
        return f"of each dataset the newest {self.versions} versions keep their data, and all for {self.days:g} days"


@dataclass(frozen=True)
class Superseded:
    """A version whose data go. ``why``: what is told of it to who pinned it."""

    dataset: str
    version: str
    why: str
    keys: tuple[str, ...]
    bytes: int


@dataclass(frozen=True)
class RetentionPlan:
    """What would be done, as of one moment. ``kept``: what the policy would let go, and why it stays, a line each."""

    made_at: datetime
    superseded: tuple[Superseded, ...]
    kept: tuple[str, ...]

    def lines(self) -> list[str]:
        """One line a version, for a person."""
        return [
            f"delete the data of {s.dataset}@{s.version}: {plural(len(s.keys), 'file')}, {plural(s.bytes, 'byte')}"
            for s in self.superseded
        ]


def plan(store: ObjectStore, now: datetime, policy: Policy) -> RetentionPlan:
    """Looks for what the policy lets go; changes nothing.

    Raises:
        CorruptVersionError, DamagedRecordError: a log or a manifest cannot be read, so nothing is known for sure.
    """
    logs = {d: latest for d in store.folders("") if not d.startswith("_") and (latest := read_latest(store, d)[0])}
    named = _named(store, logs)
    gone: list[Superseded] = []
    kept: list[str] = []
    for dataset, latest in sorted(logs.items()):
        for entry in _old(latest, now, policy):
            name = f"{dataset}@{entry.version}"
            if entry.version not in latest.retired_versions:
                users = sorted(named.get((dataset, entry.version), ()))
                if users:
                    kept.append(f"{name} stays: {', '.join(users)} was made from it")
                    continue
                if not _in_history(store, logs, dataset, entry):
                    kept.append(f"{name} stays: it is not in {dataset}{SUFFIX} yet")
                    continue
            files = _data(store, dataset, entry.version)
            if files:
                gone.append(Superseded(dataset, entry.version, policy.words, tuple(files), sum(files.values())))
    return RetentionPlan(now, tuple(gone), tuple(kept))


def execute(store: ObjectStore, decided: RetentionPlan) -> list[str]:
    """Carries the plan out.

    Returns:
        The versions whose data are gone; one that became latest meanwhile is not among them.
    """
    done = []
    for one in decided.superseded:
        if _retire(store, one, decided.made_at):
            for key in one.keys:
                store.delete(key)
            done.append(f"{one.dataset}@{one.version}")
    return done


def _old(latest: Latest, now: datetime, policy: Policy) -> list[LogEntry]:
    """The publications that the policy lets go, oldest first."""
    good = [e for e in latest.published if e.version not in latest.yanked | latest.retired_versions]
    newest = {e.version for e in good[-policy.versions :]} | {latest.version}
    before = stamp(now - timedelta(days=policy.days))
    return [e for e in latest.published if e.version not in newest and e.at < before]


def _data(store: ObjectStore, dataset: str, version: str) -> dict[str, int]:
    """The data files that are there."""
    return {e.key: e.size for e in store.entries(layout.version(dataset, version, "data/"))}


def _named(store: ObjectStore, logs: dict[str, Latest]) -> dict[tuple[str, str], set[str]]:
    """Which versions other datasets were made from, by versions of these that keep their data. A history has what its
    dataset's versions had, and needs them no more."""
    found: dict[tuple[str, str], set[str]] = {}
    for dataset, latest in logs.items():
        if base_of(dataset):
            continue
        for entry in latest.published:
            if entry.version in latest.retired_versions:
                continue
            manifest = read_manifest(store, dataset, entry.version, entry.manifest_sha256)
            for source in manifest.sources:
                named = source.url.split("/")
                if source.source == SOURCE and len(named) == 4:  # <dataset>/versions/<version>/manifest.json
                    found.setdefault((named[0], named[2]), set()).add(f"{dataset}@{entry.version}")
    return found


def _in_history(store: ObjectStore, logs: dict[str, Latest], dataset: str, entry: LogEntry) -> bool:
    """Whether the published history has this version. Histories have none, nor has what is made from them."""
    if base_of(dataset) or (dataset in published_names() and not load_contract(dataset).has_history):
        return True
    if dataset + SUFFIX not in logs:
        return False
    manifest: Manifest = reader.resolve(store, dataset + SUFFIX).manifest
    return any(s.role == f"version/{entry.version}" for s in manifest.sources)


def _retire(store: ObjectStore, one: Superseded, now: datetime) -> bool:
    """Writes it into ``latest.json``; False if readers of latest get it by now."""
    key = layout.latest(one.dataset)
    for _ in range(TRIES):
        latest, etag = read_latest(store, one.dataset)
        if latest is None or latest.version == one.version:
            return False
        if one.version in latest.retired_versions:
            return True
        note = Retired(version=one.version, at=stamp(now), why=one.why)
        try:
            store.replace(key, latest.model_copy(update={"retired": (*latest.retired, note)}).dump(), etag)
        except PreconditionFailedError:
            continue
        return True
    raise StoreError(f"{one.dataset}: latest.json kept changing; run it again when fewer publishers run")
