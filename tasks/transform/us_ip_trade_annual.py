"""``us_ip_trade_annual``: BEA's figures with the place of each code in its tree, and the partner's name."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

KEY = ["direction", "ip_type", "affiliation", "partner_code", "year"]


def transform(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """One row a direction, type, affiliation, partner and year, with the contract's columns.

    Args:
        tables: ``observations`` with the columns of KEY, value_usd (US dollars), observation_status,
            reported_precision_usd and source_vintage; ``types``, ``affiliations`` and ``areas`` with code, parent,
            is_aggregate (and is_overlap, but for affiliations); ``partners``.

    An area that is not in ``areas`` stands beside the tree, so that nobody adds it to what may contain it already; one
    that is not in ``partners`` has its code as its name.

    Nothing is summed and nothing is filled in: what BEA withholds stays withheld, also where it could be worked out.
    """
    types = tables["types"].select(
        pl.col("code").alias("ip_type"),
        pl.col("name").alias("ip_type_name"),
        pl.col("parent").alias("ip_type_parent"),
        pl.col("is_aggregate").alias("ip_type_is_aggregate"),
        pl.col("is_overlap").alias("ip_type_is_overlap"),
    )
    affiliations = tables["affiliations"].select(
        pl.col("code").alias("affiliation"),
        pl.col("parent").alias("affiliation_parent"),
        pl.col("is_aggregate").alias("affiliation_is_aggregate"),
    )
    areas = tables["areas"].select(
        pl.col("code").alias("partner_code"),
        pl.col("parent").alias("partner_parent"),
        "is_aggregate",
        pl.col("is_overlap").alias("partner_is_overlap"),
    )
    partners = tables["partners"].select(
        pl.col("bea_code").alias("partner_code"), "partner_name", pl.col("iso3").alias("partner_iso3")
    )
    return (
        tables["observations"]
        .join(types, on="ip_type", how="left", validate="m:1")
        .join(affiliations, on="affiliation", how="left", validate="m:1")
        .join(areas, on="partner_code", how="left", validate="m:1")
        .join(partners.drop_nulls("partner_code"), on="partner_code", how="left", validate="m:1")
        .select(
            "direction",
            "ip_type",
            "ip_type_name",
            "ip_type_parent",
            "ip_type_is_aggregate",
            "ip_type_is_overlap",
            "affiliation",
            "affiliation_parent",
            "affiliation_is_aggregate",
            "partner_code",
            pl.col("partner_name").fill_null(pl.col("partner_code")),
            "partner_iso3",
            "partner_parent",
            pl.col("is_aggregate", "partner_is_overlap").fill_null(True),
            "year",
            "value_usd",
            "observation_status",
            "reported_precision_usd",
            "source_vintage",
        )
        .sort(KEY)
    )
