"""The inventory of official vintages: what lies in the archive of ``world_bank_archives``, ready for a history.

One document beside the raw bytes, changed by compare-and-swap; how it comes about is in ``archive_download``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import polars as pl

from configs.errors import ObjectNotFoundError, VintageUnavailableError
from configs.hints import command
from tasks.extract.world_bank import archives as source
from tasks.raw.archive import RawArchive
from tasks.raw.documents import Noted
from tasks.storage.documents import Document, Record, change_document, read_document
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout

SOURCE = source.SOURCE
SeriesState = Literal["data", "empty", "unreadable"]


class ArchivedSeries(Record):
    """One series in one version. ``parsed_ok`` is false only for what could not be read, ``kept`` then names what was
    archived of it. ``earlier``: raw keys of another content that the same version had before."""

    vintage: str
    indicator: str
    series: str
    state: SeriesState
    parsed_ok: bool
    reason: str = ""
    rows: int = 0
    content_sha256: str = ""
    retrieved_at: str = ""
    documents: tuple[Noted, ...] = ()
    kept: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()

    @property
    def identity(self) -> object:
        return self.vintage, self.indicator


class Inventory(Document):
    """``_raw/world_bank_archives/inventory.json``: the versions last listed, and the series extracted."""

    source: str = SOURCE
    listed_at: str = ""
    versions: tuple[str, ...] = ()
    listing: tuple[Noted, ...] = ()
    series: tuple[ArchivedSeries, ...] = ()

    @property
    def by_key(self) -> Mapping[tuple[str, str], ArchivedSeries]:
        return {(s.vintage, s.indicator): s for s in self.series}


def inventory(store: ObjectStore) -> Inventory:
    """What was extracted; empty before the first run."""
    return read_document(store, layout.inventory(SOURCE), Inventory.load) or Inventory()


def vintages(store: ObjectStore) -> tuple[str, ...]:
    """The versions (``YYYYMM``) of which data lie in the archive, oldest first."""
    return tuple(sorted({s.vintage for s in inventory(store).series if s.state == "data"}))


def table(store: ObjectStore, vintage: str) -> pl.LazyFrame:
    """One version, read from the archive, see ``archives_parse.table``.

    Raises:
        VintageUnavailableError: it was not extracted, or its raw bytes were taken down.
        SourceError: the archived bytes cannot be read.
    """
    archive = RawArchive(store)
    found = [s for s in inventory(store).series if s.vintage == vintage and s.state == "data"]
    if not found:
        have = vintages(store)
        span = f"there are {len(have)}, {have[0]} to {have[-1]}" if have else "there are none"
        get = command("sources", "archives", store=store.url)
        raise VintageUnavailableError(SOURCE, f"no data of version {vintage}; {span}; get them with: {get}")
    try:
        return source.parse([archive.document(n) for s in found for n in s.documents]).lazy()
    except ObjectNotFoundError as e:
        raise VintageUnavailableError(
            SOURCE,
            f"the raw bytes of version {vintage} are not in the store any more ({e.key}); "
            f"get them again: {command('sources', 'archives', '--refresh', 'all', store=store.url)}",
        ) from e


def update(store: ObjectStore, change: Callable[[Inventory], Inventory]) -> Inventory:
    """Change the inventory by compare-and-swap and return it.

    Raises:
        StoreError: others were faster every time, or the store failed.
    """

    def changed(known: Inventory | None) -> Inventory:
        return change(known or Inventory())

    return change_document(store, layout.inventory(SOURCE), Inventory.load, changed) or Inventory()
