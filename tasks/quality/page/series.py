"""The series around the failing points of a check: the candidate beside the version before it.

Which series, the failing rows say: they carry keys of the dataset. A key that a rule summed over is taken as what the
sum stands for (the world's row, all groups); where that cannot be said there is no series, rather than a wrong one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from configs.contract import Contract
from tasks.quality.results import CheckResult

TIMES = ("period", "year")
ADDITIVE = {"technology_group": "all groups"}
AROUND = 24
SERIES = 2
HEADLINES = 3
NEWEST = 2


@dataclass(frozen=True)
class Point:
    """One moment: the version before, the candidate, and whether the check failed there. None: there is no figure."""

    at: str
    before: float | None
    now: float | None
    failing: bool

    @property
    def factor(self) -> float | None:
        return self.now / self.before if self.now is not None and self.before else None


@dataclass(frozen=True)
class CheckedSeries:
    """A measure of one series (``of``: what it is of, in words), in order of time."""

    measure: str
    unit: str
    of: str
    points: tuple[Point, ...]
    has_before: bool

    def shown(self, most: int = 8) -> list[Point]:
        """Return the points for a small table: those that failed, else the largest revisions and the newest points."""
        failing = [p for p in self.points if p.failing]
        if failing:
            return failing[:most]
        added = [p for p in self.points if p.before is None][-NEWEST:] if self.has_before else list(self.points[-most:])
        moved = [p for p in self.points if p.before is not None and p.before != p.now]
        largest = sorted(moved, key=_moved, reverse=True)[: most - len(added)]
        return sorted([*largest, *added], key=lambda p: p.at)


def series_of(
    result: CheckResult, contract: Contract, data: pl.LazyFrame, before: pl.LazyFrame | None
) -> list[CheckedSeries]:
    """Up to two series behind a failed check; none where its rows are not about figures over time."""
    time = next((t for t in TIMES if t in contract.primary_key), None)
    numbers = [c.name for c in contract.measures if c.polars.is_numeric()]
    if time is None or not numbers:
        return []
    wanted: dict[tuple[tuple[tuple[str, Any], ...], str], set[str]] = {}
    for row in map(json.loads, result.failing_rows):
        identity = _identity(row, contract, time)
        if identity is None:
            continue
        for measure in _measures(row, numbers):
            wanted.setdefault((identity, measure), set()).update(_moments(row, time))
    most = sorted(wanted, key=lambda w: -len(wanted[w]))[:SERIES]
    whole = (result.rows_failed or 0) > len(result.failing_rows)
    return [_read(contract, time, dict(i), m, wanted[i, m], whole, data, before) for i, m in most]


def headline_series(contract: Contract, data: pl.LazyFrame, before: pl.LazyFrame | None) -> list[CheckedSeries]:
    """Return the totals that readers look at first, over all time; none of a dataset that names none."""
    time = contract.period
    if time is None:
        return []
    wanted = contract.headlines[:HEADLINES]
    return [_whole(contract, time, dict(h.where), h.measure, h.title, data, before) for h in wanted]


def _identity(row: Mapping[str, Any], contract: Contract, time: str) -> tuple[tuple[str, Any], ...] | None:
    """The keys of the series that a failing row belongs to; None if it does not say, or is about no figure."""
    if not {*contract.names, "year", "measure"} & row.keys():
        return None
    found: dict[str, Any] = {}
    for key in (k for k in contract.primary_key if k != time):
        overall = _overall(contract, key)
        if key in row:
            found[key] = row[key]
        elif overall is not None:
            found[key] = overall
        elif key not in ADDITIVE:
            return None
    return tuple(found.items())


def _overall(contract: Contract, key: str) -> str | None:
    """Return the key's value for the world: what a failing row is about that does not name the key."""
    if key == "economy_code":
        return "WLD" if contract.series else None
    return "-" if (contract.name, key) == ("atp_trade_monthly", "partner_code") else None


def _measures(row: Mapping[str, Any], numbers: Sequence[str]) -> list[str]:
    if row.get("measure") in numbers:
        return [str(row["measure"])]
    return [m for m in numbers if m in row][:SERIES] or list(numbers[:SERIES])


def _moments(row: Mapping[str, Any], time: str) -> list[str]:
    if row.get(time) is not None:
        return [str(row[time])]
    if time == "period" and row.get("year") is not None:
        return [f"{row['year']}-{month:02d}-01" for month in range(1, 13)]
    return []


def _read(
    contract: Contract,
    time: str,
    identity: dict[str, Any],
    measure: str,
    failing: set[str],
    whole: bool,
    data: pl.LazyFrame,
    before: pl.LazyFrame | None,
) -> CheckedSeries:
    rows = _rows(contract, time, identity, measure, data, before)
    points = tuple(Point(at, b, n, at in failing) for at, b, n in (rows if whole else _near(rows, failing)))
    summed = [told for key, told in ADDITIVE.items() if key in contract.primary_key and key not in identity]
    named = ["the world" if v == _overall(contract, k) else f"{k} {v}" for k, v in identity.items()]
    return CheckedSeries(
        measure, contract.column(measure).unit, ", ".join([*named, *summed]), points, before is not None
    )


def _whole(
    contract: Contract,
    time: str,
    where: dict[str, Any],
    measure: str,
    title: str,
    data: pl.LazyFrame,
    before: pl.LazyFrame | None,
) -> CheckedSeries:
    points = tuple(Point(at, b, n, False) for at, b, n in _rows(contract, time, where, measure, data, before))
    return CheckedSeries(measure, contract.column(measure).unit, title, points, before is not None)


def _rows(
    contract: Contract,
    time: str,
    identity: Mapping[str, Any],
    measure: str,
    data: pl.LazyFrame,
    before: pl.LazyFrame | None,
) -> list[tuple[str, Any, Any]]:
    """Moments in order, each with the figure before and the one now."""
    now = _one(data, time, identity, measure).rename({measure: "now"})
    old = pl.LazyFrame(schema={time: contract.column(time).polars, "before": pl.Float64()})
    if before is not None and {time, measure, *identity} <= set(before.collect_schema().names()):
        old = _one(before, time, identity, measure).rename({measure: "before"})
    joined = now.join(old, on=time, how="full", coalesce=True).sort(time).collect()
    return [(str(r[time]), r["before"], r["now"]) for r in joined.iter_rows(named=True)]


def _one(frame: pl.LazyFrame, time: str, identity: Mapping[str, Any], measure: str) -> pl.LazyFrame:
    """The measure by time. What is null stays so: a sum over nothing would be 0."""
    value = pl.col(measure).cast(pl.Float64)
    of_it = [pl.col(k).eq_missing(v) for k, v in identity.items()]
    return (
        (frame.filter(of_it) if of_it else frame)
        .group_by(time)
        .agg(pl.when(value.count() > 0).then(value.sum()).alias(measure))
    )


def _near(rows: list[tuple[str, Any, Any]], failing: set[str]) -> list[tuple[str, Any, Any]]:
    hit = [i for i, row in enumerate(rows) if row[0] in failing]
    return rows[max(hit[0] - AROUND, 0) : hit[-1] + AROUND + 1] if hit else rows


def _moved(point: Point) -> float:
    factor = point.factor
    return float("inf") if factor is None or factor <= 0 else max(factor, 1 / factor)
