"""The rows of a version, of a moment or of a vintage of the publisher's: what stood then.

A version whose data files were deleted by retention is built again from its raw inputs. A vintage from before our first
version is read from what was archived of it. Both need the code that reads publishers' answers, which takes a second to
import, so only these two import it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from configs.contract import Contract
from configs.contracts import load_contract
from configs.errors import NotPublishedError
from configs.hints import command
from configs.history_contract import SUFFIX
from tasks.raw.archive import RawArchive
from tasks.read.query import Query
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import reader
from tasks.warehouse.records import FileEntry
from tasks.warehouse.upkeep.verify import as_published

EVERYTHING = Query()


@dataclass(frozen=True)
class OfVintage:
    """What the publisher had published in a vintage: a version of ours that has it, or rows that we never published."""

    found: reader.Resolved | None = None
    rows: pl.DataFrame | None = None


def of_vintage(store: ObjectStore, name: str, vintage: str) -> OfVintage:
    """The state of a vintage: the last version of it that was not yanked, or what was archived of the publisher's.

    Raises:
        NotPublishedError: it was neither published nor archived, or what was published of it was yanked.
    """
    latest = reader.resolve(store, name).latest
    of = [e.version for e in latest.published if e.vintage == vintage]
    good = [v for v in of if v not in latest.yanked]
    if good:
        return OfVintage(found=reader.resolve(store, name, good[-1]))
    if of:
        raise NotPublishedError(
            f"{name}: what was published of vintage {vintage} was yanked; it can be read by name: {name}@{of[-1]}"
        )
    rows = _official(store, name, vintage)
    if rows is not None:
        return OfVintage(rows=rows)
    raise NotPublishedError(
        f"{name}: no vintage {vintage!r}; name one of: {command('vintages', name, store=store.url)}"
    )


def _official(store: ObjectStore, name: str, vintage: str) -> pl.DataFrame | None:
    """The rows of a vintage from before our first version, if its history has it."""
    from tasks.build.history import timeline

    with suppress(NotPublishedError):
        documents = RawArchive(store).known(reader.resolve(store, name + SUFFIX).manifest)
        rows = timeline.pre_publication_vintage(load_contract(name), tuple(documents.values()), vintage)
        return rows.collect() if rows is not None else None
    return None


def contract_of(found: reader.Resolved) -> Contract:
    """The contract of a version, with the columns that it was published with."""
    return as_published(load_contract(found.manifest.dataset), found.manifest)


def rows_of(store: ObjectStore, found: reader.Resolved, query: Query = EVERYTHING) -> pl.LazyFrame:
    """The rows of a version, lazily, from those of its data files that ``query`` can select from; the query itself is
    not applied yet. Of a version whose data were deleted all rows, built again from its raw inputs.

    Raises:
        NotPublishedError: they were deleted, and cannot be built again as they were.
    """
    if found.retired is not None:
        return _built_again(store, found).lazy()
    contract = contract_of(found)
    files = query.files([f for f in found.manifest.files if f.rows is not None], contract)
    return reader.scan(store, found.manifest.model_copy(update={"files": files}), contract)


def end_rows(store: ObjectStore, found: reader.Resolved, count: int) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """At least so many of the first and of the last rows of a version that has its data: those of its first and last
    files."""
    data, contract = [f for f in found.manifest.files if f.rows is not None], contract_of(found)

    def enough(files: Iterable[FileEntry]) -> tuple[FileEntry, ...]:
        taken: list[FileEntry] = []
        for file in files:
            if sum(f.rows or 0 for f in taken) < count:
                taken.append(file)
        return tuple(taken)

    first, last = (
        reader.scan(store, found.manifest.model_copy(update={"files": files}), contract)
        for files in (enough(data), enough(reversed(data))[::-1])
    )
    return first, last


def retired_words(found: reader.Resolved) -> str:
    """That the data of a version were deleted, when and by which policy; empty if they were not."""
    if found.retired is None:
        return ""
    name = f"{found.manifest.dataset}@{found.manifest.version}"
    return f"{name}: its data were deleted at {found.retired.at} ({found.retired.why})"


def _built_again(store: ObjectStore, found: reader.Resolved) -> pl.DataFrame:
    from tasks.build import replay
    from tasks.build.recipe import NOT_MADE

    m = found.manifest
    contract, told = load_contract(m.dataset), retired_words(found)
    instead = f"its figures are in {m.dataset}_history: {command('history', m.dataset, store=store.url)}"
    with TemporaryDirectory(prefix="techtrade-") as scratch:
        try:
            _, built = replay.rebuild(RawArchive(store), contract, m, Path(scratch))
        except NOT_MADE as e:
            raise NotPublishedError(f"{told}, and cannot be made again: {' '.join(str(e).split())}; {instead}") from e
        if built.content_sha256 != m.content_sha256:
            raise NotPublishedError(f"{told}, and today's code makes other figures of its raw inputs; {instead}")
        files = [str(p.file or store.uri(p.key)) for p in built.parts]
        return pl.scan_parquet(files).collect() if files else contract.polars_schema.to_frame()
