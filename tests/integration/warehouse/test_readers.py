"""G1: whatever latest names is complete and its checksums hold, at every instant, whoever else is at work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from configs.errors import (
    ClaimLostError,
    ConcurrentPublishError,
    CorruptVersionError,
    ObjectNotFoundError,
)
from tasks.common.clock import utc_now
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import protocol, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.upkeep import gc
from tests.support import drill
from tests.support.drill import CHILDREN, DATASET, Broken, Place, beneath, child, ended, intact, linear

AHEAD = timedelta(hours=1)
TURNS = 20  # of the cleaner, for each version that is published
LOST = (ConcurrentPublishError, ClaimLostError)  # another publisher won, or gc gave the claim up


def publish_some(store: ObjectStore, builts: list[Built], results: Any) -> None:
    """Publishes all; starts over whenever another publisher won or gc, which here has no patience, was faster."""
    for built in builts:
        while True:
            try:
                results.put(drill.publish(store, built).manifest.version)
                break
            except LOST:
                continue


def publish_and_be_killed(store: ObjectStore, built: Built, point: int) -> None:
    try:
        drill.publish(Broken(store, drill.kill_at(point)), built)
    except LOST:
        return  # beaten before it came to its end


def clean_without_patience(store: ObjectStore, turns: Any, stop: Any, results: Any) -> None:
    """Takes everything that is under way for abandoned, once a turn. Without an end to its turns it could give up every
    claim before it is sealed, and nobody would ever publish."""
    deleted = 0
    while True:
        turns.acquire()
        last = stop.is_set()
        deleted += len(gc.execute(store, gc.plan(store, utc_now() + AHEAD, timedelta(0))).deleted)
        if last:
            break
    results.put(deleted)


def test_readers_never_fail_while_others_publish_crash_yank_and_clean(
    place: Place, candidates: Callable[[int], Built]
) -> None:
    store, here = beneath(place, "busy")
    first = drill.publish(store, candidates(0)).manifest.version
    stop, reads, published, cleaned = CHILDREN.Event(), CHILDREN.Queue(), CHILDREN.Queue(), CHILDREN.Queue()
    turns = CHILDREN.Semaphore(TURNS)
    readers = [child(drill.read_until, here, stop, reads) for _ in range(2)]
    cleaner = child(clean_without_patience, here, turns, stop, cleaned)
    publishers = [
        child(publish_some, here, [candidates(10 * p + n) for n in range(1, 6)], published) for p in range(1, 3)
    ]
    told = []
    for number in range(10):
        told.append(drill.word_from(published))
        for _ in range(TURNS):
            turns.release()
        killed = child(publish_and_be_killed, here, candidates(90 + number), 5 + 4 * number)
        if number % 3 == 2:
            latest, _ = protocol.read_latest(store, DATASET)
            assert latest is not None
            yank.yank(store, DATASET, latest.version, "drill")
        ended(killed)
    assert [ended(p) for p in publishers] == [0, 0]
    stop.set()
    turns.release()
    results = [drill.word_from(reads) for _ in readers]
    assert [what for what, _, _ in results] == ["read", "read"], results
    assert [ended(r) for r in readers] == [0, 0]
    deleted = drill.word_from(cleaned)
    assert ended(cleaner) == 0

    log = linear(store)
    assert set(told) <= set(log)
    assert first in log
    for version in log:
        assert intact(store, version) == version, "yanked or superseded: pinned versions stay readable"
    assert all(times >= 1 for _, _, times in results)
    assert set().union(*(seen for _, seen, _ in results)) <= set(log), "nobody was given a version not in the log"
    assert deleted > 0, "gc had nothing to do, so this drill showed nothing about it"


def test_the_reader_of_the_drill_reports_what_it_cannot_read(place: Place, candidates: Callable[[int], Built]) -> None:
    store, here = beneath(place, "torn")
    release = drill.publish(store, candidates(1))
    store.delete(f"{DATASET}/versions/{release.manifest.version}/{release.manifest.files[0].path}")
    with pytest.raises(ObjectNotFoundError):
        intact(store)
    store.delete(f"{DATASET}/versions/{release.manifest.version}/manifest.json")
    with pytest.raises(CorruptVersionError):
        intact(store)
    stop, reads = CHILDREN.Event(), CHILDREN.Queue()
    reader = child(drill.read_until, here, stop, reads)
    assert drill.word_from(reads)[0] == "failed"
    assert ended(reader) != 0
    with pytest.raises(AssertionError, match="manifest"), drill.reading(store):
        pass
