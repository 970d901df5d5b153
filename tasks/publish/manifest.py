"""What a version was made from, and what its manifest says of that: inputs, terms, code, cost."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from configs import CONFIGS
from configs.contract import Contract
from configs.contracts import load_contract
from configs.settings import SourceSettings, has_settings, source_settings
from tasks.build.fingerprint import libraries
from tasks.build.recipes import recipe_for
from tasks.common.clock import stamp, utc_now
from tasks.extract import partners
from tasks.extract.source import Extraction
from tasks.publish.checked import Checked
from tasks.quality.cells import sources_of
from tasks.quality.results import GateResult
from tasks.raw.documents import RawDocument
from tasks.warehouse.records import Confirmed, Cost, MadeBy, Manifest, SchemaField, SourceEntry

ROOT = CONFIGS.parent


def inputs_sha256(contract: Contract, documents: tuple[RawDocument, ...]) -> str:
    """Identity of everything a version is made from: raw bytes, contract, code of extract and transform. The vintage
    follows from these."""
    body = {
        "raw": sorted((d.role, d.sha256) for d in documents),
        "contract": contract.sha256,
        "code": recipe_for(contract).fingerprint(),
    }
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


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


def made_by_today(contract: Contract) -> MadeBy:
    """What a version would be made by now."""
    return MadeBy(code=recipe_for(contract).fingerprint(), libraries=libraries())


def _hash_files(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(ROOT).as_posix()}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _source_entry(document: RawDocument, extraction: Extraction) -> SourceEntry:
    """Where a document came from, under that publisher's own terms."""
    source = document.source or extraction.source
    terms: Extraction | Contract | SourceSettings = extraction
    if source == partners.SOURCE:
        terms = load_contract(partners.DATASET)
    elif source != extraction.source and has_settings(source):
        terms = source_settings(source)
    return SourceEntry(
        source=source,
        role=document.role,
        url=document.url,
        retrieved_at=document.retrieved_at,
        sha256=document.sha256,
        bytes=document.size,
        raw_key=document.raw_key,
        vintage=extraction.vintage,
        licence=terms.licence,
        citation=terms.citation,
        modified=document.modified,
    )


def manifest_of(contract: Contract, checked: Checked) -> Manifest:
    draft, built, extraction = checked.draft, checked.built, checked.extraction
    parent = draft.head.manifest
    return Manifest(
        dataset=contract.name,
        version=draft.version,
        parent=parent.version if parent else None,
        status="rejected" if checked.report.rejected or checked.report.held else "passed",
        schema_version=contract.schema_version,
        contract_sha256=contract.sha256,
        inputs_sha256=inputs_sha256(contract, extraction.documents),
        content_sha256=built.content_sha256,
        token=draft.claim.token,
        files=draft.files,
        rows=built.rows,
        schema_=tuple(
            SchemaField(
                name=c.name,
                type=c.type,
                unit=c.unit,
                description=c.description,
                basis=c.basis,
                role=c.role,
                nullable=c.nullable,
            )
            for c in contract.columns
        ),
        sources=tuple(_source_entry(d, extraction) for d in extraction.documents),
        vintage=extraction.vintage,
        code_version=code_version(),
        made_by=made_by_today(contract),
        quality=checked.report.counts,
        changes=checked.changes,
        cost=Cost(**vars(extraction.meter)),
        breaking_note=contract.breaking_note,
        breaks_seen=tuple(sorted({*checked.report.breaks, *(parent.breaks_seen if parent else ())})),
        diagnosis=checked.report.diagnosis,
        held=checked.report.held,
        confirmed=_confirmed(checked.report),
        created_at=stamp(utc_now()),
    )


def _confirmed(report: GateResult) -> Confirmed | None:
    """Return what second sources confirmed of a candidate that passed."""
    by = sources_of(report.cells)
    if report.rejected or report.held or not by:
        return None
    return Confirmed(by=by, cells=len(report.cells))
