"""What the past costs: a read as of a day against one of latest, and how a history grows."""

from __future__ import annotations

import statistics
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from benchmarks.harness import Ratio, extraction, in_turn, publish, seconds
from benchmarks.publishing import DATASET, workbook
from configs.contracts import load_contract
from configs.history_contract import SUFFIX, kept
from tasks.publish.dependents import refresh
from tasks.storage.local import LocalStore
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, reader

VERSIONS = 52
ROUNDS = 31


def everything() -> list[Ratio]:
    """52 versions, each of which revises one month, and their history, brought up with each."""
    contract = load_contract(DATASET)
    with TemporaryDirectory(prefix="techtrade-bench-") as place:
        store = LocalStore(Path(place))
        taken = []
        for number in range(1, VERSIONS + 1):
            publish(store, DATASET, extraction(store, DATASET, "2025-02", workbook(number), str(number).encode()))
            taken.append(seconds(lambda: refresh(store, DATASET + SUFFIX)))
        listed = reader.list_versions(store, DATASET)
        middle = listed[VERSIONS // 2].event
        if middle is None:
            raise AssertionError("every one of them was published")
        moment = datetime.fromisoformat(middle.at)
        as_of, latest = in_turn(lambda: given(store, moment), lambda: newest(store), ROUNDS)
        told, latest_too = in_turn(lambda: by_history(store, middle.at), lambda: newest(store), ROUNDS)
        history = reader.scan(store, reader.resolve(store, DATASET + SUFFIX).manifest)
        # Not those of the publisher's vintage before the first version.
        spans = history.filter(pl.col("version_from").is_not_null()).select(pl.len()).collect().item()
        # Each version after the first revises the exports and the balance of one month.
        changes = newest(store).height * len(kept(contract)) + 2 * (VERSIONS - 1)
        size, all_sizes = _bytes(store, DATASET + SUFFIX, 1), _bytes(store, DATASET, VERSIONS)
    early, late = statistics.median(taken[2:7]), statistics.median(taken[-5:])
    read = "a read of latest"
    return [
        Ratio("as of", f"--as-of, the {VERSIONS // 2}th of {VERSIONS} versions", as_of, read, latest, target=1.5),
        Ratio("as of, by history", "the same from the history, one expression", told, read, latest_too),
        Ratio(
            "history, rows",
            "history: spans of versions",
            spans,
            "cells of the first version and changes",
            changes,
            target=1.0,
        ),
        Ratio("history, bytes", "history: bytes", size, f"bytes of {VERSIONS} versions", all_sizes, target=0.1),
        Ratio("history, the 50th", "bringing a history up to the 50th version", late, "to the 5th", early, target=1.5),
    ]


def newest(store: ObjectStore) -> pl.DataFrame:
    """What a reader of latest gets."""
    return reader.scan(store, reader.resolve(store, DATASET).manifest).collect()


def given(store: ObjectStore, moment: datetime) -> pl.DataFrame:
    """What ``techtrade read --as-of`` gives."""
    return reader.scan(store, reader.as_of(store, DATASET, moment).manifest).collect()


def by_history(store: ObjectStore, moment: str) -> pl.DataFrame:
    """The same by the one expression that docs/vintages.md has."""
    until = pl.col("given_until")
    spans = reader.scan(store, reader.resolve(store, DATASET + SUFFIX).manifest)
    there = spans.filter(pl.col("given_from") <= moment, until.is_null() | (until > moment)).collect()
    return there.pivot(on="measure", index="period", values="value")


def _bytes(store: ObjectStore, dataset: str, newest_: int) -> int:
    """Of the data files of so many of the newest versions."""
    some = [v.version for v in reader.list_versions(store, dataset)][-newest_:]
    return sum(e.size for v in some for e in store.entries(layout.version(dataset, v, "data/")))
