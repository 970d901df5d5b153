"""What comes and goes at the publisher without notice: a partner or a group that is not in the table of partners yet,
a group that is not given any more.

None of this makes a figure wrong: the rows carry the publisher's own code and name. What is small is published with a
warning, what is large holds until somebody has looked.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from expectations.check import Check, GateInput, Observations, bound, none_of

KEY = ("flow", "partner_code", "period")


def new_partners(gate: GateInput, all_groups: pl.LazyFrame, published: pl.LazyFrame | None) -> Check:
    """No partner or group that is not in the table of partners has ``floor_usd`` or more in a month.

    Args:
        all_groups: flow, partner_code, period, value_usd: all technology groups together.
    """
    floor = bound(gate, "new_partners", "floor_usd")
    known = gate.table("partners", "new_partners").select(pl.col("schedule_c_code").alias("partner_code")).drop_nulls()
    unknown = all_groups.join(known, on="partner_code", how="anti").select(*KEY, "value_usd")
    off = unknown.filter(pl.col("value_usd") >= floor).with_columns(usual=pl.lit(0.0))
    title = "no large partner is missing from the table of partners"
    return none_of(
        gate, "new_partners", title, f"none of {floor:,.0f} dollars a month", off.sort(KEY), "hold", over=all_groups,
        observed=Observations(KEY, all_groups.select(*KEY, "value_usd"), published),
    )  # fmt: skip


def groups_ended(gate: GateInput, all_groups: pl.LazyFrame, newest: date, published: pl.LazyFrame | None) -> Check:
    """No group of partners whose last month was above ``floor_usd`` was given in the year before the newest month, and
    is not in it. The figure that is missing is that of the month after its last: it stays confirmed in later months."""
    floor = bound(gate, "groups_ended", "floor_usd")
    a_year_before = date(newest.year - 1, newest.month, 1)
    groups = all_groups.filter(pl.col("is_aggregate") & pl.col("period").is_between(a_year_before, newest))
    last = groups.group_by("flow", "partner_code").agg(
        pl.col("period").max().alias("last"), pl.col("value_usd").sort_by("period").last().alias("usual")
    )
    ended = last.filter(pl.col("last") < newest).select(
        "flow",
        "partner_code",
        pl.col("last").dt.offset_by("1mo").alias("period"),
        pl.lit(0, dtype=pl.Int64).alias("value_usd"),
        pl.col("usual").cast(pl.Float64),
    )
    now = pl.concat([groups.select(*KEY, "value_usd"), ended.select(*KEY, "value_usd")])
    off = ended.filter(pl.col("usual") >= floor).sort(KEY)
    return none_of(
        gate, "groups_ended", "no large group of partners has ended", f"none above {floor:,.0f} dollars a month", off,
        "hold", over=groups, observed=Observations(KEY, now, published),
    )  # fmt: skip
