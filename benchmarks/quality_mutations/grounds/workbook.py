"""``atp_world_monthly``: the bundled vintages one after the other, and the first live one after them."""

from __future__ import annotations

from datetime import date
from functools import cache

import polars as pl

from benchmarks.quality_mutations.grounds.ground import ATP, TRADE, Ground, Rebuilt, Tables, bundled, history, sums
from benchmarks.quality_mutations.grounds.trade import exhibits, hitech, hitech_live, newest_month
from expectations.check import Other
from expectations.rules.cross_source import group_totals

FLOWS = {"exports_usd": "exports", "imports_usd": "imports"}


@cache
def atp_world() -> Ground:
    """25 new months and three years of revision; all of it real."""
    data, tables = bundled(ATP, "2025-02")
    parent, _ = bundled(ATP, "2023-01")
    trade = hitech()
    tables = {**tables, "ft900": trade.tables["ft900"]}
    others = {TRADE: Other(trade.data.lazy(), trade.vintage)}
    return Ground(
        ATP, "2025-02", data, tables, world_figures(data), _rebuilt(data, tables), _headlines, parent, "2023-01",
        others, agreeing=_agreeing,
    )  # fmt: skip


@cache
def atp_world_live() -> Ground:
    """19 new months after the bundled ones, carried on by two percent a year."""
    parent, tables = bundled(ATP, "2025-02")
    trade = hitech_live()
    totals = group_totals(trade.data.lazy()).collect()
    new = totals.filter(pl.col("period") > parent["period"].max()).pivot("flow", index="period", values="value_usd")
    rows = new.select(
        "period",
        exports_usd="exports",
        imports_usd="imports",
        balance_usd=pl.col("exports") - pl.col("imports"),
        reported_precision_usd=pl.lit(1),
    )
    data = pl.concat([parent, rows.select(parent.columns).cast(parent.schema)]).sort("period")
    tables = {**tables, "annual": _annual(data), "ft900": trade.tables["ft900"]}
    others = {TRADE: Other(trade.data.lazy(), trade.vintage)}
    return Ground(
        ATP, trade.vintage, data, tables, world_figures(data), _rebuilt(data, tables), _headlines, parent, "2025-02",
        others, past=history(ATP, [("2023-01", bundled(ATP, "2023-01")[0]), ("2025-02", parent)]), agreeing=_agreeing,
        today=date(2026, 11, 10), live=True,
    )  # fmt: skip


def _agreeing(data: pl.DataFrame, tables: Tables) -> tuple[dict[str, Other], Tables]:
    """The table by group and partner with the world that the workbook has."""
    by = ["flow", "period"]
    rows = hitech_live().data.filter((pl.col("partner_code") == "-") & (pl.col("period") <= data["period"].max()))
    had = rows.group_by(by).agg(pl.col("value_usd").sum().alias("had"))
    true = world_figures(data).rename({"value_usd": "true"})
    told = rows.join(had, on=by).join(true, on=by, how="left").with_columns(
        (pl.col("value_usd") * (pl.col("true") / pl.col("had")).fill_null(1)).round().cast(rows.schema["value_usd"])
    )  # fmt: skip
    trade = {TRADE: Other(told.select(rows.columns).lazy(), newest_month(data))}
    month = told.filter(pl.col("period") == data["period"].max()).rename({"technology_group": "hitech"})
    return trade, {**tables, "ft900": exhibits(month)}


def _rebuilt(data: pl.DataFrame, tables: Tables) -> Rebuilt:
    def rebuilt(figures: pl.DataFrame) -> tuple[pl.DataFrame, Tables]:
        flows = [
            figures.filter(pl.col("flow") == flow).select("period", pl.col("value_usd").alias(column))
            for column, flow in FLOWS.items()
        ]
        wide = flows[0].join(flows[1], on="period", how="full", coalesce=True, maintain_order="left")
        precision = data.select("period", "reported_precision_usd")
        balance = pl.col("exports_usd") - pl.col("imports_usd")
        made = wide.join(precision, on="period", how="left").with_columns(
            pl.col("reported_precision_usd").fill_null(1), balance_usd=balance
        )
        made = made.select(data.columns).cast(data.schema)
        return made, {**tables, "annual": _annual(made)} if "annual" in tables else tables

    return rebuilt


def _annual(data: pl.DataFrame) -> pl.LazyFrame:
    """The publisher's own year column."""
    year = pl.col("period").dt.year().cast(pl.Int32).alias("year")
    millions = [(pl.col(f"{flow}_usd").sum() / 1e6).alias(f"{flow}_musd") for flow in FLOWS.values()]
    return data.group_by(year).agg(millions).sort("year").lazy()


def _headlines(frame: pl.DataFrame) -> pl.DataFrame:
    return sums(world_figures(frame).with_columns(year=pl.col("period").dt.year()), ["flow", "year"])


def world_figures(frame: pl.DataFrame) -> pl.DataFrame:
    long = frame.unpivot(list(FLOWS), index="period", variable_name="flow", value_name="value_usd")
    return long.with_columns(pl.col("flow").replace(FLOWS)).select("flow", "period", "value_usd")
