"""A candidate: the data files that a version is to have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tasks.warehouse import layout
from tasks.warehouse.records import FileEntry


@dataclass(frozen=True)
class Part:
    """A data file ready to be staged: ``file`` is on this machine, or, if None, ``key`` is in the store already.
    ``partition`` is its folder (``part_year=1990``), None for small datasets. ``inputs_sha256``: what it was made from,
    where a dataset is made a partition at a time."""

    partition: str | None
    file: Path | None
    rows: int
    bytes: int
    sha256: str
    content_sha256: str
    key: str = ""
    inputs_sha256: str | None = None

    @staticmethod
    def standing(dataset: str, version: str, partition: str | None, file: FileEntry) -> Part:
        """A data file of the version before, as it is."""
        return Part(
            partition=partition,
            file=None,
            rows=file.rows or 0,
            bytes=file.bytes,
            sha256=file.sha256,
            content_sha256=file.content_sha256 or "",
            key=layout.version(dataset, version, file.path),
            inputs_sha256=file.inputs_sha256,
        )


@dataclass(frozen=True)
class Built:
    """All data files of a candidate, and the hash of their logical content."""

    parts: tuple[Part, ...]
    rows: int
    content_sha256: str
    contract_sha256: str
