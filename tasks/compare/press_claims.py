"""What the press says of these figures, held against the data.

A claim names a dataset, a subject, a year and a measure. The verdict is computed from one published version:
``holds`` within the claim's own tolerance, ``does not hold`` outside it, ``no data`` where the version has no
such figure (a year that is not complete is none).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from configs.claims import Claim
from configs.errors import ConfigError

Verdict = Literal["holds", "does not hold", "no data"]


@dataclass(frozen=True)
class ClaimVerdict:
    """A claim with the data's figure (US dollars) and the vintage that it comes from, None where there is none."""

    claim: Claim
    figure_usd: float | None
    vintage: str | None
    verdict: Verdict


def judge_claim(claim: Claim, data: pl.LazyFrame, vintage: str) -> ClaimVerdict:
    """Holds one claim against a version of its dataset.

    Args:
        claim: what is stated.
        data: the version's rows, with the contract's columns.
        vintage: of the version, for datasets whose rows do not carry their own.
    """
    figure = _monthly(claim, data, vintage) if claim.dataset == "atp_world_monthly" else _annual(claim, data)
    if figure is None:
        return ClaimVerdict(claim, None, None, "no data")
    value, of = figure
    holds = abs(value - claim.claimed_usd) <= abs(claim.claimed_usd) * claim.tolerance_pct / 100
    return ClaimVerdict(claim, value, of, "holds" if holds else "does not hold")


def _monthly(claim: Claim, data: pl.LazyFrame, vintage: str) -> tuple[float, str] | None:
    if claim.subject != "USA":
        raise ConfigError(f"claim {claim.claim}: {claim.dataset} is about USA only, not {claim.subject}")
    year = data.filter(pl.col("period").dt.year() == int(claim.period))
    row = year.select(pl.len().alias("months"), pl.col(f"{claim.measure}_usd").sum().alias("value")).collect()
    return (float(row["value"].item()), vintage) if row["months"].item() == 12 else None


def _annual(claim: Claim, data: pl.LazyFrame) -> tuple[float, str] | None:
    cell = (
        data.filter((pl.col("economy_code") == claim.subject) & (pl.col("year") == int(claim.period)))
        .select(pl.col(f"{claim.measure}_usd").alias("value"), "source_vintage")
        .drop_nulls()
        .collect()
    )
    return (float(cell["value"].item()), str(cell["source_vintage"].item())) if cell.height else None
