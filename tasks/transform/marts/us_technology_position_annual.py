"""``us_technology_position_annual``: goods and services side by side, by partner and year; never added."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tasks.transform.shared.exact_sums import total

WORLD = "world"
EAST_ASIA = "East Asia"
TOTAL_TYPE, ALL_AFFILIATIONS = "ChargesForTheUseOfIpNie", "AllAffiliations"
KEY = ["partner_id", "year"]
ATP = ("exports", "imports")
IP = {"exports": "receipts", "imports": "payments"}


def transform(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """One row a partner and year, and one for the world.

    Args:
        tables: ``atp_trade_monthly``, ``us_ip_trade_annual`` and ``partners``, with the columns of their contracts.

    Returns:
        The contract's columns. A year of goods counts when it has its twelve months. Shares are of the publisher's own
        total, not of a sum of partners.
    """
    partners = tables["partners"].filter(~pl.col("is_aggregate") | (pl.col("partner_id") == WORLD))
    given = _services(tables["us_ip_trade_annual"], partners)
    groups = _goods(tables["atp_trade_monthly"], partners, given.select(KEY).unique())
    goods = _wide(groups.group_by(*KEY, "flow").agg(pl.col("value").sum()), "atp_{}_usd", {f: f for f in ATP})
    services = _wide(given, "ip_{}_usd", IP)
    named = partners.select("partner_id", "partner_name", pl.col("iso3").alias("partner_iso3"), "region")
    rows = (
        goods.join(services, on=KEY, how="full", coalesce=True)
        .join(named, on="partner_id", how="left")
        .with_columns(
            atp_balance_usd=pl.col("atp_exports_usd") - pl.col("atp_imports_usd"),
            ip_balance_usd=pl.col("ip_receipts_usd") - pl.col("ip_payments_usd"),
        )
    )
    measures = ["atp_exports", "atp_imports", "ip_receipts", "ip_payments"]
    world = rows.filter(pl.col("partner_id") == WORLD).select(
        "year", *[pl.col(f"{m}_usd").alias(f"{m}_world") for m in measures]
    )
    shared = rows.join(world, on="year", how="left").with_columns(
        pl.when(pl.col(f"{m}_world") > 0).then(pl.col(f"{m}_usd") / pl.col(f"{m}_world")).alias(f"{m}_share")
        for m in measures
    )
    whole = shared.join(_by_group(groups), on=KEY, how="left").join(_of_the_world(shared), on=KEY, how="left")
    return whole.select(COLUMNS).sort(KEY)


COLUMNS = [
    "partner_id", "partner_name", "partner_iso3", "region", "year",
    "atp_exports_usd", "atp_imports_usd", "atp_balance_usd", "ip_receipts_usd", "ip_payments_usd", "ip_balance_usd",
    "atp_exports_share", "atp_imports_share", "ip_receipts_share", "ip_payments_share",
    "atp_exports_group_hhi", "atp_imports_group_hhi", "atp_exports_partner_hhi", "atp_imports_partner_hhi",
    "atp_exports_east_asia_share", "atp_imports_east_asia_share",
]  # fmt: skip


def _goods(monthly: pl.LazyFrame, partners: pl.LazyFrame, others: pl.LazyFrame) -> pl.LazyFrame:
    """partner_id, year, flow, technology_group, value: of years that are complete, by the world's rows. A partner that
    has none in a complete year traded nothing: 0.

    Args:
        others: partner_id, year: those that have services, and so a row.
    """
    codes = partners.select("partner_id", pl.col("schedule_c_code").alias("partner_code")).drop_nulls()
    dated = monthly.with_columns(pl.col("period").dt.year().alias("year"))
    months = (
        dated.filter(pl.col("partner_code") == "-").group_by("year", "flow").agg(pl.col("period").n_unique().alias("n"))
    )
    complete = months.filter(pl.col("n") == 12).group_by("year").len().filter(pl.col("len") == 2).select("year")
    grouped = (
        dated.join(complete, on="year", how="semi")
        .join(codes, on="partner_code")
        .group_by(*KEY, "flow", "technology_group")
        .agg(pl.col("value_usd").sum().alias("value"))
    )
    may = others.join(codes, on="partner_id", how="semi").join(complete, on="year", how="semi")
    seen = pl.concat([grouped.select(KEY), may.select(pl.col("partner_id"), pl.col("year").cast(pl.Int32))]).unique()
    nothing = seen.join(pl.LazyFrame({"flow": list(ATP)}), how="cross").join(grouped, on=[*KEY, "flow"], how="anti")
    zero = nothing.with_columns(technology_group=pl.lit("01"), value=pl.lit(0, dtype=pl.Int64))
    return pl.concat([grouped, zero.select(grouped.collect_schema().names())])


def _services(annual: pl.LazyFrame, partners: pl.LazyFrame) -> pl.LazyFrame:
    """partner_id, year, flow, value; null where BEA withholds it."""
    codes = partners.select("partner_id", pl.col("bea_code").alias("partner_code")).drop_nulls()
    return (
        annual.filter(pl.col("ip_type") == TOTAL_TYPE, pl.col("affiliation") == ALL_AFFILIATIONS)
        .join(codes, on="partner_code")
        .select(
            "partner_id",
            pl.col("year").cast(pl.Int32),
            pl.col("direction").alias("flow"),
            pl.col("value_usd").alias("value"),
        )
    )


def _wide(long: pl.LazyFrame, name: str, flows: Mapping[str, str]) -> pl.LazyFrame:
    """A column a flow."""
    return long.group_by(KEY).agg(
        pl.col("value").filter(pl.col("flow") == flow).first().cast(pl.Int64).alias(name.format(word))
        for flow, word in flows.items()
    )


def _by_group(groups: pl.LazyFrame) -> pl.LazyFrame:
    share = pl.col("value") / pl.col("value").sum().over(*KEY, "flow")
    squared = (
        groups.with_columns(squared=share**2)
        .group_by(*KEY, "flow")
        .agg("squared", pl.col("value").sum())
        .with_columns(total("squared"))
    )
    return squared.group_by(KEY).agg(
        pl.col("squared").filter((pl.col("flow") == f) & (pl.col("value") > 0)).first().alias(f"atp_{f}_group_hhi")
        for f in ATP
    )


def _of_the_world(shared: pl.LazyFrame) -> pl.LazyFrame:
    """Concentration over partners and East Asia's share, for the world's row. Where there is no trade at all, null."""
    partners = shared.filter(pl.col("partner_id") != WORLD)
    told, totals = [], []
    for flow in ATP:
        share, hhi, here = pl.col(f"atp_{flow}_share"), f"atp_{flow}_partner_hhi", f"atp_{flow}_east_asia_share"
        told += [
            (share**2).alias(hhi),
            share.filter(pl.col("region") == EAST_ASIA).alias(here),
            share.is_not_null().any().alias(f"some_{flow}"),
        ]
        totals += [pl.when(f"some_{flow}").then(total(name)).alias(name) for name in (hhi, here)]
    return (
        partners.group_by("year")
        .agg(told)
        .with_columns(totals)
        .drop("some_exports", "some_imports")
        .with_columns(partner_id=pl.lit(WORLD))
    )
