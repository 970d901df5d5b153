"""Corruptions that were tried on the gate by others and were published, silently or with a warning, or were blocked by
one check alone. With the first list they are the fixed one, over which the score is counted.
"""
# ruff: noqa: E501 - a case a line

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import polars as pl

from benchmarks.quality_mutations.case import Case, Level
from benchmarks.quality_mutations.cases_atp import EXPORTS, IMPORTS, NEW, YEAR, at, back
from benchmarks.quality_mutations.cases_ip import DEU, RECEIPTS, USA
from benchmarks.quality_mutations.grounds.ground import ANNUAL, ATP, IP, TRADE, Tables, bundled
from benchmarks.quality_mutations.operations import Corruption, exchanged, renamed, rounded, scaled, then, without

NEWEST_YEAR = pl.col("year") == pl.col("year").max()
TEN_LARGEST = ["USA", "JPN", "DEU", "CHE", "GBR", "NLD", "FRA", "IRL", "SGP", "CHN"]
CODE = pl.col("economy_code")
ASIA, EU = pl.col("partner_code") == "5XXX", pl.col("partner_code") == "0003"


def both_flows(first: int, last: int) -> Corruption:
    """Exports 4.5 % too high and imports 4.3 % too low: the deficit of 2024 becomes 245 billion for 299."""
    years = YEAR.is_between(first, last)
    return then(scaled(1.045, EXPORTS & years), scaled(0.957, IMPORTS & years))


def as_in_2023(figures: pl.DataFrame) -> pl.DataFrame:
    """The months from 2020-01 to 2023-01 as the vintage of 2023-01 has them, before three revisions."""
    older = bundled(ATP, "2023-01")[0].select("period", exports="exports_usd", imports="imports_usd")
    was = older.unpivot(["exports", "imports"], index="period", variable_name="flow", value_name="was")
    back_then = pl.col("period").is_between(date(2020, 1, 1), date(2023, 1, 1))
    return (
        figures.join(was, on=["flow", "period"], how="left", maintain_order="left")
        .with_columns(value_usd=pl.when(back_then).then("was").otherwise("value_usd"))
        .drop("was")
    )


def seasonally_adjusted(since: int) -> Corruption:
    """The figures over the usual place of their month within its year."""

    def corrupt(figures: pl.DataFrame) -> pl.DataFrame:
        month, known = pl.col("period").dt.month().alias("month"), YEAR.is_between(2012, 2019)
        share = pl.col("value_usd") / pl.col("value_usd").mean().over("flow", YEAR)
        usual = (
            figures.with_columns(month, share=share).filter(known).group_by("flow", "month").agg(pl.col("share").mean())
        )
        told = figures.with_columns(month).join(usual, on=["flow", "month"], maintain_order="left", how="left")
        adjusted = (pl.col("value_usd") / pl.col("share")).round().cast(figures.schema["value_usd"])
        return told.with_columns(value_usd=pl.when(since <= YEAR).then(adjusted).otherwise("value_usd")).drop(
            "month", "share"
        )

    return corrupt


def of_partners(factor: float, where: pl.Expr) -> Corruption:
    """A row that the publisher adds up himself; its year to date and its total over groups follow."""
    less = (pl.col("value_usd") * (1 - factor)).cast(pl.Int64)
    by, total = ["flow", "hitech", "partner_code"], pl.col("hitech") == "-"

    def corrupt(trade: pl.DataFrame) -> pl.DataFrame:
        missing = pl.when(where & ~total).then(less).otherwise(0)
        told = trade.sort(*by, "period").with_columns(missing=missing)
        told = told.with_columns(missing_ytd=pl.col("missing").cum_sum().over(*by, YEAR))
        place = ["flow", "partner_code", "period"]
        of_total = [pl.when(total).then(pl.col(c).sum().over(place)).otherwise(c) for c in ("missing", "missing_ytd")]
        month, year = (pl.col(c) for c in ("missing", "missing_ytd"))
        lower = told.with_columns(of_total).with_columns(pl.col("value_usd") - month, pl.col("value_ytd_usd") - year)
        return lower.select(trade.columns)

    return corrupt


def forecast(observations: pl.DataFrame) -> pl.DataFrame:
    """The newest year with the World Bank's mark of a forecast (``obs_status``)."""
    newest = pl.col("year") == pl.col("year").max()
    return observations.with_columns(observation_status=pl.when(newest).then(pl.lit("F")))


def in_list_of_economies(change: Corruption) -> Callable[[Tables], Tables]:
    """The publisher's own list says the same."""
    return lambda tables: {**tables, "economies": change(tables["economies"].collect()).lazy()}


def _named(dataset: str, kind: str, what: str, corrupt: Corruption, level: Level = "figures") -> Case:
    return Case(dataset, kind, what, corrupt, level, of="named")


def _identity(what: str, change: Corruption) -> Case:
    return Case(IP, "identity", what, change, "table", tables=in_list_of_economies(change), of="named")


IN_2024 = YEAR == 2024
WORKBOOK = (
    _named(ATP, "balance", "both flows of 2024 off by 4.5 percent, apart", both_flows(2024, 2024)),
    _named(ATP, "balance", "imports of 2024 4.5 percent too high", scaled(1.045, IMPORTS & IN_2024)),
    _named(ATP, "balance", "both flows of 2020 to 2024 off by 4.5 percent, apart", both_flows(2020, 2024)),
    _named(ATP, "balance", "imports of 2024 a fifth too low", scaled(0.8, IMPORTS & IN_2024)),
    _named(ATP, "balance", "imports of 2025 4.5 percent too high", scaled(1.045, IMPORTS & (YEAR == 2025))),
    Case(ATP, "stale", "37 months return to the state of 2023-01", as_in_2023, of="named", grounds=("live",)),
    _named(ATP, "partial", "the newest month has domestic exports only", scaled(0.83, EXPORTS & at(NEW))),
    _named(ATP, "partial", "the newest month has half of its imports", scaled(0.55, IMPORTS & at(NEW))),
    _named(ATP, "other series", "seasonally adjusted since 2023", seasonally_adjusted(2023)),
    _named(ATP, "rounding", "19 new months in whole millions", rounded(1e6, pl.col("period") > back(19))),
    _named(ATP, "flows swapped", "the newest month the other way round", exchanged("flow", "exports", "imports", at(NEW))),
)  # fmt: skip
GROUPS = (
    _named(TRADE, "aggregate", "Asia half in the newest month", of_partners(0.5, ASIA & at(NEW)), level="source"),
    _named(TRADE, "aggregate", "Asia half in all months", of_partners(0.5, ASIA), level="source"),
    _named(TRADE, "aggregate", "the European Union 35 percent too high in the newest month", of_partners(1.35, EU & at(NEW)), level="source"),
)  # fmt: skip
BANK = (
    _named(IP, "flows swapped", "all economies in the newest year", exchanged("flow", "receipts", "payments", NEWEST_YEAR)),
    _named(IP, "economy swapped", "Japan and Germany in the newest year", exchanged("economy_code", "JPN", "DEU", NEWEST_YEAR)),
    _named(IP, "truncated", "ten of the largest economies without their years since 2019", without(CODE.is_in(TEN_LARGEST) & (pl.col("year") >= 2019))),
    _named(IP, "truncated", "receipts of three years of the United States only", without(RECEIPTS & ~USA & (pl.col("year") > pl.col("year").max() - 3))),
    _identity("Cyprus is listed as an aggregate", renamed(CODE == "CYP", is_aggregate=True)),
    _identity("the names of Niger and Nigeria exchanged", exchanged("economy_name", "Niger", "Nigeria")),
    _identity("the names of Australia and Austria exchanged", exchanged("economy_name", "Australia", "Austria")),
    _named(IP, "label", "the newest year is a forecast", forecast, "source"),
    _named(IP, "unit", "everything in euros (0.92)", scaled(0.92)),
    _named(IP, "unit", "everything in special drawing rights (0.75)", scaled(0.75)),
    _named(IP, "unit", "Germany in euros since 2010", scaled(0.9, DEU & (pl.col("year") >= 2010))),
    _named(IP, "one cell", "receipts of the United States a fifth too low in the newest year", scaled(0.8, USA & RECEIPTS & NEWEST_YEAR)),
)  # fmt: skip
BEA = (
    _named(ANNUAL, "partner swapped", "Ireland and Germany in the newest year", exchanged("partner_code", "Ireland", "Germany", NEWEST_YEAR)),
    _named(ANNUAL, "flows swapped", "in the newest year, and the balance with them", exchanged("direction", "exports", "imports", NEWEST_YEAR)),
)  # fmt: skip

CASES = (*WORKBOOK, *GROUPS, *BANK, *BEA)
