"""``atp_trade_monthly``: a made-up world whose totals are the workbook's, after a revision and after new months."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import cache

import polars as pl

from benchmarks.quality_mutations.grounds.ground import ATP, TRADE, Ground, Tables, bundled, partners_table, sums
from benchmarks.quality_mutations.operations import Corruption, as_it_is
from benchmarks.synthetic.trade import members, world
from configs.contracts import load_contract
from expectations.check import Other
from tasks.extract.census import ft900
from tasks.extract.census.trade_api_parse import VALUES
from tasks.transform.registry import load_transform

BY = ["flow", "hitech", "partner_code", "period"]
ORDER = ["period", "flow", "technology_group", "partner_code"]
NEWEST, NEWEST_LIVE = "2025-02", "2026-09"
# Of the live months: what they start from, US dollars, and how they grow a month.
LEVEL, GROWTH = {"exports": 42e9, "imports": 83e9}, {"exports": 1.006, "imports": 1.006}


@cache
def hitech() -> Ground:
    """One new month, and a revision of three years."""
    ground = _ground(NEWEST)
    revised = trade_data(trade_tables(_trade(NEWEST, 1)))
    month = pl.col("period")
    known = month < date(2022, 3, 1)
    parent = pl.concat([ground.data.filter(known), revised.filter(~known & (month < date(2025, 2, 1)))]).sort(ORDER)
    workbook = Other(bundled(ATP, NEWEST)[0].lazy(), NEWEST)
    return _with(ground, parent, "2025-01", workbook, date(2025, 8, 1), live=False)


@cache
def hitech_live() -> Ground:
    """Three new months at once, nothing revised."""
    ground = _ground(NEWEST_LIVE, _carried_on)
    parent = ground.data.filter(pl.col("period") < date(2026, 7, 1))
    return _with(ground, parent, "2026-06", _workbook(ground.data), date(2026, 11, 10), live=True)


def newest_month(data: pl.DataFrame) -> str:
    """The name of the vintage."""
    return str(data["period"].max())[:7]


def _workbook(data: pl.DataFrame) -> Other:
    """The balance workbook with the world of the table."""
    totals = data.filter(pl.col("partner_code") == "-").group_by("period", "flow").agg(pl.col("value_usd").sum())
    wide = totals.pivot("flow", index="period", values="value_usd").sort("period")
    exports, imports = pl.col("exports"), pl.col("imports")
    flows = wide.select("period", exports_usd=exports, imports_usd=imports, balance_usd=exports - imports)
    return Other(flows.lazy(), newest_month(data))


def _agreeing(data: pl.DataFrame, tables: Tables) -> tuple[dict[str, Other], Tables]:
    """The workbook and FT-900 with the figures of the table."""
    return {ATP: _workbook(data)}, {**tables, "ft900": exhibits(tables["trade"].collect())}


def _with(ground: Ground, parent: pl.DataFrame, vintage: str, workbook: Other, today: date, live: bool) -> Ground:
    return replace(
        ground, parent=parent, parent_vintage=vintage, others={ATP: workbook}, today=today, live=live
    )  # fmt: skip


def _ground(newest: str, carried_on: Callable[[pl.DataFrame], pl.DataFrame] = as_it_is) -> Ground:
    trade = _trade(newest, 0)
    detail = trade.filter(~pl.col("partner_code").is_in(_aggregates()) & (pl.col("hitech") != "-"))
    figures = carried_on(detail.select(*BY, "value_usd"))
    trade = added_up(figures)
    tables = trade_tables(trade)
    data = trade_data(tables)

    def rebuilt(corrupted: pl.DataFrame) -> tuple[pl.DataFrame, Tables]:
        made = {**trade_tables(added_up(corrupted)), "ft900": tables["ft900"]}
        return trade_data(made), made

    def retold(corrupt: Corruption) -> tuple[pl.DataFrame, Tables]:
        made = {**tables, "trade": corrupt(trade).lazy()}
        return trade_data(made), made

    return Ground(TRADE, newest, data, tables, figures, rebuilt, _headlines, retold=retold, agreeing=_agreeing)


def _carried_on(figures: pl.DataFrame) -> pl.DataFrame:
    """The months after the workbook of 2025-02 with the usual season of each, on a rising trend."""
    year, month = pl.col("period").dt.year(), pl.col("period").dt.month().alias("month")
    advanced = figures.filter(pl.col("hitech") != "00")
    totals = advanced.group_by("flow", "period").agg(pl.col("value_usd").sum().cast(pl.Float64).alias("total"))
    share = (pl.col("total") / pl.col("total").mean().over("flow", year)).alias("share")
    known = totals.with_columns(share, month).filter(year.is_between(2015, 2024))
    season = known.group_by("flow", "month").agg(pl.col("share").mean())
    after = (year - 2025) * 12 + pl.col("month") - 3
    level, growth = (pl.col("flow").replace_strict(known, return_dtype=pl.Float64) for known in (LEVEL, GROWTH))
    uneven = 1 + (after * 7 % 9 - 4) / 300
    # Imports of January and February 2025 were brought forward, and the next year's are compared with them.
    early = pl.when((pl.col("flow") == "imports") & (pl.col("month") <= 2)).then(1.13).otherwise(1.0)
    new = totals.filter(pl.col("period") > date(2025, 2, 1)).with_columns(month).join(season, on=["flow", "month"])
    factor = new.select(
        "flow", "period", factor=level * growth**after * pl.col("share") * uneven * early / pl.col("total")
    )
    told = figures.join(factor, on=["flow", "period"], how="left", maintain_order="left")
    value = (pl.col("value_usd") * pl.col("factor").fill_null(1)).round().cast(figures.schema["value_usd"])
    return told.with_columns(value_usd=value).drop("factor")


def _headlines(frame: pl.DataFrame) -> pl.DataFrame:
    years = frame.filter(pl.col("partner_code") == "-").with_columns(year=pl.col("period").dt.year())
    return sums(years, ["flow", "year"])


def _trade(newest: str, revision: int) -> pl.DataFrame:
    """flow, hitech, partner_code, period, value_usd, value_ytd_usd: the made-up world as parsed."""
    parts = []
    for flow, (month, year_to_date) in VALUES.items():
        parts.append(
            world(newest, revision).flows[flow].select(
                pl.lit(flow).alias("flow"),
                pl.col("HITECH").alias("hitech"),
                pl.col("CTY_CODE").alias("partner_code"),
                (pl.col("time") + "-01").str.to_date().alias("period"),
                pl.col(month).cast(pl.Int64).alias("value_usd"),
                pl.col(year_to_date).cast(pl.Int64).alias("value_ytd_usd"),
            )
        )  # fmt: skip
    return pl.concat(parts)


@cache
def _aggregates() -> list[str]:
    marked = partners_table().filter(pl.col("is_aggregate")).select("schedule_c_code").drop_nulls()
    return marked.collect().to_series().to_list()


def added_up(figures: pl.DataFrame) -> pl.DataFrame:
    """The whole table of corrupted partners and groups: the world, groups of partners, totals and years to date."""
    world_rows = figures.group_by("flow", "hitech", "period").agg(pl.col("value_usd").sum())
    code, known = pl.col("partner_code"), members()
    # The first digit of a new code gives its continent.
    new = figures.select(code.unique()).join(known, on="partner_code", how="anti").filter(code.str.contains("^[1-7]"))
    continents = new.select(group_code=code.str.head(1) + "XXX", partner_code=code, until=pl.lit(None, pl.Date))
    member = figures.join(pl.concat([known, continents]), on="partner_code").filter(
        pl.col("until").is_null() | (pl.col("period") < pl.col("until"))
    )
    group_rows = member.group_by("flow", "hitech", "period", pl.col("group_code").alias("partner_code")).agg(
        pl.col("value_usd").sum()
    )
    rows = [figures, world_rows.with_columns(partner_code=pl.lit("-")), group_rows]
    whole = pl.concat([r.select(*BY, "value_usd") for r in rows])
    total = whole.group_by("flow", "partner_code", "period").agg(pl.col("value_usd").sum())
    every = pl.concat([whole, total.with_columns(hitech=pl.lit("-")).select(whole.columns)])
    year = pl.col("period").dt.year()
    return every.sort(BY).with_columns(
        value_ytd_usd=pl.col("value_usd").cum_sum().over("flow", "hitech", "partner_code", year)
    )


def exhibits(trade: pl.DataFrame) -> pl.LazyFrame:
    """What FT-900 prints of the newest month: groups with all partners, and partners with all groups."""
    newest = trade.filter((pl.col("period") == pl.col("period").max()) & ~pl.col("hitech").is_in(["-", "00"]))
    by = ["technology_group", "partner_code", "flow", "period"]
    rows = newest.rename({"hitech": "technology_group"}).select(*by, "value_usd")
    groups = rows.filter(pl.col("partner_code") == "-")
    printed = rows.filter(pl.col("partner_code").is_in(["-", *ft900.PARTNERS.values()]))
    totals = printed.with_columns(technology_group=pl.lit("total")).group_by(by).agg(pl.col("value_usd").sum())
    musd = (pl.col("value_usd") / 1e6).round().alias("value_musd")
    return pl.concat([groups, totals.select(rows.columns)]).select(*by, musd).lazy()


def trade_tables(trade: pl.DataFrame) -> Tables:
    return {"trade": trade.lazy(), "ft900": exhibits(trade), "partners": partners_table()}


def trade_data(tables: Tables) -> pl.DataFrame:
    """In the order of the staged files: a year after the other."""
    data = load_transform(load_contract(TRADE)).transform(tables).collect()
    year = pl.col("period").dt.year()
    return data.sort([year, *load_contract(TRADE).sort_by])
