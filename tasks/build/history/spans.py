"""Spans of time, state by state: what is another in a state than in the one before ends a span and begins one."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import polars as pl

from configs.contract import Contract
from configs.errors import CorruptVersionError, ObjectNotFoundError
from configs.history_contract import FIRST, REPRESENTATION, UNATTRIBUTED, WITHDRAWAL, kept
from tasks.build.history.timeline import Frames, TimelineEntry
from tasks.build.parquet import partition_label
from tasks.compare.attribution import attribute_to_publisher, newest
from tasks.compare.diff import same_figure
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.records import Manifest


def no_rows(contract: Contract) -> pl.LazyFrame:
    return contract.polars_schema.to_frame().lazy()


class PartitionReader:
    """The rows of one partition in each state. What was read from the store is on this machine while the block runs.

    ``past``: the spans of this partition in the history before, which has what the data files of old versions had.
    """

    def __init__(
        self, store: ObjectStore, base: Contract, partition: str | None, frames: Frames | None, lost: Frames | None
    ) -> None:
        self.store, self.base, self.partition, self._frames, self._lost = store, base, partition, frames, lost
        self.past: pl.LazyFrame | None = None
        self._stack, self._here = ExitStack(), dict[str, Path]()

    def __enter__(self) -> PartitionReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def scan(self, key: str) -> pl.LazyFrame:
        if key not in self._here:
            self._here[key] = self._stack.enter_context(self.store.local_file(key))
        return pl.scan_parquet(self._here[key])

    def rows(self, state: TimelineEntry) -> pl.LazyFrame:
        """The rows of this partition in a state."""
        if state.manifest is None:
            return self._of_partition(state.official if state.official is not None else no_rows(self.base))
        if self._frames is not None:
            return self._of_partition(self._frames(state))
        file = state.files.get(self.partition)
        if file is None:
            return no_rows(self.base)
        key = layout.version(self.base.name, state.manifest.version, file.path)
        try:
            return self.scan(key)
        except ObjectNotFoundError as e:
            if self._lost is not None:
                return self._of_partition(self._lost(state))
            if self.past is None:
                raise CorruptVersionError(
                    self.base.name, state.manifest.version, [f"{key} is gone, and there is no history that has it"]
                ) from e
            return rows_served_at(self.base, self.past, state.seq)

    def changes(self, manifest: Manifest) -> pl.LazyFrame:
        """``changes.parquet`` of a version."""
        return self.scan(layout.version(self.base.name, manifest.version, "changes.parquet"))

    def _of_partition(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        label = partition_label(self.base)
        if label is None or self.partition is None:
            return frame
        return frame.filter(label[1].cast(pl.String) == self.partition.partition("=")[2])


def same_file(one: TimelineEntry | None, other: TimelineEntry, partition: str | None) -> bool:
    a, b = (s.files.get(partition) if s else None for s in (one, other))
    return a is not None and b is not None and a.sha256 == b.sha256


class SpanBuilder:
    """The spans of one partition, or of a slice of it, state by state."""

    def __init__(
        self,
        files: PartitionReader,
        contract: Contract,
        where: pl.Expr | None,
        last: TimelineEntry | None,
        taken_up: pl.LazyFrame,
    ) -> None:
        """``last`` and ``taken_up``: the state that the history before ends with, and its spans."""
        self._files, self._contract, self._base = files, contract, files.base
        self._where, self._last = where, last
        self._cell = [*self._base.primary_key, "measure"]
        rows, still = self._sliced(taken_up).collect(), pl.col("vintage_until").is_null()
        self._open, self._ended = rows.filter(still), [rows.filter(~still)]

    def _sliced(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame if self._where is None else frame.filter(self._where)

    def rows(self) -> pl.DataFrame:
        return pl.concat([*self._ended, self._open]).select(self._contract.names)

    def enter(self, state: TimelineEntry) -> None:
        """Ends the spans of what is another in this state, and begins those of what it is."""
        last, self._last = self._last, state
        if same_file(last, state, self._files.partition):
            return
        now = self._cells(state)
        if state.measures is not None:
            now = now.filter(pl.col("measure").is_in(state.measures))
        standing = self._open
        if state.partial:  # of other series it says nothing
            series = [*(k for k in self._base.primary_key if k != self._base.period), "measure"]
            told = now.select(series).unique()
            untouched = standing.join(told, on=series, how="anti")
            standing = standing.join(told, on=series, how="semi")
        else:
            untouched = standing.clear()
        both = standing.join(now, on=self._cell, how="inner", suffix="__now")
        same = pl.col("value").eq_missing(pl.col("value__now")) & pl.col("text").eq_missing(pl.col("text__now"))
        goes_on = both.filter(same).select(standing.columns)
        ended = standing.join(goes_on, on=self._cell, how="anti")
        began = now.join(goes_on, on=self._cell, how="anti")
        if state.version is not None:  # what was the publisher's alone is given by us from here on
            first = pl.col("version_from").is_null()
            goes_on = goes_on.with_columns(
                version_from=pl.when(first).then(pl.lit(state.version, dtype=pl.String)).otherwise("version_from"),
                given_from=pl.when(first).then(pl.lit(state.at, dtype=pl.String)).otherwise("given_from"),
                seq_from=pl.when(first).then(pl.lit(state.seq, dtype=pl.Int64)).otherwise("seq_from"),
            )
        given = pl.col("version_from").is_not_null()
        self._ended.append(
            ended.with_columns(
                vintage_until=pl.lit(state.vintage),
                version_until=pl.when(given).then(pl.lit(state.version, dtype=pl.String)),
                given_until=pl.when(given).then(pl.lit(state.at, dtype=pl.String)),
                seq_until=pl.when(given).then(pl.lit(state.seq, dtype=pl.Int64)),
            )
        )
        self._open = pl.concat([untouched, goes_on, self._begun(state, last, began, ended)])

    def _begun(
        self, state: TimelineEntry, last: TimelineEntry | None, began: pl.DataFrame, ended: pl.DataFrame
    ) -> pl.DataFrame:
        return (
            began.join(self._causes(state, last, began, ended), on=self._cell, how="left", maintain_order="left")
            .with_columns(
                vintage_from=pl.lit(state.vintage),
                vintage_until=pl.lit(None, dtype=pl.String),
                version_from=pl.lit(state.version, dtype=pl.String),
                version_until=pl.lit(None, dtype=pl.String),
                given_from=pl.lit(state.at, dtype=pl.String),
                given_until=pl.lit(None, dtype=pl.String),
                seq_from=pl.lit(state.seq, dtype=pl.Int64),
                seq_until=pl.lit(None, dtype=pl.Int64),
            )
            .select(self._contract.names)
        )

    def _causes(
        self, state: TimelineEntry, last: TimelineEntry | None, began: pl.DataFrame, ended: pl.DataFrame
    ) -> pl.DataFrame:
        """The cells that began, with their cause."""
        cells = began.select(self._cell)
        if last is None:
            return cells.with_columns(cause=pl.lit(FIRST))
        if state.withdrawal:
            return cells.with_columns(cause=pl.lit(WITHDRAWAL))
        if state.manifest is not None and last.version is not None:
            if state.manifest.parent != last.version:
                return cells.with_columns(cause=pl.lit(UNATTRIBUTED))
            told, of_rows = self._told(state.manifest)
            named = cells.join(told, on=self._cell, how="left", maintain_order="left")
            if named["cause"].null_count() == 0:
                return named
            # Not listed are nulls of a row that came, and of large datasets rows of new periods.
            named = named.join(of_rows, on=self._base.primary_key, how="left", maintain_order="left", suffix="__row")
            by_rule = self._by_rule(last, began, ended)
            return named.join(by_rule, on=self._cell, suffix="__rule", maintain_order="left").select(
                *self._cell, pl.coalesce("cause", "cause__row", "cause__rule")
            )
        return self._by_rule(last, began, ended)

    def _by_rule(self, last: TimelineEntry, began: pl.DataFrame, ended: pl.DataFrame) -> pl.DataFrame:
        """What comes of the publisher alone: between vintages before our first version, and up to that."""
        cells = began.join(
            ended.select(*self._cell, "value", "text"), on=self._cell, how="left", suffix="__old", maintain_order="left"
        ).select(
            *self._base.primary_key,
            pl.col("measure").alias("column"),
            old=pl.coalesce(pl.col("value__old").cast(pl.String), "text__old"),
            new=pl.coalesce(pl.col("value").cast(pl.String), "text"),
        )
        named = attribute_to_publisher(cells, self._reached(last), self._base, "source_revision")
        if last.version is None and self._base.period:  # vintages of some series only
            series = [*(k for k in self._base.primary_key if k != self._base.period), "measure"]
            seen = pl.concat([self._open, *self._ended]).select(series).unique().with_columns(seen=True)
            named = named.join(seen.rename({"measure": "column"}), on=[*series[:-1], "column"], how="left")
            named = named.with_columns(cause=pl.when(pl.col("seen").is_null()).then(pl.lit(FIRST)).otherwise("cause"))
        tolerances = {m.name: m.representation_tolerance or 0.0 for m in kept(self._base)}
        new, old = (pl.col(c).cast(pl.Float64, strict=False) for c in ("new", "old"))
        same = same_figure(new, old, pl.col("column").replace_strict(tolerances, return_dtype=pl.Float64))
        cause = pl.when(same).then(pl.lit(REPRESENTATION)).otherwise("cause")
        return named.select(*self._base.primary_key, pl.col("column").alias("measure"), cause.alias("cause"))

    def _reached(self, last: TimelineEntry) -> Any:
        """How far the publisher had come with what stood."""
        if self._base.period is None or self._base.absent_row_means == "zero":
            return newest(self._files.rows(last), self._base)
        series = [k for k in self._base.primary_key if k != self._base.period]
        numeric = [m.name for m in kept(self._base) if m.polars.is_numeric()]
        there = ~pl.col("measure").is_in(numeric) | pl.col("value").is_not_null()
        return self._open.group_by(*series, pl.col("measure").alias("column")).agg(
            reached=pl.col(self._base.period).filter(there).max()
        )

    def _told(self, manifest: Manifest) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The causes of a version's changes, two of one cell joined; and those of rows that came."""
        changed = self._sliced(self._files.changes(manifest))
        if "cause" not in changed.collect_schema():
            changed = changed.with_columns(cause=pl.lit(UNATTRIBUTED))
        cause = pl.when(pl.col("kind") == "representation").then(pl.lit(REPRESENTATION)).otherwise("cause")
        told = changed.with_columns(cause=cause, measure=pl.col("column"))
        together = pl.col("cause").unique(maintain_order=True).str.join("+")
        came = told.filter(pl.col("kind") == "new").group_by(self._base.primary_key).agg(pl.col("cause").first())
        return told.group_by(self._cell, maintain_order=True).agg(together).collect(), came.collect()

    def _cells(self, state: TimelineEntry) -> pl.DataFrame:
        """Key, measure, value, text."""
        frame = self._sliced(self._files.rows(state))
        have = set(frame.collect_schema().names())
        number = self._contract.column("value").polars
        parts = []
        for m in kept(self._base):
            if m.name not in have:  # a version that is older than the column
                continue
            numeric = m.polars.is_numeric()
            value = pl.col(m.name).cast(number) if numeric else pl.lit(None, dtype=number)
            text = pl.lit(None, dtype=pl.String) if numeric else pl.col(m.name).cast(pl.String)
            keys = [pl.col(k).cast(self._base.column(k).polars) for k in self._base.primary_key]
            parts.append(frame.select(*keys, measure=pl.lit(m.name), value=value, text=text))
        return pl.concat(parts).collect()


def rows_served_at(base: Contract, history: pl.LazyFrame, seq: int) -> pl.LazyFrame:
    """What readers of latest got after an event of the log: the key and the measures that the history has (others are
    null), values that are no numbers as text."""
    until = pl.col("seq_until").is_null() | (pl.col("seq_until") > seq)
    there = history.filter(pl.col("version_from").is_not_null(), pl.col("seq_from") <= seq, until)
    told = {m.name for m in kept(base)}
    values = []
    for m in kept(base):
        numeric = m.polars.is_numeric()
        value = pl.col("value" if numeric else "text").filter(pl.col("measure") == m.name).first()
        values.append(value.cast(m.polars if numeric else pl.String).alias(m.name))
    absent = [pl.lit(None, dtype=m.polars).alias(m.name) for m in base.measures if m.name not in told]
    return there.group_by(base.primary_key).agg(values).with_columns(absent)
