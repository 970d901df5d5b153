"""A good candidate that can be corrupted, and what the gate sees beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import pairwise
from typing import Literal

import polars as pl

from benchmarks.quality_mutations.operations import Corruption
from benchmarks.synthetic.memory import Memory
from configs.contracts import load_contract
from configs.known_values import load_known_values
from expectations.check import GateInput, Other
from tasks.extract import partners as partner_reference
from tasks.extract.bundled import snapshot
from tasks.extract.census import ft900_beside
from tasks.extract.source import FetchRequest
from tasks.transform.registry import load_transform

Tables = dict[str, pl.LazyFrame]
Rebuilt = Callable[[pl.DataFrame], tuple[pl.DataFrame, Tables]]
Of = Literal["single", "live"]
Stance = Literal["first", "next", "alone"]
ATP, IP, TRADE = "atp_world_monthly", "ip_trade_annual", "atp_trade_monthly"
ANNUAL, QUARTERLY = "us_ip_trade_annual", "us_ip_trade_quarterly"
PARTNERS, PRODUCTS = "partners", "atp_products"
TODAY = date(2025, 8, 1)
# Tables of a source that are a document of their own, and so a second source for the others.
SECOND_TABLES = (ft900_beside.TABLE,)


@dataclass(frozen=True)
class Ground:
    """A good candidate, the version before it, and the other datasets that are published.

    ``confirming``: what another source says of the same observations in the same vintage; beside ``others`` where a
    second source is there. ``past``: the dataset's own history. ``retold``: the candidate of a source whose rows are
    corrupted one by one, its own sums included. ``agreeing``: what the second sources say, and the source's tables,
    where these figures are true."""

    dataset: str
    vintage: str
    data: pl.DataFrame
    tables: Tables
    figures: pl.DataFrame
    rebuilt: Rebuilt
    headlines: Callable[[pl.DataFrame], pl.DataFrame]
    parent: pl.DataFrame | None = None
    parent_vintage: str | None = None
    others: Mapping[str, Other] | None = None
    confirming: Mapping[str, Other] | None = None
    past: Mapping[str, Other] | None = None
    retold: Callable[[Corruption], tuple[pl.DataFrame, Tables]] | None = None
    agreeing: Callable[[pl.DataFrame, Tables], tuple[dict[str, Other], Tables]] | None = None
    today: date = TODAY
    live: bool = False

    def gate(self, data: pl.DataFrame, tables: Tables, vintage: str | None = None) -> GateInput:
        contract = load_contract(self.dataset)
        others = {**(self.others or {}), **((self.past or {}) if self.parent is not None else {})}
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
            live=self.live,
            others=others.get,
            known_values=load_known_values(self.dataset),
            unavailable={t: "it is not there yet" for t in SECOND_TABLES if t in tables and _is_empty(tables[t])},
            today=self.today,
        )

    def at(self, stance: Stance) -> Ground:
        """``next``: as it is. ``first``: no version before. ``alone``: no other dataset either, an empty store."""
        if stance == "next":
            return self
        return replace(self, parent=None, parent_vintage=None, others=self.others if stance == "first" else None)

    def beside(self, second: bool) -> Ground:
        """With all that a second source says, or with nothing of it."""
        if second:
            return replace(self, others={**(self.others or {}), **(self.confirming or {})})
        return replace(self, others=None)

    @property
    def has_second(self) -> bool:
        return bool(self.others or self.confirming) or any(t in self.tables for t in SECOND_TABLES)


def without_second(tables: Tables) -> Tables:
    """The source's tables as they are while the second source has nothing."""
    return {name: frame.clear() if name in SECOND_TABLES else frame for name, frame in tables.items()}


def _is_empty(table: pl.LazyFrame) -> bool:
    return table.head(1).collect().is_empty()


@cache
def partners_table() -> pl.LazyFrame:
    return partner_reference.table(partner_reference.document(Memory())).collect().lazy()


@cache
def bundled(dataset: str, vintage: str) -> tuple[pl.DataFrame, Tables]:
    extraction = snapshot.parse(dataset, snapshot.fetch(FetchRequest(dataset, vintage), Memory()), vintage)
    tables = {**extraction.tables, "partners": partners_table()}
    return load_transform(load_contract(dataset)).transform(tables).collect(), tables


def history(dataset: str, states: Sequence[tuple[str, pl.DataFrame]]) -> dict[str, Other]:
    """The states of each figure that ended, from vintages, the oldest first."""
    contract = load_contract(dataset)
    key, measures = list(contract.primary_key), [c.name for c in contract.columns if c.role == "measure"]
    cells = [(v, f.unpivot(measures, index=key, variable_name="measure").drop_nulls("value")) for v, f in states]
    ended = [
        before.join(now, on=[*key, "measure"], suffix="_now")
        .filter(pl.col("value") != pl.col("value_now"))
        .select(*key, "measure", "value", vintage_from=pl.lit(since), vintage_until=pl.lit(until))
        for (since, before), (until, now) in pairwise(cells)
    ]
    return {f"{dataset}_history": Other(pl.concat(ended).lazy(), states[-1][0])}


def sums(frame: pl.DataFrame, by: list[str], value: str = "value_usd") -> pl.DataFrame:
    """name, value: one row a headline total."""
    name = pl.concat_str([pl.col(c).cast(pl.String) for c in by], separator=" ").alias("name")
    return frame.group_by(by).agg(pl.col(value).cast(pl.Float64).sum().alias("value")).select(name, "value")
