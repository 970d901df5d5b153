"""Checks of ``us_technology_position_annual``: its totals are those of its inputs, and shares follow from them."""

from __future__ import annotations

import polars as pl

from expectations.check import Check, GateInput, none_of

WORLD = "world"
SHARES = ("atp_exports_share", "atp_imports_share")


def checks(gate: GateInput) -> list[Check]:
    """See docs/quality.md for the list in words."""
    return [_as_its_inputs(gate), _shares(gate), _never_added(gate), _world_each_year(gate)]


def _as_its_inputs(gate: GateInput) -> Check:
    """The world's goods of each year, added up anew."""
    monthly = gate.table("atp_trade_monthly", "as_its_inputs").filter(pl.col("partner_code") == "-")
    given = (
        monthly.group_by(pl.col("period").dt.year().alias("year"))
        .agg(
            *[
                pl.col("value_usd").filter(pl.col("flow") == f).sum().alias(f"given_{f}")
                for f in ("exports", "imports")
            ],
            months=pl.col("period").n_unique(),
        )
        .filter(pl.col("months") == 12)
    )
    world = gate.data.filter(pl.col("partner_id") == WORLD).select("year", "atp_exports_usd", "atp_imports_usd")
    both = given.join(world, on="year", how="left")
    off = both.filter(
        pl.any_horizontal(pl.col(f"given_{f}").ne_missing(pl.col(f"atp_{f}_usd")) for f in ("exports", "imports"))
    )
    return none_of(
        gate, "as_its_inputs", "the world's trade is that of atp_trade_monthly", "the same sum", off, over=given
    )


def _shares(gate: GateInput) -> Check:
    partners = gate.data.filter(pl.col("partner_id") != WORLD)
    sums = partners.group_by("year").agg(pl.col(SHARES).sum(), some=pl.col("atp_imports_usd").is_not_null().any())
    off = sums.filter(pl.col("some") & pl.any_horizontal((pl.col(s) - 1).abs() > 0.01 for s in SHARES))
    return none_of(
        gate, "shares", "the partners' shares of goods add up to the world", "0.99 to 1.01", off, "warning", over=sums
    )


def _never_added(gate: GateInput) -> Check:
    """Each balance is of one kind of trade."""
    wrong = (pl.col("atp_balance_usd") != pl.col("atp_exports_usd") - pl.col("atp_imports_usd")) | (
        pl.col("ip_balance_usd") != pl.col("ip_receipts_usd") - pl.col("ip_payments_usd")
    )
    title = "each balance is that of its own two flows"
    return none_of(gate, "balances", title, "what comes in less what goes out", gate.data.filter(wrong), over=gate.data)


def _world_each_year(gate: GateInput) -> Check:
    years = gate.data.select("year").unique()
    world = gate.data.filter(pl.col("partner_id") == WORLD).select("year")
    title = "each year has its row of the world"
    return none_of(gate, "world_each_year", title, "one row", years.join(world, on="year", how="anti"), over=years)
