"""What the measurements share: medians, ratios of two things timed in turn, and a publish without Prefect."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from configs.contracts import load_contract
from expectations.check import GateInput
from tasks.build.recipe_publisher import PublisherRecipe
from tasks.build.request import Fetched, Request
from tasks.extract.source import Extraction, FetchRequest
from tasks.publish import steps
from tasks.publish.run import run
from tasks.quality import gate
from tasks.quality.results import GateResult
from tasks.raw.archive import RawArchive
from tasks.raw.documents import RawDocument
from tasks.storage.object_store import ObjectStore
from tasks.warehouse.outcomes import Outcome, Published


@dataclass(frozen=True)
class Ratio:
    """Two things measured in one run. ``target`` None: reported, not bounded."""

    name: str
    what: str
    seconds: float
    against: str
    base_seconds: float
    target: float | None = None

    @property
    def ratio(self) -> float:
        return self.seconds / self.base_seconds


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turn(one: Callable[[], object], other: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Medians of two things done in turn, A B A B, so that a machine that slows down slows both."""
    pairs = [(seconds(one), seconds(other)) for _ in range(rounds)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def extraction(
    store: ObjectStore, dataset: str, vintage: str, tables: Mapping[str, pl.LazyFrame], body: bytes
) -> Extraction:
    """An extraction of made-up tables, archived like a real one."""
    document = RawArchive(store).keep("benchmark", "made up", "benchmark", body, ".bin")
    return Extraction("benchmark", dataset, vintage, (document,), tables, "none", "none", vintage_may_go_back=True)


@dataclass(frozen=True)
class OfExtraction(PublisherRecipe):
    """From what was parsed already."""

    extraction: Extraction

    def inputs(self, archive: RawArchive, request: Request, ask: FetchRequest) -> tuple[RawDocument, ...]:
        return self.extraction.documents

    def parse(self, store: ObjectStore, fetched: Fetched, vintage: str | None) -> Extraction:
        return self.extraction


def publish(store: ObjectStore, dataset: str, found: Extraction) -> Published:
    """A run after parsing, without Prefect around it."""
    contract = load_contract(dataset)
    return published(run(Request(contract, "snapshot"), OfExtraction(contract, found), store))


def published(outcome: Outcome) -> Published:
    """The outcome of a run that was meant to publish."""
    if not isinstance(outcome, Published):
        raise AssertionError(f"the benchmark meant to publish: {outcome.detail}")
    return outcome


def judging_in(publishing: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Seconds that the gate takes of a publish, and that all of it takes: of the fastest round, as the others had to
    share the machine."""
    spent: list[float] = []
    judge = gate.run_gate

    def timed(given: GateInput) -> GateResult:
        start = time.perf_counter()
        try:
            return judge(given)
        finally:
            spent.append(time.perf_counter() - start)

    steps.judge = timed  # type: ignore[attr-defined, assignment]
    try:
        whole = [seconds(publishing) for _ in range(rounds)]
    finally:
        steps.judge = judge  # type: ignore[attr-defined]
    best = min(range(rounds), key=whole.__getitem__)
    return spent[best], whole[best]
