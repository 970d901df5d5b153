"""Claims are held against a version, within their own tolerance; what is not there is no data."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from configs.claims import Claim, load_claims
from configs.errors import ConfigError
from tasks.compare.press_claims import judge_claim

ATP = Claim("c", "s", "atp_world_monthly", "USA", "2020", "balance", -1200.0, 1.0)
IP = Claim("c", "s", "ip_trade_annual", "CHN", "2020", "balance", -40.0, 2.0)


def months(n: int) -> pl.LazyFrame:
    return pl.LazyFrame({"period": [date(2020, m, 1) for m in range(1, n + 1)], "balance_usd": [-100] * n})


def economy(balance: float | None) -> pl.LazyFrame:
    return pl.LazyFrame(
        {"economy_code": ["CHN"], "year": [2020], "balance_usd": [balance], "source_vintage": ["2021-09-15"]},
        schema_overrides={"balance_usd": pl.Float64},
    )


def test_a_year_is_the_sum_of_its_twelve_months() -> None:
    found = judge_claim(ATP, months(12), "2025-02")
    assert (found.figure_usd, found.vintage, found.verdict) == (-1200.0, "2025-02", "holds")


def test_a_year_that_is_not_complete_is_no_figure() -> None:
    assert judge_claim(ATP, months(11), "2025-02").verdict == "no data"


@pytest.mark.parametrize(
    ("balance", "verdict"),
    [(-40.0, "holds"), (-40.8, "holds"), (-40.81, "does not hold"), (40.0, "does not hold"), (None, "no data")],
)
def test_the_claims_own_tolerance_decides(balance: float | None, verdict: str) -> None:
    assert judge_claim(IP, economy(balance), "2025-01-28").verdict == verdict


def test_the_vintage_is_that_of_the_row_and_not_of_the_version() -> None:
    assert judge_claim(IP, economy(-40.0), "2025-01-28").vintage == "2021-09-15"


def test_a_claim_about_another_economy_than_the_dataset_has_is_told() -> None:
    with pytest.raises(ConfigError, match="USA only"):
        judge_claim(replace(ATP, subject="CHN"), months(12), "2025-02")


def test_there_are_five_claims_and_each_names_a_dataset_that_exists() -> None:
    from configs.contracts import dataset_names

    claims = load_claims()
    assert len(claims) == 5
    assert {c.dataset for c in claims} <= set(dataset_names())
