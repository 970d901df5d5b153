"""Histories and marts belong to the event that they were refreshed with, told from the logs of a store."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from configs.contracts import dataset_names, published_names
from tasks.build.recipes import dependents_of
from tasks.news.dependents import Logs, bases_of, is_dependent, refreshed
from tasks.storage.local import LocalStore
from tasks.warehouse import layout
from tasks.warehouse.records import Latest, LogEntry

TRADE, PARTNERS, MART = "atp_trade_monthly", "partners", "us_technology_position_annual"
HISTORY = f"{TRADE}_history"


def logged(store: LocalStore, **logs: Sequence[tuple[str, int]]) -> Logs:
    """The logs of a store: for each dataset its events, by the minute in which they were."""
    for name, events in logs.items():
        log = tuple(
            LogEntry(seq=seq, event=event, version=f"2026-01-01.{seq:04d}", at=f"2026-01-01T00:{minute:02d}:00.000000Z")
            for seq, (event, minute) in enumerate(events, start=1)
        )
        made = Latest(
            dataset=name,
            version=log[-1].version,
            manifest="m",
            manifest_sha256="s",
            published_at="",
            seq=len(log),
            log=log,
        )
        store.create(layout.latest(name), made.dump())
    return Logs(store)


@pytest.fixture
def store(tmp_path: object) -> LocalStore:
    return LocalStore(tmp_path)  # type: ignore[arg-type]


def test_what_is_made_from_others_is_a_dependent_of_them() -> None:
    assert [n for n in published_names() if not is_dependent(n)] == dataset_names()
    for name in published_names():
        assert bases_of(name) == [d for d in dataset_names() if name in dependents_of(d)]


def test_a_history_belongs_to_each_event_that_it_came_after(store: LocalStore) -> None:
    logs = logged(
        store,
        **{TRADE: [("published", 1), ("published", 5), ("yanked", 9)]},
        **{HISTORY: [("published", 2), ("published", 6), ("published", 10)]},
    )
    assert refreshed(logs, TRADE) == {seq: ((HISTORY, f"2026-01-01.000{seq}"),) for seq in (1, 2, 3)}


def test_a_mart_belongs_to_the_dataset_whose_event_came_last_before_it(store: LocalStore) -> None:
    logs = logged(
        store,
        **{TRADE: [("published", 1), ("published", 6)], PARTNERS: [("published", 3)]},
        **{MART: [("published", 4), ("published", 7)]},
    )
    assert refreshed(logs, PARTNERS) == {1: ((MART, "2026-01-01.0001"),)}
    assert refreshed(logs, TRADE) == {2: ((MART, "2026-01-01.0002"),)}


def test_one_that_was_tried_again_is_reported_once_in_its_newest_version(store: LocalStore) -> None:
    logs = logged(store, **{TRADE: [("published", 1)], HISTORY: [("published", 2), ("published", 3)]})
    assert refreshed(logs, TRADE) == {1: ((HISTORY, "2026-01-01.0002"),)}


def test_what_a_person_did_to_a_mart_is_no_refresh(store: LocalStore) -> None:
    logs = logged(store, **{TRADE: [("published", 1)], MART: [("published", 2), ("yanked", 3), ("promoted", 4)]})
    assert refreshed(logs, TRADE) == {1: ((MART, "2026-01-01.0001"),)}


def test_a_damaged_log_hides_no_other(store: LocalStore) -> None:
    store.create(layout.latest(MART), b"{")
    logs = logged(store, **{TRADE: [("published", 1)], HISTORY: [("published", 2)]})
    assert refreshed(logs, TRADE) == {1: ((HISTORY, "2026-01-01.0001"),)}
