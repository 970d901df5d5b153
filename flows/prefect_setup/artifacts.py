"""What Prefect's UI shows of a run: an artifact of the version it made, published or rejected.

Read back from the store, so it says what is there. Whatever goes wrong here is a line in the log: an artifact that
cannot be left is no reason for a run to fail.
"""

from __future__ import annotations

import logging
from io import BytesIO

import polars as pl
from prefect.artifacts import create_markdown_artifact

from flows.cli.wording import version_markdown
from flows.prefect_setup.secrets import told
from tasks.quality.results import read_results, results_of
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


def leave(store: ObjectStore, dataset: str, version: str) -> None:
    """Leaves the artifact of a version with this run. Nothing is raised."""
    try:
        text = markdown(store, dataset, version)
        create_markdown_artifact(text, key=dataset.replace("_", "-"), description=f"{dataset}@{version}")
    except Exception as e:  # noqa: BLE001 - whatever Prefect's server, its client or the store has: the version is what it is
        log.warning("%s@%s: its artifact in Prefect was not written: %s", dataset, version, told(e))


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
