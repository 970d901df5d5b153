"""Every difference of a candidate from the version before it.

A long table, one row a cell that differs: the primary key (typed, and as one text ``key``), ``column``, ``old``
and ``new`` as text that reads back exactly, and ``kind``:

- ``new``, ``removed``: the row came or went; its measures are listed
- ``revised``: a measure has another value
- ``representation``: a measure differs by no more than the contract's ``representation_tolerance``: the
  publisher printed the same figure with more or fewer digits
- ``relabelled``: an attribute or the vintage of the row is another

and ``cause`` (see ``tasks.compare.attribution``). A cell that differs for two reasons has a row for each, the first
ending where the second begins.

Nothing is left out, and only ``revised`` counts as a revision. A version without one before it lists nothing: all of
it is new, and counted so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from configs.columns import Column
from configs.contract import Contract
from tasks.common.sorted_merge import ranges
from tasks.compare.attribution import (
    CAUSES,
    AttributionBasis,
    Cause,
    Step,
    attribute_to_publisher,
    chained,
    counted,
    newest,
    reach,
)
from tasks.warehouse.records import ChangeCounts

UNMOVED = AttributionBasis()
KINDS = ("new", "revised", "removed", "representation", "relabelled")


@dataclass(frozen=True)
class Changes:
    """``frame``: primary key columns, key, column, old, new, kind, cause; sorted by key and column."""

    frame: pl.DataFrame
    counts: ChangeCounts


def diff(
    new: pl.LazyFrame,
    old: pl.LazyFrame | None,
    contract: Contract,
    replays: AttributionBasis = UNMOVED,
    reached: Any = None,
) -> Changes:
    """Differences of ``new`` from ``old`` (None: from nothing; then nothing is listed, and every row counted as new).

    A column that the older version did not have yet is compared with null. ``replays``: the states between the two, by
    which causes are told. ``reached``: the last period of the older version, where ``old`` is not all of it.
    """
    if old is None:
        return _all_new(new, contract)
    before = aligned(old, contract)
    overall, counts = _differences(new, before, contract)
    states = [before, *(aligned(s.after, contract) for s in replays.steps)]
    last = overall if not replays.steps else _differences(new, states[-1], contract)[0]
    # What the publisher had reached is told by what was published, whatever today's code makes of it.
    if reached is None or contract.absent_row_means != "zero":
        reached = reach(before, contract)
    steps: list[tuple[Cause | None, pl.DataFrame]] = [(None, _named(last, reached, contract, replays))]
    moves = zip(replays.steps, states[1:], states, strict=False)
    steps += [(step.cause, _differences(state, earlier, contract)[0]) for step, state, earlier in moves]
    frame = chained(overall, steps, list(contract.primary_key))
    return Changes(frame, counts.model_copy(update={"causes": counted(frame)}))


def _named(cells: pl.DataFrame, reached: Any, contract: Contract, replays: AttributionBasis) -> pl.DataFrame:
    """What is left when our own steps are taken off: the publisher's, or what the inputs of a mart had."""
    if replays.alone:
        return cells.with_columns(cause=pl.lit(replays.other))
    return attribute_to_publisher(cells, reached, contract, "unattributed" if replays.why_not else replays.other)


def _differences(new: pl.LazyFrame, before: pl.LazyFrame, contract: Contract) -> tuple[pl.DataFrame, ChangeCounts]:
    joined = new.with_columns(__new=True).join(
        before.with_columns(__old=True), on=contract.primary_key, how="full", coalesce=True, suffix="__old"
    )
    parts = [_column_changes(joined, c) for c in contract.columns if c.role != "key"]
    key = pl.concat_str([pl.col(k).cast(pl.String) for k in contract.primary_key], separator="|").alias("key")
    frame = (
        pl.concat(parts)
        .select([*contract.primary_key, key, "column", "old", "new", "kind"])
        .sort([*contract.primary_key, "column"])
        .collect()
    )
    return frame, _counts(frame, joined, contract)


def diff_files(
    new: Sequence[Path], old: Sequence[Path], contract: Contract, out: Path, replays: AttributionBasis = UNMOVED
) -> ChangeCounts:
    """The same of files sorted by primary key, written to ``out``, a range of keys at a time: memory does not grow with
    them. Rows of new periods are counted and not listed: at this size that would be the data once more, a line a cell.
    """
    rows, cells, writer = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0), None
    causes: dict[str, int] = dict.fromkeys(CAUSES, 0)
    reached = newest(pl.scan_parquet(list(old)), contract) if old else None
    sides = [new, old, *(s.files for s in replays.steps)]
    try:
        for slices in ranges(sides, contract.sort_by):
            now, before, *states = (_frame(f, s, contract).collect() for f, s in zip(sides, slices, strict=True))
            steps = tuple(Step(s.cause, f.lazy()) for s, f in zip(replays.steps, states, strict=True))
            fresh = _of_new_periods(now.join(before, on=contract.primary_key, how="anti"), contract, reached)
            known = now.join(fresh, on=contract.primary_key, how="anti")
            found = diff(known.lazy(), before.lazy(), contract, AttributionBasis(steps, replays.why_not), reached)
            later = _all_new(fresh.lazy(), contract).counts
            later = later.model_copy(update={"causes": {"new_period": later.cells["new"]}})
            for counts in (found.counts, later):
                for total, part in ((rows, counts.rows), (cells, counts.cells), (causes, counts.causes)):
                    for kind, number in part.items():
                        total[kind] += number
            listed = found.frame.to_arrow(compat_level=pl.CompatLevel.oldest())
            writer = writer or pq.ParquetWriter(out, listed.schema, compression="zstd")
            if listed.num_rows:
                writer.write_table(listed)
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        empty = diff(_frame([], [], contract), _frame([], [], contract), contract).frame
        pq.write_table(empty.to_arrow(compat_level=pl.CompatLevel.oldest()), out, compression="zstd")
    return ChangeCounts(rows=rows, cells=cells, causes={c: n for c, n in causes.items() if n})


def _of_new_periods(came: pl.DataFrame, contract: Contract, reached: Any) -> pl.DataFrame:
    """Of rows that the older version did not have, those of periods that it had not reached; all, if it had none."""
    if contract.period is None or reached is None:
        return came if reached is None and contract.period else came.clear()
    return came.filter(pl.col(contract.period) > reached)


def _frame(files: Sequence[Path], slices: Sequence[tuple[int, int]], contract: Contract) -> pl.LazyFrame:
    parts = [pl.scan_parquet(f).slice(*where) for f, where in zip(files, slices, strict=True) if where[1]]
    return pl.concat(parts) if parts else contract.polars_schema.to_frame().lazy()


def _all_new(new: pl.LazyFrame, contract: Contract) -> Changes:
    counted = new.select(pl.len().alias("rows"), *[pl.col(c.name).count() for c in contract.measures]).collect()
    rows, *cells = counted.row(0)
    schema = {k: contract.column(k).polars for k in contract.primary_key}
    texts: dict[str, pl.DataType] = dict.fromkeys(("key", "column", "old", "new", "kind", "cause"), pl.String())
    none = dict.fromkeys(KINDS, 0)
    return Changes(
        pl.DataFrame(schema=schema | texts), ChangeCounts(rows=none | {"new": rows}, cells=none | {"new": sum(cells)})
    )


def aligned(rows: pl.LazyFrame, contract: Contract) -> pl.LazyFrame:
    """The rows of a version with the contract's columns and types; a column that it does not have is null."""
    have = rows.collect_schema()
    return rows.select(
        [
            pl.col(c.name).cast(c.polars) if c.name in have else pl.lit(None, dtype=c.polars).alias(c.name)
            for c in contract.columns
        ]
    )


def _column_changes(joined: pl.LazyFrame, column: Column) -> pl.LazyFrame:
    new, old = pl.col(column.name), pl.col(f"{column.name}__old")
    both = pl.col("__new").is_not_null() & pl.col("__old").is_not_null()
    came, went = pl.col("__old").is_null(), pl.col("__new").is_null()
    measure = column.role == "measure"
    same = pl.lit(False)
    if measure and column.representation_tolerance:
        same = same_figure(new, old, pl.lit(column.representation_tolerance))
    changed = (
        pl.when(same).then(pl.lit("representation")).otherwise(pl.lit("revised")) if measure else pl.lit("relabelled")
    )
    kind = pl.when(came).then(pl.lit("new")).when(went).then(pl.lit("removed")).otherwise(changed)
    # An absent row's attributes say nothing that its key does not: only measures are listed for it.
    differs = (both & new.ne_missing(old)) | ((came | went) & pl.lit(measure) & (new.is_not_null() | old.is_not_null()))
    return joined.filter(differs).with_columns(column=pl.lit(column.name), old=_text(old), new=_text(new), kind=kind)


def apart(causes: Mapping[str, int], listed: pl.LazyFrame) -> tuple[dict[str, int], dict[str, int]]:
    """Splits counts of cells by cause: figures that are new or revised, and figures that are gone.

    Args:
        causes: of all of them, as ``ChangeCounts`` has it.
        listed: the changes, which list every cell that is gone.
    """
    gone = counted(listed.filter(pl.col("kind") == "removed").collect())
    return {c: n - gone.get(c, 0) for c, n in causes.items() if n > gone.get(c, 0)}, gone


def same_figure(new: pl.Expr, old: pl.Expr, tolerance: pl.Expr) -> pl.Expr:
    """Whether two values are one figure, printed with more or fewer digits."""
    return ((new - old).abs() <= tolerance * pl.max_horizontal(new.abs(), old.abs())).fill_null(False)


def _text(value: pl.Expr) -> pl.Expr:
    return value.cast(pl.String)


def _counts(frame: pl.DataFrame, joined: pl.LazyFrame, contract: Contract) -> ChangeCounts:
    cells = dict.fromkeys(KINDS, 0) | dict(frame.group_by("kind").len().iter_rows())
    # Rows that came or went are counted from the join: a row all of whose measures are null lists no cell.
    came, went = (
        joined.select(pl.col("__old").is_null().sum().alias("came"), pl.col("__new").is_null().sum().alias("went"))
        .collect()
        .row(0)
    )
    per_kind = frame.group_by("kind").agg(pl.struct(contract.primary_key).n_unique().alias("n"))
    rows = dict.fromkeys(KINDS, 0) | dict(per_kind.iter_rows()) | {"new": came, "removed": went}
    return ChangeCounts(rows=rows, cells=cells)
