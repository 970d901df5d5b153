"""What the measurements share: medians, ratios of two things timed in turn, and a publish without Prefect."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from configs.contract import Contract
from configs.contracts import load_contract
from expectations.check import GateInput
from tasks.build import recipe
from tasks.extract.source import Extraction
from tasks.publish import steps
from tasks.quality import gate
from tasks.quality.results import Report
from tasks.raw.archive import RawArchive
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import protocol
from tasks.warehouse.outcomes import Fetched, Published, Request
from tasks.warehouse.protocol import Head


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


def publish(store: ObjectStore, dataset: str, found: Extraction) -> Published:
    """The steps of the publish flow after parsing, without Prefect around them."""
    request = Request(load_contract(dataset), "snapshot")
    head = protocol.read_head(store, dataset)
    skipped = steps.nothing_new(head, request, found)
    if skipped:
        raise AssertionError(f"the benchmark meant to publish: {skipped.detail}")
    return _release(store, head, request, found)


def publish_fetched(store: ObjectStore, contract: Contract, fetched: Fetched) -> Published:
    """The steps of the publish flow after fetching, without Prefect around them."""
    request = Request(contract, "live")
    return _release(store, protocol.read_head(store, contract.name), request, recipe.read(store, request, fetched))


def _release(store: ObjectStore, head: Head, request: Request, found: Extraction) -> Published:
    with TemporaryDirectory(prefix="techtrade-bench-") as folder:
        _, built = recipe.make(store, request.contract, found, head.manifest, Path(folder))
        draft = steps.stage(store, head, built)
        checked = steps.check(store, request, found, built, draft, {})
    return steps.publish(store, steps.seal(store, request.contract, checked), checked.report)


def judging_in(publishing: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Seconds that the gate takes of a publish, and that all of it takes: of the fastest round, as the others had to
    share the machine."""
    spent: list[float] = []
    judge = gate.judge

    def timed(given: GateInput) -> Report:
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
