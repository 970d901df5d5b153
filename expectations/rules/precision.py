"""Whether new figures are as precise as those before."""

from __future__ import annotations

import polars as pl

from expectations.check import Check, GateInput, Observations, bound, none_of


def coarser_months(gate: GateInput, flows: pl.LazyFrame, published: pl.LazyFrame | None) -> Check:
    """No month since ``first_year`` has both flows rounded to ``unit_usd``: single dollars are given from then on, and
    by chance one month in a million is a multiple of it in both.

    Args:
        flows: flow, period, value_usd.
    """
    unit, first = int(bound(gate, "coarser_months", "unit_usd")), int(bound(gate, "coarser_months", "first_year"))
    since = flows.filter(pl.col("period").dt.year() >= first)
    is_round = (pl.col("value_usd") % unit == 0).all().over("period")
    off = since.filter(is_round).with_columns(usual=pl.col("value_usd").cast(pl.Float64))
    title = "no month is rounded more coarsely than those before"
    return none_of(
        gate, "coarser_months", title, f"not both flows multiples of {unit:,}", off.sort("flow", "period"), "warning",
        over=since, observed=Observations(("flow", "period"), flows, published),
    )  # fmt: skip
