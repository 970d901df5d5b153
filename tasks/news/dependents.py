"""Which histories and marts were refreshed with which event of a dataset, from the logs alone.

Readers of all news follow datasets. What is made from a dataset is published in the same run, some seconds later, and
is reported inside the dataset's entry: as entries of their own, histories and marts were 36 of 50 after one
``make run``. A mart has several datasets; it belongs to the event that came last before it. Recording the run in the
log was dropped: versions that are published already would have no such record.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from configs.contracts import dataset_names, load_contract
from tasks.build.recipes import dependents_of, recipe_for
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import reader
from tasks.warehouse.protocol import read_latest
from tasks.warehouse.records import LogEntry

log = logging.getLogger("techtrade")
# Name and version of what was refreshed, by the number of the event that it was refreshed with.
Refreshed = Mapping[int, tuple[tuple[str, str], ...]]


def is_dependent(dataset: str) -> bool:
    """Whether a dataset is a history or a mart, whose publications are news of what it is made from."""
    return bool(recipe_for(load_contract(dataset)).made_from)


def bases_of(dependent: str) -> list[str]:
    """The datasets that a history or a mart is made from, directly or not."""
    return [name for name in dataset_names() if dependent in dependents_of(name)]


class Logs:
    """The logs of a store, each read once."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._read: dict[str, Sequence[LogEntry]] = {}

    def of(self, dataset: str) -> Sequence[LogEntry]:
        """The events of a dataset, oldest first; none where its log is damaged, which is told as a warning."""
        if dataset not in self._read:
            try:
                latest, _ = read_latest(self._store, dataset)
            except reader.DAMAGED as e:
                log.warning("%s: left out of the news: %s", dataset, e)
                latest = None
            self._read[dataset] = latest.log if latest else ()
        return self._read[dataset]


def refreshed(logs: Logs, dataset: str) -> Refreshed:
    """What was refreshed with each event of a dataset: of each history and mart the newest version."""
    found: dict[int, dict[str, str]] = {}
    for name in dependents_of(dataset):
        published = [e for e in logs.of(name) if e.event == "published"]
        among = {base: logs.of(base) for base in bases_of(name)} if published else {}
        for entry in published:
            base, event = _came_before(among, entry)
            if base == dataset and event is not None:
                found.setdefault(event.seq, {})[name] = entry.version
    return {seq: tuple(versions.items()) for seq, versions in found.items()}


def _came_before(among: Mapping[str, Sequence[LogEntry]], entry: LogEntry) -> tuple[str, LogEntry | None]:
    """The last event of the datasets that came no later than what was made from them, and whose it is."""
    before = [(e.at, base, e) for base, log_ in among.items() for e in log_ if e.at <= entry.at]
    if not before:
        return "", None
    _, base, event = max(before, key=lambda found: found[:2])
    return base, event
