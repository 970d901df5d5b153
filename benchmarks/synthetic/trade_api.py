"""Answers of the Census Bureau's international trade API, made of ``trade``: arrays of arrays of strings."""

from __future__ import annotations

import json
from functools import cache

import polars as pl

from benchmarks.synthetic.trade import Event, world


def rows_of(
    flow: str,
    first: str,
    last: str,
    wanted: tuple[str, ...],
    newest: str,
    revision: int,
    small: bool,
    events: tuple[Event, ...] = (),
) -> pl.DataFrame | None:
    whole = world(newest, revision, small, events).flows[flow]
    table = whole.filter(pl.col("time").is_between(pl.lit(first), pl.lit(last)))
    # What is not asked for is collapsed to its total.
    for column in ("CTY_CODE", "HITECH"):
        if column not in wanted:
            table = table.filter(pl.col(column) == "-")
    return table.select(*wanted, "time") if table.height else None


@cache
def rendered(
    flow: str,
    first: str,
    last: str,
    wanted: tuple[str, ...],
    newest: str,
    revision: int,
    small: bool,
    events: tuple[Event, ...] = (),
) -> bytes | None:
    rows = rows_of(flow, first, last, wanted, newest, revision, small, events)
    return None if rows is None else as_json([*wanted, "time"], rows)


def as_json(header: list[str], rows: pl.DataFrame) -> bytes:
    """The array of arrays of strings; names and codes have nothing to be escaped."""
    cells = pl.concat_str(
        [pl.format('"{}"', pl.col(c)) if i else pl.format('["{}"', pl.col(c)) for i, c in enumerate(rows.columns)],
        separator=",",
    )
    lines = rows.select(pl.concat_str([cells, pl.lit("]")])).to_series().to_list()
    return ("[" + json.dumps(header) + ",\n" + ",\n".join(lines) + "]").encode()
