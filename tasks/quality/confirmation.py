"""Whether what a check found is known already, or found in a second source. No I/O but what the sources' frames read.

Known are figures that readers have (they count as confirmed), figures that were confirmed before, and true outliers by
configuration. The others, of a check that holds, are looked for in the sources that the contract names: each must be
there, equal within the source's tolerance and within a fifth of the deviation that tripped; a source that has another
figure contradicts, whatever the others say.

A candidate that is held itself may confirm another, or two datasets that one true event trips would wait for each other
for ever. Both come from one publisher, so that proves nothing where all figures moved by one factor: then it takes a
third document.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from configs.contract import Contract
from configs.errors import ConfigError
from configs.known_values import TOLERANCE
from configs.vintages import last_day
from expectations.check import Check, GateInput, Other
from expectations.second_sources import SECOND_SOURCES, SecondSource
from tasks.quality.cells import Cell, cells_of, held_cells, key_of, look_up, rows_of, sources_of
from tasks.quality.common_factor import moved_by_one_factor
from tasks.quality.results import CheckResult

# Of the deviation that tripped: what another source may differ by and still confirm it.
FIFTH = 0.2
# Of two floats that are one figure.
SAME = 1e-12
ONE_FACTOR = (
    "all figures moved by one factor, which two tables of one publisher can share; a third document must say so"
)


@dataclass(frozen=True)
class Settled:
    """A check's violations that are not known. ``known``: in words, what was left out, and why it is right."""

    rows: pl.DataFrame
    known: tuple[str, ...]


def unknown(gate: GateInput, check: Check, violations: pl.DataFrame) -> Settled:
    """Leave out what is published or was confirmed; add what an older candidate is held for and this one still says."""
    if (seen := check.observed) is None:
        return Settled(violations, ())
    rows = violations
    if check.severity == "hold" and (inherited := _inherited(gate, check, violations)) is not None:
        rows = pl.concat([rows, inherited], how="diagonal_relaxed")
    if rows.is_empty():
        return Settled(rows, ())
    cells = cells_of(check, rows)
    published = look_up(seen.published, [c.key for c in cells], seen.value) if seen.published is not None else {}
    told = [_known(gate, c, published.get(c.key)) for c in cells]
    open_ = rows.filter(pl.Series([t is None for t in told], dtype=pl.Boolean))
    return Settled(open_, tuple(t for t in told if t))


def _known(gate: GateInput, cell: Cell, published: float | None) -> str | None:
    """Return why a cell is no news: empty if readers have it, in words if it was confirmed, None if it is news."""
    if published is not None and math.isclose(published, cell.value_usd, rel_tol=SAME):
        return ""
    for value in gate.known_values:
        if key_of(value.where) == cell.key and math.isclose(value.value_usd, cell.value_usd, rel_tol=TOLERANCE):
            return f"{value.id}: {value.text} ({value.source})"
    if gate.confirmed is not None:
        for row in gate.confirmed.filter(pl.col("key") == cell.key).to_dicts():
            if math.isclose(row["value_usd"], cell.value_usd, rel_tol=TOLERANCE):
                return f"{cell.key} was confirmed by {row['confirmed_by']}"
    return None


def _inherited(gate: GateInput, check: Check, violations: pl.DataFrame) -> pl.DataFrame | None:
    """Return the observations that an older candidate is held for, as violations, where this one has not corrected
    them: nothing is released because later months make a wrong one look usual."""
    seen = check.observed
    if seen is None or gate.held_cells is None:
        return None
    have = {c.key for c in cells_of(check, violations)}
    was = {
        c.key: c
        for c in held_cells(gate.held_cells)
        if c.check_id == check.id and c.state != "confirmed" and c.key not in have
    }
    now = rows_of(seen.now, list(was))
    if now.is_empty():
        return None
    expected = pl.Series(seen.against, [was[k].expected_usd for k in now["_key"]], dtype=pl.Float64)
    corrected = [_corrected(was[k], v) for k, v in now.select("_key", seen.value).iter_rows()]
    return now.with_columns(expected).filter(~pl.Series(corrected, dtype=pl.Boolean)).drop("_key")


def _corrected(cell: Cell, now: float | None) -> bool:
    """Return whether a figure went back more than half of the way to what was expected."""
    return now is None or math.isnan(cell.expected_usd) or abs(now - cell.expected_usd) < cell.off / 2


# ---------------------------------------------------------------------- second sources


def confirm(gate: GateInput, cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """Return the cells with what second sources say of each; those that are confirmed stay so."""
    sources = _Sources(gate)
    return tuple(c if c.state == "confirmed" else sources.ask(c) for c in cells)


def settle(
    gate: GateInput, results: Sequence[CheckResult], cells: Iterable[Cell]
) -> tuple[list[CheckResult], tuple[Cell, ...]]:
    """Ask second sources about the cells of checks that hold; return the results, those of checks that are confirmed
    as such, and the cells."""
    holding = {r.check_id for r in results if r.outcome == "failed" and r.severity == "hold"}
    asked = confirm(gate, [c for c in cells if c.check_id in holding])
    return [confirmed_result(r, [c for c in asked if c.check_id == r.check_id]) for r in results], asked


def confirmed_result(result: CheckResult, cells: Sequence[Cell]) -> CheckResult:
    """Return the result of a check that holds, as information where all of its cells are confirmed."""
    if result.severity != "hold" or not cells or any(c.state != "confirmed" for c in cells):
        return result
    by = ", ".join(sources_of(cells))
    return replace(result, severity="info", declared_severity="hold", exemption=f"confirmed by {by}")


def confirmable_by(contract: Contract, check_ids: Iterable[str]) -> tuple[str, ...]:
    """Return the second sources that the contract names for these checks."""
    policies = [contract.quality.get(i) for i in check_ids]
    return tuple(dict.fromkeys(name for p in policies if p for name in p.confirmed_by))


@dataclass(frozen=True)
class _Found:
    """A second source as it is now. ``rows`` None: ``why`` it cannot be asked. ``held``: it is held itself."""

    name: str
    source: SecondSource
    rows: pl.DataFrame | None
    why: str = ""
    version: str = ""
    held: Other | None = None
    _values: dict[tuple[str, ...], dict[str, float]] = field(default_factory=dict)

    def value(self, cell: Cell) -> float | None:
        """Return the source's figure of an observation; what the cell does not name is the total over it."""
        names = tuple(cell.names)
        if self.rows is None or not set(names) <= set(self.source.names):
            return None
        if names not in self._values:
            rest = [pl.col(c).is_null() for c in self.source.names if c not in names]
            rows = self.rows.filter(pl.all_horizontal([pl.lit(True), *rest])).drop_nulls(["value_usd", *names])
            self._values[names] = {
                key_of({c: row[c] for c in names}): float(row["value_usd"]) for row in rows.iter_rows(named=True)
            }
        return self._values[names].get(cell.key)

    @property
    def words(self) -> str:
        return f"{self.name}@{self.version}" if self.version else self.name


class _Sources:
    """The second sources of one gate, each looked for once."""

    def __init__(self, gate: GateInput) -> None:
        self.gate = gate
        self.found: dict[str, _Found] = {}
        self.until = last_day(gate.parent_vintage) if gate.parent_vintage else None

    def ask(self, cell: Cell) -> Cell:
        """Return the cell with what its second sources say of it."""
        names = confirmable_by(self.gate.contract, [cell.check_id])
        if not names:
            return replace(cell, why="no second source has it; a person has to confirm it")
        told, agreed = list[str](), list[_Found]()
        for name in names:
            if (found := self.found.get(name)) is None:
                found = self.found[name] = self._look(name)
            value = found.value(cell)
            if value is None:
                told.append(f"{name}: {found.why or 'does not have it'}")
            elif not self._equal(found, cell, value):
                return replace(cell, state="contradicted", why=f"{found.words} has {value:,.0f}")
            else:
                agreed.append(found)
        if agreed and all(f.held and moved_by_one_factor(self.gate, f.held) for f in agreed):
            told, agreed = [*told, ONE_FACTOR], []
        if cell.state == "contradicted" and any(t.partition(":")[0] == cell.why.partition(" ")[0] for t in told):
            return cell  # what contradicted it is only out of sight now
        if not agreed:
            return replace(cell, state="open", why="; ".join(told))
        return replace(cell, state="confirmed", confirmed_by=", ".join(f.words for f in agreed), why="")

    def _equal(self, found: _Found, cell: Cell, value: float) -> bool:
        off = abs(value - cell.value_usd)
        return off <= found.source.share * abs(value) and not off > FIFTH * cell.off

    def _look(self, name: str) -> _Found:
        """Return a table of the candidate's own sources, the published version of a dataset, or its held candidate."""
        gate, source = self.gate, SECOND_SOURCES.get(self.gate.contract.name, {}).get(name)
        if source is None:
            raise ConfigError(
                f"configs/datasets/{gate.contract.name}.yaml: confirmed_by names {name!r}, which "
                f"expectations/second_sources.py does not have for it"
            )
        if name in gate.tables:
            rows = source.observations(gate.tables[name], self.until).collect()
            return _Found(name, source, rows, "has no figures of it")
        why = "nothing of it is published"
        for other, held in ((gate.others(name), False), (gate.held_others(name), True)):
            if other is not None and not (why := source.unmatched(gate, other)):
                rows = source.observations(other.frame, self.until).collect()
                return _Found(name, source, rows, "", other.version, other if held else None)
        return _Found(name, source, None, why)
