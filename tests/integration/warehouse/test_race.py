"""G3: of publishers who start from one state exactly one wins; the others learn it and lose nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from configs.errors import ConcurrentPublishError
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, protocol
from tasks.warehouse.candidate import Built
from tasks.warehouse.upkeep.verify import verify
from tests.support import drill
from tests.support.drill import CHILDREN, DATASET, Place, beneath, child, ended, intact, linear, numbers

PUBLISHERS = 8


def publish_until_won(store: ObjectStore, built: Built, ready: Any, results: Any) -> None:
    """All read the head, then all go. A loser starts over from the new state. Any other error ends the child."""
    head = protocol.read_head(store, DATASET)
    ready.wait()
    lost = []
    while True:
        sealed = drill.sealed(store, built, head=head)
        try:
            release = protocol.swap(store, sealed)
        except ConcurrentPublishError as e:
            lost.append(e.version)
            head = protocol.read_head(store, DATASET)
            continue
        results.put((release.manifest.version, built.content_sha256, lost))
        return


def race(place: Place, candidates: Callable[[int], Built], number: object) -> None:
    store, here = beneath(place, number)
    drill.publish(store, candidates(0))
    ready, results, stop, reads = CHILDREN.Barrier(PUBLISHERS), CHILDREN.Queue(), CHILDREN.Event(), CHILDREN.Queue()
    reader = child(drill.read_until, here, stop, reads)
    publishers = [child(publish_until_won, here, candidates(n), ready, results) for n in range(1, PUBLISHERS + 1)]
    told = [drill.word_from(results) for _ in publishers]
    assert [ended(p) for p in publishers] == [0] * PUBLISHERS
    stop.set()
    what, seen, times = drill.word_from(reads)
    assert (what, ended(reader)) == ("read", 0), seen

    first, *won = linear(store)
    assert sorted(won) == sorted(version for version, _, _ in told), "each who was told that it won is in the log"
    assert sum(not lost for _, _, lost in told) == 1, "of those who started from one state one wins at once"
    losers = [version for _, _, lost in told for version in lost]
    assert len(losers) >= PUBLISHERS - 1
    assert not set(losers) & set(won)
    assert sorted([first, *won, *losers]) == numbers(store), "each number belongs to one candidate"
    for version, content, _ in told:
        assert intact(store, version) == version
        assert protocol.read_manifest(store, DATASET, version).content_sha256 == content, "the candidate that won"
    for version in losers:
        sealed = protocol.read_manifest(store, DATASET, version)
        for file in sealed.files:
            assert store.size(layout.version(DATASET, version, file.path)) == file.bytes, "a loser loses nothing"
    assert times >= 1
    assert set(seen) <= {first, *won}
    verify(store, DATASET)


def test_eight_publish_at_once(place: Place, candidates: Callable[[int], Built]) -> None:
    race(place, candidates, "once")


@pytest.mark.slow
def test_eight_publish_at_once_twenty_times(place: Place, candidates: Callable[[int], Built]) -> None:
    for number in range(20):
        race(place, candidates, number)
