"""``atp_trade_monthly``: ten groups of advanced technology by partner and month, with the partner's name and ISO3."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from configs.technology_groups import GROUPS


def transform(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """One row a flow, technology group, partner or group of partners, and month.

    Args:
        tables: ``trade`` with flow, hitech (``00``..``10``, ``-``), partner_code, period, value_usd and value_ytd_usd
            (US dollars); ``partners`` (dataset of that name).

    Returns:
        The contract's columns. What is no advanced technology (``00``) and the total over groups are left out: they are
        there for the gate. Groups of partners and the world stay, marked by the table of partners, never by the
        publisher's SUMMARY_LVL, which calls the world's row detail. A partner that the table does not have yet keeps
        its code and the publisher's name, marked with the code, and is no aggregate if the code is one of Schedule C;
        it has no ISO code and no region. Rows of 0 stay: they say that there was trade earlier in the year.
    """
    unknown = _unknown(tables)
    names = tables["partners"].select(
        pl.col("schedule_c_code").alias("partner_code"),
        "partner_name",
        pl.col("iso3").alias("partner_iso3"),
        "is_aggregate",
    )
    return (
        tables["trade"]
        .filter(pl.col("hitech").is_in(list(GROUPS)))
        .rename({"hitech": "technology_group"})
        .join(pl.concat([names.drop_nulls("partner_code"), unknown]), on="partner_code", how="left", validate="m:1")
        .select(
            "flow",
            "technology_group",
            pl.col("technology_group").replace_strict(GROUPS, return_dtype=pl.String).alias("technology_group_name"),
            "partner_code",
            "partner_name",
            "partner_iso3",
            "is_aggregate",
            "period",
            "value_usd",
            "value_ytd_usd",
        )
    )


def _unknown(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """partner_code, partner_name, partner_iso3 and is_aggregate of the codes that only the publisher knows."""
    schema = {"partner_code": pl.String, "publisher_name": pl.String}
    named = tables.get("names", pl.LazyFrame(schema=schema)).unique("partner_code")
    known = tables["partners"].select(pl.col("schedule_c_code").alias("partner_code")).drop_nulls()
    code = pl.col("partner_code")
    given = tables["trade"].select(code.unique()).join(known, on="partner_code", how="anti")
    return given.join(named, on="partner_code", how="left").select(
        code,
        pl.concat_str([pl.col("publisher_name"), pl.format("[{}]", code)], separator=" ", ignore_nulls=True).alias(
            "partner_name"
        ),
        pl.lit(None, dtype=pl.String).alias("partner_iso3"),
        (~code.str.contains(r"^[1-8]\d{3}$")).alias("is_aggregate"),
    )
