"""Versions of a store without a publisher and without the gate: rows in, a sealed version out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import polars as pl

from configs.contracts import load_contract
from tasks.build import parquet
from tasks.compare.diff import diff
from tasks.quality.results import SCHEMA
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import protocol, reader
from tasks.warehouse.records import Manifest

WORLD, TRADE = "atp_world_monthly", "atp_trade_monthly"
Months = Mapping[int, int]
Fate = Literal["published", "rejected", "unpublished"]


def world(months: Months) -> pl.DataFrame:
    """Rows of ``atp_world_monthly``: the exports of months since 2020-01."""
    rows = [
        {
            "period": date(2020 + m // 12, m % 12 + 1, 1),
            "exports_usd": v,
            "imports_usd": 2 * v,
            "balance_usd": -v,
            "reported_precision_usd": 1,
        }
        for m, v in sorted(months.items())
    ]
    return pl.DataFrame(rows, schema=load_contract(WORLD).polars_schema)


def trade(months: Months) -> pl.DataFrame:
    """Rows of ``atp_trade_monthly``, which has a partition a year: the exports of two groups to the world."""
    rows = [
        {
            "flow": "exports",
            "technology_group": group,
            "technology_group_name": "x",
            "partner_code": "-",
            "partner_name": "World",
            "partner_iso3": None,
            "is_aggregate": True,
            "period": date(2020 + m // 12, m % 12 + 1, 1),
            "value_usd": v,
            "value_ytd_usd": v,
        }
        for group in ("01", "02")
        for m, v in sorted(months.items())
    ]
    return pl.DataFrame(rows, schema=load_contract(TRADE).polars_schema)


def seal(
    store: ObjectStore,
    dataset: str,
    rows: pl.DataFrame,
    vintage: str,
    fate: Fate = "published",
    files: Mapping[str, pl.DataFrame] | None = None,
    **more: Any,
) -> str:
    """The name of the version that was made of these rows; with other ``files``, and ``more`` in its manifest."""
    contract, head = load_contract(dataset), protocol.read_head(store, dataset)
    with TemporaryDirectory() as folder:
        built = parquet.build(rows.lazy(), contract, Path(folder))
        draft = protocol.stage_data(store, protocol.claim(store, head), built)
    before = reader.scan(store, head.manifest, contract) if head.manifest else None
    found = diff(rows.lazy(), before, contract)
    given = {"changes.parquet": found.frame, "quality.parquet": pl.DataFrame(schema=SCHEMA), **(files or {})}
    for path, frame in given.items():
        body = BytesIO()
        frame.write_parquet(body)
        draft = protocol.stage_bytes(store, draft, path, body.getvalue())
    manifest = Manifest(
        dataset=dataset,
        version=draft.version,
        parent=head.manifest.version if head.manifest else None,
        status="rejected" if fate == "rejected" else "passed",
        token=draft.claim.token,
        files=draft.files,
        rows=built.rows,
        content_sha256=built.content_sha256,
        contract_sha256=contract.sha256,
        inputs_sha256=draft.version,
        vintage=vintage,
        changes=found.counts,
        created_at=draft.claim.claimed_at,
    )
    sealed = protocol.seal(store, draft, manifest.model_copy(update=more))
    if fate == "published":
        protocol.swap(store, sealed)
    return draft.version
