"""The 50th version's publish against the 5th's, and finding nothing new against publishing."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from benchmarks.harness import Ratio, extraction, in_turn, publish, seconds
from configs.contracts import load_contract
from tasks.build.recipes import recipe_for
from tasks.build.request import Request
from tasks.extract.bundled import snapshot
from tasks.extract.source import FetchRequest
from tasks.publish import steps
from tasks.raw.archive import RawArchive
from tasks.storage.local import LocalStore
from tasks.warehouse import protocol

DATASET = "atp_world_monthly"


def fiftieth_against_fifth() -> Ratio:
    """(d) 52 versions, each revising one month: the publishes around the 50th against those around the 5th."""
    with TemporaryDirectory(prefix="techtrade-bench-") as place:
        store = LocalStore(Path(place))
        taken = []
        for number in range(1, 53):
            tables = workbook(number)
            found = extraction(store, DATASET, "2025-02", tables, str(number).encode())
            taken.append(seconds(lambda found=found: publish(store, DATASET, found)))  # type: ignore[misc]
    late, early = statistics.median(taken[47:52]), statistics.median(taken[2:7])
    return Ratio("history", "the 50th version's publish", late, "the 5th's", early, target=1.5)


def nothing_new_against_publish(rounds: int = 9) -> Ratio:
    """(b, without Prefect) Finding in the log that the input is already published, against publishing it."""
    with TemporaryDirectory(prefix="techtrade-bench-") as place:
        store = LocalStore(Path(place))
        known = extraction(store, DATASET, "2025-02", workbook(0), b"0")
        publish(store, DATASET, known)
        published = [known]
        contract = load_contract(DATASET)
        numbers = iter(range(1, rounds + 1))

        def ours() -> None:
            head = protocol.read_head(store, contract.name)
            if steps.nothing_new(head, Request(contract, "snapshot"), recipe_for(contract), published[-1]) is None:
                raise AssertionError("the input is in the log, so nothing is new")

        def base() -> None:
            number = next(numbers)
            found = extraction(store, contract.name, "2025-02", workbook(number), str(number).encode())
            publish(store, contract.name, found)
            published.append(found)

        mine, theirs = in_turn(ours, base, rounds)
    return Ratio(
        "nothing new, the steps", "finding nothing new, without Prefect", mine, "publishing", theirs, target=0.2
    )


def workbook(number: int) -> dict[str, pl.LazyFrame]:
    """The bundled figures, with one month revised by so many millions."""
    month = pl.col("period") == date(2024, 6, 1)
    revised = pl.when(month).then(pl.col("exports_musd") + number).otherwise(pl.col("exports_musd"))
    bundled = _bundled()
    return {**bundled, "monthly": bundled["monthly"].with_columns(exports_musd=revised)}


@cache
def _bundled() -> Mapping[str, pl.LazyFrame]:
    with TemporaryDirectory(prefix="techtrade-bench-") as place:
        documents = snapshot.fetch(FetchRequest(DATASET), RawArchive(LocalStore(Path(place))))
        return snapshot.parse(DATASET, documents, None).tables
