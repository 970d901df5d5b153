"""What the gate costs: real vintages that it blocks, or holds although their second source is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from benchmarks.quality_mutations.grounds import GROUNDS, Ground, Tables, bundled, products_of, without_second
from benchmarks.quality_mutations.grounds.ground import ATP, IP, PRODUCTS
from configs.contracts import dataset_names, load_contract
from tasks.extract.bundled import atp_lists, snapshot
from tasks.quality.gate import run_gate
from tasks.quality.results import GateResult

# After all of them.
TODAY = date(2026, 11, 10)


@dataclass(frozen=True)
class RealVintage:
    """One bundled vintage, judged as ``next`` or ``first``, beside a second source that has the same figures or not."""

    dataset: str
    vintage: str
    stance: str
    second: bool
    report: GateResult


def real_vintages() -> Iterator[RealVintage]:
    """Judge every vintage that the project carries, oldest first."""
    for dataset in dataset_names():
        source = load_contract(dataset).sources.snapshot
        if source == "snapshot":
            yield from _of_dataset(dataset, [(v, *bundled(dataset, v)) for v in snapshot.vintages(dataset)])
    yield from _of_dataset(PRODUCTS, [products_of(v) for v in atp_lists.vintages(PRODUCTS)])


def _of_dataset(dataset: str, vintages: list[tuple[str, pl.DataFrame, Tables]]) -> Iterator[RealVintage]:
    before: tuple[str, pl.DataFrame] | None = None
    agreeing = GROUNDS[dataset]().agreeing if dataset in (ATP, IP) else None
    for vintage, data, tables in vintages:
        plain = _ground(dataset, vintage, data, tables)
        after = replace(plain, parent=before[1], parent_vintage=before[0]) if before else None
        for stance, ground in (("first", plain), ("next", after)):
            if ground is None:
                continue
            yield RealVintage(dataset, vintage, stance, False, run_gate(ground.gate(data, without_second(tables))))
            if agreeing is not None:
                others, told = agreeing(data, tables)
                report = run_gate(replace(ground, others=others).gate(data, told))
                yield RealVintage(dataset, vintage, stance, True, report)
        before = vintage, data


def _ground(dataset: str, vintage: str, data: pl.DataFrame, tables: Tables) -> Ground:
    def as_given(frame: pl.DataFrame) -> tuple[pl.DataFrame, Tables]:
        return frame, tables

    return Ground(dataset, vintage, data, tables, data, as_given, lambda frame: frame, today=TODAY)
