"""What the press says of these figures, tested against the data.

A claim names a dataset, a subject, a year and a measure. One rule for all: the data's figure, rounded as the claim
rounds, is the claimed one (``holds``), or is off by no more than the unit that the claim rounds to (``within one``), or
is another (``does not hold``). ``no data``: the version has no such figure; a year that is not complete is none.

A superlative ("the largest on record") is a claim too: tested over all years that the version has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import polars as pl

from configs.claims import Claim
from configs.errors import ConfigError

Verdict = Literal["holds", "within one", "does not hold", "no data"]
MONTHLY = "atp_world_monthly"
PARTS = {MONTHLY: ("exports", "imports"), "ip_trade_annual": ("receipts", "payments")}


@dataclass(frozen=True)
class ClaimVerdict:
    """A claim with the data's figure (US dollars) and the vintage that it comes from, None where there is none.

    ``record``: whether its superlative holds, None if it has none or there is no figure; ``record_years``: over how
    many years. ``parts_usd``: of a balance, the two figures that it is the difference of.
    """

    claim: Claim
    figure_usd: float | None
    vintage: str | None
    verdict: Verdict
    record: bool | None = None
    record_years: int = 0
    parts_usd: tuple[tuple[str, float], ...] = ()

    @property
    def words(self) -> str:
        """The verdict as told to readers."""
        unit = unit_words(self.claim)
        return f"does not hold to the digit, holds within {unit}" if self.verdict == "within one" else self.verdict

    @property
    def record_words(self) -> str:
        """Whether the superlative holds, and over what; empty where there is none to test."""
        if self.record is None:
            return ""
        return f"{'holds' if self.record else 'does not hold'}, of {self.record_years} years"

    @property
    def mistaken_for(self) -> tuple[str, float] | None:
        """The part of a balance that is nearer to the claimed figure, by size, than the balance is."""
        if self.verdict != "does not hold" or self.figure_usd is None:
            return None
        claimed, off = abs(self.claim.claimed_usd), abs(self.figure_usd - self.claim.claimed_usd)
        return next((part for part in self.parts_usd if abs(part[1] - claimed) < off), None)


def unit_words(claim: Claim) -> str:
    """Return what the claim rounds to: ``1 billion``."""
    billions = claim.rounded_to_usd / 1e9
    return f"{billions:g} billion" if billions >= 1 else f"{billions * 1e3:g} million"


def judge_claim(claim: Claim, data: pl.LazyFrame, vintage: str) -> ClaimVerdict:
    """Test one claim against a version of its dataset.

    Args:
        claim: what is stated.
        data: the version's rows, with the contract's columns.
        vintage: of the version, for datasets whose rows do not carry their own.
    """
    years = (_monthly(claim, data, vintage) if claim.dataset == MONTHLY else _annual(claim, data)).collect()
    stated = years.filter(pl.col("year") == int(claim.period)).to_dicts()
    if not stated:
        return ClaimVerdict(claim, None, None, "no data")
    value, of = float(stated[0]["value"]), str(stated[0]["vintage"])
    record = None
    if claim.superlative:
        extreme = years["value"].max() if claim.superlative == "highest" else years["value"].min()
        record = value == extreme
    parts = tuple((n, float(stated[0][n])) for n in _parts(claim, years.columns) if stated[0][n] is not None)
    return ClaimVerdict(
        claim, value, of, _verdict(claim, value), record, years.height if claim.superlative else 0, parts
    )


def _verdict(claim: Claim, value: float) -> Verdict:
    unit = claim.rounded_to_usd
    rounded = math.copysign(math.floor(abs(value) / unit + 0.5) * unit, value)
    if rounded == claim.claimed_usd:
        return "holds"
    return "within one" if abs(value - claim.claimed_usd) <= unit else "does not hold"


def _parts(claim: Claim, columns: list[str]) -> list[str]:
    return [name for name in PARTS.get(claim.dataset, ()) if claim.measure == "balance" and name in columns]


def _measures(claim: Claim, data: pl.LazyFrame) -> dict[str, pl.Expr]:
    """The claimed measure as ``value``, and the parts of a balance that the data have."""
    parts = _parts(claim, [n.removesuffix("_usd") for n in data.collect_schema().names()])
    return {"value": pl.col(f"{claim.measure}_usd")} | {n: pl.col(f"{n}_usd") for n in parts}


def _monthly(claim: Claim, data: pl.LazyFrame, vintage: str) -> pl.LazyFrame:
    """year, value, the parts, vintage: of the years that have their twelve months."""
    if claim.subject != "USA":
        raise ConfigError(f"claim {claim.claim}: {claim.dataset} is about USA only, not {claim.subject}")
    sums = [e.sum().alias(n) for n, e in _measures(claim, data).items()]
    by_year = data.group_by(year=pl.col("period").dt.year()).agg(pl.len().alias("months"), *sums)
    return by_year.filter(pl.col("months") == 12).with_columns(vintage=pl.lit(vintage))


def _annual(claim: Claim, data: pl.LazyFrame) -> pl.LazyFrame:
    """year, value, the parts, vintage: of the subject's years that have the measure."""
    of_subject = data.filter(pl.col("economy_code") == claim.subject)
    columns = [e.alias(n) for n, e in _measures(claim, data).items()]
    return of_subject.select("year", *columns, vintage="source_vintage").drop_nulls("value")
