"""``atp_detail_monthly``: the records of one monthly file under the names of the contract.

Names of partners are joined when months are merged: they change, and months do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from configs.contracts import load_contract
from configs.merchandise_records import DATASET, RECORDS, fields
from configs.technology_groups import GROUPS

CONCORDANCE = "concordance.parquet"
NAMES = {"00": "No advanced technology", **GROUPS}
# Joined when months are merged.
LATER = ("partner_name", "partner_iso3")


def transform(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """One row a record, with the contract's columns but the partner's name and ISO3.

    Args:
        tables: ``exports`` or ``imports`` with the fields of ``EXP_DETL`` or ``IMP_DETL`` and ``hitech``;
            ``codes`` with commodity, unit_qy1, unit_qy2 (blank where there is none).
    """
    flow = next(f for f in RECORDS if f in tables)
    measures = fields(RECORDS[flow])
    nothing = pl.lit("-")
    if flow == "exports":
        of_flow = {
            "domestic_foreign": pl.col("df").replace({"1": "domestic", "2": "foreign"}),
            "partner_subcode": nothing,
            "district_code": pl.col("district"),
            "unlading_district_code": nothing,
            "rate_provision": nothing,
        }
    else:
        of_flow = {
            "domestic_foreign": nothing,
            "partner_subcode": pl.col("cty_subco"),
            "district_code": pl.col("dist_entry"),
            "unlading_district_code": pl.col("dist_unlad"),
            "rate_provision": pl.col("rate_prov"),
        }
    units = tables["codes"].select(
        "commodity",
        *[pl.col(f"unit_qy{n}").replace({"": None}).alias(f"unit_{n}") for n in (1, 2)],
    )
    group = pl.col("hitech").replace({"": "00", "0": "00"})
    columns = {
        "technology_group": group,
        "technology_group_name": group.replace_strict(NAMES, default=None, return_dtype=pl.String),
        "partner_code": pl.col("cty_code"),
        "hs10": pl.col("commodity"),
        "flow": pl.lit(flow),
        "period": pl.date(pl.col("year").cast(pl.Int32), pl.col("month").cast(pl.Int32), 1),
        "unit_1": pl.col("unit_1"),
        "unit_2": pl.col("unit_2"),
        **of_flow,
        **{name: pl.col(field) for name, field in measures.items()},
    }
    contract = load_contract(DATASET)
    return (
        tables[flow]
        .join(units, on="commodity", how="left")
        .select(
            columns.get(c.name, pl.lit(None, dtype=c.polars)).alias(c.name)
            for c in contract.columns
            if c.name not in LATER
        )
    )


def companions(
    tables: Mapping[str, pl.LazyFrame], before: Callable[[str], pl.DataFrame | None]
) -> Mapping[str, pl.DataFrame]:
    """``concordance.parquet``: flow, period, hs10, technology_group, every code that counted as advanced technology in
    a month, by the concordance that came with its file, traded or not. Months that were not read again are taken over.

    Args:
        tables: ``facts``, as of ``tasks.extract.census.merchandise.control_totals``.
    """
    facts = tables["facts"].filter(pl.col("kind") == "concordance")
    new = facts.select("flow", "period", pl.col("code").alias("hs10"), "technology_group").collect()
    old = before(CONCORDANCE)
    kept = [old.join(new, on=["flow", "period"], how="anti")] if old is not None else []
    return {CONCORDANCE: pl.concat([*kept, new]).sort("flow", "period", "hs10")}
