"""Corruptions of the other datasets that we have added: mistakes that publishers and pipelines make in practice."""
# ruff: noqa: E501 - a case a line

from __future__ import annotations

import polars as pl

from benchmarks.quality_mutations.case import Case, Level
from benchmarks.quality_mutations.cases_codes import IMPORTS as IMPORT_LIST
from benchmarks.quality_mutations.cases_codes import NEWEST, one
from benchmarks.quality_mutations.cases_ip import (
    AFF,
    AREA,
    DEU,
    IMPORTS,
    LAST,
    NEW,
    NLD,
    PAYMENTS,
    RECEIPTS,
    TOTAL,
    USA,
    WLD,
    WORLD,
    YEAR,
)
from benchmarks.quality_mutations.grounds.ground import ANNUAL, IP, PARTNERS, PRODUCTS, QUARTERLY
from benchmarks.quality_mutations.operations import (
    Corruption,
    copied,
    exchanged,
    head,
    negated,
    renamed,
    rounded,
    scaled,
    then,
    without,
)

JPN, KOR, IRL, GBR = (pl.col("economy_code") == c for c in ("JPN", "KOR", "IRL", "GBR"))
AGGREGATES = ["WLD", "EUU", "HIC", "OED", "ECS", "NAC", "PST"]
IN_NEW, PERIOD = YEAR == NEW, pl.col("period")
NEWEST_QUARTER = PERIOD.max() == PERIOD


def _ours(dataset: str, kind: str, what: str, corrupt: Corruption, level: Level = "figures") -> Case:
    return Case(dataset, kind, what, corrupt, level, of="ours")


def given_to(source: str, target: str) -> Corruption:
    """One economy has another's figures, and its own are gone."""
    code = pl.col("economy_code")
    return lambda df: pl.concat(
        [df.filter(code != target), df.filter(code == source).with_columns(economy_code=pl.lit(target))]
    )


BANK = (
    _ours(IP, "unit", "Japan in yen", scaled(130, JPN)),
    _ours(IP, "unit", "Korea in thousands of dollars since 2015", scaled(1e3, KOR & (YEAR >= 2015))),
    _ours(IP, "unit", "everything in constant dollars of 2015", scaled(0.85, YEAR >= 2018)),
    _ours(IP, "unit", "the United Kingdom in pounds", scaled(0.78, GBR)),
    _ours(IP, "economy swapped", "Germany and the Netherlands in the newest year", exchanged("economy_code", "DEU", "NLD", IN_NEW)),
    _ours(IP, "economy swapped", "France has the figures of Germany", given_to("DEU", "FRA")),
    _ours(IP, "partial", "the newest year is of three quarters, all but the United States", scaled(0.75, IN_NEW & ~USA)),
    _ours(IP, "partial", "the newest year without a third of the economies", without(IN_NEW & (pl.col("economy_code").hash(seed=1) % 3 == 0) & ~WLD & ~USA)),
    _ours(IP, "other series", "the Netherlands without special purpose entities", scaled(0.4, NLD)),
    _ours(IP, "other series", "Ireland's payments by another basis since 2015", scaled(0.6, IRL & PAYMENTS & (YEAR >= 2015))),
    _ours(IP, "stale", "the newest year of all is the one before with four percent", then(copied("year", LAST, NEW), scaled(1.04, IN_NEW & ~USA))),
    _ours(IP, "aggregate", "regions and groups half", scaled(0.5, pl.col("economy_code").is_in(AGGREGATES))),
    _ours(IP, "aggregate", "the world of the newest year is the one before", copied("year", LAST, NEW, WLD)),
    _ours(IP, "sign", "payments of the newest year negative", negated(PAYMENTS & IN_NEW)),
    _ours(IP, "flows swapped", "of Japan in the newest year", exchanged("flow", "receipts", "payments", JPN & IN_NEW)),
    _ours(IP, "one cell", "receipts of the United States of two years five percent too high", scaled(1.05, USA & RECEIPTS & (YEAR >= LAST))),
    _ours(IP, "one cell", "Germany's newest year doubled", scaled(2, DEU & IN_NEW)),
)  # fmt: skip

ANNUAL_CASES = (
    _ours(ANNUAL, "other series", "affiliated trade only in the newest year", copied("affiliation", "Affiliated", "AllAffiliations", YEAR == NEW)),
    _ours(ANNUAL, "unit", "one area's newest year in thousands", scaled(1e3, (AREA == "Japan") & (YEAR == NEW))),
    _ours(ANNUAL, "partner swapped", "two large ones since 2022", exchanged("partner_code", "Ireland", "Switzerland", YEAR >= 2022)),
    _ours(ANNUAL, "flows swapped", "of one area in the newest year", exchanged("direction", "exports", "imports", (AREA == "Ireland") & (YEAR == NEW))),
    _ours(ANNUAL, "partial", "the newest year a tenth too low, all of it", scaled(0.9, YEAR == NEW)),
    _ours(ANNUAL, "one cell", "the total of imports of the newest year three percent too high", scaled(1.03, TOTAL & WORLD & IMPORTS & (YEAR == NEW))),
    _ours(ANNUAL, "codes permuted", "software and research exchanged in the newest year", exchanged("ip_type", "CipLicensesCompSoftware", "CipLicensesOutcomesResearchAndDev", YEAR == NEW)),
    _ours(ANNUAL, "truncated", "no affiliations in the newest year", without((AFF != "AllAffiliations") & (YEAR == NEW))),
)  # fmt: skip

QUARTERS = (
    _ours(QUARTERLY, "partial", "the newest quarter is of two months", scaled(0.67, NEWEST_QUARTER)),
    _ours(QUARTERLY, "series swapped", "adjusted for unadjusted in the newest quarter", exchanged("seasonal_adjustment", "seasonally_adjusted", "not_seasonally_adjusted", NEWEST_QUARTER)),
    _ours(QUARTERLY, "unit", "one flow at annual rates since 2024", scaled(4, IMPORTS & (PERIOD.dt.year() >= 2024))),
    _ours(QUARTERLY, "rounding", "the newest year to hundreds of millions", rounded(1e8, PERIOD.dt.year() >= 2024)),
    _ours(QUARTERLY, "codes permuted", "a type's newest quarter for another's", exchanged("ip_type", "CipLicensesAudVis", "CipLicensesCompSoftware", NEWEST_QUARTER)),
)  # fmt: skip

CODES = (
    _ours(PRODUCTS, "truncated", "one chapter of the newest list", without(NEWEST & pl.col("hs10").str.starts_with("88"))),
    _ours(PRODUCTS, "group codes", "two groups merged in the newest list", renamed(NEWEST & (pl.col("technology_group") == "02"), technology_group="01")),
    _ours(PRODUCTS, "label", "headings of six digits filled up", lambda df: df.with_columns(hs10=pl.when(IMPORT_LIST & NEWEST).then(pl.col("hs10").str.head(6) + "0000").otherwise("hs10")).unique(maintain_order=True)),
    _ours(PARTNERS, "partner swapped", "BEA's codes of two", exchanged("bea_code", "Ireland", "Italy"), "table"),
    _ours(PARTNERS, "label", "a partner under another's name", renamed(one("AUT"), partner_name="Australia"), "table"),
    _ours(PARTNERS, "truncated", "a third of the table", head(0.67), "table"),
)  # fmt: skip

CASES = (*BANK, *ANNUAL_CASES, *QUARTERS, *CODES)
