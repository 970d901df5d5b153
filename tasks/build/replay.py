"""A version's figures, made again by today's code from the raw inputs that its manifest names.

What comes of it is told: the same figures to the last digit, or what of code, contract and libraries is another now
than it was. A replay publishes nothing; of a dataset that is made in pieces it leaves the pieces in the store.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, cast

import polars as pl

from configs.contract import Contract
from configs.contracts import load_contract
from configs.errors import (
    CorruptVersionError,
    NotPublishedError,
    ObjectNotFoundError,
    ReplayError,
    SourceError,
    StoreAsAWholeError,
    StorePermissionError,
    StoreUnavailableError,
    TechtradeError,
)
from configs.history_contract import base_of
from tasks.build import from_versions, partitioned, recipe
from tasks.build.history import build
from tasks.build.history.spans import given_at
from tasks.build.history.timeline import State
from tasks.build.parquet import ContractMismatchError
from tasks.compare.attribution import Cause, Replays, Step
from tasks.extract.source import Extraction, Meter
from tasks.publish.manifest import code_of, libraries
from tasks.raw.archive import RawArchive
from tasks.raw.documents import RawDocument
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import protocol, reader
from tasks.warehouse.outcomes import Fetched, Request, SourceKind
from tasks.warehouse.protocol import Built
from tasks.warehouse.records import Manifest

log = logging.getLogger("techtrade")
KINDS: tuple[SourceKind, ...] = ("live", "snapshot")
# What says that today's code, or this store, does not make a version again. A store that fails is not among them.
NOT_MADE = (ReplayError, SourceError, ContractMismatchError, CorruptVersionError)
Moved = Literal["code", "contract", "library", "not known"]


@dataclass(frozen=True)
class Replayed:
    """How a replay ended. ``moved``: what is another now than when the version was made, with how; empty if nothing
    is, or if it cannot be told (``unknown``: the version was made before manifests said it)."""

    dataset: str
    version: str
    same: bool
    content_sha256: str
    was_content_sha256: str
    moved: tuple[tuple[Moved, str], ...]

    @property
    def words(self) -> str:
        """For a person."""
        name = f"{self.dataset}@{self.version}"
        told = "; ".join(f"{what}: {how}" for what, how in self.moved)
        if self.same:
            return f"{name}: the same content ({self.content_sha256[:12]})" + (f", though {told}" if told else "")
        differs = f"{name}: other content ({self.content_sha256[:12]}, was {self.was_content_sha256[:12]})"
        if told:
            return f"{differs}; moved since: {told}"
        return f"{differs}, and neither code, contract nor library moved: what makes it is not determined by its input"


def replay(store: ObjectStore, contract: Contract, manifest: Manifest) -> Replayed:
    """Makes a version again, and compares.

    Raises:
        ReplayError: its raw inputs are gone, or no source of the contract reads them.
        SourceError, ContractMismatchError: today's code cannot read them, or does not give the contract's columns.
    """
    with TemporaryDirectory(prefix="techtrade-") as scratch:
        _, built = rebuild(RawArchive(store), contract, manifest, Path(scratch))
    return Replayed(
        dataset=contract.name,
        version=manifest.version,
        same=built.content_sha256 == manifest.content_sha256,
        content_sha256=built.content_sha256,
        was_content_sha256=manifest.content_sha256,
        moved=tuple(moved(contract, manifest)),
    )


@contextmanager
def between(
    store: ObjectStore,
    contract: Contract,
    parent: Manifest,
    partitions: Collection[str],
    given: Mapping[str, RawDocument],
) -> Iterator[Replays]:
    """The states between a version and one that is made now, while the block runs: what today's code makes of the
    version's raw input, if anything of ours moved; and that with the new list of products, if that moved.

    Args:
        partitions: those that are compared, for a dataset that is judged by them.
        given: the documents that the new version is made from, by role.
    """
    if base_of(contract.name):  # what changed in a history is what its dataset's changes say
        yield Replays()
        return
    with ExitStack() as stack:
        try:
            found = _of_inputs(store, contract, parent, given) if contract.derived_from else Replays()
            found = replace(found, steps=tuple(_steps(store, contract, parent, partitions, given, stack)))
        except (StoreAsAWholeError, StoreUnavailableError, StorePermissionError):
            raise
        except Exception as e:  # noqa: BLE001 - whatever is wrong with what was, what is new is published
            told = str(e) if isinstance(e, TechtradeError) else f"{type(e).__name__}: {e}".partition("\n")[0]
            found = Replays(why_not=told)
        if found.why_not:
            log.warning("%s: what changed cannot be attributed: %s", contract.name, found.why_not)
        yield found


def _of_inputs(store: ObjectStore, contract: Contract, parent: Manifest, given: Mapping[str, RawDocument]) -> Replays:
    """What moved the inputs of a dataset that is made from others, from the versions that it was made from to those
    that it is made from now: the publisher, or one thing else; of several, what is whose cannot be told."""
    archive = RawArchive(store)
    before = from_versions.stood(archive, contract, tuple(archive.known(parent).values()))
    now = from_versions.stood(archive, contract, tuple(given.values()))
    causes: set[str] = set()
    for name, manifest in now.items():
        was = before.get(name)
        if was is None or was.version == manifest.version:
            continue
        steps = protocol.between(store, was.version, manifest)
        causes |= {"withdrawal"} if steps is None else {c for m in steps for c in m.changes.causes}
    if causes <= {"new_period", "source_revision"}:
        return Replays()
    other = causes - {"new_period"}
    if len(other) > 1 or other == {"unattributed"}:
        return Replays(why_not=f"what it is made from changed for several reasons: {', '.join(sorted(causes))}")
    return Replays(other=cast(Cause, other.pop()), alone="new_period" not in causes)


def _steps(
    store: ObjectStore,
    contract: Contract,
    parent: Manifest,
    partitions: Collection[str],
    given: Mapping[str, RawDocument],
    stack: ExitStack,
) -> list[Step]:
    archive, whole = RawArchive(store), contract.judged == "whole"
    some = None if whole else partitions
    steps: list[Step] = []

    def made(cause: Cause, lists: Mapping[str, RawDocument] | None = None) -> tuple[Step, Built]:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="techtrade-")))
        _, built = rebuild(archive, contract, parent, folder, some, lists)
        files = tuple(p.file or stack.enter_context(store.local_file(p.key)) for p in built.parts)
        after = pl.scan_parquet(list(files)) if files else contract.polars_schema.to_frame().lazy()
        return Step(cause, after, files), built

    if moved(contract, parent):
        step, built = made("method")
        if built.content_sha256 != parent.content_sha256:
            steps.append(step)
    if not whole and given:
        lists = partitioned.relisted(store, contract, _extracted(archive, contract, parent, some), given)
        if lists:
            steps.append(made("reclassification", lists)[0])
    return steps


def moved(contract: Contract, manifest: Manifest) -> list[tuple[Moved, str]]:
    """What is another now than when a version was made."""
    found: list[tuple[Moved, str]] = []
    if contract.sha256 != manifest.contract_sha256:
        steps = (manifest.schema_version, contract.schema_version)
        told = f"schema {steps[0]} -> {steps[1]}" if steps[0] != steps[1] else "the words or rules of it"
        found.append(("contract", told))
    if not manifest.made_by.code:
        return [*found, ("not known", "the version was made before manifests told of code and libraries")]
    code = code_of(contract)
    if code != manifest.made_by.code:
        found.append(("code", f"{manifest.made_by.code[:12]} -> {code[:12]}"))
    now = libraries()
    for name, was in sorted(manifest.made_by.libraries.items()):
        if now.get(name) != was:
            found.append(("library", f"{name} {was} -> {now.get(name, 'none')}"))
    return found


def rebuild(
    archive: RawArchive,
    contract: Contract,
    manifest: Manifest,
    folder: Path,
    partitions: Collection[str] | None = None,
    lists: Mapping[str, RawDocument] | None = None,
) -> tuple[Extraction, Built]:
    """The figures of a version, made again from its archived inputs into ``folder``.

    Args:
        partitions: only these, of a dataset that is made in pieces.
        lists: by role, a document whose list of products is taken instead of a document's own.

    Raises:
        ReplayError: raw inputs are not in the archive (any more), or no source of the contract reads them.
        SourceError: today's code cannot read them.
    """
    try:
        extraction = _extracted(archive, contract, manifest, partitions)
        base = base_of(contract.name)
        if base is not None:  # made from versions of its dataset, of which some may have let their data go
            lost = FromRaw(archive, load_contract(base), folder, _spans(archive.store, contract.name))
            return extraction, build.make(archive.store, contract, extraction.documents, None, folder, lost=lost)
        return recipe.make(archive.store, contract, extraction, None, folder, lists=lists)
    except ObjectNotFoundError as e:
        raise ReplayError(f"a raw input is not in the archive: {e.key}") from e


def _spans(store: ObjectStore, name: str) -> pl.LazyFrame | None:
    try:
        return reader.scan(store, reader.resolve(store, name).manifest)
    except NotPublishedError:
        return None


def _extracted(
    archive: RawArchive, contract: Contract, manifest: Manifest, partitions: Collection[str] | None
) -> Extraction:
    documents = archive.known(manifest)
    missing = [s.raw_key for s in manifest.sources if s.role not in documents]
    if missing:
        raise ReplayError(f"its raw inputs were taken down or never copied: {', '.join(missing)}")
    request = request_of(contract, manifest)
    fetched = Fetched(request.source, tuple(documents[s.role] for s in manifest.sources), Meter())
    extraction = recipe.read(archive.store, request, fetched)
    if partitions is None:
        return extraction
    return replace(extraction, pieces=tuple(p for p in extraction.pieces if p.partition in partitions))


def request_of(contract: Contract, manifest: Manifest) -> Request:
    """The request that asked for these inputs.

    Raises:
        ReplayError: the contract names no source that they are of.
    """
    of = {s.source for s in manifest.sources}
    for kind in KINDS:
        named = contract.sources.live if kind == "live" else contract.sources.snapshot
        if named in of:
            return Request(contract, kind, manifest.vintage)
    told = ", ".join(sorted(of)) or "nothing"
    raise ReplayError(f"it was made from {told}, which configs/datasets/{contract.name}.yaml names no more")


class FromRaw:
    """The rows of a version, from its raw inputs where today's code makes of them what it was; else as sealed; else, if
    its data files were let go, as the history has them."""

    def __init__(self, archive: RawArchive, base: Contract, folder: Path, spans: pl.LazyFrame | None) -> None:
        self._archive, self._base, self._folder, self._spans = archive, base, folder, spans
        self._frames: dict[str, pl.LazyFrame] = {}
        self.made: list[str] = []
        self.sealed: dict[str, str] = {}
        self.told: dict[str, str] = {}

    def __call__(self, state: State) -> pl.LazyFrame:
        assert state.manifest is not None
        version = state.manifest.version
        if version not in self._frames:
            self._frames[version] = self._rows(state.manifest, state.seq)
        return self._frames[version]

    def _rows(self, manifest: Manifest, seq: int) -> pl.LazyFrame:
        folder = self._folder / manifest.version
        folder.mkdir()
        try:
            _, built = rebuild(self._archive, self._base, manifest, folder)
        except NOT_MADE as e:
            why = str(e)
        else:
            if built.content_sha256 == manifest.content_sha256:
                self.made.append(manifest.version)
                files = [p.file or self._archive.store.uri(p.key) for p in built.parts]
                return pl.scan_parquet([str(f) for f in files])
            why = "today's code makes other figures of its raw inputs"
        try:
            sealed = reader.scan(self._archive.store, manifest, self._base)
        except ObjectNotFoundError as e:
            if self._spans is None:
                told = f"its data were let go and cannot be made again ({why}), and no history has them"
                raise CorruptVersionError(self._base.name, manifest.version, [told]) from e
            self.told[manifest.version] = why
            return given_at(self._base, self._spans, seq)
        self.sealed[manifest.version] = why
        return sealed
