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
from typing import Literal

import polars as pl

from configs.contract import Contract
from configs.contracts import load_contract
from configs.errors import (
    ObjectNotFoundError,
    ReplayError,
    StoreAsAWholeError,
    StorePermissionError,
    StoreUnavailableError,
    TechtradeError,
)
from tasks.build.fingerprint import libraries
from tasks.build.recipe import Lists, Recipe
from tasks.build.recipes import recipe_for
from tasks.build.request import Fetched, Request, SourceKind
from tasks.compare.attribution import AttributionBasis, Cause, Step
from tasks.extract.source import Extraction, Meter
from tasks.raw.archive import RawArchive
from tasks.storage.object_store import ObjectStore
from tasks.warehouse.candidate import Built
from tasks.warehouse.records import Manifest

log = logging.getLogger("techtrade")
KINDS: tuple[SourceKind, ...] = ("live", "snapshot")
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
        moved=tuple(what_changed(contract, manifest)),
    )


@contextmanager
def attribution_basis(
    store: ObjectStore, recipe: Recipe, parent: Manifest, partitions: Collection[str], given: Lists
) -> Iterator[AttributionBasis]:
    """The states between a version and one that is made now, while the block runs: what today's code makes of the
    version's raw input, if anything of ours moved; and that with the new list of products, if that moved.

    Args:
        partitions: those that are compared, for a dataset that is judged by them.
        given: the documents that the new version is made from, by role.
    """
    if not recipe.has_own_changes:
        yield AttributionBasis()
        return
    archive = RawArchive(store)

    def origins(of: Manifest) -> Mapping[str, Manifest]:
        return recipe_for(load_contract(of.dataset)).origins(archive, of)

    with ExitStack() as stack:
        try:
            found = recipe.input_changes(archive, parent, tuple(given.values()), origins)
            found = replace(found, steps=tuple(_steps(store, recipe, parent, partitions, given, stack)))
        except (StoreAsAWholeError, StoreUnavailableError, StorePermissionError):
            raise
        except Exception as e:  # noqa: BLE001 - whatever is wrong with what was, what is new is published
            told = str(e) if isinstance(e, TechtradeError) else f"{type(e).__name__}: {e}".partition("\n")[0]
            found = AttributionBasis(why_not=told)
        if found.why_not:
            log.warning("%s: what changed cannot be attributed: %s", parent.dataset, found.why_not)
        yield found


def _steps(
    store: ObjectStore, recipe: Recipe, parent: Manifest, partitions: Collection[str], given: Lists, stack: ExitStack
) -> list[Step]:
    archive, contract = RawArchive(store), recipe.contract
    some = partitions if recipe.by_partition else None
    steps: list[Step] = []

    def made(cause: Cause, lists: Lists | None = None) -> tuple[Step, Built]:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="techtrade-")))
        _, built = rebuild(archive, contract, parent, folder, some, lists)
        files = tuple(p.file or stack.enter_context(store.local_file(p.key)) for p in built.parts)
        after = pl.scan_parquet(list(files)) if files else contract.polars_schema.to_frame().lazy()
        return Step(cause, after, files), built

    if what_changed(contract, parent):
        step, built = made("method")
        if built.content_sha256 != parent.content_sha256:
            steps.append(step)
    if recipe.by_partition and given:
        lists = recipe.relisted(store, _extracted(archive, recipe, parent, some), given)
        if lists:
            steps.append(made("reclassification", lists)[0])
    return steps


def what_changed(contract: Contract, manifest: Manifest) -> list[tuple[Moved, str]]:
    """What is another now than when a version was made."""
    found: list[tuple[Moved, str]] = []
    if contract.sha256 != manifest.contract_sha256:
        steps = (manifest.schema_version, contract.schema_version)
        told = f"schema {steps[0]} -> {steps[1]}" if steps[0] != steps[1] else "the words or rules of it"
        found.append(("contract", told))
    if not manifest.made_by.code:
        return [*found, ("not known", "the version was made before manifests told of code and libraries")]
    code = recipe_for(contract).fingerprint()
    if code != manifest.made_by.code:
        found.append(("code", f"{manifest.made_by.code[:12]} -> {code[:12]}"))
    now = libraries()
    was = sorted(manifest.made_by.libraries.items())
    return [*found, *(("library", f"{n} {v} -> {now.get(n, 'none')}") for n, v in was if now.get(n) != v)]


def rebuild(
    archive: RawArchive,
    contract: Contract,
    manifest: Manifest,
    folder: Path,
    partitions: Collection[str] | None = None,
    lists: Lists | None = None,
) -> tuple[Extraction, Built]:
    """The figures of a version, made again from its archived inputs into ``folder``.

    Args:
        partitions: only these, of a dataset that is made in pieces.
        lists: by role, a document whose list of products is taken instead of a document's own.

    Raises:
        ReplayError: raw inputs are not in the archive (any more), or no source of the contract reads them.
        SourceError: today's code cannot read them.
    """
    recipe = recipe_for(contract)
    try:
        return recipe.rebuild(archive, _extracted(archive, recipe, manifest, partitions), folder, rebuild, lists)
    except ObjectNotFoundError as e:
        raise ReplayError(f"a raw input is not in the archive: {e.key}") from e


def _extracted(
    archive: RawArchive, recipe: Recipe, manifest: Manifest, partitions: Collection[str] | None
) -> Extraction:
    documents = archive.known(manifest)
    missing = [s.raw_key for s in manifest.sources if s.role not in documents]
    if missing:
        raise ReplayError(f"its raw inputs were taken down or never copied: {', '.join(missing)}")
    request = request_of(recipe.contract, manifest)
    fetched = Fetched(request.source, tuple(documents[s.role] for s in manifest.sources), Meter())
    extraction = recipe.parse(archive.store, fetched, request.vintage)
    return extraction if partitions is None else recipe.only(extraction, partitions)


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
