"""Sums of ``atp_trade_monthly`` that several of its checks need, made once."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from expectations.check import once
from expectations.rules.cross_source import group_totals

WORLD = "-"
BY = ("flow", "technology_group", "period")


@dataclass(frozen=True)
class Sums:
    """What several checks need, made once: flow, period and value_usd, of the world's ``totals``; besides,
    technology_group in ``groups`` (the world's) and partner_code in ``partners`` (over all technology groups)."""

    totals: pl.LazyFrame
    groups: pl.LazyFrame
    partners: pl.LazyFrame

    @classmethod
    def of(cls, data: pl.LazyFrame, *more: pl.Expr) -> Sums:
        groups = once(data.filter(pl.col("partner_code") == WORLD).select(*BY, "value_usd"))
        partners = once(data.group_by("flow", "partner_code", "period").agg(pl.col("value_usd").sum(), *more))
        return cls(group_totals(groups.with_columns(partner_code=pl.lit(WORLD))), groups, partners)
