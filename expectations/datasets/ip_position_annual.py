"""Checks of ``ip_position_annual``: the figures are those it was made from, and ranks and shares follow from them."""

from __future__ import annotations

import polars as pl

from expectations.check import Check, GateInput, bound, none_of

KEY = ("economy_code", "year")
FLOWS = ("receipts", "payments")


def checks(gate: GateInput) -> list[Check]:
    """See docs/quality.md for the list in words."""
    return [_as_its_input(gate), _ranks(gate), _ranks_of_few(gate), _shares(gate)]


def _as_its_input(gate: GateInput) -> Check:
    same = ["receipts_usd", "payments_usd", "balance_usd", "source_vintage"]
    given = gate.table("ip_trade_annual", "as_its_input").select(*KEY, *same)
    both = gate.data.select(*KEY, *same, here=True).join(
        given.with_columns(there=True), on=KEY, how="full", coalesce=True, suffix="__given"
    )
    alike = pl.all_horizontal(pl.col(c).eq_missing(pl.col(f"{c}__given")) for c in same)
    off = both.filter(~alike | pl.col("here").is_null() | pl.col("there").is_null())
    return none_of(gate, "as_its_input", "each row is that of ip_trade_annual", "the same figures", off, over=given)


def _ranks(gate: GateInput) -> Check:
    """By counting: how many economies of the year have more."""
    economies = gate.data.filter(~pl.col("is_aggregate"))
    parts = []
    for flow in FLOWS:
        value, rank = f"{flow}_usd", f"{flow}_rank"
        ordered = economies.drop_nulls(rank).sort("year", value, descending=[False, True])
        before = (pl.col(value).shift(1) > pl.col(value)).fill_null(False)
        place = pl.int_range(1, pl.len() + 1)
        first_of = pl.when(before | (place == 1)).then(place).forward_fill()
        parts.append(
            ordered.with_columns(expected=first_of.over("year"), flow=pl.lit(flow))
            .filter(pl.col(rank) != pl.col("expected"))
            .select(*KEY, "flow", pl.col(rank).alias("rank"), pl.col("expected").cast(pl.Int64))
        )
    without = economies.filter(
        pl.col("rank_note").is_null()
        & pl.any_horizontal(pl.col(f"{f}_usd").is_not_null() & pl.col(f"{f}_rank").is_null() for f in FLOWS)
    ).select(
        *KEY,
        pl.lit("").alias("flow"),
        pl.lit(None, dtype=pl.Int32).alias("rank"),
        pl.lit(None, dtype=pl.Int64).alias("expected"),
    )
    off = pl.concat([*parts, without])
    return none_of(
        gate, "ranks", "each rank is one more than the economies with more", "that place", off, over=economies
    )


def _ranks_of_few(gate: GateInput) -> Check:
    """First of one economy is no rank."""
    least = int(bound(gate, "ranks_of_few", "economies"))
    economies = gate.data.filter(~pl.col("is_aggregate"))
    ranked = pl.any_horizontal(pl.col(f"{f}_rank").is_not_null() for f in FLOWS)
    years = economies.group_by("year").agg(
        economies=pl.len(), vintages=pl.col("source_vintage").n_unique(), ranks=ranked.sum()
    )
    off = years.filter((pl.col("ranks") > 0) & ((pl.col("economies") < least) | (pl.col("vintages") > 1))).sort("year")
    title = "a year with ranks has enough economies, of one vintage"
    return none_of(gate, "ranks_of_few", title, f"at least {least} economies", off, over=economies)


def _shares(gate: GateInput) -> Check:
    shares = [f"{f}_share" for f in FLOWS]
    sums = gate.data.filter(~pl.col("is_aggregate")).group_by("year", "source_vintage").agg(pl.col(shares).sum())
    off = sums.filter(pl.any_horizontal(pl.col(s) > 1.02 for s in shares))
    return none_of(
        gate, "shares", "shares of one vintage add up to the world at the most", "1.02 or less", off, over=sums
    )
