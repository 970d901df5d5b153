"""Corruptions of the tables of codes: they move no total, and give figures another name."""
# ruff: noqa: E501, RUF001 - a case a line; text of another encoding is one of them

from __future__ import annotations

from datetime import date

import polars as pl

from benchmarks.quality_mutations.case import Case, Level, Renamed
from benchmarks.quality_mutations.operations import Corruption, exchanged, head, put, renamed, twice, without

PRODUCTS, PARTNERS = "atp_products", "partners"
IMPORTS = pl.col("flow") == "imports"
NEWEST = pl.col("list_month") == pl.col("list_month").filter(IMPORTS).max()
SOME = pl.col("hs10").str.starts_with("85")


def _products(
    kind: str, what: str, corrupt: Corruption, level: Level = "figures", vintage: Renamed | None = None
) -> Case:
    return Case(PRODUCTS, kind, what, corrupt, level, vintage)


def _as_exports(lists: pl.DataFrame) -> pl.DataFrame:
    """The newest list of imports is taken for that of exports."""
    newest = lists.filter(IMPORTS & NEWEST).with_columns(flow=pl.lit("exports"))
    return pl.concat([lists.filter(IMPORTS), newest])


def _again(lists: pl.DataFrame) -> pl.DataFrame:
    """The newest list is the one before."""
    months = lists.filter(IMPORTS)["list_month"].unique().sort()
    before = lists.filter(IMPORTS & (pl.col("list_month") == months[-2]))
    return pl.concat([lists.filter(~(IMPORTS & NEWEST)), before.with_columns(list_month=pl.lit(months[-1]))])


LISTS = (
    _products("truncated", "half of the newest list", without(IMPORTS & NEWEST & (pl.col("hs10") > "8500000000"))),
    _products("truncated", "the tail of the newest list", without(IMPORTS & NEWEST & (pl.col("hs10") > "9030000000"))),
    _products("group codes", "two groups exchanged", exchanged("technology_group", "04", "08", NEWEST)),
    _products("group codes", "some codes in another group", renamed(SOME & IMPORTS & NEWEST, technology_group="07")),
    _products("group missing", "one group of the newest list", without(NEWEST & (pl.col("technology_group") == "05"))),
    _products("flows swapped", "the list of imports for exports", _as_exports),
    _products("stale", "the newest list is the one before", _again),
    _products("list missing", "the newest list of imports", without(IMPORTS & NEWEST)),
    _products("list missing", "the first list", without(IMPORTS & (pl.col("list_month") == pl.col("list_month").min()))),
    _products("label", "codes of nine digits", put(SOME, hs10=pl.col("hs10").str.head(9)), level="table"),
    _products("key", "rows twice", twice(SOME), level="table"),
    _products("dates", "ends before it begins", put(pl.col("ended") == "left", valid_to=pl.lit(date(2016, 1, 1))), level="table"),
    _products("null", "ended codes still in force", put(pl.col("ended") == "left", valid_to=pl.lit(None), ended=pl.lit(None)), level="table"),
    _products("truncated", "the last part of the table", head(0.8), level="table"),
)  # fmt: skip


def _partners(kind: str, what: str, corrupt: Corruption) -> Case:
    return Case(PARTNERS, kind, what, corrupt, "table")


def one(partner: str) -> pl.Expr:
    return pl.col("partner_id") == partner


REFERENCE = (
    _partners("partner swapped", "Schedule C of two", exchanged("schedule_c_code", "5700", "5830")),
    _partners("partner swapped", "Schedule C of two small ones", exchanged("schedule_c_code", "7510", "7530")),
    _partners("partner swapped", "two nobody has on a list", exchanged("schedule_c_code", "4351", "4370")),
    _partners("partner swapped", "ISO codes of two", exchanged("iso3", "AUS", "AUT")),
    _partners("partner dropped", "a large one", without(one("CHN"))),
    _partners("partner dropped", "a small one", without(one("ABW"))),
    _partners("key", "a partner twice", twice(one("CHN"))),
    _partners("aggregate", "a group as an economy", renamed(one("schedule_c:0003"), is_aggregate=False)),
    _partners("aggregate", "an economy as a group", renamed(one("CHN"), is_aggregate=True)),
    _partners("label", "a code without its zeros", put(one("schedule_c:0003"), schedule_c_code=pl.lit("3"))),
    _partners("encoding", "a name of another encoding", put(one("CIV"), partner_name=pl.lit("CÃ´te d'Ivoire"))),
    _partners("null", "a code gone", put(one("CHN"), bea_code=pl.lit(None))),
    _partners("label", "an economy in another region", put(one("TWN"), region=pl.lit("Europe"))),
    _partners("truncated", "the last part of the table", head(0.9)),
)  # fmt: skip

CASES = (*LISTS, *REFERENCE)
