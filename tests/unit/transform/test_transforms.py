"""The transforms: pure, typed, and to the dollar."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.contracts import load_contract
from tasks.build.parquet import conform
from tasks.transform import atp_world_monthly, ip_trade_annual


def monthly(*rows: tuple[date, float, float]) -> dict[str, pl.LazyFrame]:
    schema = {"period": pl.Date, "exports_musd": pl.Float64, "imports_musd": pl.Float64}
    return {"monthly": pl.LazyFrame(list(rows), schema=schema, orient="row")}


def observations(*rows: tuple[str, str, int, float]) -> dict[str, pl.LazyFrame]:
    return {
        "observations": pl.LazyFrame(
            [(*r, "2021-09-15") for r in rows],
            schema={
                "economy_code": pl.String,
                "indicator": pl.String,
                "year": pl.Int32,
                "value_usd": pl.Float64,
                "source_vintage": pl.String,
            },
            orient="row",
        ),
        "economies": pl.LazyFrame(
            {
                "economy_code": ["USA", "WLD"],
                "economy_name": ["United States", "World"],
                "is_aggregate": [False, True],
            }
        ),
    }


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_millions_with_six_decimals_are_whole_dollars_exactly(exports: int, imports: int) -> None:
    got = atp_world_monthly.transform(monthly((date(2020, 1, 1), exports / 1e6, imports / 1e6))).collect()
    assert got.row(0) == (date(2020, 1, 1), exports, imports, exports - imports, 1)


@pytest.mark.parametrize(
    ("year", "precision"),
    [(1989, 100_000), (1995, 100_000), (1996, 1_000_000), (2008, 1_000_000), (2009, 1), (2025, 1)],
)
def test_the_three_tiers_of_rounding(year: int, precision: int) -> None:
    got = atp_world_monthly.transform(monthly((date(year, 12, 1), 5.0, 4.0))).collect()
    assert got["reported_precision_usd"].item() == precision


@pytest.mark.parametrize(
    ("exports", "imports", "precision"),
    [
        (38_366.0, 70_271.0, 1_000_000),
        (38_366.4, 70_270.8, 100_000),
        (38_366.390303, 70_271.0, 1),
        (38_366.39, 70_270.8, 1),
    ],
)
def test_a_month_that_is_rounded_says_so(exports: float, imports: float, precision: int) -> None:
    got = atp_world_monthly.transform(monthly((date(2025, 2, 1), exports, imports))).collect()
    assert got["reported_precision_usd"].item() == precision


def test_the_result_is_what_the_contract_declares() -> None:
    conform(atp_world_monthly.transform(monthly((date(2020, 1, 1), 1.0, 2.0))), load_contract("atp_world_monthly"))
    conform(ip_trade_annual.transform(observations(("USA", "receipts", 2020, 1.0))), load_contract("ip_trade_annual"))


def test_receipts_and_payments_stand_side_by_side() -> None:
    got = ip_trade_annual.transform(
        observations(("USA", "payments", 2020, 40.0), ("USA", "receipts", 2020, 100.5), ("WLD", "receipts", 2020, 7.0))
    ).collect()
    assert got.select("economy_code", "is_aggregate", "receipts_usd", "payments_usd", "balance_usd").rows() == [
        ("USA", False, 100.5, 40.0, 60.5),
        ("WLD", True, 7.0, None, None),
    ]


def test_a_missing_flow_is_not_zero_and_a_zero_is_not_missing() -> None:
    got = ip_trade_annual.transform(
        observations(("USA", "receipts", 2019, 0.0), ("USA", "payments", 2020, -3.0))
    ).collect()
    assert got.select("receipts_usd", "payments_usd", "balance_usd").rows() == [(0.0, None, None), (None, -3.0, None)]


def test_transforms_are_lazy() -> None:
    assert isinstance(atp_world_monthly.transform(monthly()), pl.LazyFrame)
    assert isinstance(ip_trade_annual.transform(observations()), pl.LazyFrame)


def test_transforms_import_neither_prefect_nor_a_file_system() -> None:
    import subprocess
    import sys

    code = (
        "import sys, tasks.transform.atp_world_monthly, tasks.transform.ip_trade_annual, tasks.transform.registry;"
        "print([m for m in ('prefect', 'fsspec', 's3fs', 'great_expectations') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
