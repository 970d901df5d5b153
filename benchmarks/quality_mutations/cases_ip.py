"""Corruptions of the three datasets of charges for intellectual property."""
# ruff: noqa: E501, RUF001 - a case a line; text of another encoding is one of them

from __future__ import annotations

from datetime import date

import polars as pl

from benchmarks.quality_mutations.case import Case, Level, Renamed
from benchmarks.quality_mutations.operations import (
    Corruption,
    carried,
    copied,
    exchanged,
    head,
    negated,
    noise,
    put,
    renamed,
    rounded,
    scaled,
    shifted,
    twice,
    without,
)

IP, ANNUAL, quarterLY = "ip_trade_annual", "us_ip_trade_annual", "us_ip_trade_quarterly"
YEAR = pl.col("year")
# The newest year of the table at hand, so that a case can be tried on several grounds.
NEW = YEAR.max()
LAST = NEW - 1
REDATED = "2026-11-01"
RECEIPTS, PAYMENTS = pl.col("flow") == "receipts", pl.col("flow") == "payments"
USA, DEU, NLD, JAM, WLD = (pl.col("economy_code") == c for c in ("USA", "DEU", "NLD", "JAM", "WLD"))


SMALL = [
    "ABW",
    "AGO",
    "ALB",
    "ARM",
    "AZE",
    "BDI",
    "BEN",
    "BFA",
    "BGD",
    "BHR",
    "BHS",
    "BIH",
    "BLR",
    "BLZ",
    "BMU",
    "BOL",
    "BRB",
    "BRN",
    "BTN",
    "BWA",
    "CAF",
    "CIV",
    "CMR",
    "COD",
    "COG",
    "CRI",
    "CUW",
    "CYP",
    "DMA",
    "DOM",
    "DZA",
    "ECU",
    "EST",
    "ETH",
    "FJI",
    "GAB",
    "GEO",
    "GHA",
    "GIN",
    "GMB",
]


def _ip(kind: str, what: str, corrupt: Corruption, level: Level = "figures", vintage: Renamed | None = None) -> Case:
    return Case(IP, kind, what, corrupt, level, vintage)


BANK = (
    _ip("unit", "thousands for dollars", scaled(1e-3)),
    _ip("unit", "a million times too much", scaled(1e6)),
    _ip("unit", "one flow in thousands", scaled(1e-3, PAYMENTS)),
    _ip("unit", "one economy a thousandfold", scaled(1e3, DEU)),
    _ip("unit", "one economy in its own currency (a tenth less)", scaled(0.9, DEU)),
    _ip("unit", "a year a thousandth", scaled(1e-3, YEAR == 2018)),
    _ip("unit", "five percent too much", scaled(1.05)),
    _ip("sign", "receipts negative", negated(RECEIPTS)),
    _ip("sign", "one large economy negative", negated(DEU)),
    _ip("sign", "one year of a large economy negative", negated(DEU & (YEAR == 2018))),
    _ip("flows swapped", "throughout", exchanged("flow", "receipts", "payments")),
    _ip("flows swapped", "of one economy", exchanged("flow", "receipts", "payments", DEU)),
    _ip("flows swapped", "payments given as receipts too", copied("flow", "payments", "receipts")),
    _ip("year duplicated", "2018 given as 2019", copied("year", 2018, 2019)),
    _ip("year duplicated", "the newest year of the United States is the one before", copied("year", LAST, NEW, USA)),
    _ip("year shifted", "everything a year late", shifted("year", ["flow", "economy_code"], 1)),
    _ip("year shifted", "one economy a year late", shifted("year", ["flow", "economy_code"], 1, DEU)),
    _ip("year shifted", "the United States a year late", shifted("year", ["flow", "economy_code"], 1, USA)),
    _ip("year missing", "2010", without(YEAR == 2010)),
    _ip("year missing", "the newest of the United States", without(USA & (YEAR == NEW))),
    _ip("economy dropped", "a large one", without(DEU)),
    _ip("economy dropped", "a small one", without(pl.col("economy_code") == "ABW")),
    _ip("economy dropped", "forty small ones", without(pl.col("economy_code").is_in(SMALL))),
    _ip("economy doubled", "a large one", scaled(2, DEU)),
    _ip("economy swapped", "two of like size", exchanged("economy_code", "DEU", "NLD")),
    _ip("economy swapped", "two small ones", exchanged("economy_code", "HUN", "CZE")),
    _ip("economy swapped", "in one year", exchanged("economy_code", "DEU", "NLD", YEAR == 2015)),
    _ip("aggregate", "the world's figures of one flow gone", without(WLD & PAYMENTS)),
    _ip("truncated", "half of the pages", without(pl.col("economy_code") > "K")),
    _ip("truncated", "the last economies", without(pl.col("economy_code") > "W")),
    _ip("rounding", "to millions", rounded(1e6)),
    _ip("rounding", "to millions since 2015", rounded(1e6, YEAR >= 2015)),
    _ip("zero", "a large economy's year 0", put(DEU & (YEAR == 2018), value_usd=pl.lit(0.0))),
    _ip("null", "zeros left out", without((pl.col("value_usd") == 0) & (YEAR > 1980))),
    _ip("null", "a tenth of the zeros left out", without((pl.col("value_usd") == 0) & (YEAR == 2005))),
    _ip("one cell", "a large economy tenfold", scaled(10, DEU & RECEIPTS & (YEAR == 2017))),
    _ip("one cell", "a large economy a third more", scaled(1.33, DEU & RECEIPTS & (YEAR == 2017))),
    _ip("one cell", "the United States' newest year a tenth more", scaled(1.1, USA & RECEIPTS & (YEAR == NEW))),
    _ip("one cell", "the United States' newest year two percent less", scaled(0.98, USA & PAYMENTS & (YEAR == NEW))),
    _ip("one cell", "the world's year a twentieth more", scaled(1.05, WLD & (YEAR == 2015))),
    _ip("one cell", "the world's year two percent more", scaled(1.02, WLD & (YEAR == 2012) & RECEIPTS)),
    _ip("one cell", "a small economy a thousandfold", scaled(1e3, JAM & (YEAR == 2012))),
    _ip("many small", "a third of all by a tenth", noise(0.3, 0.1)),
    _ip("many small", "a third of all by a percent", noise(0.3, 0.01)),
    _ip("stale", "carried forward since 2017", carried("year", 2017, NEW)),
    _ip("stale", "nothing after 2018", without(YEAR > 2018)),
    _ip("other series", "another indicator of a third of the size", scaled(0.33)),
    _ip("key", "rows twice", twice(DEU), level="table"),
    _ip("aggregate", "the world as an economy", renamed(WLD, is_aggregate=False), level="table"),
    _ip("aggregate", "a region as an economy", renamed(pl.col("economy_code") == "EUU", is_aggregate=False), level="table"),
    _ip("aggregate", "an economy as an aggregate", renamed(JAM, is_aggregate=True), level="table"),
    _ip("encoding", "names of another encoding", put(pl.col("economy_code") == "CIV", economy_name=pl.lit("CÃ´te d'Ivoire")), level="table"),
    _ip("encoding", "names with what could not be read", put(pl.col("economy_code") == "TUR", economy_name=pl.lit("T\ufffdrkiye")), level="table"),
    _ip("label", "codes in small letters", put(DEU, economy_code=pl.lit("deu")), level="table"),
    _ip("label", "two names exchanged", exchanged("economy_name", "Germany", "Netherlands"), level="table"),
    _ip("vintage", "an economy goes back to an old vintage", renamed(USA, source_vintage="2019-12-19"), level="table"),
    _ip("vintage", "the vintage before under a new date", put(pl.lit(True), source_vintage=pl.lit(REDATED)), level="before", vintage=lambda _: REDATED),
    _ip("null", "NaN for what is not known", put(pl.col("payments_usd").is_null(), payments_usd=pl.lit(float("nan"))), level="table"),
    _ip("zero", "0 for what is not known", put(pl.col("payments_usd").is_null(), payments_usd=pl.lit(0.0)), level="table"),
    _ip("sign", "the balance with the other sign", put(pl.lit(True), balance_usd=-pl.col("balance_usd")), level="table"),
    _ip("truncated", "half of the table", head(0.5), level="table"),
)  # fmt: skip


TYPE, AREA, AFF = pl.col("ip_type"), pl.col("partner_code"), pl.col("affiliation")
EXPORTS, IMPORTS = pl.col("direction") == "exports", pl.col("direction") == "imports"
TOTAL = TYPE == "ChargesForTheUseOfIpNie"
WORLD = (AREA == "AllCountries") & (AFF == "AllAffiliations")
CHIPS = TYPE == "CipLicensesOutcomesResearchAndDev"
WITHHELD = pl.col("observation_status") == "suppressed"
SERIES = ["direction", "ip_type", "affiliation", "partner_code"]


def _us(kind: str, what: str, corrupt: Corruption, level: Level = "figures", vintage: Renamed | None = None) -> Case:
    return Case(ANNUAL, kind, what, corrupt, level, vintage)


BEA_YEARS = (
    _us("unit", "millions taken for dollars", scaled(1e-6)),
    _us("unit", "a thousandfold", scaled(1e3)),
    _us("unit", "one type a thousandth", scaled(1e-3, CHIPS)),
    _us("unit", "one partner tenfold", scaled(10, AREA == "Ireland")),
    _us("unit", "five percent too much in one year", scaled(1.05, YEAR == 2022)),
    _us("unit", "two percent too much in the newest year", scaled(1.02, YEAR == 2024)),
    _us("sign", "imports negative", negated(IMPORTS)),
    _us("flows swapped", "throughout", exchanged("direction", "exports", "imports")),
    _us("flows swapped", "in the newest year", exchanged("direction", "exports", "imports", YEAR == 2024)),
    _us("year duplicated", "the newest is the one before", copied("year", 2023, 2024)),
    _us("year duplicated", "of one partner", copied("year", 2023, 2024, AREA == "Ireland")),
    _us("year shifted", "everything a year late", shifted("year", SERIES, 1)),
    _us("year missing", "one", without(YEAR == 2021)),
    _us("year missing", "the newest", without(YEAR == 2024)),
    _us("year missing", "one of one partner", without((YEAR == 2021) & (AREA == "Taiwan"))),
    _us("partner dropped", "a large one", without(AREA == "Ireland")),
    _us("partner dropped", "in the newest year", without((AREA == "Ireland") & (YEAR == 2024))),
    _us("partner doubled", "a large one", scaled(2, AREA == "Ireland")),
    _us("partner swapped", "with its neighbour", exchanged("partner_code", "Ireland", "Italy")),
    _us("partner swapped", "with its neighbour in the newest year", exchanged("partner_code", "Ireland", "Italy", YEAR == 2024)),
    _us("codes permuted", "two types exchanged", exchanged("ip_type", "CipLicensesTrademarks", "CipLicensesMoviesTv")),
    _us("codes permuted", "two types exchanged in the newest year", exchanged("ip_type", "CipLicensesTrademarks", "CipLicensesMoviesTv", YEAR == 2024)),
    _us("codes permuted", "affiliated for unaffiliated", exchanged("affiliation", "Affiliated", "Unaffiliated")),
    _us("rounding", "to tens of millions", rounded(1e7)),
    _us("rounding", "to billions", rounded(1e9)),
    _us("zero", "what is withheld as 0", put(WITHHELD, value_usd=pl.lit(0), observation_status=pl.lit("reported"))),
    _us("null", "a type withheld", put(CHIPS, value_usd=pl.lit(None), observation_status=pl.lit("suppressed"))),
    _us("one cell", "the total of the newest year a tenth more", scaled(1.1, TOTAL & WORLD & (YEAR == 2024) & EXPORTS)),
    _us("one cell", "a partner's year tenfold", scaled(10, (AREA == "Germany") & TOTAL & (AFF == "AllAffiliations") & (YEAR == 2022))),
    _us("many small", "a third of all by a tenth", noise(0.3, 0.1)),
    _us("stale", "carried forward since 2021", carried("year", 2021, 2024)),
    _us("stale", "the update before, with its year, under the new date", without(YEAR == 2024)),
    _us("truncated", "half of the areas", without(AREA > "L")),
    _us("key", "rows twice", twice(AREA == "Ireland"), level="table"),
    _us("zero", "what is withheld as 0, by us", put(WITHHELD, value_usd=pl.lit(0)), level="table"),
    _us("aggregate", "a region as a country", renamed(AREA == "Europe", is_aggregate=False), level="table"),
    _us("label", "a code that nobody knows", renamed(AREA == "Ireland", partner_code="Eire"), level="table"),
    _us("encoding", "a name of another encoding", renamed(AREA == "Turkey", partner_name="TÃ¼rkiye"), level="table"),
    _us("one cell", "off by a million", put((AREA == "Taiwan") & TOTAL & (YEAR == 2022), value_usd=pl.col("value_usd") + 10**6), level="table"),
    _us("vintage", "some rows of the vintage before", renamed(YEAR == 2021, source_vintage="2024-07-03"), level="table"),
)  # fmt: skip

quarter = pl.col("period")
ADJUSTED = pl.col("seasonal_adjustment") == "seasonally_adjusted"
NEWEST = pl.lit(date(2025, 1, 1))


def _quarters(
    kind: str, what: str, corrupt: Corruption, level: Level = "figures", vintage: Renamed | None = None
) -> Case:
    return Case(quarterLY, kind, what, corrupt, level, vintage)


BEA_QUARTERS = (
    _quarters("unit", "millions taken for dollars", scaled(1e-6)),
    _quarters("unit", "at annual rates", scaled(4)),
    _quarters("unit", "one type a thousandth", scaled(1e-3, CHIPS)),
    _quarters("unit", "five percent too much in one year", scaled(1.05, quarter.dt.year() == 2022)),
    _quarters("unit", "the newest quarter doubled", scaled(2, quarter == NEWEST)),
    _quarters("sign", "imports negative", negated(IMPORTS)),
    _quarters("flows swapped", "throughout", exchanged("direction", "exports", "imports")),
    _quarters("flows swapped", "in the newest quarter", exchanged("direction", "exports", "imports", quarter == NEWEST)),
    _quarters("series swapped", "adjusted for unadjusted", exchanged("seasonal_adjustment", "seasonally_adjusted", "not_seasonally_adjusted")),
    _quarters("series swapped", "two types", exchanged("ip_type", "CipLicensesAudVis", "CipLicensesCompSoftware")),
    _quarters("quarter duplicated", "the newest is the one before", copied("period", date(2024, 10, 1), date(2025, 1, 1))),
    _quarters("quarter shifted", "everything a quarter late", shifted("period", ["direction", "ip_type", "seasonal_adjustment"], 1)),
    _quarters("quarter missing", "one", without(quarter == pl.lit(date(2015, 4, 1)))),
    _quarters("quarter missing", "the newest", without(quarter == NEWEST)),
    _quarters("year to date", "taken for the quarter", put(pl.lit(True), value_usd=pl.col("value_usd") * quarter.dt.quarter())),
    _quarters("rounding", "to tens of millions", rounded(1e7)),
    _quarters("one cell", "the total of a quarter a tenth more", scaled(1.1, TOTAL & (quarter == pl.lit(date(2022, 4, 1))) & EXPORTS)),
    _quarters("stale", "carried forward", carried("period", date(2023, 10, 1), date(2025, 1, 1))),
    _quarters("null", "the newest quarter withheld", put(quarter == NEWEST, value_usd=pl.lit(None), observation_status=pl.lit("suppressed"))),
    _quarters("key", "rows twice", twice(quarter == NEWEST), level="table"),
)  # fmt: skip

CASES = (*BANK, *BEA_YEARS, *BEA_QUARTERS)
