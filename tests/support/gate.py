"""Good figures for the gate, and corruptions of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pytest

from configs.contracts import load_contract
from expectations.check import GateInput
from tasks.extract import partners as partner_reference
from tasks.extract.bundled import snapshot
from tasks.extract.source import FetchRequest
from tasks.quality.results import CheckResult, GateResult
from tasks.raw.archive import RawArchive
from tasks.storage.local import LocalStore
from tasks.transform.registry import load_transform

ATP, IP = "atp_world_monthly", "ip_trade_annual"

Corruption = Callable[[pl.DataFrame], pl.DataFrame]


@pytest.fixture(scope="module", name="good")
def good_figures(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], pl.DataFrame]:
    """Bundled figures of a vintage, as the dataset's frame."""
    archive = RawArchive(LocalStore(tmp_path_factory.mktemp("raw")))
    known: dict[tuple[str, str], pl.DataFrame] = {}

    def frame(dataset: str, vintage: str) -> pl.DataFrame:
        if (dataset, vintage) not in known:
            extraction = snapshot.parse(dataset, snapshot.fetch(FetchRequest(dataset, vintage), archive), vintage)
            partners = partner_reference.table(partner_reference.document(archive))
            tables.update({dataset: {**extraction.tables, "partners": partners}})
            known[dataset, vintage] = load_transform(load_contract(dataset)).transform(extraction.tables).collect()
        return known[dataset, vintage]

    return frame


tables: dict[str, dict[str, pl.LazyFrame]] = {}


def given(dataset: str, data: pl.DataFrame, vintage: str, parent: pl.DataFrame | None = None, **more: Any) -> GateInput:
    contract = load_contract(dataset)
    return GateInput(
        **{
            "contract": contract,
            "data": data.lazy(),
            "staged_schemas": {"data/part-0000.parquet": contract.arrow_schema},
            "parent": parent.lazy() if parent is not None else None,
            "tables": tables[dataset],
            "vintage": vintage,
            "asked_vintage": None,
            "parent_vintage": None,
            "yanked_contents": {},
            "content_sha256": "x",
        }
        | more
    )


def failed(report: GateResult, severity: str | None = None) -> set[str]:
    return {r.check_id for r in report.results if r.outcome == "failed" and severity in (None, r.severity)}


def when(condition: pl.Expr, **values: pl.Expr) -> Corruption:
    return lambda df: df.with_columns(
        [pl.when(condition).then(v).otherwise(pl.col(n)).cast(df.schema[n]).alias(n) for n, v in values.items()]
    )


def scaled(factor: float, *columns: str) -> Corruption:
    return lambda df: df.with_columns([(pl.col(c) * factor).cast(df.schema[c]) for c in columns])


def without(condition: pl.Expr) -> Corruption:
    return lambda df: df.filter(~condition)


MAY = pl.col("period") == date(2021, 5, 1)


DEU = pl.col("economy_code") == "DEU"


Figures = Callable[[str, str], pl.DataFrame]


VINTAGE = {ATP: "2025-02", IP: "2021-09-15"}


def balanced(df: pl.DataFrame) -> pl.DataFrame:
    """The frame with the balance that its flows give, so that no other check than the one meant has a reason."""
    inward, outward = ("exports_usd", "imports_usd") if "period" in df.columns else ("receipts_usd", "payments_usd")
    return df.with_columns(balance_usd=pl.col(inward) - pl.col(outward))


def of(report: GateResult, check_id: str) -> CheckResult:
    return next(r for r in report.results if r.check_id == check_id)
