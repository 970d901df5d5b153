"""Withdrawing a version: the log says it, readers go back to the newest good one, pinned readers are warned."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from configs.errors import (
    ConcurrentPublishError,
    CorruptVersionError,
    NotPublishedError,
    StoreUnavailableError,
    YankRefusedError,
)
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, protocol, reader, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.records import YankNote
from tests.support import drill
from tests.support.drill import DATASET, bodies, intact, linear

Candidates = Callable[[int], Built]
START = datetime(2026, 1, 1, tzinfo=UTC)


def note(store: ObjectStore, version: str) -> YankNote:
    key = layout.yanked(DATASET, version)
    return YankNote.load(store.get(key).body, key)


def test_readers_go_back_to_the_newest_version_that_is_not_yanked(store: ObjectStore, candidates: Candidates) -> None:
    one, two, three = (drill.publish(store, candidates(n)).manifest.version for n in (1, 2, 3))
    yank.yank(store, DATASET, two, "wrong unit")
    assert intact(store) == three, "one that is not current moves nobody"
    latest = yank.yank(store, DATASET, three, "worse", replaced_by=one)
    assert intact(store) == latest.version == one
    assert (note(store, two).reason, note(store, three).replaced_by) == ("wrong unit", one)
    assert linear(store) == [one, two, three]
    assert drill.publish(store, candidates(4)).manifest.parent == one


def test_a_pinned_yanked_version_is_readable_and_says_so(store: ObjectStore, candidates: Candidates) -> None:
    _, two = (drill.publish(store, candidates(n)).manifest.version for n in (1, 2))
    yank.yank(store, DATASET, two, "wrong")
    found = reader.resolve(store, DATASET, two)
    assert found.yank is not None and found.yank.reason == "wrong"
    assert reader.scan(store, found.manifest).collect().height == 6
    assert reader.resolve(store, DATASET).yank is None


def test_yanking_twice_changes_nothing_and_mends_a_missing_note(store: ObjectStore, candidates: Candidates) -> None:
    _, two = (drill.publish(store, candidates(n)).manifest.version for n in (1, 2))
    yank.yank(store, DATASET, two, "wrong")
    before = bodies(store)
    yank.yank(store, DATASET, two, "another reason")
    assert bodies(store) == before
    store.delete(layout.yanked(DATASET, two))
    yank.yank(store, DATASET, two, "another reason")
    assert bodies(store) == before


def test_what_makes_no_sense_is_refused_and_writes_nothing(store: ObjectStore, candidates: Candidates) -> None:
    with pytest.raises(NotPublishedError):
        yank.yank(store, DATASET, "2026-01-01.0001", "x")
    assert bodies(store) == {}
    one = drill.publish(store, candidates(1)).manifest.version
    rejected = drill.sealed(store, candidates(2), status="rejected").manifest.version
    before = bodies(store)
    for version, reason, replaced_by in [
        (one, "the only one", None),
        (rejected, "never published", None),
        ("2020-01-01.0001", "never existed", None),
        (one, " ", None),
        (one, "by itself", one),
        (one, "by a rejected one", rejected),
    ]:
        with pytest.raises(YankRefusedError):
            yank.yank(store, DATASET, version, reason, replaced_by)
    two = drill.publish(store, candidates(3)).manifest.version
    yank.yank(store, DATASET, two, "wrong")
    with pytest.raises(YankRefusedError):
        yank.yank(store, DATASET, one, "by a yanked one", replaced_by=two)
    assert all(bodies(store)[key] == body for key, body in before.items() if "/versions/" in key)


def test_readers_are_not_sent_back_to_a_damaged_version(store: ObjectStore, candidates: Candidates) -> None:
    one, two = (drill.publish(store, candidates(n)).manifest.version for n in (1, 2))
    key = layout.manifest(DATASET, one)
    store.replace(key, store.get(key).body.replace(b"2026-01", b"2025-01"), store.get(key).etag)
    before = bodies(store)
    with pytest.raises(CorruptVersionError, match="manifest"):
        yank.yank(store, DATASET, two, "wrong")
    assert bodies(store) == before


def test_a_publisher_who_built_on_a_version_yanked_meanwhile_loses(store: ObjectStore, candidates: Candidates) -> None:
    one, two = (drill.publish(store, candidates(n)).manifest.version for n in (1, 2))
    sealed = drill.sealed(store, candidates(3))
    yank.yank(store, DATASET, two, "wrong")
    with pytest.raises(ConcurrentPublishError):
        protocol.swap(store, sealed)
    assert intact(store) == one


def test_a_yank_that_meets_a_publish_starts_over_and_keeps_it(
    store: ObjectStore, candidates: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = (drill.publish(store, candidates(n)).manifest.version for n in (1, 2))
    published: list[str] = []
    move = protocol.move_latest

    def meanwhile(*arguments):  # type: ignore[no-untyped-def]
        if not published:
            published.append(drill.publish(store, candidates(3)).manifest.version)
        return move(*arguments)

    monkeypatch.setattr(yank, "move_latest", meanwhile)
    latest = yank.yank(store, DATASET, one, "wrong")
    assert latest.version == published[0] == intact(store)
    assert latest.yanked == {one}


def test_what_readers_were_given_on_a_day_is_answered_after_yanks(store: ObjectStore, candidates: Candidates) -> None:
    def at(day: int) -> Callable[[], datetime]:
        return lambda: START + timedelta(days=day)

    one = drill.publish(store, candidates(1), clock=at(0)).manifest.version
    two = drill.publish(store, candidates(2), clock=at(10)).manifest.version
    yank.yank(store, DATASET, two, "wrong", clock=at(20))
    three = drill.publish(store, candidates(3), clock=at(30)).manifest.version
    yank.yank(store, DATASET, three, "wrong", clock=at(40))
    given = {5: one, 10: two, 15: two, 25: one, 35: three, 45: one}
    for day, version in given.items():
        found = reader.as_of(store, DATASET, at(day)())
        assert found.manifest.version == version, day
        assert (found.yank is not None) == (version != one)
    with pytest.raises(NotPublishedError):
        reader.as_of(store, DATASET, at(-1)())


def test_a_clock_that_goes_back_does_not_reorder_the_log(store: ObjectStore, candidates: Candidates) -> None:
    one = drill.publish(store, candidates(1), clock=lambda: START).manifest.version
    behind = START - timedelta(days=3)
    two = drill.publish(store, candidates(2), clock=lambda: behind).manifest.version
    assert two > one
    assert linear(store) == [one, two]
    assert reader.as_of(store, DATASET, START).manifest.version == two


def test_yank_of_latest_whose_reply_was_lost_is_known(local_store: ObjectStore, candidates: Candidates) -> None:
    one, two = (drill.publish(local_store, candidates(n)).manifest.version for n in (1, 2))

    class Lossy(drill.Broken):
        def replace(self, key: str, body: bytes, etag: str | None) -> str:
            self._store.replace(key, body, etag)
            raise StoreUnavailableError("the reply was lost")

    found = yank.yank(Lossy(local_store, lambda *_: None), DATASET, two, "wrong")
    assert (found.version, found.yanked, intact(local_store)) == (one, {two}, one)


def test_note_with_fields_of_newer_code_is_no_problem(local_store: ObjectStore, candidates: Candidates) -> None:
    _, two = (drill.publish(local_store, candidates(n)).manifest.version for n in (1, 2))
    yank.yank(local_store, DATASET, two, "wrong")
    key = layout.yanked(DATASET, two)
    more = local_store.get(key).body.replace(b'"reason"', b'"by": "A. Owner", "reason"')
    local_store.replace(key, more, local_store.get(key).etag)
    assert yank.write_missing_notes(local_store, DATASET) == []
    assert local_store.get(key).body == more
