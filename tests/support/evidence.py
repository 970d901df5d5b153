"""Made-up evidence for a quality page."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import polars as pl

from configs.contracts import load_contract
from tasks.quality.page.evidence import Evidence, Served
from tasks.quality.results import CheckResult
from tasks.warehouse.records import ChangeCounts, MadeBy, Manifest, QualityCounts, SourceEntry

ATP, HITECH, IP = (load_contract(n) for n in ("atp_world_monthly", "atp_trade_monthly", "ip_trade_annual"))


def result(*rows: dict[str, Any], failed: int | None = None, **more: Any) -> CheckResult:
    given: dict[str, Any] = {
        "check_id": "jumps", "title": "no month is out of proportion", "severity": "critical", "outcome": "failed",
        "expected": "within a factor of 2", "observed": "1 row fails", "rows_checked": 100,
        "rows_failed": len(rows) if failed is None else failed, "failing_rows": tuple(json.dumps(r) for r in rows),
        "reason": "the largest seen is 1.4", "owner": "somebody", "gx_expectation": "x",
    }  # fmt: skip
    return CheckResult(**(given | more))


def months(number: int, scale: int = 1) -> pl.LazyFrame:
    periods = [date(2015 + m // 12, m % 12 + 1, 1) for m in range(number)]
    return pl.LazyFrame({"period": periods, "exports_usd": [scale * (1000 + m) for m in range(number)], "imports_usd": [500] * number, "balance_usd": [scale * (1000 + m) - 500 for m in range(number)]})  # fmt: skip


def evidence(*results: CheckResult, **more: Any) -> Evidence:
    manifest = Manifest(
        dataset="atp_world_monthly", version="2026-11-24.0003", parent="2026-11-24.0002", status="rejected", token="t",
        rows=434, vintage="2025-02", code_version="1.2.3+code.c3156d4ca5a5", made_by=MadeBy(code="f51f3b6fd00b" + "0" * 52), created_at="2026-11-24T07:56:00.1Z",
        changes=ChangeCounts(rows={"new": 1}, cells={}), quality=QualityCounts(failed_critical=1),
        sources=(SourceEntry(source="census", url="", retrieved_at="2026-11-24T07:56:00.1Z", sha256="s", bytes=3, raw_key="k", vintage="v", licence="l", citation="c"),),
    )  # fmt: skip
    given: dict[str, Any] = {
        "contract": ATP, "manifest": manifest, "state": "rejected", "yank": None, "results": results,
        "served": Served("2026-11-24.0002", "2025-01", "2026-11-20T08:00:00Z"), "files": {"quality.parquet": "/s/q.parquet"},
    }  # fmt: skip
    return Evidence(**(given | more))
