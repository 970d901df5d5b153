"""Tiny candidates to publish."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from tasks.warehouse.candidate import Built


def build_candidate(number: int, folder: Path) -> Built:
    import polars as pl

    from configs.contracts import load_contract
    from tasks.build.parquet import build

    contract = load_contract("atp_world_monthly")
    months = [date(2026, m, 1) for m in range(1, 7)]
    exports = [40 * 10**9 + number * 10**6 + m for m in range(6)]
    imports = [50 * 10**9] * 6
    rows = {
        "period": months,
        "exports_usd": exports,
        "imports_usd": imports,
        "balance_usd": [e - i for e, i in zip(exports, imports, strict=True)],
        "reported_precision_usd": [1] * 6,
    }
    return build(pl.LazyFrame(rows, schema=contract.polars_schema), contract, folder)
