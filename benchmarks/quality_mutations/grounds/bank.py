"""``ip_trade_annual``: a table of one vintage, real to the last cell, and the first live update after the bundled ones.

Bundled figures later than 2021-09-15 are of a few economies each, so the version before a live update is a mixture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import polars as pl

from benchmarks.quality_mutations.grounds.bea import TOTAL, WORLD, us_annual
from benchmarks.quality_mutations.grounds.ground import ANNUAL, IP, Ground, Rebuilt, Tables, bundled, history, sums
from benchmarks.quality_mutations.operations import Corruption
from configs.contracts import load_contract
from expectations.check import Other
from tasks.extract.bundled import snapshot
from tasks.transform.registry import load_transform

MEASURES = {"receipts_usd": "receipts", "payments_usd": "payments"}
TOLD = ["economy_code", "economy_name", "is_aggregate", "source_vintage"]
KEY = ["flow", "economy_code", "year"]
WHOLE, LIVE_VINTAGE, LIVE_YEAR = "2021-09-15", "2026-10-07", 2025
LARGE = 1e9


@cache
def ip_trade() -> Ground:
    """The bundled figures as they are published today, a mixture of vintages."""
    data, tables = bundled(IP, "2025-01-28")
    parent, _ = bundled(IP, "2024-11-13")
    bea_2024 = us_annual(2024)
    others = {ANNUAL: Other(bea_2024.data.lazy(), bea_2024.vintage)}
    return _ground("2025-01-28", data, tables, parent, "2024-11-13", others)


@cache
def ip_trade_single() -> Ground:
    """All rows of 2021-09-15; before it a table without the newest year, revised as the World Bank revises."""
    data, tables = bundled(IP, WHOLE)
    before = _revised(figures_of(data).filter(pl.col("year") < 2020), since=2012)
    parent = _wide(before, data.with_columns(source_vintage=pl.lit("2020-09-16")))
    bea = {ANNUAL: _bea_of_usa(data)}
    return replace(_ground(WHOLE, data, tables, parent, "2020-09-16", bea), today=date(2021, 10, 1))


@cache
def ip_trade_live() -> Ground:
    """After the bundled mixture: every row of one new vintage, a new year of all, and of some five."""
    newest = snapshot.vintages(IP)[-1]
    parent, tables = bundled(IP, newest)
    figures = _carried_on(figures_of(parent), figures_of(bundled(IP, WHOLE)[0]))
    data = _wide(figures, parent.with_columns(source_vintage=pl.lit(LIVE_VINTAGE)))
    bea = {ANNUAL: _bea_of_usa(data)}
    states = [(v, bundled(IP, v)[0]) for v in snapshot.vintages(IP)]
    return replace(
        _ground(LIVE_VINTAGE, data, tables, parent, newest, bea), past=history(IP, states),
        today=date(2026, 11, 10), live=True,
    )  # fmt: skip


def _ground(
    vintage: str, data: pl.DataFrame, tables: Tables, parent: pl.DataFrame, before: str, others: dict[str, Other]
) -> Ground:
    return Ground(
        IP, vintage, data, tables, figures_of(data), _rebuilt(data, tables), _headlines, parent, before, others,
        agreeing=_agreeing, retold=_retold(data, tables),
    )  # fmt: skip


def _rebuilt(data: pl.DataFrame, tables: Tables) -> Rebuilt:
    return lambda figures: (_wide(figures, data), {**tables, "observations": _observations(figures, data).lazy()})


def _retold(data: pl.DataFrame, tables: Tables) -> Callable[[Corruption], tuple[pl.DataFrame, Tables]]:
    def retold(corrupt: Corruption) -> tuple[pl.DataFrame, Tables]:
        told = {**tables, "observations": corrupt(_observations(figures_of(data), data)).lazy()}
        return load_transform(load_contract(IP)).transform(told).collect(), told

    return retold


def _observations(figures: pl.DataFrame, like: pl.DataFrame) -> pl.DataFrame:
    """The figures as the source's table has them."""
    vintages = like.select("economy_code", "source_vintage").unique()
    return figures.rename({"flow": "indicator"}).join(vintages, on="economy_code", how="left")


def figures_of(frame: pl.DataFrame) -> pl.DataFrame:
    long = frame.unpivot(list(MEASURES), index=["economy_code", "year"], variable_name="flow", value_name="value_usd")
    return long.drop_nulls("value_usd").with_columns(pl.col("flow").replace(MEASURES)).select(*KEY, "value_usd")


def _wide(figures: pl.DataFrame, like: pl.DataFrame) -> pl.DataFrame:
    """The finished table of some figures, with the names, marks and vintages of another."""
    key = ["economy_code", "year"]
    flows = [
        figures.filter(pl.col("flow") == flow).select(*key, pl.col("value_usd").alias(column))
        for column, flow in MEASURES.items()
    ]
    told = like.select(TOLD).unique()
    wide = flows[0].join(flows[1], on=key, how="full", coalesce=True).join(told, on="economy_code", how="left")
    made = wide.with_columns(balance_usd=pl.col("receipts_usd") - pl.col("payments_usd"))
    for name in like.columns:
        if name not in made.columns:
            made = made.with_columns(pl.lit(None).cast(like.schema[name]).alias(name))
    return made.select(like.columns).cast(like.schema).sort(key)


def _revised(figures: pl.DataFrame, since: int) -> pl.DataFrame:
    """Revisions of the size seen between 2025-01-28 and 2025-10: a fifth of the cells moves, most by some percent,
    a few by a tenth; the world follows."""
    number = pl.struct("economy_code", "flow", "year").hash(seed=11)
    size = pl.when(number % 25 == 0).then(0.12).when(number % 5 == 0).then(0.03).otherwise(0.0)
    up = pl.when(number % 2 == 0).then(1 + size).otherwise(1 - size)
    moved = pl.when((pl.col("year") >= since) & (pl.col("value_usd").abs() > LARGE / 10)).then(up).otherwise(1.0)
    return world_follows(figures.with_columns(value_usd=pl.col("value_usd") * moved), figures)


def world_follows(figures: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Figures whose world is what it was before, and what the economies have gained since."""
    by = ["flow", "year"]
    world = pl.col("economy_code") == "WLD"
    parts = [f.filter(~pl.col("economy_code").is_in(_aggregates())) for f in (figures, before)]
    now, was = (
        f.group_by(by).agg(pl.col("value_usd").sum().alias(n)) for f, n in zip(parts, ("now", "was"), strict=True)
    )
    old = before.filter(world).select(*by, pl.col("value_usd").alias("world"))
    share = now.join(was, on=by).join(old, on=by).select(*by, value=pl.col("world") + pl.col("now") - pl.col("was"))
    told = figures.join(share, on=by, how="left")
    return told.with_columns(
        value_usd=pl.when(world).then(pl.col("value").fill_null(pl.col("value_usd"))).otherwise("value_usd")
    ).drop("value")


@cache
def _aggregates() -> list[str]:
    return bundled(IP, WHOLE)[0].filter("is_aggregate")["economy_code"].unique().to_list()


def _carried_on(figures: pl.DataFrame, whole: pl.DataFrame) -> pl.DataFrame:
    """The figures, with the world that follows from the revised economies, and all series that went to 2018 or further
    carried on to the newest year by four percent a year; the world adds up as it did."""
    last = pl.col("year") == pl.col("year").max().over("flow", "economy_code")
    ends = figures.filter(
        last & (pl.col("year") >= 2018) & (pl.col("value_usd") != 0) & (pl.col("economy_code") != "WLD")
    )
    years = pl.DataFrame({"to": range(2019, LIVE_YEAR + 1)}, schema={"to": figures.schema["year"]})
    unlike = (pl.struct("economy_code", "flow", "to").hash(seed=3) % 100).cast(pl.Float64) / 1000 - 0.05
    grown = ends.join(years, how="cross").filter(pl.col("to") > pl.col("year")).with_columns(
        value_usd=pl.col("value_usd") * (1.04 ** (pl.col("to") - pl.col("year")) + unlike), year="to"
    )  # fmt: skip
    every = pl.concat([world_follows(figures, whole), grown.select(figures.columns)])
    economies = every.filter(~pl.col("economy_code").is_in(_aggregates()) & (pl.col("year") > 2018))
    world = economies.group_by("flow", "year").agg(pl.col("value_usd").sum()).with_columns(economy_code=pl.lit("WLD"))
    kept = every.filter(~((pl.col("economy_code") == "WLD") & (pl.col("year") > 2018)))
    return pl.concat([kept, world.select(figures.columns)])


def _bea_of_usa(data: pl.DataFrame) -> Other:
    """BEA's table with the totals that the World Bank has taken over, which takes it three months."""
    template = us_annual().data
    taken = str(data.filter(pl.col("economy_code") == "USA")["source_vintage"].max())
    vintage = str(date.fromisoformat(taken) - timedelta(days=100))
    usa = figures_of(data.filter(pl.col("economy_code") == "USA")).with_columns(
        direction=pl.col("flow").replace({"receipts": "exports", "payments": "imports"})
    )
    row = template.filter(TOTAL & WORLD).unique("direction").drop("year", "value_usd", "source_vintage")
    rows = usa.select("direction", "year", "value_usd").join(row, on="direction")
    made = rows.with_columns(source_vintage=pl.lit(vintage), value_usd=(pl.col("value_usd") / 1e6).round() * 1e6)
    return Other(made.select(template.columns).cast(template.schema).lazy(), vintage)


def _agreeing(data: pl.DataFrame, tables: Tables) -> tuple[dict[str, Other], Tables]:
    return {ANNUAL: _bea_of_usa(data)}, tables


def _headlines(frame: pl.DataFrame) -> pl.DataFrame:
    shown = figures_of(frame).filter(pl.col("economy_code").is_in(["USA", "WLD"]))
    return sums(shown, ["economy_code", "flow", "year"])
