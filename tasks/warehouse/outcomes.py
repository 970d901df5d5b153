"""What a run is asked for, what it holds on its way, and how it ends. Types only.

``Published`` and ``Skipped`` are the good ends; ``RejectedError`` says that the gate stopped a candidate, any other
``TechtradeError`` that the run failed. A candidate that was checked cannot be taken for a release: they are of
different types.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from configs.contract import Contract
from configs.errors import TechtradeError
from configs.first_publish import not_bundled
from configs.hints import command
from configs.months import Months
from configs.words import plural
from tasks.extract.source import Extraction, Meter, Refresh
from tasks.quality.results import Report
from tasks.raw.documents import RawDocument
from tasks.warehouse.protocol import Built, Draft
from tasks.warehouse.records import ChangeCounts, QualityCounts

SourceKind = Literal["live", "snapshot"]


@dataclass(frozen=True)
class Request:
    """What to publish. ``vintage`` None: the newest that the source has. ``months``: asked for whatever is known.

    Raises:
        NotBundledError: the snapshot is asked for, and nothing of this dataset is bundled.
    """

    contract: Contract
    kind: SourceKind
    vintage: str | None = None
    refresh: Refresh = "auto"
    months: Months | None = None

    def __post_init__(self) -> None:
        if self.kind == "snapshot" and self.contract.sources.snapshot is None:
            raise not_bundled(self.contract.name)

    @property
    def source(self) -> str:
        """The extract module."""
        sources = self.contract.sources
        return sources.snapshot if self.kind == "snapshot" and sources.snapshot else sources.live


@dataclass(frozen=True)
class Followed:
    """How what is made from a dataset followed it. ``detail``: the version, or what went wrong, in words."""

    dataset: str
    outcome: Literal["published", "unchanged", "left", "rejected", "failed"]
    detail: str

    @property
    def exit_code(self) -> int:
        return {"rejected": 3, "failed": 1}.get(self.outcome, 0)


@dataclass(frozen=True)
class Published:
    """A new version is what readers of latest get. ``followed``: what is made from it."""

    dataset: str
    version: str
    parent: str | None
    vintage: str
    rows: int
    changes: ChangeCounts
    quality: QualityCounts
    warnings: tuple[str, ...]
    followed: tuple[Followed, ...] = ()


@dataclass(frozen=True)
class Skipped:
    """Nothing was published because nothing had to be: the input or its content is already there
    (``unchanged``), or a newer vintage is (``superseded``)."""

    dataset: str
    version: str
    vintage: str
    why: Literal["unchanged", "superseded"]
    detail: str
    followed: tuple[Followed, ...] = ()


Outcome = Published | Skipped


class RejectedError(TechtradeError):
    """The gate stopped a candidate. Readers see what they saw before; the evidence is under the version.

    ``diagnosis``: what happened to the figures as a whole; empty where no sentence says it. ``failures``: each failed
    check in words, the critical first. The message says why in one of the two, and ``unsaid`` has the rest.
    """

    exit_code = 3

    def __init__(
        self,
        dataset: str,
        rejected: str,
        failures: list[str],
        served: str | None,
        quality: QualityCounts,
        diagnosis: str = "",
    ) -> None:
        self.dataset, self.version, self.served, self.quality = dataset, rejected, served, quality
        self.failures, self.diagnosis = failures, diagnosis
        critical = quality.failed_critical
        count = f"; {plural(critical, 'critical check')} failed" if critical else ""
        super().__init__(
            f"{dataset}@{rejected} was rejected by the quality gate: {diagnosis or failures[0]}{count}; readers still "
            f"get {served or 'nothing, as no version was published yet'}; "
            f"see: {command('quality', f'{dataset}@{rejected}')}"
        )

    @property
    def unsaid(self) -> list[str]:
        """The failures that the message does not name."""
        return self.failures if self.diagnosis else self.failures[1:]


@dataclass(frozen=True)
class Fetched:
    """What a source gave, archived and not looked into yet."""

    source: str
    documents: tuple[RawDocument, ...]
    meter: Meter


@dataclass(frozen=True)
class Checked:
    """A staged candidate that was looked at, with everything its manifest needs."""

    draft: Draft
    built: Built
    extraction: Extraction
    changes: ChangeCounts
    report: Report
