"""From a transform's lazy frame to parquet files on local disk, ready to be staged.

Two partitions are in memory at a time. pyarrow writes the files, because units, descriptions and bases belong in
each field's metadata, which the polars writer cannot set.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from configs.contract import Contract
from configs.errors import TechtradeError
from tasks.warehouse.candidate import Built, Part
from tasks.warehouse.content_hash import content_sha256, dataset_hash, frame_hash

T = TypeVar("T")
ROW_GROUP = 128 * 1024
# Where one series is looked up in many: 100 KB at most are read for it (24 bytes a row; they take 8 to 16).
SERIES_ROW_GROUP = 4096
# Up to this many rows a frame is computed once and split; above, once a partition, so that memory does not grow.
SPLIT_ROWS = 5_000_000


class ContractMismatchError(TechtradeError):
    """A transform did not return the columns that its contract declares."""

    def __init__(self, dataset: str, detail: str) -> None:
        self.dataset, self.detail = dataset, detail
        super().__init__(f"{dataset}: the transform's result is not what the contract declares: {detail}")


def conform(frame: pl.LazyFrame, contract: Contract) -> pl.LazyFrame:
    """The frame with exactly the contract's columns and types, in its order.

    Raises:
        ContractMismatchError: columns are missing or too many, or have another type. Nothing is cast: a cast
            that loses something would go unseen.
    """
    schema = frame.collect_schema()
    wanted = contract.polars_schema
    missing = [n for n in wanted if n not in schema]
    extra = [n for n in schema if n not in wanted]
    other = [f"{n} is {schema[n]}, not {wanted[n]}" for n in wanted if n in schema and schema[n] != wanted[n]]
    if missing or extra or other:
        parts = [f"missing {missing}" if missing else "", f"not declared {extra}" if extra else "", *other]
        raise ContractMismatchError(contract.name, "; ".join(p for p in parts if p))
    return frame.select(contract.names)


def partition_label(contract: Contract) -> tuple[str, pl.Expr] | None:
    """Folder key and value of a dataset's partitions. A date is partitioned by year. The key starts with
    ``part_`` so that it is not a column of the file: a name in both makes pandas fail."""
    if contract.partition_by is None:
        return None
    column = contract.column(contract.partition_by)
    expr = pl.col(column.name)
    return ("part_year", expr.dt.year()) if column.type == "date" else (f"part_{column.name}", expr)


def partitions(frame: pl.LazyFrame, contract: Contract) -> Iterator[tuple[str | None, pl.DataFrame]]:
    """The partitions as ``(folder, rows)``, in order, each when it is asked for."""
    label = partition_label(contract)
    if label is None:
        yield None, frame.collect()
        return
    key, expr = label
    counts = frame.group_by(expr.alias(key)).len("rows").sort(key).collect()
    if int(counts["rows"].sum()) <= SPLIT_ROWS:
        whole = frame.with_columns(expr.alias(key)).collect()
        parts = whole.partition_by(key, include_key=False, as_dict=True)
        del whole
        yield from ((f"{key}={value}", parts.pop((value,))) for value in counts[key])
        return
    for value in counts[key]:
        yield f"{key}={value}", frame.filter(expr.eq_missing(pl.lit(value))).collect()


def build(frame: pl.LazyFrame, contract: Contract, folder: Path) -> Built:
    """Writes the candidate's data files into ``folder``: zstd, sorted by the contract's order, statistics on.

    Raises:
        ContractMismatchError: the frame is not what the contract declares.
    """

    def made(numbered: tuple[int, tuple[str | None, pl.DataFrame]]) -> Part:
        number, (name, rows) = numbered
        return write_part(rows, contract, name, folder / f"{number:05d}.parquet")

    parts = tuple(_two_at_a_time(made, enumerate(partitions(conform(frame, contract), contract))))
    return Built(
        parts=parts,
        rows=sum(p.rows for p in parts),
        content_sha256=dataset_hash((p.partition, p.content_sha256) for p in parts),
        contract_sha256=contract.sha256,
    )


def write_part(
    rows: pl.DataFrame, contract: Contract, partition: str | None, file: Path, series: Sequence[str] = ()
) -> Part:
    """One partition, written to ``file``; ``series``: the first columns of the order, see ``row_groups``."""
    ordered = rows.sort(contract.sort_by, maintain_order=True)
    write(ordered, contract, file, series)
    body = file.read_bytes()
    return Part(
        partition=partition,
        file=file,
        rows=ordered.height,
        bytes=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        content_sha256=frame_hash(ordered, contract, in_order=contract.sort_by == contract.primary_key),
    )


def _two_at_a_time(work: Callable[[T], Part], items: Iterable[T]) -> Iterator[Part]:
    """The results in order; the next partition is made while one is written, and no third is in memory."""
    with ThreadPoolExecutor(2) as pool:
        under_way: deque[Future[Part]] = deque()
        for item in items:
            under_way.append(pool.submit(work, item))
            if len(under_way) == 2:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def write(rows: pl.DataFrame, contract: Contract, file: Path, series: Sequence[str] = ()) -> None:
    """One data file, with units, descriptions and bases in the fields' metadata."""
    # A null where the contract forbids one must get as far as the gate, which says so in words; the column is
    # then nullable in the file, which is not what the contract says, and readers of good files are told it is not.
    nulls = {n for n, count in rows.null_count().row(0, named=True).items() if count}
    with open_writer(contract, file, nulls, series) as add:
        add(rows)


@contextmanager
def open_writer(
    contract: Contract, file: Path, nulls: set[str], series: Sequence[str] = ()
) -> Iterator[Callable[[pl.DataFrame], None]]:
    """One data file, whose rows are given in order, some at a time. ``nulls``: the columns that have some."""

    def add(rows: pl.DataFrame) -> None:
        table, start = rows.to_arrow().cast(out.schema), 0
        if not series:
            out.write_table(table, row_group_size=ROW_GROUP)
            return
        for length in row_groups(rows, series):
            out.write_table(table.slice(start, length), row_group_size=length)
            start += length

    with _writer(contract, file, nulls) as out:
        yield add


def row_groups(rows: pl.DataFrame, series: Sequence[str]) -> Iterator[int]:
    """Return the lengths of the row groups that rows, sorted by ``series``, are cut into.

    The statistics lead a reader of one series to one group: each group has whole values of one column of ``series``,
    under a single value of each column before it. Only a series that is longer than a group is cut.
    """
    if rows.height <= SERIES_ROW_GROUP or not series:
        yield from (min(SERIES_ROW_GROUP, rows.height - n) for n in range(0, rows.height, SERIES_ROW_GROUP))
        return
    start = together = 0
    for length in rows[series[0]].rle().struct.field("len"):
        if together and together + length > SERIES_ROW_GROUP:
            yield together
            start, together = start + together, 0
        if length > SERIES_ROW_GROUP:
            yield from row_groups(rows.slice(start, length), series[1:])
            start += length
        else:
            together += length
    if together:
        yield together


def _writer(contract: Contract, file: Path, nulls: set[str]) -> pq.ParquetWriter:
    fields = [f.with_nullable(f.nullable or f.name in nulls) for f in contract.arrow_schema]
    return pq.ParquetWriter(
        file,
        pa.schema(fields, metadata=contract.arrow_schema.metadata),
        compression="zstd",
        # Figures hardly repeat: a dictionary of them is built, found too large and thrown away.
        use_dictionary=[c.name for c in contract.columns if c.role != "measure"],
        write_statistics=True,
    )


def content_hash_of_file(file: Path, contract: Contract, order: pl.Series | None = None) -> str:
    """Content hash of a data file, a column at a time. ``order``: its rows by primary key; None: as they are."""
    scanned = pl.scan_parquet(file)

    def column(name: str) -> pl.Series:
        values = scanned.select(name).collect().to_series()
        return values if order is None else values.gather(order)

    return content_sha256(contract, column, rows_of(file))


def rows_of(file: Path) -> int:
    return int(pq.read_metadata(file).num_rows)
