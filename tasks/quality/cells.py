"""Observations for which a candidate is held, one by one, so that each can be recognised and confirmed elsewhere.

A *cell* is one observation that tripped a check: what names it (JSON, the columns in order of name), its value, and the
value that was expected. Published beside a held candidate as ``held.parquet``, and, once confirmed, beside the version
that readers get as ``confirmations.parquet``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from expectations.check import Check

State = Literal["open", "contradicted", "confirmed"]
HELD: dict[str, pl.DataType | type[pl.DataType]] = {
    "check_id": pl.String,
    "key": pl.String,
    "value_usd": pl.Float64,
    "expected_usd": pl.Float64,
    "state": pl.String,
    "confirmed_by": pl.String,
    "why": pl.String,
}
CONFIRMED: dict[str, pl.DataType | type[pl.DataType]] = {
    "check_id": pl.String,
    "key": pl.String,
    "value_usd": pl.Float64,
    "confirmed_by": pl.String,
    "reason": pl.String,
    "at": pl.String,
}


@dataclass(frozen=True)
class Cell:
    """``confirmed_by``: the second source, with the version of it, or the person. ``why``: why it is not confirmed."""

    check_id: str
    key: str
    value_usd: float
    expected_usd: float
    state: State = "open"
    confirmed_by: str = ""
    why: str = ""

    @property
    def names(self) -> dict[str, Any]:
        """Return the columns that name the observation, with their values as text."""
        found: dict[str, Any] = json.loads(self.key)
        return found

    @property
    def denied_by(self) -> set[str]:
        """Return the second sources that have another figure: of ``atp_trade_monthly@2025-05-06.0001 has 5; ...``."""
        told = self.why.split("; ") if self.state == "contradicted" else []
        return {t.partition(" ")[0].partition("@")[0] for t in told}

    @property
    def given(self) -> float | None:
        """Return the value, None where the observation is gone."""
        return None if math.isnan(self.value_usd) else self.value_usd

    @property
    def off(self) -> float:
        """Return how far the value is from the expected one."""
        return abs(self.value_usd - self.expected_usd)


def key_of(names: Mapping[str, Any]) -> str:
    """Return what names an observation, as text that is the same wherever it is met."""
    return json.dumps({k: names[k] if names[k] is None else str(names[k]) for k in sorted(names)}, ensure_ascii=False)


def cells_of(check: Check, violations: pl.DataFrame) -> tuple[Cell, ...]:
    """Return the cells of a check's violations; none of a check without observations."""
    if (seen := check.observed) is None:
        return ()
    # A rule about the form of a figure, as its precision, expects no other value.
    against = seen.against if seen.against in violations.columns else seen.value
    rows = violations.select([*dict.fromkeys((*seen.key, seen.value, against))]).to_dicts()
    return tuple(
        Cell(check.id, key_of({k: row[k] for k in seen.key}), _number(row[seen.value]), _number(row[against]))
        for row in rows
    )


def look_up(frame: pl.LazyFrame, keys: Sequence[str], value: str) -> dict[str, float]:
    """Return the values of those observations that a frame has a figure for, by key."""
    rows = rows_of(frame.drop_nulls(value), keys)
    return {} if rows.is_empty() else dict(rows.select("_key", pl.col(value).cast(pl.Float64)).iter_rows())


def rows_of(frame: pl.LazyFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Return the rows of observations, each with its key as ``_key``.

    Args:
        keys: as of ``key_of``, all of the same columns.
    """
    if not keys:
        return pl.DataFrame()
    asked = pl.DataFrame([json.loads(k) | {"_key": k} for k in dict.fromkeys(keys)], infer_schema_length=None)
    columns, schema = [c for c in asked.columns if c != "_key"], frame.collect_schema()
    typed = asked.lazy().with_columns(_typed(c, schema[c]) for c in columns)
    return frame.join(typed, on=columns, nulls_equal=True).collect()


def sources_of(cells: Iterable[Cell]) -> tuple[str, ...]:
    """Return the second sources that confirmed cells, each once."""
    return tuple(sorted({s for c in cells if c.state == "confirmed" for s in c.confirmed_by.split(", ")}))


def held_frame(cells: Iterable[Cell]) -> pl.DataFrame:
    """Return ``held.parquet``: one row a cell, columns as in ``HELD``."""
    return pl.DataFrame([vars(c) for c in cells], schema=HELD)


def held_cells(frame: pl.DataFrame) -> tuple[Cell, ...]:
    """Return the cells of a ``held.parquet``."""
    return tuple(Cell(**row) for row in frame.select(list(HELD)).to_dicts())


def confirmations(cells: Iterable[Cell], before: pl.DataFrame | None, at: str, reason: str = "") -> pl.DataFrame:
    """Return ``confirmations.parquet``: what was confirmed now, and of what was before all other observations."""
    rows = [
        {k: v for k, v in vars(c).items() if k in CONFIRMED} | {"reason": reason or c.why, "at": at}
        for c in cells
        if c.state == "confirmed"
    ]
    now = pl.DataFrame(rows, schema=CONFIRMED)
    if before is None:
        return now
    return pl.concat([before.select(list(CONFIRMED)).join(now, on=["check_id", "key"], how="anti"), now])


def _typed(name: str, kind: pl.DataType) -> pl.Expr:
    text = pl.col(name).cast(pl.String)
    return (text.str.to_date(strict=False) if kind == pl.Date else text.cast(kind, strict=False)).alias(name)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
