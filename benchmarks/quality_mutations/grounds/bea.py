"""BEA's tables: an update after the one before. Each dates all rows anew, so that a single vintage and a live update
are the same thing here."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import polars as pl

from benchmarks.quality_mutations.grounds.ground import (
    ANNUAL,
    IP,
    QUARTERLY,
    Ground,
    Tables,
    bundled,
    partners_table,
    sums,
)
from benchmarks.synthetic.bea import World
from benchmarks.synthetic.bea_api import documents
from configs.contracts import load_contract
from expectations.check import Other
from tasks.extract.bea import source as bea
from tasks.transform.registry import load_transform

TOTAL = pl.col("ip_type") == "ChargesForTheUseOfIpNie"
WORLD = (pl.col("affiliation") == "AllAffiliations") & (pl.col("partner_code") == "AllCountries")
BANK_VINTAGE = "2025-10-07"


@cache
def _bea(dataset: str, state: int) -> tuple[str, pl.DataFrame, Tables]:
    size = "recent" if dataset == ANNUAL else "full"
    extraction = bea.parse(dataset, documents(World(size, state), dataset), None)
    tables = {n: f.collect().lazy() for n, f in {**extraction.tables, "partners": partners_table()}.items()}
    return extraction.vintage, load_transform(load_contract(dataset)).transform(tables).collect(), tables


def _bea_ground(dataset: str, state: int) -> Ground:
    """A parent and others are added by ``us_annual`` and ``us_quarterly``."""
    vintage, data, tables = _bea(dataset, state)
    key = list(load_contract(dataset).primary_key)
    observed = tables["observations"].collect_schema().names()
    told = data.drop("value_usd", "observation_status")

    def rebuilt(figures: pl.DataFrame) -> tuple[pl.DataFrame, Tables]:
        made = figures.join(told, on=key, how="left").select(data.columns).cast(data.schema).sort(key)
        source: Tables = {**tables, "observations": made.select(observed).unique(key).lazy()}
        if "balance" in tables:
            on = [c for c in key if c != "direction"]
            flows = [
                made.filter(pl.col("direction") == d).select(*on, pl.col("value_usd").alias(d))
                for d in ("exports", "imports")
            ]
            both = flows[0].join(flows[1], on=on).drop_nulls()
            source["balance"] = both.select(*on, balance_usd=pl.col("exports") - pl.col("imports")).lazy()
        return made, source

    def headlines(frame: pl.DataFrame) -> pl.DataFrame:
        total = frame.filter(TOTAL)
        if dataset == ANNUAL:
            return sums(total.filter(WORLD), ["direction", "year"])
        unadjusted = total.filter(pl.col("seasonal_adjustment") == "not_seasonally_adjusted")
        return sums(unadjusted.with_columns(year=pl.col("period").dt.year()), ["direction", "year"])

    return Ground(
        dataset, vintage, data, tables, data.select(*key, "value_usd", "observation_status"), rebuilt, headlines
    )  # fmt: skip


@cache
def us_annual(state: int = 2025) -> Ground:
    ground = _bea_ground(ANNUAL, state)
    if state == 2024:
        return ground
    updated, before, _ = _bea(ANNUAL, 2024)
    quarters, quarterly, _ = _bea(QUARTERLY, 2025)
    bank = Other(bundled(IP, "2025-01-28")[0].lazy(), "2025-01-28")
    others = {QUARTERLY: Other(quarterly.lazy(), quarters), IP: bank}
    return replace(
        ground, parent=before, parent_vintage=updated, others=others, confirming={IP: bank_of_usa(ground.data)},
        agreeing=lambda data, tables: ({IP: bank_of_usa(data)}, tables),
    )  # fmt: skip


def bank_of_usa(annual: pl.DataFrame) -> Other:
    """What the World Bank says of the United States once it has taken over these figures."""
    total = annual.filter(TOTAL & WORLD).pivot("direction", index="year", values="value_usd")
    schema = bundled(IP, "2025-01-28")[0].schema
    receipts, payments = pl.col("exports").cast(pl.Float64), pl.col("imports").cast(pl.Float64)
    rows = total.select(
        "year",
        economy_code=pl.lit("USA"),
        economy_name=pl.lit("United States"),
        is_aggregate=pl.lit(False),
        receipts_usd=receipts,
        payments_usd=payments,
        balance_usd=receipts - payments,
        source_vintage=pl.lit(BANK_VINTAGE),
    )
    return Other(rows.select([c for c in schema if c in rows.columns]).lazy(), BANK_VINTAGE)


@cache
def us_quarterly() -> Ground:
    updated, before, _ = _bea(QUARTERLY, 2024)
    years, annual, _ = _bea(ANNUAL, 2025)
    ground = _bea_ground(QUARTERLY, 2025)
    return replace(ground, parent=before, parent_vintage=updated, others={ANNUAL: Other(annual.lazy(), years)})
