"""What is corrupted: good candidates of each dataset, with what their source said, the version before and the others.

``figures`` is the dataset as one long table (key columns and ``value_usd``). ``rebuilt`` makes of corrupted figures the
candidate *and* the source's own tables, as a publisher would give them who made the mistake himself: sums, balances and
year-to-date figures follow the mistake, so that no comparison with the source can tell. Corruptions of the finished
table (``Case.level`` "table") stand for mistakes of ours: the source's tables stay as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Literal

import polars as pl

from benchmarks.synthetic.bea import World
from benchmarks.synthetic.bea_api import documents
from benchmarks.synthetic.memory import Memory
from benchmarks.synthetic.trade import world
from configs.contracts import load_contract
from expectations.check import GateInput, Other
from tasks.extract import partners as partner_reference
from tasks.extract.bea import source as bea
from tasks.extract.bundled import atp_lists, snapshot
from tasks.extract.census.trade_api_parse import VALUES
from tasks.extract.source import FetchRequest
from tasks.transform.registry import load_transform

Tables = dict[str, pl.LazyFrame]
Stance = Literal["first", "next", "alone"]
ATP, IP, TRADE = "atp_world_monthly", "ip_trade_annual", "atp_trade_monthly"
ANNUAL, QUARTERLY = "us_ip_trade_annual", "us_ip_trade_quarterly"
PARTNERS, PRODUCTS = "partners", "atp_products"
FLOWS = {"exports_usd": "exports", "imports_usd": "imports"}
TODAY = date(2025, 8, 1)


@dataclass(frozen=True)
class Ground:
    """A good candidate, the version before it, and the other datasets that are published."""

    dataset: str
    vintage: str
    data: pl.DataFrame
    tables: Tables
    figures: pl.DataFrame
    rebuilt: Callable[[pl.DataFrame], tuple[pl.DataFrame, Tables]]
    headlines: Callable[[pl.DataFrame], pl.DataFrame]
    parent: pl.DataFrame | None = None
    parent_vintage: str | None = None
    others: Mapping[str, Other] | None = None

    def gate(self, data: pl.DataFrame, tables: Tables, vintage: str | None = None) -> GateInput:
        contract = load_contract(self.dataset)
        others = self.others or {}
        return GateInput(
            contract=contract,
            data=data.lazy(),
            staged_schemas={"data/part-0000.parquet": contract.arrow_schema},
            parent=None if self.parent is None else self.parent.lazy(),
            tables=tables,
            vintage=vintage or self.vintage,
            asked_vintage=None,
            parent_vintage=self.parent_vintage,
            yanked_contents={},
            content_sha256="",
            live=False,
            others=others.get,
            today=TODAY,
        )

    def at(self, stance: Stance) -> Ground:
        """``next``: as it is. ``first``: no version before. ``alone``: no other dataset either, an empty store."""
        if stance == "next":
            return self
        return replace(self, parent=None, parent_vintage=None, others=self.others if stance == "first" else None)


@cache
def partners_table() -> pl.LazyFrame:
    return partner_reference.table(partner_reference.document(Memory())).collect().lazy()


@cache
def bundled(dataset: str, vintage: str) -> tuple[pl.DataFrame, Tables]:
    extraction = snapshot.parse(dataset, snapshot.fetch(FetchRequest(dataset, vintage), Memory()), vintage)
    tables = {**extraction.tables, "partners": partners_table()}
    return load_transform(load_contract(dataset)).transform(tables).collect(), tables


def _sums(frame: pl.DataFrame, by: list[str], value: str = "value_usd") -> pl.DataFrame:
    """name, value: one row a headline total."""
    name = pl.concat_str([pl.col(c).cast(pl.String) for c in by], separator=" ").alias("name")
    return frame.group_by(by).agg(pl.col(value).cast(pl.Float64).sum().alias("value")).select(name, "value")


# ------------------------------------------------------------------ atp_world_monthly


@cache
def atp_world() -> Ground:
    data, tables = bundled(ATP, "2025-02")
    parent, _ = bundled(ATP, "2023-01")

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
        return made.select(data.columns).cast(data.schema), tables

    def headlines(frame: pl.DataFrame) -> pl.DataFrame:
        return _sums(_world_figures(frame).with_columns(year=pl.col("period").dt.year()), ["flow", "year"])

    trade = hitech()
    return Ground(
        ATP, "2025-02", data, tables, _world_figures(data), rebuilt, headlines, parent, "2023-01",
        {TRADE: Other(trade.data.lazy(), trade.vintage)},
    )  # fmt: skip


def _world_figures(frame: pl.DataFrame) -> pl.DataFrame:
    long = frame.unpivot(list(FLOWS), index="period", variable_name="flow", value_name="value_usd")
    return long.with_columns(pl.col("flow").replace(FLOWS)).select("flow", "period", "value_usd")


# ------------------------------------------------------------------ ip_trade_annual


@cache
def ip_trade() -> Ground:
    data, tables = bundled(IP, "2025-01-28")
    parent, _ = bundled(IP, "2024-11-13")
    measures = {"receipts_usd": "receipts", "payments_usd": "payments"}
    told = data.select("economy_code", "economy_name", "is_aggregate", "source_vintage").unique()

    def figures_of(frame: pl.DataFrame) -> pl.DataFrame:
        long = frame.unpivot(
            list(measures), index=["economy_code", "year"], variable_name="flow", value_name="value_usd"
        )
        known = long.drop_nulls("value_usd").with_columns(pl.col("flow").replace(measures))
        return known.select("flow", "economy_code", "year", "value_usd")

    def rebuilt(figures: pl.DataFrame) -> tuple[pl.DataFrame, Tables]:
        key = ["economy_code", "year"]
        flows = [
            figures.filter(pl.col("flow") == flow).select(*key, pl.col("value_usd").alias(column))
            for column, flow in measures.items()
        ]
        wide = flows[0].join(flows[1], on=key, how="full", coalesce=True).join(told, on="economy_code", how="left")
        made = wide.with_columns(balance_usd=pl.col("receipts_usd") - pl.col("payments_usd"))
        return made.select(data.columns).cast(data.schema).sort(key), tables

    def headlines(frame: pl.DataFrame) -> pl.DataFrame:
        shown = figures_of(frame).filter(pl.col("economy_code").is_in(["USA", "WLD"]))
        return _sums(shown, ["economy_code", "flow", "year"])

    bea_2024 = us_annual(2024)
    others = {ANNUAL: Other(bea_2024.data.lazy(), bea_2024.vintage)}
    return Ground(
        IP, "2025-01-28", data, tables, figures_of(data), rebuilt, headlines, parent, "2024-11-13", others
    )  # fmt: skip


# ------------------------------------------------------------------ atp_trade_monthly


@cache
def hitech() -> Ground:
    newest = "2025-02"
    trade = _trade(newest, 0)
    tables = _trade_tables(trade)
    data = _trade_data(tables)
    revised = _trade_data(_trade_tables(_trade(newest, 1)))
    month = pl.col("period")
    parent = pl.concat(
        [
            data.filter(month < date(2022, 3, 1)),
            revised.filter((month >= date(2022, 3, 1)) & (month < date(2025, 2, 1))),
        ]
    ).sort(["period", "flow", "technology_group", "partner_code"])
    detail = trade.filter(~pl.col("partner_code").is_in(_aggregates()) & (pl.col("hitech") != "-"))
    figures = detail.select("flow", "hitech", "partner_code", "period", "value_usd")
    groups = trade.filter(pl.col("partner_code").is_in(_aggregates()) & (pl.col("partner_code") != "-"))

    def rebuilt(corrupted: pl.DataFrame) -> tuple[pl.DataFrame, Tables]:
        made = {**_trade_tables(_added_up(corrupted, groups)), "ft900": tables["ft900"]}
        return _trade_data(made), made

    def headlines(frame: pl.DataFrame) -> pl.DataFrame:
        years = frame.filter(pl.col("partner_code") == "-").with_columns(year=pl.col("period").dt.year())
        return _sums(years, ["flow", "year"])

    workbook = Other(bundled(ATP, newest)[0].lazy(), newest)
    return Ground(TRADE, newest, data, tables, figures, rebuilt, headlines, parent, "2025-01", {ATP: workbook})


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


def _added_up(figures: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """World, totals and years to date of corrupted partners and groups; groups of partners as they were."""
    by = ["flow", "hitech", "partner_code", "period"]
    world_rows = figures.group_by("flow", "hitech", "period").agg(pl.col("value_usd").sum())
    whole = pl.concat([figures, world_rows.with_columns(partner_code=pl.lit("-")).select(figures.columns)])
    year = pl.col("period").dt.year()
    summed = whole.sort(by).with_columns(
        value_ytd_usd=pl.col("value_usd").cum_sum().over("flow", "hitech", "partner_code", year)
    )
    shown = pl.concat([summed.select(groups.columns), groups.filter(pl.col("hitech") != "-")])
    total = shown.group_by("flow", "partner_code", "period").agg(pl.col("value_usd", "value_ytd_usd").sum())
    return pl.concat([shown, total.with_columns(hitech=pl.lit("-")).select(shown.columns)])


def _trade_tables(trade: pl.DataFrame) -> Tables:
    newest = trade.filter((pl.col("partner_code") == "-") & (pl.col("period") == pl.col("period").max()))
    ft900 = newest.filter(~pl.col("hitech").is_in(["-", "00"])).select(
        pl.col("hitech").alias("technology_group"),
        "flow",
        "period",
        (pl.col("value_usd") / 1e6).round().alias("value_musd"),
    )
    return {"trade": trade.lazy(), "ft900": ft900.lazy(), "partners": partners_table()}


def _trade_data(tables: Tables) -> pl.DataFrame:
    """In the order of the staged files: a year after the other."""
    data = load_transform(load_contract(TRADE)).transform(tables).collect()
    year = pl.col("period").dt.year()
    return data.sort([year, *load_contract(TRADE).sort_by])


# ------------------------------------------------------------------ BEA


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
        total = frame.filter(pl.col("ip_type") == "ChargesForTheUseOfIpNie")
        if dataset == ANNUAL:
            every = (pl.col("affiliation") == "AllAffiliations") & (pl.col("partner_code") == "AllCountries")
            return _sums(total.filter(every), ["direction", "year"])
        unadjusted = total.filter(pl.col("seasonal_adjustment") == "not_seasonally_adjusted")
        return _sums(unadjusted.with_columns(year=pl.col("period").dt.year()), ["direction", "year"])

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
    return replace(ground, parent=before, parent_vintage=updated, others=others)


@cache
def us_quarterly() -> Ground:
    updated, before, _ = _bea(QUARTERLY, 2024)
    years, annual, _ = _bea(ANNUAL, 2025)
    ground = _bea_ground(QUARTERLY, 2025)
    return replace(ground, parent=before, parent_vintage=updated, others={ANNUAL: Other(annual.lazy(), years)})


# ------------------------------------------------------------------ tables of codes


def _as_it_is(data: pl.DataFrame, tables: Tables) -> Callable[[pl.DataFrame], tuple[pl.DataFrame, Tables]]:
    return lambda corrupted: (corrupted, tables)


@cache
def partners() -> Ground:
    data = load_transform(load_contract(PARTNERS)).transform({"partners": partners_table()}).collect()

    def headlines(frame: pl.DataFrame) -> pl.DataFrame:
        return pl.DataFrame(schema={"name": pl.String, "value": pl.Float64})

    return Ground(PARTNERS, "2025-07-01", data, {}, data, _as_it_is(data, {}), headlines, data, "2025-06-01")


@cache
def products() -> Ground:
    now, before = (_products(v) for v in atp_lists.vintages(PRODUCTS)[-1:-3:-1])
    vintage, data, tables = now

    def headlines(frame: pl.DataFrame) -> pl.DataFrame:
        in_force = frame.filter(pl.col("ended") == "newest_list").with_columns(number=pl.lit(1))
        return _sums(in_force, ["flow"], "number")

    lists = tables["lists"].collect()

    def rebuilt(corrupted: pl.DataFrame) -> tuple[pl.DataFrame, Tables]:
        source = {**tables, "lists": corrupted.lazy()}
        return load_transform(load_contract(PRODUCTS)).transform(source).collect(), source

    return Ground(PRODUCTS, vintage, data, tables, lists, rebuilt, headlines, before[1], before[0])


def _products(vintage: str) -> tuple[str, pl.DataFrame, Tables]:
    found = atp_lists.parse(PRODUCTS, atp_lists.fetch(FetchRequest(PRODUCTS, vintage), Memory()), vintage)
    tables = dict(found.tables)
    return found.vintage, load_transform(load_contract(PRODUCTS)).transform(tables).collect(), tables


GROUNDS: dict[str, Callable[[], Ground]] = {
    ATP: atp_world,
    TRADE: hitech,
    IP: ip_trade,
    ANNUAL: us_annual,
    QUARTERLY: us_quarterly,
    PRODUCTS: products,
    PARTNERS: partners,
}
