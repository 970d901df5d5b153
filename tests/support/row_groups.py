"""What a reader of parquet has to read, by the statistics of the row groups."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq


def bytes_of_series(file: Path, series: Sequence[str], key: Sequence[Any]) -> tuple[int, int]:
    """Return how many row groups can have rows of a series, and the bytes of all their columns."""
    metadata = pq.read_metadata(file)
    groups = size = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = {c.path_in_schema: c for c in map(group.column, range(group.num_columns))}
        bounds = (columns[name].statistics for name in series)
        if all(b.min <= value <= b.max for b, value in zip(bounds, key, strict=True)):
            groups += 1
            size += sum(c.total_compressed_size for c in columns.values())
    return groups, size
