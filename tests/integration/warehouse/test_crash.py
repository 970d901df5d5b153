"""G2: whoever is killed, wherever: readers have the old state or the new, and the next run needs no cleaning."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from tasks.common.clock import utc_now
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import layout, protocol, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.upkeep import gc
from tasks.warehouse.upkeep.verify import verify
from tests.support import drill
from tests.support.drill import DATASET, Broken, Place, beneath, child, ended, intact, linear
from tests.support.s3 import S3

KILLED = -signal.SIGKILL


def points() -> Iterator[int]:
    """Yield the moment before each operation; after one and before the next, the store is the same."""
    return count(1, 2)


def publish_and_be_killed(store: ObjectStore, built: Built, point: int) -> None:
    drill.publish(Broken(store, drill.kill_at(point)), built)


def yank_and_be_killed(store: ObjectStore, version: str, point: int) -> None:
    yank.yank(Broken(store, drill.kill_at(point)), DATASET, version, "wrong")


def clean_and_be_killed(store: ObjectStore, point: int) -> None:
    broken = Broken(store, drill.kill_at(point))
    gc.execute(broken, gc.plan(broken, utc_now() + timedelta(hours=1), timedelta(0)))


def publish_and_be_killed_between_file_changes(store: ObjectStore, built: Built, point: int) -> None:
    drill.kill_at_file_change(Path(store.url), point)
    drill.publish(store, built)


def old_or_new(store: ObjectStore, before: list[str], content: str) -> None:
    """Readers get what they got, or the candidate; nothing in between, and nothing got lost."""
    after = linear(store)
    assert after[: len(before)] == before
    assert len(after) <= len(before) + 1
    for version in after[len(before) :]:
        assert protocol.read_manifest(store, DATASET, version).content_sha256 == content
    for version in after:
        assert intact(store, version) == version


def test_a_publisher_killed_at_any_operation(place_slow_on_s3: Place, candidates: Callable[[int], Built]) -> None:
    kill_at_every_operation(place_slow_on_s3, candidates, published=1)


def test_the_very_first_publisher_killed_at_any_operation(
    place_slow_on_s3: Place, candidates: Callable[[int], Built]
) -> None:
    kill_at_every_operation(place_slow_on_s3, candidates, published=0)


def kill_at_every_operation(place: Place, candidates: Callable[[int], Built], published: int) -> None:
    survivors = 0
    for point in points():
        store, here = beneath(place, point)
        for number in range(published):
            drill.publish(store, candidates(number))
        before = linear(store)
        with drill.reading(store):
            code = ended(child(publish_and_be_killed, here, candidates(7), point))
            assert code in (0, KILLED)
            old_or_new(store, before, candidates(7).content_sha256)
            survivors += len(linear(store)) > len(before)
            release = drill.publish(store, candidates(8))
        assert intact(store) == release.manifest.version
        if code == 0:
            break
    # Moments: 2 an operation. Fewer would mean that the drill went past operations without being killed there.
    assert point > 2 * 10
    assert survivors > 1, "never killed after the swap"
    verify(store, DATASET)


def test_a_publisher_killed_between_any_two_changes_of_file_names(
    tmp_path: Path, candidates: Callable[[int], Built]
) -> None:
    for point in count(1):
        store, here = beneath(Place(str(tmp_path), {}), point)
        drill.publish(store, candidates(0))
        before = linear(store)
        with drill.reading(store):
            code = ended(child(publish_and_be_killed_between_file_changes, here, candidates(7), point))
            assert code in (0, KILLED)
            old_or_new(store, before, candidates(7).content_sha256)
            for entry in store.entries(""):
                assert entry.size > 0, f"{entry.key} was left empty"
            drill.publish(store, candidates(8))
        if code == 0:
            break
    assert point > 20


def test_a_yank_killed_at_any_operation_is_done_or_not_and_its_note_is_settled(
    place_slow_on_s3: Place, candidates: Callable[[int], Built]
) -> None:
    for point in points():
        store, here = beneath(place_slow_on_s3, point)
        one, two = (drill.publish(store, candidates(n)).manifest.version for n in (1, 2))
        code = ended(child(yank_and_be_killed, here, two, point))
        latest, _ = protocol.read_latest(store, DATASET)
        assert latest is not None
        assert (latest.version, latest.yanked) in ((two, set()), (one, {two}))
        assert intact(store) == latest.version
        if two not in latest.yanked:
            assert store.size(layout.yanked(DATASET, two)) is None, "a note of a yank that did not happen"
        drill.publish(store, candidates(3))
        assert (store.size(layout.yanked(DATASET, two)) is not None) == (two in latest.yanked)
        linear(store)
        if code == 0:
            break
    assert point > 2 * 3
    assert latest is not None and two in latest.yanked, "the last run was not killed"


def test_a_gc_killed_at_any_operation_is_finished_by_the_next(
    place_slow_on_s3: Place, candidates: Callable[[int], Built]
) -> None:
    for point in points():
        store, here = beneath(place_slow_on_s3, point)
        published = drill.publish(store, candidates(1)).manifest.version
        head = protocol.read_head(store, DATASET)
        unsealed = protocol.stage_data(store, protocol.claim(store, head), candidates(2)).version
        orphan = drill.sealed(store, candidates(3)).manifest.version
        code = ended(child(clean_and_be_killed, here, point))
        assert intact(store, published) == published
        gc.execute(store, gc.plan(store, utc_now() + timedelta(hours=1), timedelta(0)))
        for version in (unsealed, orphan):
            left = [e.key for e in store.entries(layout.version(DATASET, version))]
            assert left == [layout.claim(DATASET, version), layout.manifest(DATASET, version)]
        assert linear(store) == [published]
        assert drill.publish(store, candidates(4)).manifest.version > orphan
        if code == 0:
            break
    assert point > 2 * 10


@pytest.mark.s3
def test_the_drill_notices_a_store_that_tears(s3: S3, candidates: Callable[[int], Built]) -> None:
    """The checks above can fail: they do on a version whose bytes are not those of its manifest."""
    store = open_store(s3.place().url)
    release = drill.publish(store, candidates(1))
    file = release.manifest.files[0]
    key = layout.version(DATASET, release.manifest.version, file.path)
    store.replace(key, b"torn", store.get(key).etag)
    with pytest.raises(AssertionError, match="part-0000"):
        intact(store)
