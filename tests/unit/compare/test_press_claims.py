"""Claims are tested against a version, rounded as they round; what is not there is no data."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from configs.claims import Claim, load_claims
from configs.errors import ConfigError
from tasks.compare.press_claims import judge_claim

BN = 1e9
ATP = Claim("c", "t", "s", "atp_world_monthly", "USA", "2020", "balance", -12 * BN, BN)
IP = Claim("c", "t", "s", "ip_trade_annual", "CHN", "2020", "balance", -41 * BN, BN)


def months(n: int, year: int = 2020, balance: float = -1 * BN) -> pl.LazyFrame:
    periods = [date(year, m, 1) for m in range(1, n + 1)]
    return pl.LazyFrame({"period": periods, "balance_usd": [int(balance)] * n})


def economy(**figures: float | None) -> pl.LazyFrame:
    rows = {"economy_code": ["CHN"], "year": [2020], "source_vintage": ["2021-09-15"]}
    return pl.LazyFrame(rows | {f"{k}_usd": [v] for k, v in figures.items()}).with_columns(
        pl.col("^.*_usd$").cast(float)
    )


def test_a_year_is_the_sum_of_its_twelve_months() -> None:
    found = judge_claim(ATP, months(12), "2025-02")
    assert (found.figure_usd, found.vintage, found.verdict) == (-12 * BN, "2025-02", "holds")


def test_a_year_that_is_not_complete_is_no_figure() -> None:
    assert judge_claim(ATP, months(11), "2025-02").verdict == "no data"


@pytest.mark.parametrize(
    ("billions", "verdict"),
    [
        (-41.0, "holds"), (-41.499, "holds"), (-40.5, "holds"), (-40.499, "within one"), (-41.5, "within one"),
        (-42.0, "within one"), (-40.0, "within one"), (-42.001, "does not hold"), (-39.999, "does not hold"),
        (41.0, "does not hold"), (None, "no data"),
    ],
)  # fmt: skip
def test_a_figure_is_rounded_as_the_claim_rounds(billions: float | None, verdict: str) -> None:
    value = None if billions is None else billions * BN
    assert judge_claim(IP, economy(balance=value), "2025-01-28").verdict == verdict


def test_nearly_is_told_as_not_to_the_digit() -> None:
    claim = replace(IP, claimed_usd=13 * BN)
    found = judge_claim(claim, economy(balance=13.694 * BN), "2025-01-28")
    assert found.words == "does not hold to the digit, holds within 1 billion"


def test_the_vintage_is_that_of_the_row_and_not_of_the_version() -> None:
    assert judge_claim(IP, economy(balance=-40.0 * BN), "2025-01-28").vintage == "2021-09-15"


def test_a_part_that_was_taken_for_the_balance_is_named() -> None:
    china = economy(balance=-31.815 * BN, receipts=10.913 * BN, payments=42.728 * BN)
    assert judge_claim(IP, china, "2025-10-07").mistaken_for == ("payments", 42.728 * BN)
    right = economy(balance=-41 * BN, receipts=1 * BN, payments=42 * BN)
    assert judge_claim(IP, right, "2025-10-07").mistaken_for is None


@pytest.mark.parametrize(("later", "holds"), [(-0.9, True), (-1.1, False)])
def test_a_superlative_is_tested_over_every_complete_year(later: float, holds: bool) -> None:
    record = replace(ATP, superlative="lowest")
    years = [months(12), months(12, 2019, -0.5 * BN), months(12, 2021, later * BN), months(2, 2022, -9 * BN)]
    found = judge_claim(record, pl.concat(years), "2022-02")
    assert (found.verdict, found.record, found.record_years) == ("holds", holds, 3)
    assert found.record_words == f"{'holds' if holds else 'does not hold'}, of 3 years"
    assert judge_claim(ATP, pl.concat(years), "2022-02").record_words == ""


def test_a_claim_about_another_economy_than_the_dataset_has_is_told() -> None:
    with pytest.raises(ConfigError, match="USA only"):
        judge_claim(replace(ATP, subject="CHN"), months(12), "2025-02")


def test_there_are_five_claims_and_each_names_a_dataset_that_exists() -> None:
    from configs.contracts import dataset_names

    claims = load_claims()
    assert len(claims) == 5
    assert {c.dataset for c in claims} <= set(dataset_names())
    assert {c.rounded_to_usd for c in claims} == {BN}, "as the article rounds, no room set by hand"
