"""A version that the gate rejected, and the reason to promote it."""

from __future__ import annotations

from typing import Any

from tasks.common.clock import utc_now
from tasks.publish.staged import parquet_bytes
from tasks.quality.results import CheckResult, GateResult
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import protocol
from tasks.warehouse.candidate import Built
from tests.support import drill
from tests.support.drill import DATASET

WHY = {"reason": "the level is real, the publisher confirmed it", "by": "A. Owner"}


def result(check_id: str, outcome: Any, severity: Any = "critical") -> CheckResult:
    rows = ('{"period": "2026-05-01"}',) if outcome == "failed" else ()
    return CheckResult(
        check_id, f"{check_id} holds", severity, outcome, "none", "1 row", 6, len(rows), rows, "", "x", ""
    )


def rejected(store: ObjectStore, built: Built, failing: str = "jumps", **more: Any) -> str:
    """A whole rejected version, as the flow leaves it; ``more`` of its manifest."""
    draft = protocol.stage_data(store, protocol.claim(store, protocol.read_head(store, DATASET)), built)
    report = GateResult((result(failing, "failed"), result("odd", "failed", "warning"), result("fine", "passed")), b"")
    for path, body in (
        ("changes.parquet", b"changes against what was there then"),
        ("quality.parquet", parquet_bytes(report.frame())),
        ("quality_gx.json", b"[]"),
    ):
        draft = protocol.stage_bytes(store, draft, path, body)
    manifest = drill.manifest_of(draft, built, "rejected", utc_now)
    told = {"quality": report.counts, "inputs_sha256": "inputs of it", "code_version": "code of it"} | more
    return protocol.seal(store, draft, manifest.model_copy(update=told)).manifest.version
