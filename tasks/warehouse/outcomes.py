"""How a run ends. Types only.

``Published`` and ``Skipped`` are the good ends; ``RejectedError`` says that the gate stopped a candidate, any other
``TechtradeError`` that the run failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from configs.errors import TechtradeError
from configs.hints import command
from configs.words import plural
from tasks.warehouse.records import ChangeCounts, Manifest, QualityCounts


@dataclass(frozen=True)
class Followed:
    """How what is made from a dataset followed it. ``detail``: the version, or what went wrong, in words."""

    dataset: str
    outcome: Literal["published", "unchanged", "left", "held", "rejected", "failed"]
    detail: str

    @property
    def exit_code(self) -> int:
        return {"held": 3, "rejected": 3, "failed": 1}.get(self.outcome, 0)


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

    @staticmethod
    def of(m: Manifest, failures: Sequence[str]) -> Published:
        """The outcome of the version with this manifest; ``failures``: the checks that it failed, in words."""
        return Published(m.dataset, m.version, m.parent, m.vintage, m.rows, m.changes, m.quality, tuple(failures))


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
        super().__init__(self._words())

    def _words(self) -> str:
        critical, target = self.quality.failed_critical, f"{self.dataset}@{self.version}"
        count = f"; {plural(critical, 'critical check')} failed" if critical else ""
        return (
            f"{target} was rejected by the quality gate: {self.diagnosis or self.failures[0]}{count}; readers still "
            f"get {self.served or 'nothing, as no version was published yet'}; see: {command('quality', target)}"
        )

    @property
    def unsaid(self) -> list[str]:
        """The failures that the message does not name."""
        return self.failures if self.diagnosis else self.failures[1:]


class HeldError(RejectedError):
    """The gate holds a candidate until a second source or a person confirms what it found. Readers see what they saw
    before."""

    def _words(self) -> str:
        target = f"{self.dataset}@{self.version}"
        return (
            f"{target} is held until confirmed: {self.diagnosis or self.failures[0]}; readers still get "
            f"{self.served or 'nothing, as no version was published yet'}; see: {command('held', self.dataset)}"
        )
