"""Recomputing every checksum of a version: the manifest, each object, the rows, the content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO

import polars as pl

from configs.contract import Contract, load_contract
from configs.errors import CorruptVersionError, ObjectNotFoundError, StoreError
from tasks.store import layout
from tasks.store.content import combine, frame_sha256
from tasks.store.objects import ObjectStore
from tasks.store.reader import resolve
from tasks.store.records import FileEntry, Manifest


@dataclass(frozen=True)
class VerifyReport:
    """A version of which every checksum holds."""

    dataset: str
    version: str
    files: int
    bytes: int


def verify(store: ObjectStore, dataset: str, version: str | None = None) -> VerifyReport:
    """Checks a published version whole; it does not stop at the first problem.

    Raises:
        CorruptVersionError: names every problem found.
        NotPublishedError: there is no such published version.
    """
    try:
        manifest = resolve(store, dataset, version).manifest
    except StoreError as e:
        if type(e) is not StoreError:
            raise
        raise CorruptVersionError(dataset, version or "latest", [str(e)]) from e
    problems = [p for f in manifest.files for p in _file_problems(store, manifest, f)]
    if not problems:
        problems = _content_problems(store, manifest)
    if problems:
        raise CorruptVersionError(dataset, manifest.version, problems)
    return VerifyReport(dataset, manifest.version, len(manifest.files), sum(f.bytes for f in manifest.files))


def _file_problems(store: ObjectStore, manifest: Manifest, file: FileEntry) -> list[str]:
    try:
        body = store.get(layout.version(manifest.dataset, manifest.version, file.path)).body
    except ObjectNotFoundError:
        return [f"{file.path} is gone"]
    if len(body) != file.bytes:
        return [f"{file.path} has {len(body):,} bytes, sealed were {file.bytes:,}"]
    if hashlib.sha256(body).hexdigest() != file.sha256:
        return [f"{file.path} is not what was sealed (sha256)"]
    return []


def _content_problems(store: ObjectStore, manifest: Manifest) -> list[str]:
    # By the columns that the version was made with; the contract of today may have others.
    contract = as_published(load_contract(manifest.dataset), manifest)
    problems, hashes, rows = [], [], 0
    for file in (f for f in manifest.files if f.rows is not None):
        frame = pl.read_parquet(BytesIO(store.get(layout.version(manifest.dataset, manifest.version, file.path)).body))
        rows += frame.height
        digest = frame_sha256(frame, contract)
        if frame.height != file.rows or digest != file.content_sha256:
            problems.append(f"{file.path}: rows or content are not what the manifest says")
        folder = file.path.split("/")[1] if file.path.count("/") == 2 else None
        hashes.append((folder, digest))
    if rows != manifest.rows or combine(hashes) != manifest.content_sha256:
        problems.append("rows or content of the whole are not what the manifest says")
    return problems


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
