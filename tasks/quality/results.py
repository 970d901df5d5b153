"""What a gate found, as data: for the parquet file beside the version, and in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from configs.contract import Severity
from tasks.quality.cells import Cell
from tasks.quality.failing_rows import row_words
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.reader import HasFiles
from tasks.warehouse.records import QualityCounts

CheckOutcome = Literal["passed", "failed", "not_applicable"]
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "check_id": pl.String,
    "title": pl.String,
    "severity": pl.String,
    "outcome": pl.String,
    "expected": pl.String,
    "observed": pl.String,
    "rows_checked": pl.Int64,
    "rows_failed": pl.Int64,
    "failing_rows": pl.List(pl.String),
    "reason": pl.String,
    "owner": pl.String,
    "gx_expectation": pl.String,
    "runbook": pl.String,
    "declared_severity": pl.String,
    "exemption": pl.String,
}
FAILING_ROWS = 20
ORDER: dict[str, int] = {"critical": 0, "hold": 1, "warning": 2, "info": 3}


@dataclass(frozen=True)
class CheckResult:
    """One check's outcome. ``failing_rows``: up to 20, each a JSON object with the row's key. ``runbook``: what to do
    about a failure, a path in this project. ``exemption``: why a failure of ``declared_severity`` did not block: an
    expected break, or somebody's override."""

    check_id: str
    title: str
    severity: Severity
    outcome: CheckOutcome
    expected: str
    observed: str
    rows_checked: int | None
    rows_failed: int | None
    failing_rows: tuple[str, ...]
    reason: str
    owner: str
    gx_expectation: str
    runbook: str = ""
    declared_severity: str = ""
    exemption: str = ""

    def words(self) -> str:
        """Return what failed, for a person: the rule, how many rows, and one of them. Titles say what should be, so
        without the first words "no observation was withdrawn" would read like good news."""
        example = f"; for example {row_words(self.failing_rows[0])}" if self.failing_rows else ""
        exempted = f"; {self.exemption}" if self.exemption else ""
        return (
            f"check failed: {self.title} ({self.check_id}): {self.observed}; expected {self.expected}"
            f"{example}{exempted}"
        )


@dataclass(frozen=True)
class GateResult:
    """All results of a gate, and the Great Expectations validation result in its own JSON.

    ``breaks``: the expected breaks that came. ``diagnosis``: what happened to the figures as a whole, in a sentence;
    empty where no sentence says it. ``cells``: the observations for which checks hold, confirmed ones among them."""

    results: tuple[CheckResult, ...]
    gx_json: bytes
    breaks: tuple[str, ...] = ()
    diagnosis: str = ""
    cells: tuple[Cell, ...] = ()

    @property
    def rejected(self) -> bool:
        """Whether a critical check failed."""
        return self.counts.failed_critical > 0

    @property
    def held(self) -> tuple[str, ...]:
        """The checks for which the candidate is held; none if it is rejected."""
        if self.rejected:
            return ()
        return tuple(r.check_id for r in self.results if r.outcome == "failed" and r.severity == "hold")

    @property
    def counts(self) -> QualityCounts:
        failed = [r.severity for r in self.results if r.outcome == "failed"]
        return QualityCounts(
            passed=sum(r.outcome == "passed" for r in self.results),
            failed_critical=failed.count("critical"),
            failed_hold=failed.count("hold"),
            failed_warning=failed.count("warning"),
            failed_info=failed.count("info"),
            not_applicable=sum(r.outcome == "not_applicable" for r in self.results),
        )

    def frame(self) -> pl.DataFrame:
        """``quality.parquet``: one row a check, columns as in SCHEMA."""
        return pl.DataFrame([vars(r) | {"failing_rows": list(r.failing_rows)} for r in self.results], schema=SCHEMA)

    def failures(self) -> list[str]:
        """Return what failed, in words, the critical first."""
        return [r.words() for r in failed_first(self.results)]

    def failures_by_severity(self) -> list[str]:
        """Return the same, each with its severity: ``critical check failed: ...``."""
        return [f"{r.severity} {r.words()}" for r in failed_first(self.results)]


def failed_first(results: Iterable[CheckResult]) -> list[CheckResult]:
    """Return the failed results, the critical first."""
    return sorted((r for r in results if r.outcome == "failed"), key=lambda r: ORDER[r.severity])


def aligned(quality: pl.DataFrame) -> pl.DataFrame:
    """A ``quality.parquet`` with the columns of today: those that an older version does not have are null, those that
    only a newer one has are left out."""
    have = quality.columns
    return quality.select(
        pl.col(name).cast(kind) if name in have else pl.lit(None, dtype=kind).alias(name)
        for name, kind in SCHEMA.items()
    )


def read_results(store: ObjectStore, version: HasFiles) -> pl.DataFrame:
    """Return a version's ``quality.parquet``: one row a check, with the columns of today."""
    key = layout.version(version.dataset, version.version, "quality.parquet")
    return aligned(pl.read_parquet(store.get(key).body))


def results_of(quality: pl.DataFrame) -> tuple[CheckResult, ...]:
    """The results in a ``quality.parquet`` of any age. What it does not say is left at what it is by default."""
    told = [{k: v for k, v in row.items() if v is not None} for row in aligned(quality).to_dicts()]
    unknown: dict[str, Any] = {"rows_checked": None, "rows_failed": None}
    return tuple(CheckResult(**(unknown | row | {"failing_rows": tuple(row["failing_rows"])})) for row in told)


def failures_of(quality: pl.DataFrame) -> list[str]:
    """Return what failed, with severities, from a ``quality.parquet`` read back."""
    return GateResult(results_of(quality), b"").failures_by_severity()
