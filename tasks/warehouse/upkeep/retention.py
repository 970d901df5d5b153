"""Which versions keep their data. Decide first (``plan``), act second (``execute``), as gc does.

Only data files go; manifest, quality, changes and notes of a version stay for ever, and its figures stand in the
history of its dataset. What goes is written into ``latest.json`` first, by compare-and-swap: a yank that would send
readers to it, and a publisher that would copy from it, then start over and see it. A run that was killed is ended by
the next.

Never touched: what readers of latest get; the newest versions, so that a yank has something to fall back to; what
another dataset was made from, as long as a version of that keeps its data; what is not in its history yet. Where a
document that would say so is damaged, everything it may speak of stays, and the rest goes on.

Rejected versions have a policy of their own: they are evidence, and evidence is what the gate found, not the figures
for ever. The note in ``latest.json`` makes a promotion that is under way lose its swap, look again, and be refused.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from configs.contracts import load_contract, published_names
from configs.errors import ConfigError, NotPublishedError, UsageError
from configs.history_contract import SOURCE, SUFFIX, base_of
from configs.words import plural
from tasks.common.clock import stamp
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import holds, key_grammar, layout, reader
from tasks.warehouse.isolated import isolated
from tasks.warehouse.protocol import change_latest, read_latest, read_manifest
from tasks.warehouse.records import Latest, LogEntry, Manifest, MisplacedRecordError, Retired

# The one that readers get, and one to fall back to.
LEAST = 2
# A century: a day that long ago must be one that a date can hold.
DAYS = 36_500


@dataclass(frozen=True)
class Policy:
    """How many of the newest versions of each dataset keep their data, and for how long all do."""

    versions: int
    days: float

    def __post_init__(self) -> None:
        if self.versions < LEAST or not 0 <= self.days <= DAYS:
            raise UsageError(
                f"--keep {self.versions} --keep-days {self.days:g}: keep at least {LEAST} versions, so that a yank has "
                f"one to fall back to, and 0 to {DAYS:,} days"
            )

    @property
    def words(self) -> str:
        return f"of each dataset the newest {self.versions} versions keep their data, and all for {self.days:g} days"


@dataclass(frozen=True)
class RejectedPolicy:
    """For how many days versions that the gate rejected keep their data."""

    days: float

    def __post_init__(self) -> None:
        if not 0 <= self.days <= DAYS:
            raise UsageError(f"--rejected-days {self.days:g}: give 0 to {DAYS:,} days")

    @property
    def words(self) -> str:
        return f"data of rejected versions are kept for {self.days:g} days"


@dataclass(frozen=True)
class Superseded:
    """A version whose data go. ``why``: the reason, for readers who pinned it."""

    dataset: str
    version: str
    why: str
    keys: tuple[str, ...]
    bytes: int


@dataclass(frozen=True)
class RetentionPlan:
    """What would be done, as of one moment. ``kept``: what the policy would let go, and why it stays, a line each;
    ``problems``: what could not be looked at, so that it stays, a line each."""

    made_at: datetime
    superseded: tuple[Superseded, ...]
    kept: tuple[str, ...]
    problems: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """One line a version, for a person."""
        return [
            f"delete the data of {s.dataset}@{s.version}: {plural(len(s.keys), 'file')}, {plural(s.bytes, 'byte')}"
            for s in self.superseded
        ]


@dataclass(frozen=True)
class RetentionResult:
    """``done``: the versions whose data are gone, as ``dataset@version``; one that became latest meanwhile is not among
    them. ``problems``: what could not be done, a line each."""

    done: tuple[str, ...]
    problems: tuple[str, ...] = ()


@dataclass
class _Named:
    """``users``: by dataset and version, the versions of other datasets that were made from it. ``unknown``: by
    dataset, those of which it is not known whether they were; under None, whether they were made from any."""

    users: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    unknown: dict[str | None, set[str]] = field(default_factory=dict)

    def of(self, dataset: str, version: str) -> str:
        """Why the version stays, empty if nothing was made from it."""
        if users := sorted(self.users.get((dataset, version), ())):
            return f"{', '.join(users)} was made from it"
        unknown = sorted((self.unknown.get(dataset, set()) | self.unknown.get(None, set())) - {dataset})
        return f"{', '.join(unknown)} cannot be read, and may be made from it" if unknown else ""


def plan(store: ObjectStore, now: datetime, policy: Policy) -> RetentionPlan:
    """Looks for what the policy lets go; changes nothing."""
    problems: list[str] = []
    named, gone, kept = _Named(), list[Superseded](), list[str]()
    logs = _logs(store, problems, named)
    _look_at_users(store, logs, named, problems)
    for dataset, latest in sorted(logs.items()):
        for entry in _old(latest, now, policy):
            with isolated(store, problems, f"{dataset}@{entry.version}"):
                why = "" if entry.version in latest.retired_versions else _why_kept(store, logs, named, dataset, entry)
                if why:
                    kept.append(f"{dataset}@{entry.version} stays: {why}")
                else:
                    manifest = read_manifest(store, dataset, entry.version, entry.manifest_sha256)
                    gone += _superseded(store, manifest, policy.words)
    return RetentionPlan(now, tuple(gone), tuple(kept), tuple(dict.fromkeys(problems)))


def plan_rejected(store: ObjectStore, now: datetime, policy: RejectedPolicy) -> RetentionPlan:
    """Looks for rejected versions whose data the policy lets go; changes nothing. One that was promoted keeps them: its
    figures are what readers were given. So does one that is held, as long as it may be confirmed, and all of a dataset
    that was never published: it has no log for the note."""
    problems: list[str] = []
    gone: list[Superseded] = []
    before = stamp(now - timedelta(days=policy.days))
    for dataset, latest in sorted(_logs(store, problems, _Named()).items()):
        taken = {e.version for e in latest.log} | {e.rejected for e in latest.log}
        for version in store.folders(layout.versions(dataset)):
            if version in taken or not layout.VERSION.match(version):
                continue
            with isolated(store, problems, f"{dataset}@{version}"):
                try:
                    manifest = read_manifest(store, dataset, version)
                except (NotPublishedError, MisplacedRecordError):  # under way; or a person's copy, which gc reports
                    continue
                if manifest.held and (hold := holds.read(store, dataset).of(version)) and not hold.ended:
                    continue
                if manifest.status == "rejected" and manifest.created_at < before:
                    gone += _superseded(store, manifest, policy.words)
    return RetentionPlan(now, tuple(gone), (), tuple(problems))


def execute(store: ObjectStore, decided: RetentionPlan) -> RetentionResult:
    """Carries the plan out."""
    done, problems = list[str](), list[str]()
    for one in decided.superseded:
        name = f"{one.dataset}@{one.version}"
        with isolated(store, problems, name):
            if _retire(store, one, decided.made_at):
                for key in one.keys:
                    store.delete(key)
                done.append(name)
    return RetentionResult(tuple(done), tuple(problems))


def _logs(store: ObjectStore, problems: list[str], named: _Named) -> dict[str, Latest]:
    """The logs that can be read."""
    logs = {}
    for dataset in key_grammar.may_need(store):
        before = len(problems)
        with isolated(store, problems, dataset):
            latest, _ = read_latest(store, dataset)
            if latest is not None:
                logs[dataset] = latest
            elif key_grammar.log_is_lost(store, dataset):
                problems.append(f"{layout.latest(dataset)} is gone; restore it from {layout.ledger_log(dataset)}")
        if len(problems) > before:
            _not_known(named, dataset)
    return logs


def _not_known(named: _Named, dataset: str) -> None:
    """Notes that a dataset may have been made from any version of what its contract names; of any, if there is none."""
    if base_of(dataset):
        return
    inputs: tuple[str | None, ...] = (None,)
    with suppress(ConfigError, UsageError):
        inputs = tuple(load_contract(dataset).derived_from)
    for name in inputs:
        named.unknown.setdefault(name, set()).add(dataset)


def _old(latest: Latest, now: datetime, policy: Policy) -> list[LogEntry]:
    """The publications that the policy lets go, oldest first."""
    good = [e for e in latest.published if e.version not in latest.yanked | latest.retired_versions]
    newest = {e.version for e in good[-policy.versions :]} | {latest.version}
    before = stamp(now - timedelta(days=policy.days))
    return [e for e in latest.published if e.version not in newest and e.at < before]


def _superseded(store: ObjectStore, manifest: Manifest, why: str) -> list[Superseded]:
    """The data files that are there of those that the manifest names, if any is."""
    dataset, version = manifest.dataset, manifest.version
    sealed = {layout.version(dataset, version, f.path) for f in manifest.files if f.rows is not None}
    found = [e for e in store.entries(layout.version(dataset, version, "data/")) if e.key in sealed]
    keys = tuple(e.key for e in found)
    return [Superseded(dataset, version, why, keys, sum(e.size for e in found))] if found else []


def _look_at_users(store: ObjectStore, logs: dict[str, Latest], named: _Named, problems: list[str]) -> None:
    """Fills in which versions other datasets were made from, by versions of these that keep their data. A history has
    what its dataset's versions had, and needs them no more."""
    for dataset, latest in logs.items():
        if base_of(dataset):
            continue
        for entry in latest.published:
            if entry.version in latest.retired_versions:
                continue
            before = len(problems)
            with isolated(store, problems, f"{dataset}@{entry.version}"):
                for source in read_manifest(store, dataset, entry.version, entry.manifest_sha256).sources:
                    of = source.url.split("/")
                    if source.source == SOURCE and len(of) == 4:  # <dataset>/versions/<version>/manifest.json
                        named.users.setdefault((of[0], of[2]), set()).add(f"{dataset}@{entry.version}")
            if len(problems) > before:
                _not_known(named, dataset)


def _why_kept(store: ObjectStore, logs: dict[str, Latest], named: _Named, dataset: str, entry: LogEntry) -> str:
    if why := named.of(dataset, entry.version):
        return why
    return "" if _in_history(store, logs, dataset, entry) else f"it is not in {dataset}{SUFFIX} yet"


def _in_history(store: ObjectStore, logs: dict[str, Latest], dataset: str, entry: LogEntry) -> bool:
    """Whether the published history has this version. Histories have none, nor has what is made from them."""
    if base_of(dataset) or (dataset in published_names() and not load_contract(dataset).has_history):
        return True
    if dataset + SUFFIX not in logs:
        return False
    history = reader.resolve(store, dataset + SUFFIX)
    return any(s.role == f"version/{entry.version}" for s in history.manifest.sources)


def _retire(store: ObjectStore, one: Superseded, now: datetime) -> bool:
    """Writes it into ``latest.json``; False if readers of latest get it by now, or it was promoted."""
    note = Retired(version=one.version, at=stamp(now), why=one.why)

    def needed(latest: Latest) -> bool:
        return one.version in (latest.version, *(e.rejected for e in latest.log))

    def retired(latest: Latest) -> Latest | None:
        if needed(latest) or one.version in latest.retired_versions:
            return None
        return latest.model_copy(update={"retired": (*latest.retired, note)})

    latest = change_latest(store, one.dataset, retired)
    return latest is not None and not needed(latest)
