"""The way of one dataset from its source to readers, as steps with one typed value in and one out.

Nothing here knows Prefect: a flow wraps each step in a task. A run ends in one of two ways, ``Published`` or
``Skipped``, or raises: ``RejectedError`` when the gate said no (evidence is kept under the version), any other
``TechtradeError`` when the run failed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import Literal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from configs.contract import Contract
from configs.errors import (
    CheckCouldNotRunError,
    NotPublishedError,
    ObjectNotFoundError,
    TechtradeError,
    VintageRegressedError,
)
from expectations.base import GateInput
from tasks import changes as changes_
from tasks.build import build
from tasks.extract.base import Archive, Extraction, load_source
from tasks.quality.gate import UNREADABLE, judge
from tasks.quality.report import Report, failures_of
from tasks.store import layout, reader, versions
from tasks.store.objects import ObjectStore
from tasks.store.records import ChangeCounts, Manifest, QualityCounts, SchemaField, SourceEntry
from tasks.store.versions import Built, Draft, Head, Release, Sealed
from tasks.transform.base import load_transform

SourceKind = Literal["live", "snapshot"]
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Request:
    """What to publish. ``vintage`` None: the newest that the source has."""

    contract: Contract
    kind: SourceKind
    vintage: str | None = None

    @property
    def source(self) -> str:
        return str(getattr(self.contract.sources, self.kind))


@dataclass(frozen=True)
class Published:
    """A new version is what readers of latest get."""

    dataset: str
    version: str
    parent: str | None
    vintage: str
    rows: int
    changes: ChangeCounts
    quality: QualityCounts
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Skipped:
    """Nothing was published because nothing had to be: the input or its content is already there
    (``unchanged``), or a newer vintage is (``superseded``)."""

    dataset: str
    version: str
    vintage: str
    why: Literal["unchanged", "superseded"]
    detail: str


Outcome = Published | Skipped


class RejectedError(TechtradeError):
    """The gate stopped a candidate. Readers see what they saw before; the evidence is under the version."""

    exit_code = 3

    def __init__(
        self, dataset: str, rejected: str, failures: list[str], served: str | None, quality: QualityCounts
    ) -> None:
        self.dataset, self.version, self.failures, self.served, self.quality = (
            dataset,
            rejected,
            failures,
            served,
            quality,
        )
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        super().__init__(
            f"{dataset}@{rejected} was rejected by the quality gate: {failures[0]}{more}; readers still get "
            f"{served or 'nothing, as no version was published yet'}; see: techtrade show {dataset}@{rejected}"
        )


@dataclass(frozen=True)
class Checked:
    """A staged candidate that was looked at, with everything its manifest needs."""

    draft: Draft
    built: Built
    extraction: Extraction
    changes: ChangeCounts
    report: Report


# ------------------------------------------------------------------------ steps


def extract(request: Request, archive: Archive) -> Extraction:
    """Fetches, archives and parses what the request asks for."""
    source = load_source(request.source)
    documents = source.fetch(request.contract.name, request.vintage, archive)
    return source.parse(request.contract.name, documents, request.vintage)


def nothing_new(head: Head, contract: Contract, extraction: Extraction) -> Skipped | None:
    """Whether the log already answers this extraction, from ``latest.json`` alone.

    Raises:
        VintageRegressedError: a live publisher gives an older state than the one published.
    """
    latest = head.latest
    if latest is None or head.manifest is None:
        return None
    inputs = inputs_sha256(contract, extraction)
    for entry in reversed(latest.published):
        if entry.inputs_sha256 == inputs and entry.version not in latest.yanked:
            return Skipped(
                contract.name,
                entry.version,
                extraction.vintage,
                "unchanged",
                f"the same input was published as {entry.version}",
            )
    published = head.manifest.vintage
    if extraction.vintage >= published:
        return None
    if not extraction.vintage_may_go_back:
        raise VintageRegressedError(
            extraction.source,
            f"gives vintage {extraction.vintage}, older than {published} which is published as "
            f"{contract.name}@{latest.version}; nothing was published. Check the address of the source; "
            f"if the published version is wrong, yank it first",
            raw_keys=tuple(d.raw_key for d in extraction.documents),
        )
    return Skipped(
        contract.name,
        latest.version,
        extraction.vintage,
        "superseded",
        f"vintage {published} is published as {latest.version}",
    )


def transform(contract: Contract, extraction: Extraction, folder: Path) -> Built:
    """Runs the dataset's transform and writes its data files into ``folder``."""
    return build(load_transform(contract.name).transform(extraction.tables), contract, folder)


def same_content(head: Head, built: Built, vintage: str) -> Skipped | None:
    """Whether the candidate says what the current version says, in figures and in contract."""
    now = head.manifest
    if now is None or (now.content_sha256, now.contract_sha256) != (built.content_sha256, built.contract_sha256):
        return None
    return Skipped(now.dataset, now.version, vintage, "unchanged", f"the content equals that of {now.version}")


def stage(store: ObjectStore, head: Head, built: Built) -> Draft:
    """Claims a version and stages the data under it."""
    return versions.stage_data(store, versions.claim(store, head), built)


def check(
    store: ObjectStore, request: Request, extraction: Extraction, built: Built, draft: Draft, yanked: Mapping[str, str]
) -> Checked:
    """Computes the changes against the parent and judges what was staged, read back from the store.

    Raises:
        CheckCouldNotRunError: a check raised; the run fails, nothing is rejected and nothing passes.
    """
    contract, head = request.contract, draft.head
    data = reader.scan(store, draft)
    parent = reader.scan(store, head.manifest) if head.manifest else None
    try:
        changes = changes_.compare(data, parent, contract)
    except UNREADABLE as e:
        raise CheckCouldNotRunError(contract.name, "changes against the version before", str(e)) from e
    draft = versions.stage_bytes(store, draft, "changes.parquet", parquet_bytes(changes.frame))
    report = judge(
        GateInput(
            contract=contract,
            data=data,
            staged_schemas=_staged_schemas(store, draft),
            parent=parent,
            tables=extraction.tables,
            vintage=extraction.vintage,
            asked_vintage=request.vintage,
            parent_vintage=head.manifest.vintage if head.manifest else None,
            yanked_contents=yanked,
            content_sha256=built.content_sha256,
        )
    )
    draft = versions.stage_bytes(store, draft, "quality.parquet", parquet_bytes(report.frame()))
    draft = versions.stage_bytes(store, draft, "quality_gx.json", report.gx_json)
    return Checked(draft, built, extraction, changes.counts, report)


def seal(store: ObjectStore, contract: Contract, checked: Checked) -> Sealed:
    """Writes the manifest: passed or rejected, by the report."""
    return versions.seal(store, checked.draft, _manifest(contract, checked))


def publish(store: ObjectStore, sealed: Sealed, report: Report) -> Published:
    """Shows a passed version to readers.

    Raises:
        RejectedError: the version was rejected; nothing changes for readers.
        ConcurrentPublishError: another publisher was first.
    """
    manifest = sealed.manifest
    if manifest.status == "rejected":
        raise RejectedError(
            manifest.dataset, manifest.version, report.failures(), served(sealed.head), manifest.quality
        )
    release: Release = versions.swap(store, sealed)
    m = release.manifest
    return Published(m.dataset, m.version, m.parent, m.vintage, m.rows, m.changes, m.quality, tuple(report.failures()))


# ---------------------------------------------------------------------- details


def yanked_contents(head: Head) -> dict[str, str]:
    """Content hash of each yanked version, with its name and the reason."""
    if head.latest is None:
        return {}
    reasons = {e.version: e.reason for e in head.latest.log if e.event == "yanked"}
    return {
        e.content_sha256: f"{e.version} ({reasons[e.version]})" for e in head.latest.published if e.version in reasons
    }


def rejected_before(
    store: ObjectStore, head: Head, contract: Contract, extraction: Extraction, rejected: str | None
) -> RejectedError | None:
    """The rejection of version ``rejected``, if it was of the same input, by the same code, against the same
    parent: a schedule that meets the same bad input every hour must not leave a rejected version every hour."""
    if rejected is None:
        return None
    try:
        manifest = versions.read_manifest(store, contract.name, rejected)
        evidence = reader.quality(store, manifest)
    except (NotPublishedError, ObjectNotFoundError):
        return None
    parent = head.latest.version if head.latest else None
    same = (manifest.status, manifest.inputs_sha256, manifest.code_version, manifest.parent)
    if same != ("rejected", inputs_sha256(contract, extraction), code_version(), parent):
        return None
    failures = failures_of(evidence)
    return RejectedError(contract.name, rejected, failures, served(head), manifest.quality)


def served(head: Head) -> str | None:
    """What readers of latest get, as ``dataset@version``."""
    return f"{head.dataset}@{head.latest.version}" if head.latest else None


def inputs_sha256(contract: Contract, extraction: Extraction) -> str:
    """Identity of everything a version is made from: raw bytes, contract, code of extract and transform, vintage."""
    body = {
        "raw": sorted((d.role, d.sha256) for d in extraction.documents),
        "contract": contract.sha256,
        "code": transform_code(contract.name),
        "vintage": extraction.vintage,
    }
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


@cache
def transform_code(dataset: str) -> str:
    """Hash of the code that makes the dataset's figures out of raw bytes."""
    files = [
        *sorted((ROOT / "tasks" / "extract").glob("*.py")),
        ROOT / "tasks" / "transform" / f"{dataset}.py",
        ROOT / "tasks" / "build.py",
        ROOT / "tasks" / "store" / "content.py",
    ]
    return _hash_files(files)


@cache
def code_version() -> str:
    """The package's version and a hash of all code and configuration that takes part in a publish."""
    folders = ("configs", "expectations", "tasks", "flows")
    files = [p for d in folders for kind in ("*.py", "*.yaml") for p in sorted((ROOT / d).rglob(kind))]
    try:
        release = version("techtrade")
    except PackageNotFoundError:  # run from a checkout that was not installed
        release = "0"
    return f"{release}+code.{_hash_files(files)[:12]}"


def _hash_files(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(ROOT).as_posix()}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    out = BytesIO()
    pq.write_table(frame.to_arrow(compat_level=pl.CompatLevel.oldest()), out, compression="zstd")
    return out.getvalue()


def _staged_schemas(store: ObjectStore, draft: Draft) -> dict[str, pa.Schema]:
    filesystem = store.filesystem()
    paths = [f.path for f in draft.files if f.rows is not None]
    return {
        path: pq.read_schema(store.uri(layout.version(draft.dataset, draft.version, path)), filesystem=filesystem)
        for path in paths
    }


def _manifest(contract: Contract, checked: Checked) -> Manifest:
    draft, built, extraction = checked.draft, checked.built, checked.extraction
    return Manifest(
        dataset=contract.name,
        version=draft.version,
        parent=draft.head.manifest.version if draft.head.manifest else None,
        status="rejected" if checked.report.rejected else "passed",
        schema_version=contract.schema_version,
        contract_sha256=contract.sha256,
        inputs_sha256=inputs_sha256(contract, extraction),
        content_sha256=built.content_sha256,
        token=draft.claim.token,
        files=draft.files,
        rows=built.rows,
        schema_=tuple(
            SchemaField(name=c.name, type=c.type, unit=c.unit, description=c.description, basis=c.basis)
            for c in contract.columns
        ),
        sources=tuple(
            SourceEntry(
                source=extraction.source,
                url=d.url,
                retrieved_at=d.retrieved_at,
                sha256=d.sha256,
                bytes=len(d.body),
                raw_key=d.raw_key,
                vintage=extraction.vintage,
                licence=extraction.licence,
                citation=extraction.citation,
            )
            for d in extraction.documents
        ),
        vintage=extraction.vintage,
        code_version=code_version(),
        quality=checked.report.counts,
        changes=checked.changes,
        created_at=versions.stamp(versions.utc_now()),
    )
