"""Which rows and columns of a version are read: conditions, columns, order, limit. No I/O.

All of it is put on the lazy frame, so that a scan reads what it needs: polars hands conditions, columns and limit down
to the file reader. Partitions that a condition rules out are left out before anything is opened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from configs.columns import Column
from configs.contract import Contract
from configs.errors import UsageError
from tasks.read.conditions import Condition, parse, unknown_column
from tasks.warehouse.records import FileEntry


@dataclass(frozen=True)
class Query:
    """``columns``: None for all. ``sort``: each column and whether it descends. ``limit``: None for all."""

    where: tuple[Condition, ...] = ()
    columns: tuple[str, ...] | None = None
    sort: tuple[tuple[str, bool], ...] = ()
    limit: int | None = None

    @property
    def everything(self) -> bool:
        """Whether it takes all rows, in the order of the files."""
        return not (self.where or self.sort or self.limit)

    def filtered(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """The rows that fulfil the conditions, with all columns."""
        return rows.filter(*(c.expression for c in self.where)) if self.where else rows

    def of(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """The answer. Nulls come last, whichever way a column is sorted; ties stay in the order of the files."""
        found = self.filtered(rows)
        if self.sort:
            names, descending = zip(*self.sort, strict=True)
            found = found.sort(names, descending=list(descending), nulls_last=True, maintain_order=True)
        if self.columns is not None:
            found = found.select(self.columns)
        return found if self.limit is None else found.head(self.limit)

    def contract(self, contract: Contract) -> Contract:
        """The contract with the columns of the answer alone."""
        if self.columns is None:
            return contract
        return contract.model_copy(update={"columns": tuple(contract.column(name) for name in self.columns)})

    def files(self, files: Sequence[FileEntry], contract: Contract) -> tuple[FileEntry, ...]:
        """Those that can have a row that fulfils the conditions."""
        of = [c for c in self.where if c.column.name == contract.partition_by]
        return tuple(f for f in files if _may_hold(f.path, of))


def query(
    contract: Contract,
    where: Sequence[str] = (),
    columns: str | None = None,
    sort: str | None = None,
    limit: int | None = None,
) -> Query:
    """A query as it is typed.

    Args:
        contract: with the columns of the rows.
        where: conditions, see ``tasks.read.conditions``.
        columns: names, by comma.
        sort: names, by comma; a minus before one that descends.

    Raises:
        UsageError: something in it makes no sense; says what would.
    """
    chosen = _names("--columns", columns, contract) if columns is not None else None
    order = [s.strip() for s in sort.split(",")] if sort is not None else []
    names = _names("--sort", ",".join(s.removeprefix("-") for s in order), contract) if order else ()
    ordered = tuple((name, s.startswith("-")) for name, s in zip(names, order, strict=True))
    return Query(parse(where, contract.columns, contract.name), chosen, ordered, limit)


def _names(option: str, text: str, contract: Contract) -> tuple[str, ...]:
    names = tuple(n.strip() for n in text.split(","))
    for name in names:
        if not name:
            two = ",".join(contract.names[:2])
            raise UsageError(f"{option} {text!r} names no column at one place; write names by comma: {two}")
        if name not in contract.names:
            raise unknown_column(name, contract.names, contract.name)
    for name, count in Counter(names).items():
        if count > 1:
            raise UsageError(f"{option} names {name} {count} times; once is enough")
    return names


def _may_hold(path: str, conditions: Sequence[Condition]) -> bool:
    """Whether the partition that a data file is of (``data/part_year=2024/part-0000.parquet``) can fulfil them."""
    name, _, value = path.split("/")[1].partition("=")
    ends = [(c, _ends(name, value, c.column)) for c in conditions]
    return all(of is None or c.may_hold(*of) for c, of in ends)


def _ends(name: str, value: str, column: Column) -> tuple[Any, Any] | None:
    """The first and the last value that a partition can have; None if its name does not say."""
    if column.type == "date" and name == "part_year" and value.isdecimal():
        return date(int(value), 1, 1), date(int(value), 12, 31)
    return None
