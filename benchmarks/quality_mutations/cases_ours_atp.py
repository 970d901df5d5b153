"""Corruptions of the two datasets of trade that we have added: mistakes that publishers and pipelines make in practice."""
# ruff: noqa: E501 - a case a line

from __future__ import annotations

from datetime import date

import polars as pl

from benchmarks.quality_mutations.case import Case, Level
from benchmarks.quality_mutations.cases_atp import (
    ADVANCED,
    CANADA,
    CHINA,
    EXPORTS,
    G04,
    G08,
    GROUPS,
    IMPORTS,
    MEXICO,
    NEW,
    NEW_YEAR,
    YEAR,
    at,
    back,
)
from benchmarks.quality_mutations.grounds.ground import ATP, TRADE
from benchmarks.quality_mutations.operations import (
    Corruption,
    copied,
    exchanged,
    noise,
    put,
    renamed,
    rotated,
    rounded,
    scaled,
    shifted,
    swapped,
    then,
    to_date,
    without,
)

TAIWAN, GERMANY, SMALL_ONE = (pl.col("partner_code") == c for c in ("5830", "4280", "7230"))
RECENT = pl.col("period") > back(3)
VALUE = pl.col("value_usd")


def _ours(dataset: str, kind: str, what: str, corrupt: Corruption, level: Level = "figures") -> Case:
    return Case(dataset, kind, what, corrupt, level, of="ours")


def flattened(where: pl.Expr) -> Corruption:
    """A year divided by twelve in the place of its months."""
    return put(where, value_usd=VALUE.mean().over("flow", YEAR).round())


WORKBOOK = (
    _ours(ATP, "other series", "imports with freight and insurance (cif) since 2020", scaled(1.03, IMPORTS & (YEAR >= 2020))),
    _ours(ATP, "other series", "imports with freight and insurance (cif) in the newest month", scaled(1.03, IMPORTS & at(NEW))),
    _ours(ATP, "other series", "domestic exports only throughout", scaled(0.85, EXPORTS)),
    _ours(ATP, "other series", "imports for consumption since 2022", scaled(0.978, IMPORTS & (YEAR >= 2022))),
    _ours(ATP, "partial", "the last three months of imports half closed", scaled(0.85, IMPORTS & RECENT)),
    _ours(ATP, "partial", "the newest month without one large port (7 percent)", scaled(0.93, at(NEW))),
    _ours(ATP, "year as months", "the newest full year divided by twelve", flattened(YEAR == 2024)),
    _ours(ATP, "year as months", "imports of three years divided by twelve", flattened(IMPORTS & YEAR.is_between(2021, 2023))),
    _ours(ATP, "month swapped", "the Mays of 2022 and 2023 exchanged", swapped("period", date(2022, 5, 1), date(2023, 5, 1))),
    _ours(ATP, "month shifted", "imports a month late since 2024", shifted("period", ["flow"], 1, IMPORTS & (YEAR >= 2024))),
    _ours(ATP, "unit", "a decimal point lost in one month", scaled(10, EXPORTS & at(date(2024, 7, 1)))),
    _ours(ATP, "unit", "half of a year's imports in thousands", scaled(1e-3, IMPORTS & (YEAR == 2024) & (pl.col("period").dt.month() > 6))),
    _ours(ATP, "unit", "everything in constant dollars", scaled(0.97, YEAR >= 2021)),
    _ours(ATP, "one cell", "two digits transposed in a month of revision", scaled(1.09, IMPORTS & at(date(2023, 10, 1)))),
    _ours(ATP, "one cell", "the first digit of a new month typed wrong", scaled(1.25, IMPORTS & at(back(1)))),
    _ours(ATP, "revision", "imports of 2022 revised twice", scaled(1.02, IMPORTS & (YEAR == 2022))),
    _ours(ATP, "revision", "five years of exports three percent too low", scaled(0.97, EXPORTS & YEAR.is_between(2019, 2023))),
    _ours(ATP, "year to date", "the newest month holds the year to date of one flow", to_date(["flow"], IMPORTS & at(NEW))),
)  # fmt: skip


BY_PARTNER = (
    _ours(TRADE, "partial", "the newest month closed early, all 8 percent low", scaled(0.92, at(NEW))),
    _ours(TRADE, "partial", "imports of the newest month 30 percent low", scaled(0.7, IMPORTS & at(NEW))),
    _ours(TRADE, "partial", "one group of the newest month half there", scaled(0.5, G04 & at(NEW) & IMPORTS)),
    _ours(TRADE, "partner merged", "Taiwan counted in China", renamed(TAIWAN & G04, partner_code="5700")),
    _ours(TRADE, "partner merged", "a partner's newest month counted in its neighbour", renamed(MEXICO & at(NEW), partner_code="1220")),
    _ours(TRADE, "partner dropped", "three of the large ones in the newest month", without((CHINA | TAIWAN | MEXICO) & at(NEW))),
    _ours(TRADE, "group codes", "one partner's groups moved by one", rotated("hitech", GROUPS, TAIWAN)),
    _ours(TRADE, "group codes", "a large group's codes in the next since 2024", renamed(G08 & (YEAR >= 2024), hitech="09")),
    _ours(TRADE, "group codes", "a third of a group in another", then(scaled(0.67, G04), scaled(1.2, pl.col("hitech") == "05"))),
    _ours(TRADE, "flows swapped", "of one partner in the newest month", exchanged("flow", "exports", "imports", CHINA & at(NEW))),
    _ours(TRADE, "flows swapped", "of one group since 2024", exchanged("flow", "exports", "imports", G08 & (YEAR >= 2024))),
    _ours(TRADE, "unit", "one partner's newest month in thousands", scaled(1e-3, CHINA & at(NEW) & ADVANCED)),
    _ours(TRADE, "unit", "two groups in quantities for values", noise(1.0, 0.6, (pl.col("hitech") == "03") | (pl.col("hitech") == "06"))),
    _ours(TRADE, "year to date", "of one partner in the newest month", to_date(["flow", "hitech", "partner_code"], CHINA & at(NEW))),
    _ours(TRADE, "month duplicated", "one flow of the newest month is that of a year ago", copied("period", back(12), NEW, IMPORTS)),
    _ours(TRADE, "rounding", "the newest month to millions", rounded(1e6, at(NEW))),
    _ours(TRADE, "one cell", "a small partner's month a thousandfold", scaled(1e3, SMALL_ONE & at(date(2024, 3, 1)) & ADVANCED)),
    _ours(TRADE, "many small", "all of the newest year by five percent, up or down", noise(1.0, 0.05, NEW_YEAR & ADVANCED)),
    _ours(TRADE, "revision", "one group of the years of revision a tenth too high", scaled(1.1, G04 & (YEAR >= 2023))),
    _ours(TRADE, "other series", "imports of one partner with freight (cif)", scaled(1.04, GERMANY & IMPORTS & ADVANCED)),
    _ours(TRADE, "other series", "re-exports left out for one partner", scaled(0.6, CANADA & EXPORTS & ADVANCED)),
)  # fmt: skip

CASES = (*WORKBOOK, *BY_PARTNER)
