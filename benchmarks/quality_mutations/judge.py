"""Judging corrupted candidates: as the next version and as the first, on each ground, beside a second source or not."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Literal

import polars as pl

from benchmarks.quality_mutations.case import Case
from benchmarks.quality_mutations.counted import count, counting
from benchmarks.quality_mutations.grounds import Ground, Of, Stance, Tables, grounds, without_second
from configs.errors import CheckCouldNotRunError
from tasks.quality.gate import run_gate
from tasks.quality.results import GateResult

Outcome = Literal["silent", "warned", "held", "blocked"]
OUTCOMES: tuple[Outcome, ...] = ("silent", "warned", "held", "blocked")
OF_SEVERITY: dict[str, Outcome] = {"critical": "blocked", "hold": "held", "warning": "warned"}
STANCES: tuple[Stance, ...] = ("next", "first")
MOVES = 0.01
FEW = 30


@dataclass(frozen=True)
class Verdict:
    """What became of one corruption. ``second``: whether the second source was there. ``by``: the checks that failed,
    the gravest first. ``moved``: the largest relative change of a headline total."""

    dataset: str
    kind: str
    case: str
    of: str
    stance: Stance
    ground: Of
    second: bool
    outcome: Outcome
    by: tuple[str, ...]
    moved: float

    @property
    def headline(self) -> bool:
        return self.moved >= MOVES

    @property
    def stopped(self) -> bool:
        return self.outcome in ("held", "blocked")


class NothingCorruptedError(AssertionError):
    """A corruption that leaves the data as it was says nothing."""


def run(cases: Iterable[Case], stances: Sequence[Stance] = STANCES) -> Iterator[Verdict]:
    """Judge each case in all ways, in this process."""
    for case in cases:
        for of, ground in grounds(case.dataset).items():
            if of in case.grounds:
                yield from _judged(case, of, ground(), stances)


def run_all(cases: Sequence[Case], stances: Sequence[Stance] = STANCES, processes: int = 2) -> list[Verdict]:
    """Judge all cases of the lists, side by side where that is worth while; in their order."""
    if len(cases) <= FEW or processes == 1:
        with counting():
            return list(run(cases, stances))
    # Corruptions are closures, which do not travel between processes: their keys do. Neighbours share their grounds.
    keys = [c.key for c in cases]
    parts = [keys[i : i + FEW] for i in range(0, len(keys), FEW)]
    threads = os.environ.get("POLARS_MAX_THREADS")
    os.environ["POLARS_MAX_THREADS"] = "1"  # for the children; this process has its threads already
    try:
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), count) as pool:
            return [v for part in pool.map(_of_keys, parts, [tuple(stances)] * len(parts)) for v in part]
    finally:
        os.environ.pop("POLARS_MAX_THREADS") if threads is None else os.environ.update(POLARS_MAX_THREADS=threads)


def _of_keys(keys: Sequence[str], stances: Sequence[Stance]) -> list[Verdict]:
    from benchmarks.quality_mutations.cases import CASES

    return list(run([c for c in CASES if c.key in set(keys)], stances))


def _judged(case: Case, of: Of, ground: Ground, stances: Sequence[Stance]) -> Iterator[Verdict]:
    data, tables, vintage = corrupted(case, ground)
    if vintage == ground.vintage and case.level != "source" and case.tables is None and _same(data, ground.data):
        raise NothingCorruptedError(f"{case.key}, {of}: the data is what it was")
    moved = _moved(ground.headlines(ground.data), ground.headlines(data))
    for stance in stances:
        outcome, by = _outcome(case, of, ground.at(stance), stance, False, data, tables, vintage)
        yield Verdict(case.dataset, case.kind, case.what, case.of, stance, of, False, outcome, by, moved)
        # Checks do not know of each other: what blocks without a second source blocks beside it.
        if outcome != "blocked" and ground.has_second:
            outcome, by = _outcome(case, of, ground.at(stance), stance, True, data, tables, vintage)
        yield Verdict(case.dataset, case.kind, case.what, case.of, stance, of, True, outcome, by, moved)


def corrupted(case: Case, ground: Ground) -> tuple[pl.DataFrame, Tables, str]:
    """The candidate of a case, the tables of its source, and the vintage that it is given under."""
    tables = ground.tables
    if case.level == "figures":
        data, tables = ground.rebuilt(case.corrupt(ground.figures))
    elif case.level == "source":
        assert ground.retold is not None, f"{ground.dataset} has no source table to corrupt"
        data, tables = ground.retold(case.corrupt)
    elif case.level == "before":
        assert ground.parent is not None
        data = case.corrupt(ground.parent)
    else:
        data = case.corrupt(ground.data)
    if case.tables is not None:
        tables = case.tables(tables)
    return data, tables, case.vintage(ground.vintage) if case.vintage else ground.vintage


def _outcome(
    case: Case, of: Of, ground: Ground, stance: Stance, second: bool, data: pl.DataFrame, tables: Tables, vintage: str
) -> tuple[Outcome, tuple[str, ...]]:
    known = _alarms(case.dataset, of, stance, second)
    try:
        found = _failed(judged(ground, second, data, tables, vintage), known)
    except CheckCouldNotRunError as e:
        found = {f"could not run: {e.check}": "critical"}
    except pl.exceptions.PolarsError as e:  # a fault of the gate; the run ends with it, and nothing is published
        found = {f"raised: {type(e).__name__}": "critical"}
    told = {check: OF_SEVERITY[severity] for check, severity in found.items() if severity in OF_SEVERITY}
    by = sorted(told, key=lambda c: (-OUTCOMES.index(told[c]), c))
    return (told[by[0]] if by else "silent"), tuple(by)


def judged(ground: Ground, second: bool, data: pl.DataFrame, tables: Tables, vintage: str) -> GateResult:
    """What the gate finds, with the second source there or not."""
    beside = ground.beside(second)
    return run_gate(beside.gate(data, tables if second else without_second(tables), vintage))


@cache
def _alarms(dataset: str, of: Of, stance: Stance, second: bool) -> dict[str, int]:
    """The checks that the good candidate fails, by how many rows: 44 observations that the World Bank did withdraw."""
    ground = grounds(dataset)[of]().at(stance)
    report = judged(ground, second, ground.data, ground.tables, ground.vintage)
    return {r.check_id: r.rows_failed or 0 for r in report.results if r.outcome == "failed"}


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
