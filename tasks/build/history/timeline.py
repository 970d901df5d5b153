"""What a history is made from, and the states that were: vintages that are older than the first version, then what each
event in the log of the dataset made of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, cast

import polars as pl

from configs.contract import Contract
from configs.contracts import load_contract
from configs.errors import CorruptVersionError, MissingInputError
from configs.first_publish import start_words
from configs.history_contract import SOURCE
from tasks.extract.registry import load_source
from tasks.extract.source import Extraction, FetchRequest
from tasks.extract.world_bank import archive_inventory
from tasks.raw.archive import RawArchive
from tasks.raw.documents import RawDocument
from tasks.transform.registry import load_transform
from tasks.warehouse import layout, protocol
from tasks.warehouse.log_order import readers_got
from tasks.warehouse.records import FileEntry, LogEntry, Manifest, SourceEntry

LOG = "log"
ARCHIVED = "official/world_bank_archives/"


class ReadsArchived(Protocol):
    """What a source of a publisher's older vintages provides. Roles of documents begin with their series."""

    def tables(self, documents: Sequence[RawDocument], vintage: str) -> Mapping[str, pl.LazyFrame]:
        """One vintage, as the dataset's transform takes it."""
        ...


def inputs(archive: RawArchive, contract: Contract, known: Mapping[str, RawDocument]) -> tuple[RawDocument, ...]:
    """The log of the dataset, the manifests that it names, and the publisher's vintages that are older: archived.

    Args:
        contract: of the history.
        known: the documents of the history before, by role.

    Raises:
        MissingInputError: nothing of the dataset is published.
    """
    base = load_contract(contract.derived_from[0])
    log, _ = protocol.read_latest(archive.store, base.name)
    if log is None:
        todo = start_words(contract.name, archive.store.url)
        raise MissingInputError(f"{base.name}: nothing is published, so it has no history yet", todo)
    body = json.dumps([_event(e) for e in log.log], indent=1).encode()
    found = [archive.keep(SOURCE, LOG, layout.latest(base.name), body, ".json")]
    for entry in log.published:
        role = f"version/{entry.version}"
        had = known.get(role)
        if had is not None and entry.manifest_sha256 in ("", had.sha256):
            found.append(had)
            continue
        key = layout.manifest(base.name, entry.version)
        found.append(archive.keep(SOURCE, role, key, archive.store.get(key).body, ".json"))
    return (*found, *_official(archive, base, log.published[0].vintage, known))


def _event(entry: LogEntry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "event": entry.event,
        "version": entry.version,
        "vintage": entry.vintage,
        "at": entry.at,
        "fallback": entry.fallback,
    }


def _official(archive: RawArchive, base: Contract, before: str, known: Mapping[str, RawDocument]) -> list[RawDocument]:
    """The documents of each vintage before that of the first version: bundled ones, and those that were archived."""
    found: list[RawDocument] = []
    if base.sources.snapshot:
        source = load_source(base.sources.snapshot)
        found += [
            replace(document, role=f"official/{vintage}/{document.role}")
            for vintage in source.vintages(base.name)
            if vintage < before
            for document in source.fetch(FetchRequest(base.name, vintage=vintage), archive)
        ]
    if base.sources.archived:
        for series in archive_inventory.inventory(archive.store).series:
            vintage = f"{series.vintage[:4]}-{series.vintage[4:]}"
            if series.indicator not in base.series or series.state != "data" or vintage >= before:
                continue
            for noted in series.documents:
                role = f"{ARCHIVED}{vintage}/{series.indicator}/{noted.role}"
                found.append(known.get(role) or replace(archive.document(noted, archive_inventory.SOURCE), role=role))
    return found


# ------------------------------------------------------------------------ the states


@dataclass(frozen=True)
class TimelineEntry:
    """What stood from one event on. ``seq`` 0: a vintage of the publisher's before our first version.

    ``vintage``: the newest so far, so that it never goes back. ``files``: the data files by partition, of a version.
    ``partial``: only the series of this vintage are told of, and of ``measures`` alone (None: all), the others stand as
    they were. ``document``: the manifest as archived, read when it is needed: a history that goes on needs few.
    """

    seq: int
    vintage: str
    version: str | None
    at: str | None
    document: RawDocument | None = None
    withdrawal: bool = False
    partial: bool = False
    measures: tuple[str, ...] | None = None
    official: pl.LazyFrame | None = None

    @cached_property
    def manifest(self) -> Manifest | None:
        return Manifest.load(self.document.body, self.document.url) if self.document else None

    @cached_property
    def files(self) -> Mapping[str | None, FileEntry]:
        return data_files(self.manifest)


Frames = Callable[[TimelineEntry], pl.LazyFrame]


def data_files(manifest: Manifest | None) -> dict[str | None, FileEntry]:
    """Those of rows, by partition."""
    return {_partition(f.path): f for f in (manifest.files if manifest else ()) if f.rows is not None}


def _partition(path: str) -> str | None:
    parts = path.split("/")
    return parts[1] if len(parts) == 3 else None


def timeline(base: Contract, given: Sequence[RawDocument]) -> list[TimelineEntry]:
    """The states in their order, from archived documents alone.

    Raises:
        SourceError: an old vintage cannot be read.
        CorruptVersionError: the log names a version whose manifest is not among the documents.
    """
    by_role = {d.role: d for d in given}
    found = _official_states(base, given)
    log = _log(by_role)
    vintages = {e.version: e.vintage for e in log if e.event != "yanked"}
    reached, was = found[-1].vintage if found else "", ""
    for event, now in zip(log, readers_got(log), strict=True):
        if now == was:  # a version was yanked that readers of latest did not get any more
            continue
        was = now
        document = by_role.get(f"version/{now}")
        if document is None:
            raise CorruptVersionError(base.name, now, ["the log names it, and its manifest is not there"])
        reached = max(reached, vintages[now])
        found.append(TimelineEntry(event.seq, reached, now, event.at, document, event.event == "yanked"))
    return found


def latest(given: Sequence[RawDocument]) -> Manifest:
    """The version that readers of latest got by the log that a history is made from."""
    by_role = {d.role: d for d in given}
    document = by_role[f"version/{readers_got(_log(by_role))[-1]}"]
    return Manifest.load(document.body, document.url)


def _log(by_role: Mapping[str, RawDocument]) -> list[LogEntry]:
    return [LogEntry(**e) for e in json.loads(by_role[LOG].body)]


def pre_publication_vintage(base: Contract, given: Sequence[RawDocument], vintage: str) -> pl.LazyFrame | None:
    """The rows of a vintage that is older than the first version, from a history's documents; None if it has none."""
    for (of, archived), some in _official_groups(given).items():
        if of == vintage:
            return _archived(base, vintage, some) if archived else _bundled(base, vintage, some)
    return None


def official_vintages(sources: Iterable[SourceEntry]) -> list[str]:
    """The vintages before our first version that a history was made from, oldest first."""
    roles = [s.role for s in sources if s.role.startswith("official/")]
    return sorted({r.removeprefix(ARCHIVED).removeprefix("official/").partition("/")[0] for r in roles})


def _official_groups(given: Sequence[RawDocument]) -> dict[tuple[str, bool], list[RawDocument]]:
    """The documents of each vintage before our first version, oldest first."""
    groups: dict[tuple[str, bool], list[RawDocument]] = {}
    for document in given:
        if not document.role.startswith("official/"):
            continue
        archived = document.role.startswith(ARCHIVED)
        vintage, _, role = document.role.removeprefix(ARCHIVED if archived else "official/").partition("/")
        groups.setdefault((vintage, archived), []).append(replace(document, role=role))
    return dict(sorted(groups.items()))


def _official_states(base: Contract, given: Sequence[RawDocument]) -> list[TimelineEntry]:
    found = []
    for (vintage, archived), some in _official_groups(given).items():
        frame = _archived(base, vintage, some) if archived else _bundled(base, vintage, some)
        column = next((c.name for c in base.columns if c.role == "vintage"), None)
        if column and not archived:
            frame = frame.filter(pl.col(column) == vintage)
        told = _measures(base, some) if archived else None
        found.append(TimelineEntry(0, vintage, None, None, partial=column is not None, measures=told, official=frame))
    return found


def _bundled(base: Contract, vintage: str, given: list[RawDocument]) -> pl.LazyFrame:
    source = load_source(base.sources.snapshot or "")
    return load_transform(base).transform(source.parse(base.name, tuple(given), vintage).tables)


def _measures(base: Contract, given: Sequence[RawDocument]) -> tuple[str, ...]:
    """Return the measures that an archived vintage has: those of its series, and all others if it has every series."""
    series = {d.role.partition("/")[0] for d in given}
    own = [f"{name}_usd" for name in sorted(series)]
    return (*own, *(m.name for m in base.measures if m.name not in own)) if series == {*base.series} else tuple(own)


def _archived(base: Contract, vintage: str, given: list[RawDocument]) -> pl.LazyFrame:
    return load_transform(base).transform(_reader(base).tables(given, vintage))


def _reader(base: Contract) -> ReadsArchived:
    return cast(ReadsArchived, load_source(base.sources.archived or ""))


def extraction(contract: Contract, given: tuple[RawDocument, ...]) -> Extraction:
    """What the documents are, as the rest of the pipeline takes it. The vintage is the newest that the dataset had."""
    base = load_contract(contract.derived_from[0])
    (log,) = (d for d in given if d.role == LOG)
    newest_ = max(e["vintage"] for e in json.loads(log.body))
    return Extraction(
        source=SOURCE,
        dataset=contract.name,
        vintage=newest_,
        documents=given,
        tables={},
        licence=base.licence,
        citation=base.citation,
    )
