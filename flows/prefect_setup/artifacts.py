"""What Prefect's UI shows of a run: an artifact of the version it made, published, rejected or held.

Read back from the store, so it says what is there. Whatever goes wrong here is a line in the log: an artifact that
cannot be left is no reason for a run to fail.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from io import BytesIO

import polars as pl
from prefect.artifacts import create_markdown_artifact

from configs.hints import command
from configs.words import plural
from flows.prefect_setup.secrets import describe_safely
from tasks.publish.wording import changes_words, quality_words
from tasks.quality.results import CheckResult, failed_first, read_results, results_of
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, reader
from tasks.warehouse.protocol import read_latest, read_manifest
from tasks.warehouse.records import LogEntry, Manifest

log = logging.getLogger("techtrade")
# Each costs a request, and a publish must not cost more the longer the history is.
VERSIONS = 8
# More is looked at with `techtrade diff`; a page of 40 lines is read, one of a million is not.
CHANGES = 40
CHANGES_BYTES = 20_000_000
VERSION_COLUMNS = ("version", "state", "vintage", "published (UTC)", "rows", "changes", "quality")


def leave(store: ObjectStore, dataset: str, version: str) -> None:
    """Leaves the artifact of a version with this run. Nothing is raised."""
    try:
        create_markdown_artifact(
            markdown(store, dataset, version), key=dataset.replace("_", "-"), description=f"{dataset}@{version}"
        )
    except Exception as e:  # noqa: BLE001 - whatever Prefect's server, its client or the store has: the version is what it is
        log.warning("%s@%s: its artifact in Prefect was not written: %s", dataset, version, describe_safely(e))


def markdown(store: ObjectStore, dataset: str, version: str) -> str:
    """The artifact's text.

    Raises:
        StoreError: the version or the log could not be read.
    """
    manifest = read_manifest(store, dataset, version)
    latest, _ = read_latest(store, dataset)
    served = latest.version if latest else None
    log_entries = latest.published[-VERSIONS:] if latest else []
    yanked = latest.yanked if latest else set()
    before = [(_manifest(store, dataset, e), e, e.version in yanked) for e in log_entries]
    findings = [r for r in results_of(read_results(store, manifest)) if r.outcome == "failed"]
    return version_markdown(manifest, served, before, findings, _changes(store, manifest))


def _manifest(store: ObjectStore, dataset: str, entry: LogEntry) -> Manifest | None:
    try:
        return read_manifest(store, dataset, entry.version, entry.manifest_sha256)
    except reader.DAMAGED:
        return None  # verify tells of it; what the log says of it is shown


def _changes(store: ObjectStore, manifest: Manifest) -> pl.DataFrame | None:
    """The first changes, revisions before what is new; None if there are too many to look at here."""
    (file,) = (f for f in manifest.files if f.path == "changes.parquet")
    if file.bytes > CHANGES_BYTES:
        return None
    body = store.get(layout.version(manifest.dataset, manifest.version, file.path)).body
    order = pl.col("kind").replace_strict({"revised": 0, "removed": 1, "new": 2}, default=3, return_dtype=pl.Int8)
    changes = pl.read_parquet(BytesIO(body)).select("key", "column", "kind", "old", "new")
    return changes.sort(order, maintain_order=True).head(CHANGES)


def version_markdown(
    manifest: Manifest,
    served: str | None,
    log: Sequence[tuple[Manifest | None, LogEntry, bool]],
    findings: Sequence[CheckResult],
    changes: pl.DataFrame | None,
) -> str:
    """The Prefect artifact of a version: what it is, the versions up to now, what the gate found, what changed.

    Args:
        manifest: of the version.
        served: the version that readers of latest get.
        log: the last publications, oldest first, each with whether it was yanked since.
        findings: the checks that failed.
        changes: the first of them: key, column, kind, old, new. None: too many to be looked at.
    """
    m, name = manifest, f"{manifest.dataset}@{manifest.version}"
    stopped = "held until confirmed" if m.held else "rejected by the quality gate"
    state = stopped if m.status == "rejected" else "published"
    readers = f"Readers get {m.dataset}@{served}" if served else "Readers get nothing: no version was published yet"
    diagnosis = f"**{m.diagnosis[0].upper()}{m.diagnosis[1:]}.**\n\n" if m.diagnosis else ""
    about = f"Vintage **{m.vintage}**, {plural(m.rows, 'row')}; parent: {m.parent or 'none'}"
    todo = f" To publish it or wait: `{command('held', m.dataset)}`." if state == "held until confirmed" else ""
    head = f"# {name}, {state}\n\n{diagnosis}{about}. {readers}.{todo}\n\n"
    asked = (
        f"{plural(m.cost.requests, 'request')}, {plural(m.cost.bytes, 'byte')} asked of the publisher; "
        f"made by {m.code_version}.\n\n"
    )
    kinds = sorted(set(m.changes.rows) | set(m.changes.cells))
    counts = [(k, f"{m.changes.rows.get(k, 0):,}", f"{m.changes.cells.get(k, 0):,}") for k in kinds]
    parts = [
        head + asked,
        "## Versions\n\n" + _table(VERSION_COLUMNS, [_version_row(*entry, served) for entry in reversed(log)]),
        f"## Quality\n\n{quality_words(m.quality)}\n\n" + _findings(findings, name),
        "## Changes\n\n" + _table(("kind", "rows", "cells"), counts) + _first_changes(changes, m),
    ]
    return "".join(parts)


def _version_row(m: Manifest | None, entry: LogEntry, yanked: bool, served: str | None) -> tuple[str, ...]:
    state = "yanked" if yanked else "latest" if entry.version == served else entry.event
    told = (
        (f"{m.rows:,}", changes_words(m.changes), quality_words(m.quality))
        if m
        else ("", "", "its manifest is damaged")
    )
    return entry.version, state, entry.vintage, entry.at[:16].replace("T", " "), *told


def _findings(findings: Sequence[CheckResult], name: str) -> str:
    if not findings:
        return "Every check that applies holds.\n\n"
    rows = [
        (f.severity, f.title, f.expected, f.observed, f"{f.rows_failed or 0:,}", f.exemption or f.runbook)
        for f in failed_first(findings)
    ]
    columns = ("severity", "does not hold", "expected", "observed", "rows", "what to do")
    return _table(columns, rows) + f"More: `{command('quality', name)}`\n\n"


def _first_changes(changes: pl.DataFrame | None, m: Manifest) -> str:
    more = f"All: `{command('diff', m.dataset, m.parent, m.version)}`\n" if m.parent else ""
    if changes is None:
        return f"Too many to be shown here. {more}"
    if not len(changes):
        return "" if m.parent else "The first version: all of it is new.\n"
    return f"The first {len(changes)}:\n\n" + _table(changes.columns, changes.rows()) + more


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown; a bar or a line break in a cell does not break it."""
    lines = [columns, ["---"] * len(columns), *rows]
    cells = [["" if c is None else " ".join(str(c).split()).replace("|", "\\|") for c in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n\n"
