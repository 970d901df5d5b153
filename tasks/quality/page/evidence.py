"""What there is to show of a version's quality: its results, what readers get now, and the figures behind a failure.

For any sealed version, also one that the gate rejected: its data and evidence stay under it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import polars as pl

from configs.contract import Contract
from configs.contracts import load_contract
from configs.errors import NotPublishedError, StoreError
from configs.hints import command
from configs.words import as_line, plural
from tasks.quality.measures import Compared, compare_measures
from tasks.quality.page.series import CheckedSeries, headline_series, series_of
from tasks.quality.results import CheckResult, GateResult, failed_first, read_results, results_of
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, reader
from tasks.warehouse.hold_words import became, confirmable, ending, stopped
from tasks.warehouse.holds import Hold
from tasks.warehouse.protocol import read_latest, read_manifest
from tasks.warehouse.records import Latest, LogEntry, Manifest

FILES = ("quality.parquet", "quality_gx.json", "changes.parquet")


class NoEvidenceError(StoreError):
    """The version was given up before it was checked."""

    def __init__(self, dataset: str, version: str) -> None:
        self.dataset, self.version = dataset, version
        super().__init__(
            f"{dataset}@{version} was given up before it was checked, so there is no evidence of its quality; "
            f"see: {command('versions', dataset)}"
        )


@dataclass(frozen=True)
class Served:
    """What readers of latest get."""

    version: str
    vintage: str
    published_at: str


@dataclass(frozen=True)
class Evidence:
    """A version and what the gate found on it. ``files``: where the evidence is, by name. ``series`` by check id;
    ``headlines``: those that readers look at first."""

    contract: Contract
    manifest: Manifest
    state: reader.VersionState
    served: Served | None
    yank: LogEntry | None
    results: tuple[CheckResult, ...]
    files: dict[str, str]
    compared: tuple[Compared, ...] = ()
    series: dict[str, list[CheckedSeries]] = field(default_factory=dict)
    headlines: tuple[CheckedSeries, ...] = ()
    hold: Hold | None = None

    @property
    def name(self) -> str:
        return f"{self.manifest.dataset}@{self.manifest.version}"

    @property
    def failed(self) -> list[CheckResult]:
        """The critical first."""
        return failed_first(self.results)

    def others(self, outcome: str) -> list[CheckResult]:
        return [r for r in self.results if r.outcome == outcome]

    def verdict(self) -> str:
        """In a sentence, what became of the version and what readers get."""
        counts = GateResult(self.results, b"").counts
        critical, warnings = counts.failed_critical, counts.failed_warning
        still = f"{self.manifest.dataset}@{self.served.version}" if self.served else "nothing: none is published"
        if self.state == "rejected":
            return f"Rejected: {plural(critical, 'critical check')} failed. Readers still get {still}."
        if self.state == "held":
            how = f" {_sentence(confirmable(self.hold))}" if self.hold else ""
            return (
                f"Held until confirmed: {plural(counts.failed_hold, 'check')} failed.{how} Readers still get {still}."
            )
        if self.hold is not None:
            return f"{_sentence(became(self.hold))} {_sentence(ending(self.hold))} Readers now get {still}."
        told = f"with {plural(warnings, 'warning')}" if warnings else "without a warning"
        override = self.manifest.override
        if override is not None:
            was, why = stopped(self.manifest.quality), as_line(override.reason).rstrip(".")
            told = f"although {was} as {override.rejected}, by {override.by}: {why}"
        if self.state == "latest":
            return f"Published {told}; it is what readers get now."
        now = f"Readers now get {self.served.version}." if self.served else "Readers get nothing now."
        if self.yank:
            return f"Published {told}, and yanked at {self.yank.at}: {as_line(self.yank.reason)}. {now}"
        if self.state == "published":
            return f"Published {told}, and followed by others since. {now}"
        return f"Never published ({self.state}), {told}. {now}"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def gather(store: ObjectStore, dataset: str, version: str | None) -> Evidence:
    """The evidence of a version, of the latest if none is named.

    Raises:
        NotPublishedError: there is no such version, or nothing is published and none was named.
        NoEvidenceError: it was never checked.
    """
    contract = load_contract(dataset)
    latest, _ = read_latest(store, dataset)
    manifest, state, yank, hold = _find(store, dataset, version, latest)
    if not any(f.path == "quality.parquet" for f in manifest.files):
        raise NoEvidenceError(dataset, manifest.version)
    served = None
    if latest is not None:
        current = read_manifest(store, dataset, latest.version, latest.manifest_sha256)
        served = Served(latest.version, current.vintage, latest.published_at)
    results = results_of(read_results(store, manifest))
    files = {name: store.uri(layout.version(dataset, manifest.version, name)) for name in FILES}
    return Evidence(contract, manifest, state, served, yank, results, files, hold=hold)


def with_figures(store: ObjectStore, found: Evidence) -> Evidence:
    """Return the same, with the series behind each failure, the headline series, and the comparison of all figures with
    the version before, as far as their data were not deleted by a policy."""
    m, contract = found.manifest, found.contract
    latest, _ = read_latest(store, m.dataset)
    freed = latest.retired_versions if latest else set()
    if m.version in freed:
        return found
    data = reader.scan(store, m, contract)
    before = None if m.parent in freed else _before(store, m)
    return replace(
        found,
        compared=tuple(compare_measures(contract, data, before)),
        series={r.check_id: series_of(r, contract, data, before) for r in found.failed},
        headlines=tuple(headline_series(contract, data, before)),
    )


def _before(store: ObjectStore, manifest: Manifest) -> pl.LazyFrame | None:
    if manifest.parent is None:
        return None
    return reader.scan(store, read_manifest(store, manifest.dataset, manifest.parent))


def _find(
    store: ObjectStore, dataset: str, version: str | None, latest: Latest | None
) -> tuple[Manifest, reader.VersionState, LogEntry | None, Hold | None]:
    """The manifest of a version in the log, or by name of one that never was in it."""
    try:
        found = reader.resolve(store, dataset, version)
    except NotPublishedError:
        if version is None:
            raise
        never = reader.sealed(store, dataset, version)
        return never.manifest, never.state, None, never.hold
    current = latest is not None and found.manifest.version == latest.version
    return found.manifest, "yanked" if found.yank else "latest" if current else "published", found.yank, None
