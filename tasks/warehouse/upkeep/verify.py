"""Recomputing every checksum of a version: the manifest, each object, the rows, the content."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import polars as pl

from configs.contract import Contract
from configs.contracts import load_contract
from configs.errors import CorruptVersionError
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.content_hash import dataset_hash, frame_hash
from tasks.warehouse.integrity import read_sealed, refuse_damaged
from tasks.warehouse.reader import resolve
from tasks.warehouse.records import FileEntry, Manifest, Retired


@dataclass(frozen=True)
class VerifyReport:
    """A version of which every checksum holds. ``retired``: its data files were deleted by a policy."""

    dataset: str
    version: str
    files: int
    bytes: int
    retired: Retired | None = None


def verify(store: ObjectStore, dataset: str, version: str | None = None) -> VerifyReport:
    """Checks a published version whole; it does not stop at the first problem. One file is in memory at a time.

    Raises:
        CorruptVersionError: names every problem found.
        NotPublishedError: there is no such published version.
    """
    found = resolve(store, dataset, version)
    manifest = found.manifest
    if found.retired is not None:  # its data were deleted on purpose; the rest is held against its sums
        kept = tuple(f for f in manifest.files if f.rows is None)
        refuse_damaged(store, manifest.model_copy(update={"files": kept}))
        return VerifyReport(dataset, manifest.version, len(kept), sum(f.bytes for f in kept), found.retired)
    # By the columns that the version was made with; the contract of today may have others.
    contract = as_published(load_contract(dataset), manifest)
    problems: list[str] = []
    hashes: list[tuple[str | None, str]] = []
    rows = 0
    for file in manifest.files:
        body = read_sealed(store, manifest, file, problems)
        if body is None or file.rows is None:
            continue
        try:
            frame = pl.read_parquet(BytesIO(body)).select(contract.names)
        except pl.exceptions.PolarsError as e:
            problems.append(f"{file.path} has the bytes that were sealed, but cannot be read ({type(e).__name__})")
            continue
        digest = frame_hash(frame, contract)
        if (frame.height, digest) != (file.rows, file.content_sha256):
            problems.append(f"{file.path}: rows or content are not what the manifest says")
        rows += frame.height
        hashes.append((_partition(file), digest))
    # Of a version with damaged files the whole is wrong in any case, which would say nothing more.
    if not problems and (rows, dataset_hash(hashes)) != (manifest.rows, manifest.content_sha256):
        problems.append("rows or content of the whole are not what the manifest says")
    problems += _foreign(store, manifest)
    if problems:
        raise CorruptVersionError(dataset, manifest.version, problems)
    return VerifyReport(dataset, manifest.version, len(manifest.files), sum(f.bytes for f in manifest.files))


def _foreign(store: ObjectStore, manifest: Manifest) -> list[str]:
    """Objects that were not sealed: who reads the folder as a whole would read them too."""
    prefix = layout.version(manifest.dataset, manifest.version)
    known = {"claim.json", "manifest.json", *(f.path for f in manifest.files)}
    # A link is followed by whoever reads the folder, though by no listing of ours.
    found = (key.removeprefix(prefix) for key in (*(e.key for e in store.entries(prefix)), *store.oddities(prefix)))
    return [f"{path} does not belong to the version" for path in found if path not in known]


def _partition(file: FileEntry) -> str | None:
    """``part_year=1990`` of ``data/part_year=1990/part-0000.parquet``, None of ``data/part-0000.parquet``."""
    return "/".join(file.path.split("/")[1:-1]) or None


def as_published(contract: Contract, manifest: Manifest) -> Contract:
    """The contract with the columns of the manifest's schema, for versions older than a change of contract."""
    if contract.sha256 == manifest.contract_sha256:
        return contract
    known = {c.name: c for c in contract.columns}
    columns = tuple(
        known[f.name].model_copy(update={"type": f.type})
        if f.name in known
        else contract.columns[0].model_copy(update={"name": f.name, "type": f.type})
        for f in manifest.schema_
    )
    return contract.model_copy(update={"columns": columns})
