"""Sorted files into one sorted stream, a range of rows at a time: memory does not grow with the files.

Each file is sorted by the whole order, so the rows of a range of keys stand together in it, and where is known from
counts of the first columns alone. Ranges are cut so that each has about as many rows; one key is never cut in two, so
it decides how small a range can be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import polars as pl

RANGE_ROWS = 128 * 1024
PREFIX = 3


def merged(files: Sequence[Path], order: Sequence[str], rows: int = RANGE_ROWS) -> Iterator[pl.DataFrame]:
    """The rows of all files in order, in frames of about so many rows.

    Args:
        files: parquet, each sorted by ``order``, of the same columns.
        order: columns; the first three decide where ranges are cut.
    """
    for slices in ranges([files], order, rows):
        frames = [
            pl.scan_parquet(f).slice(*where).collect() for f, where in zip(files, slices[0], strict=True) if where[1]
        ]
        if frames:
            yield pl.concat(frames).sort(order)


def ranges(
    sides: Sequence[Sequence[Path]], order: Sequence[str], rows: int = RANGE_ROWS
) -> Iterator[list[list[tuple[int, int]]]]:
    """The same ranges of keys in several sets of sorted files: for each range, set and file, offset and length."""
    prefix = list(order[:PREFIX])
    counts = [[_counts(file, prefix) for file in side] for side in sides]
    if not (every := [c for side in counts for c in side]):
        return
    cut = (
        pl.concat(every)
        .group_by(prefix)
        .agg(pl.col("rows").sum())
        .sort(prefix)
        .select(*prefix, ((pl.col("rows").cum_sum() - 1) // rows).alias("range"))
    )
    numbers = cut["range"].unique(maintain_order=True).to_list()
    located = [[_located(c, cut, prefix, numbers) for c in side] for side in counts]
    for at in range(len(numbers)):
        yield [[where[at] for where in side] for side in located]


def _counts(file: Path, prefix: Sequence[str]) -> pl.DataFrame:
    return pl.scan_parquet(file).select(prefix).group_by(prefix).len("rows").collect()


def _located(
    counts: pl.DataFrame, cut: pl.DataFrame, prefix: Sequence[str], numbers: Sequence[int]
) -> list[tuple[int, int]]:
    lengths = dict(counts.join(cut, on=list(prefix)).group_by("range").agg(pl.col("rows").sum()).iter_rows())
    wanted = [int(lengths.get(number, 0)) for number in numbers]
    return list(zip(accumulate(wanted, initial=0), wanted, strict=False))
