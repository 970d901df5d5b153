"""Whether the rows of groups of partners are what their members add up to.

Nothing else looks at them: they are left out of every sum, so that one could be halved in all months unseen.
"""

from __future__ import annotations

import polars as pl

from configs.partner_groups import EXACT, LOOSE
from expectations.check import Check, GateInput, bound, none_of, once

BY = ("flow", "technology_group", "period")


def codes(gate: GateInput, check_id: str) -> pl.LazyFrame:
    """iso3, partner_code."""
    table = gate.table("partners", check_id).select("iso3", pl.col("schedule_c_code").alias("partner_code"))
    return table.drop_nulls()


def groups_to_members(gate: GateInput) -> Check:
    """The European Union (with the United Kingdom to 2017) and the North American partners, to the dollar, in each
    month in which the publisher gives the group."""
    rows = [
        (group, iso3, dict(known.until).get(iso3))
        for group, known in EXACT.items()
        for iso3 in (*known.members, *(left for left, _ in known.until))
    ]
    schema = {"group_code": pl.String, "iso3": pl.String, "until": pl.Date}
    members = pl.LazyFrame(rows, schema=schema, orient="row").join(codes(gate, "groups_to_members"), on="iso3")
    counted = gate.data.select(*BY, "partner_code", "value_usd").join(members, on="partner_code")
    sums = (
        counted.filter((pl.col("period") <= pl.col("until")).fill_null(True))
        .group_by(*BY, "group_code")
        .agg(pl.col("value_usd").sum().alias("members_usd"))
    )
    groups = gate.data.filter(pl.col("partner_code").is_in(list(EXACT))).select(
        *BY, pl.col("partner_code").alias("group_code"), "value_usd"
    )
    on = [*BY, "group_code"]
    given = groups.select("flow", "period", "group_code").unique()
    both = once(
        sums.join(groups, on=on, how="full", coalesce=True)
        .join(given, on=["flow", "period", "group_code"], how="semi")
        .with_columns(pl.col("value_usd", "members_usd").fill_null(0))
    )
    off = both.filter(pl.col("value_usd") != pl.col("members_usd")).sort(on)
    title = "groups of partners are what their members add up to"
    return none_of(gate, "groups_to_members", title, "to the dollar", off, over=both)


def groups_near_members(gate: GateInput, all_groups: pl.LazyFrame) -> Check:
    """Groups whose members are known by treaty lie between the sum of those that are in throughout and that of all
    that ever were, give or take ``share``.

    Args:
        all_groups: flow, partner_code, period, value_usd: all technology groups together.
    """
    share = bound(gate, "groups_near_members", "share")
    rows = [
        (group, iso3, iso3 in known.core)
        for group, known in LOOSE.items()
        for iso3 in (*known.core, *known.possible)
    ]  # fmt: skip
    schema = {"group_code": pl.String, "iso3": pl.String, "core": pl.Boolean}
    members = pl.LazyFrame(rows, schema=schema, orient="row").join(codes(gate, "groups_near_members"), on="iso3")
    on = ["flow", "period", "group_code"]
    value = pl.col("value_usd")
    sums = (
        all_groups.select("flow", "period", "partner_code", "value_usd")
        .join(members, on="partner_code")
        .group_by(on)
        .agg(value.filter(pl.col("core")).sum().alias("least_usd"), value.sum().alias("most_usd"))
    )
    groups = all_groups.filter(pl.col("partner_code").is_in(list(LOOSE))).select(
        "flow", "period", pl.col("partner_code").alias("group_code"), "value_usd"
    )
    both = once(groups.join(sums, on=on))
    inside = value.is_between(pl.col("least_usd") * (1 - share), pl.col("most_usd") * (1 + share))
    title = "groups of partners are near what their members by treaty add up to"
    told = f"between the members throughout and all that ever were, give or take {share:.0%}"
    return none_of(gate, "groups_near_members", title, told, both.filter(~inside).sort(on), "warning", over=both)
