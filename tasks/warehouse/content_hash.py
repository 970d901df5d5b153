"""The hash of a dataset's logical content: the same for the same figures, however the files are laid out.

Per partition: the rows sorted by primary key; then for each column of the contract, in its order, sha256 over

- its name and type,
- one byte a row telling whether there is a value,
- the values: numbers, dates and booleans as little-endian 64-bit (dates as days since 1970, null as 0, -0.0 as
  0.0, every NaN as one NaN), text as the lengths in bytes and then all of it in UTF-8.

The dataset: sha256 over the sorted ``(partition, hash)`` pairs. Compression, row groups, chunks, the writer's
version and the order of rows do not enter. Hashing the parquet bytes was rejected: they change with the library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import numpy as np
import polars as pl

from configs.contract import Contract


def frame_hash(frame: pl.DataFrame, contract: Contract, *, in_order: bool = False) -> str:
    """Content hash of one partition; ``frame`` has the contract's columns. ``in_order``: sorted by primary key."""
    rows = frame.select(contract.names)
    if not in_order:
        rows = rows.sort(contract.primary_key)
    return content_sha256(contract, lambda name: rows[name], rows.height)


def content_sha256(contract: Contract, column_of: Callable[[str], pl.Series], rows: int) -> str:
    """Content hash of one partition whose columns are given one by one, sorted by primary key."""
    total = hashlib.sha256()
    for column in contract.columns:
        total.update(f"{column.name}:{column.type}:{rows}\n".encode())
        total.update(_column_digest(column_of(column.name)))
    return total.hexdigest()


def _column_digest(series: pl.Series) -> bytes:
    digest = hashlib.sha256(series.is_not_null().cast(pl.UInt8).to_numpy().tobytes())
    if series.dtype == pl.String:
        text = series.fill_null("")
        digest.update(text.str.len_bytes().cast(pl.Int64).to_numpy().astype("<i8").tobytes())
        digest.update((text.str.join("").item() or "").encode())
    elif series.dtype.is_float():
        values = series.fill_null(0.0).to_numpy().astype("<f8") + 0.0  # -0.0 + 0.0 is 0.0
        values[np.isnan(values)] = np.nan
        digest.update(values.tobytes())
    else:
        digest.update(series.to_physical().cast(pl.Int64).fill_null(0).to_numpy().astype("<i8").tobytes())
    return digest.digest()


def dataset_hash(parts: Iterable[tuple[str | None, str]]) -> str:
    """Content hash of a dataset from its partitions' ``(partition, hash)``."""
    lines = sorted(f"{partition or ''}={digest}\n" for partition, digest in parts)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
