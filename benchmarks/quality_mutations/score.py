"""Judging corrupted candidates, and what the outcome adds up to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import polars as pl

from benchmarks.quality_mutations.case import Case
from benchmarks.quality_mutations.grounds import GROUNDS, Ground, Stance
from configs.errors import CheckCouldNotRunError
from tasks.quality.gate import run_gate
from tasks.quality.results import GateResult

Level = Literal["critical", "warning", "missed"]
STANCES: tuple[Stance, ...] = ("next", "first")
MOVES = 0.01


@dataclass(frozen=True)
class Verdict:
    """What became of one corruption. ``moved``: the largest relative change of a headline total."""

    case: str
    kind: str
    dataset: str
    stance: Stance
    caught: Level
    by: tuple[str, ...]
    moved: float

    @property
    def headline(self) -> bool:
        return self.moved >= MOVES


class NothingCorruptedError(AssertionError):
    """A corruption that leaves the data as it was says nothing."""


def run(cases: Iterable[Case], stances: tuple[Stance, ...] = STANCES) -> Iterator[Verdict]:
    """Judges each case, as the next version and as the first, and says by which checks it was caught that were content
    with the good candidate."""
    for case in cases:
        for stance in stances:
            yield _verdict(case, GROUNDS[case.dataset]().at(stance), stance)


@cache
def _alarms(dataset: str, stance: Stance) -> dict[str, int]:
    """The checks that the good candidate fails, by how many rows: 44 observations that the World Bank did withdraw."""
    ground = GROUNDS[dataset]().at(stance)
    report = run_gate(ground.gate(ground.data, ground.tables))
    return {r.check_id: r.rows_failed or 0 for r in report.results if r.outcome == "failed"}


def _verdict(case: Case, ground: Ground, stance: Stance) -> Verdict:
    if case.level == "figures":
        data, tables = ground.rebuilt(case.corrupt(ground.figures))
    else:
        data, tables = case.corrupt(ground.data), ground.tables
    vintage = case.vintage or ground.vintage
    if vintage == ground.vintage and _same(data, ground.data):
        raise NothingCorruptedError(f"{case.dataset}: {case.what}: the data is what it was")
    moved = _moved(ground.headlines(ground.data), ground.headlines(data))
    try:
        found = _failed(run_gate(ground.gate(data, tables, vintage)), _alarms(case.dataset, stance))
    except CheckCouldNotRunError as e:
        found = {f"could not run: {e.check}": "critical"}
    new = {check: severity for check, severity in found.items() if severity != "info"}
    level: Level = "critical" if "critical" in new.values() else "warning" if new else "missed"
    by = sorted(new, key=lambda c: (new[c] != "critical", c))
    return Verdict(case.what, case.kind, case.dataset, stance, level, tuple(by), moved)


def _failed(report: GateResult, known: Mapping[str, int]) -> dict[str, str]:
    """Checks that failed; of those that fail for the good candidate, only where more rows do."""
    more = [r for r in report.results if r.outcome == "failed" and (r.rows_failed or 0) > known.get(r.check_id, 0)]
    return {r.check_id: r.severity for r in more}


def _same(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    if one.schema != other.schema or one.height != other.height:
        return False
    return one.sort(pl.all()).equals(other.sort(pl.all()), null_equal=True)


def _moved(before: pl.DataFrame, after: pl.DataFrame) -> float:
    """A total that is gone has moved by all of it; one that is new, and nothing was lost for, by nothing."""
    both = before.join(after.rename({"value": "value_after"}), on="name", how="left").filter(pl.col("value") != 0)
    change = (pl.col("value_after").fill_null(0) / pl.col("value") - 1).abs()
    largest = both.select(change.max()).item()
    return float(largest or 0.0)


@dataclass(frozen=True)
class Score:
    """Counts over verdicts."""

    ways: int
    judged: int
    critical: int
    warning: int
    missed: int
    headline: int
    headline_missed: int

    @staticmethod
    def of(verdicts: Iterable[Verdict]) -> Score:
        found = list(verdicts)
        movers = [v for v in found if v.headline]
        return Score(
            ways=len({(v.dataset, v.case) for v in found}),
            judged=len(found),
            critical=sum(v.caught == "critical" for v in found),
            warning=sum(v.caught == "warning" for v in found),
            missed=sum(v.caught == "missed" for v in found),
            headline=len(movers),
            headline_missed=sum(v.caught == "missed" for v in movers),
        )

    @property
    def caught(self) -> float:
        return 1 - self.missed / self.judged if self.judged else 0.0

    @property
    def blocked(self) -> float:
        return self.critical / self.judged if self.judged else 0.0
