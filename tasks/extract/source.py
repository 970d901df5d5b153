"""What an extract module is: one source, two functions, one typed value out.

``fetch`` does the I/O and archives every answer verbatim before anything looks into it; ``parse`` is a pure
function of the archived bytes, so that a version can be built again from the archive alone. ``tasks.extract.registry``
finds the module of a source by the name that a contract's ``sources`` gives.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import polars as pl

from configs.months import Months
from configs.settings import Keys, from_environment, source_settings
from tasks.common.clock import utc_now
from tasks.raw.documents import Archive, RawDocument

Refresh = Literal["auto", "all"]


@dataclass
class Meter:
    """What an extraction cost the publisher and us: requests, bytes as they came over the wire, documents ``resumed``
    from a run that was cut off and ``reused`` from the version before. Counted, not bounded: bounds are in the source's
    settings."""

    requests: int = 0
    bytes: int = 0
    resumed: int = 0
    reused: int = 0


@dataclass(frozen=True)
class FetchRequest:
    """What a fetch is asked for, and what is there already.

    ``known``: the documents of the version that readers get now, by role. With ``refresh`` ``auto`` a source that can
    tell what may have changed takes the rest from there; with ``all`` it asks for everything. ``months`` are asked for
    in any case, by a source that can be asked for months. ``meter`` is counted up. ``keys``: where a key is looked up,
    at the time it is needed. ``published``: a file of the version that readers get of another dataset, with the address
    that it has; None if nothing of it is published, or that version has no such file. ``began``: by the monotonic
    clock, since when the run's budget is counted, over all sessions of the run. ``unavailable``: filled by the source,
    why a table that only checks need could not be had, by its name.
    """

    dataset: str
    vintage: str | None = None
    refresh: Refresh = "auto"
    months: Months | None = None
    known: Mapping[str, RawDocument] = field(default_factory=dict)
    known_vintage: str | None = None
    now: datetime = field(default_factory=utc_now)
    meter: Meter = field(default_factory=Meter)
    keys: Keys = from_environment
    published: Callable[[str, str], tuple[str, bytes] | None] = lambda dataset, path: None
    began: float = field(default_factory=time.monotonic, compare=False, repr=False)
    unavailable: dict[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Piece:
    """An archived document that is read by itself, by whoever has room, because all of them together are too much.

    ``partition``: the folder of the dataset that its rows belong to (``part_year=2024``), known before it is read.
    """

    partition: str
    document: RawDocument


@dataclass(frozen=True)
class Extraction:
    """What came in, parsed. ``tables`` are lazy frames under the names that the dataset's transform takes; ``pieces``
    are still to be read, by the source's ``read_piece``.

    ``vintage`` is the publisher's name for its state. ``vintage_may_go_back``: whether an older vintage than
    the published one is normal (bundled vintages are replayed in order) or a fault (a live publisher).
    ``unavailable``: why a table that only checks need could not be had, by its name; the table has no rows then.
    """

    source: str
    dataset: str
    vintage: str
    documents: tuple[RawDocument, ...]
    tables: Mapping[str, pl.LazyFrame]
    licence: str
    citation: str
    vintage_may_go_back: bool = False
    pieces: tuple[Piece, ...] = ()
    meter: Meter = field(default_factory=Meter)
    unavailable: Mapping[str, str] = field(default_factory=dict)


def extracted(
    source: str,
    dataset: str,
    vintage: str,
    documents: tuple[RawDocument, ...],
    tables: Mapping[str, pl.LazyFrame],
    pieces: tuple[Piece, ...] = (),
    unavailable: Mapping[str, str] | None = None,
) -> Extraction:
    """What a live source gives, under the terms that its settings name."""
    settings = source_settings(source)
    return Extraction(
        source,
        dataset,
        vintage,
        documents,
        tables,
        settings.licence,
        settings.citation,
        pieces=pieces,
        unavailable=unavailable or {},
    )


class Source(Protocol):
    """What the module of a source provides."""

    def vintages(self, dataset: str) -> Sequence[str]:
        """The vintages that can be asked for by name, oldest first. Empty: only the publisher's current one."""

    def fetch(self, ask: FetchRequest, archive: Archive) -> tuple[RawDocument, ...]:
        """Gets and archives what the dataset needs. Raises a ``SourceError``."""

    def parse(self, dataset: str, documents: tuple[RawDocument, ...], vintage: str | None) -> Extraction:
        """Reads archived documents. Raises ``SourceError`` with the raw keys; ``VintageUnavailableError`` when
        ``vintage`` is asked for and the documents are of another."""


@runtime_checkable
class AskedByMonth(Protocol):
    """What a source provides besides, whose publisher can be asked for some months of its history alone."""

    def requests_for(self, months: Months, now: datetime) -> int:
        """How many requests a backfill of these months is at the least. Raises ``UsageError`` where there are none."""


@runtime_checkable
class ReadInPieces(Protocol):
    """What a source provides besides, whose documents are each too large to be read with the others."""

    def piece_settings(self) -> str:
        """The settings that ``read_piece`` depends on, as one text."""

    def read_piece(self, role: str, file: Path, told: str, listed_by: Path | None = None) -> Mapping[str, pl.DataFrame]:
        """One document: tables as the dataset's transform takes them. ``told``: its address, for errors;
        ``listed_by``: a document whose list of products is taken instead of its own. Raises ``SourceError``."""
