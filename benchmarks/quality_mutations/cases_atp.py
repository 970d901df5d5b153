"""Corruptions of the two datasets of trade in advanced technology."""
# ruff: noqa: E501 - a case a line

from __future__ import annotations

from datetime import date

import polars as pl

from benchmarks.quality_mutations.case import Case, Level, Renamed
from benchmarks.quality_mutations.operations import (
    Corruption,
    added,
    as_it_is,
    carried,
    copied,
    exchanged,
    head,
    negated,
    noise,
    put,
    renamed,
    rotated,
    rounded,
    scaled,
    shifted,
    swapped,
    to_date,
    truncated,
    twice,
    without,
)
from configs.release_calendar import month_after

ATP, TRADE = "atp_world_monthly", "atp_trade_monthly"
EXPORTS, IMPORTS = pl.col("flow") == "exports", pl.col("flow") == "imports"
YEAR = pl.col("period").dt.year()
OLD = date(2016, 5, 1)
# The newest month of the table at hand, so that a case can be tried on several grounds.
NEW = pl.col("period").max()


def back(months: int) -> pl.Expr:
    return NEW.dt.offset_by(f"-{months}mo")


LAST, NEXT, NEW_YEAR = back(1), NEW.dt.offset_by("1mo"), pl.col("period").dt.year() == NEW.dt.year()


def at(month: date | pl.Expr) -> pl.Expr:
    return pl.col("period") == month


def two_months_on(vintage: str) -> str:
    return f"{month_after(date.fromisoformat(f'{vintage}-01'), 2):%Y-%m}"


def _world(kind: str, what: str, corrupt: Corruption, level: Level = "figures", vintage: Renamed | None = None) -> Case:
    return Case(ATP, kind, what, corrupt, level, vintage)


WORLD = (
    _world("unit", "thousands for dollars", scaled(1e-3)),
    _world("unit", "a million times too much", scaled(1e6)),
    _world("unit", "one flow a thousandfold", scaled(1e3, IMPORTS)),
    _world("unit", "one year in thousands", scaled(1e-3, YEAR == 2016)),
    _world("unit", "the newest month tenfold", scaled(10, at(NEW))),
    _world("unit", "everything in euros (a tenth less)", scaled(0.9)),
    _world("unit", "one flow two percent too much", scaled(1.02, EXPORTS)),
    _world("sign", "exports negative", negated(EXPORTS)),
    _world("sign", "one month negative", negated(at(OLD))),
    _world("flows swapped", "exports and imports exchanged", exchanged("flow", "exports", "imports")),
    _world("flows swapped", "exchanged in one year of revision", exchanged("flow", "exports", "imports", YEAR == 2023)),
    _world("flows swapped", "exchanged in the newest month", exchanged("flow", "exports", "imports", at(NEW))),
    _world("flows swapped", "imports given as exports too", copied("flow", "imports", "exports")),
    _world("month duplicated", "a month of long ago given twice", copied("period", date(2016, 4, 1), OLD)),
    _world("month duplicated", "the newest month is the one before", copied("period", LAST, NEW)),
    _world("month duplicated", "the newest month is that of a year ago", copied("period", back(12), NEW)),
    _world("month duplicated", "one flow of the newest month is the one before", copied("period", LAST, NEW, EXPORTS)),
    _world("month shifted", "the whole series a month late", shifted("period", ["flow"], 1)),
    _world("month shifted", "the whole series a year late", shifted("period", ["flow"], 12)),
    _world("month shifted", "a month late since 2020", shifted("period", ["flow"], 1, YEAR >= 2020)),
    _world("month shifted", "two neighbouring months exchanged", swapped("period", date(2023, 5, 1), date(2023, 6, 1))),
    _world("month missing", "a month of long ago", without(at(OLD))),
    _world("month missing", "the newest month", without(at(NEW))),
    _world("month missing", "the first year", without(YEAR == 1989)),
    _world("year to date", "taken for the month throughout", to_date(["flow"])),
    _world("year to date", "taken for the month in the newest year", to_date(["flow"], NEW_YEAR)),
    _world("truncated", "the first half of the table only", without(YEAR > 2007)),
    _world("truncated", "32 bits", truncated(32)),
    _world("rounding", "to millions since 2009", rounded(1e6, YEAR >= 2009)),
    _world("rounding", "to thousands in the years of revision", rounded(1e3, YEAR >= 2021)),
    _world("rounding", "to a billion, one month", rounded(1e9, at(date(2024, 5, 1)))),
    _world("zero", "an unpublished month as 0", added({"period": NEXT, "value_usd": 0})),
    _world("zero", "the newest month 0", put(at(NEW), value_usd=pl.lit(0))),
    _world("null", "a month null", put(at(OLD), value_usd=pl.lit(None))),
    _world("one cell", "a month of long ago threefold", scaled(3, at(OLD) & EXPORTS)),
    _world("one cell", "a month of long ago a third more", scaled(1.33, at(OLD) & IMPORTS)),
    _world("one cell", "a month of long ago a sixth more", scaled(1.16, at(OLD) & IMPORTS)),
    _world("one cell", "a month of revision a third more", scaled(1.33, at(date(2024, 6, 1)) & EXPORTS)),
    _world("one cell", "a month of revision a sixth less", scaled(0.84, at(date(2023, 6, 1)) & IMPORTS)),
    _world("one cell", "the newest month a third more", scaled(1.33, at(NEW) & EXPORTS)),
    _world("one cell", "the newest month a tenth less", scaled(0.9, at(NEW) & IMPORTS)),
    _world("many small", "a third of all months by a tenth", noise(0.3, 0.1)),
    _world("many small", "a third of the months of revision by a percent", noise(0.3, 0.01, YEAR >= 2020)),
    _world("many small", "every month of long ago by a tenth of a percent", noise(1.0, 0.001, YEAR < 2020)),
    _world("stale", "all since 2023 carried forward", carried("period", date(2022, 12, 1), NEW)),
    _world("stale", "the vintage before under the new name", as_it_is, level="before"),
    _world("vintage", "told as a later month than it has", put(pl.lit(False), value_usd=pl.lit(0)), vintage=two_months_on),
    _world("other series", "all goods for advanced technology", scaled(4.2)),
    _world("other series", "one partner for the world", scaled(0.12)),
    _world("key", "a month twice", twice(at(OLD)), level="table"),
    _world("key", "the last of the month for the first", put(at(OLD), period=pl.lit(date(2016, 5, 31))), level="table"),
    _world("sign", "the balance with the other sign", put(pl.lit(True), balance_usd=-pl.col("balance_usd")), level="table"),
    _world("label", "a precision that is not the publisher's", renamed(at(OLD), reported_precision_usd=1_000_000), level="table"),
)  # fmt: skip


CHINA, MEXICO, CANADA = (pl.col("partner_code") == c for c in ("5700", "2010", "1220"))
G04, G08 = pl.col("hitech") == "04", pl.col("hitech") == "08"
SERIES = ["flow", "hitech", "partner_code"]
GROUPS = [f"{n:02d}" for n in range(1, 11)]
ADVANCED = pl.col("hitech") != "00"


def _trade(kind: str, what: str, corrupt: Corruption, level: Level = "figures", vintage: Renamed | None = None) -> Case:
    return Case(TRADE, kind, what, corrupt, level, vintage)


def neighbours(where: pl.Expr = ADVANCED) -> Corruption:
    return exchanged("partner_code", "5700", "5800", where)


BY_PARTNER = (
    _trade("unit", "thousands for dollars", scaled(1e-3)),
    _trade("unit", "one flow a thousandfold", scaled(1e3, EXPORTS)),
    _trade("unit", "one group a thousandth", scaled(1e-3, G08)),
    _trade("unit", "one partner a thousandfold", scaled(1e3, CANADA)),
    _trade("unit", "the newest month of a partner a thousandfold", scaled(1e3, MEXICO & at(NEW))),
    _trade("unit", "the newest month of a group tenfold", scaled(10, G08 & at(NEW))),
    _trade("unit", "two percent too much", scaled(1.02, ADVANCED)),
    _trade("sign", "a partner negative", negated(CANADA & ADVANCED)),
    _trade("flows swapped", "throughout", exchanged("flow", "exports", "imports")),
    _trade("flows swapped", "in the newest month", exchanged("flow", "exports", "imports", at(NEW))),
    _trade("month duplicated", "the newest month is the one before", copied("period", LAST, NEW)),
    _trade("month duplicated", "a group's newest month is the one before", copied("period", LAST, NEW, G08)),
    _trade("month duplicated", "a partner's newest month is the one before", copied("period", LAST, NEW, CHINA)),
    _trade("month duplicated", "a month of long ago given twice", copied("period", date(2016, 4, 1), OLD)),
    _trade("month shifted", "the whole table a month late", shifted("period", SERIES, 1)),
    _trade("month shifted", "one partner a month late", shifted("period", SERIES, 1, CHINA)),
    _trade("month shifted", "one group a year late", shifted("period", SERIES, 12, G08)),
    _trade("month missing", "a month of long ago", without(at(OLD))),
    _trade("month missing", "the newest month of one flow", without(at(NEW) & IMPORTS)),
    _trade("month missing", "the newest month of a large partner", without(at(NEW) & CHINA)),
    _trade("year to date", "taken for the month", to_date(SERIES)),
    _trade("year to date", "taken for the month in the newest year", to_date(SERIES, NEW_YEAR)),
    _trade("partner dropped", "a large one", without(CHINA)),
    _trade("partner dropped", "a large one in the newest year", without(CHINA & (NEW_YEAR))),
    _trade("partner dropped", "a small one", without(pl.col("partner_code") == "7230")),
    _trade("partner dropped", "a large one from one group", without(CHINA & G04)),
    _trade("partner doubled", "a large one", scaled(2, CHINA & ADVANCED)),
    _trade("partner doubled", "a small one", scaled(2, (pl.col("partner_code") == "7230") & ADVANCED)),
    _trade("partner doubled", "a large one in the newest month", scaled(2, CHINA & at(NEW))),
    _trade("partner swapped", "with its neighbour", neighbours()),
    _trade("partner swapped", "with its neighbour in the newest month", neighbours(at(NEW) & ADVANCED)),
    _trade("partner swapped", "with its neighbour in the newest year", neighbours((NEW_YEAR) & ADVANCED)),
    _trade("partner swapped", "two of like size", exchanged("partner_code", "1220", "4280", ADVANCED)),
    _trade("aggregate", "the European Union counted as a partner", renamed(pl.col("partner_code") == "4280", partner_code="0003")),
    _trade("group codes", "two groups exchanged", exchanged("hitech", "04", "08")),
    _trade("group codes", "two groups exchanged in the newest month", exchanged("hitech", "04", "08", at(NEW))),
    _trade("group codes", "all groups moved by one", rotated("hitech", GROUPS)),
    _trade("group codes", "all groups moved by one in the newest month", rotated("hitech", GROUPS, at(NEW))),
    _trade("group codes", "what is no advanced technology for one that is", exchanged("hitech", "00", "05")),
    _trade("group missing", "one throughout", without(pl.col("hitech") == "10")),
    _trade("group missing", "one in the newest month", without((pl.col("hitech") == "10") & at(NEW))),
    _trade("truncated", "the first years only", without(YEAR > 2018)),
    _trade("truncated", "32 bits", truncated(31)),
    _trade("rounding", "to thousands", rounded(1e3)),
    _trade("rounding", "to millions", rounded(1e6)),
    _trade("zero", "a partner's newest month 0", put(CHINA & at(NEW), value_usd=pl.lit(0))),
    _trade("one cell", "the newest month of the largest tenfold", scaled(10, CHINA & G04 & at(NEW) & IMPORTS)),
    _trade("one cell", "a month of long ago of the largest doubled", scaled(2, CHINA & G04 & at(OLD) & IMPORTS)),
    _trade("one cell", "a month of revision of the largest a half more", scaled(1.5, CHINA & G04 & at(date(2023, 6, 1)))),
    _trade("one cell", "the newest month of a small one doubled", scaled(2, (pl.col("partner_code") == "7230") & at(NEW))),
    _trade("many small", "a third of all figures by a tenth", noise(0.3, 0.1, ADVANCED)),
    _trade("many small", "a third of the figures of revision by a tenth", noise(0.3, 0.1, (YEAR >= 2023) & ADVANCED)),
    _trade("stale", "carried forward since the summer", carried("period", back(8), NEW)),
    _trade("stale", "the vintage before under the new name", without(at(NEW))),
    _trade("vintage", "told as a later month than it has", put(pl.lit(False), value_usd=pl.lit(0)), vintage=two_months_on),
)  # fmt: skip

CODE04 = pl.col("technology_group") == "04"
IN_OUR_TABLE = (
    _trade("key", "rows twice", twice(CHINA & at(OLD)), level="table"),
    _trade("partner dropped", "in our join", without(MEXICO & CODE04), level="table"),
    _trade("aggregate", "a group of partners not marked", renamed(pl.col("partner_code") == "0003", is_aggregate=False), level="table"),
    _trade("aggregate", "a partner marked as a group", renamed(CHINA, is_aggregate=True), level="table"),
    _trade("aggregate", "the world not marked", renamed(pl.col("partner_code") == "-", is_aggregate=False), level="table"),
    _trade("label", "a code without its zero", put(CODE04, technology_group=pl.lit("4")), level="table"),
    _trade("label", "a code that nobody knows", renamed(CHINA, partner_code="5999"), level="table"),
    _trade("encoding", "a partner's name of another encoding", renamed(CHINA, partner_name="ChinÃ©"), level="table"),
    _trade("label", "a partner under another's name", renamed(CHINA, partner_name="Korea, South", partner_iso3="KOR"), level="table"),
    _trade("label", "a group under another's name", renamed(CODE04, technology_group_name="Aerospace"), level="table"),
    _trade("null", "a month of nulls", put(at(OLD), value_usd=pl.lit(None)), level="table"),
    _trade("one cell", "off by a dollar", put(CHINA & CODE04 & at(OLD) & IMPORTS, value_usd=pl.col("value_usd") + 1), level="table"),
    _trade("year to date", "not begun anew in January", put(YEAR == 2016, value_ytd_usd=pl.col("value_ytd_usd") + 10**6), level="table"),
    _trade("truncated", "the last part of the table lost", head(0.97), level="table"),
)  # fmt: skip

CASES = (*WORLD, *BY_PARTNER, *IN_OUR_TABLE)
