"""The tables of codes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import polars as pl

from benchmarks.quality_mutations.grounds.ground import PARTNERS, PRODUCTS, Ground, Tables, partners_table, sums
from benchmarks.synthetic.memory import Memory
from configs.contracts import load_contract
from tasks.extract.bundled import atp_lists
from tasks.extract.source import FetchRequest
from tasks.transform.registry import load_transform


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
    now, before = (products_of(v) for v in atp_lists.vintages(PRODUCTS)[-1:-3:-1])
    vintage, data, tables = now

    def headlines(frame: pl.DataFrame) -> pl.DataFrame:
        in_force = frame.filter(pl.col("ended") == "newest_list").with_columns(number=pl.lit(1))
        return sums(in_force, ["flow"], "number")

    lists = tables["lists"].collect()

    def rebuilt(corrupted: pl.DataFrame) -> tuple[pl.DataFrame, Tables]:
        source = {**tables, "lists": corrupted.lazy()}
        return load_transform(load_contract(PRODUCTS)).transform(source).collect(), source

    return Ground(PRODUCTS, vintage, data, tables, lists, rebuilt, headlines, before[1], before[0])


def products_of(vintage: str) -> tuple[str, pl.DataFrame, Tables]:
    found = atp_lists.parse(PRODUCTS, atp_lists.fetch(FetchRequest(PRODUCTS, vintage), Memory()), vintage)
    tables = dict(found.tables)
    return found.vintage, load_transform(load_contract(PRODUCTS)).transform(tables).collect(), tables
