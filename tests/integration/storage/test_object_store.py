"""What each kind of store promises to the protocol: the same on a folder and on S3."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from configs.errors import ObjectExistsError, ObjectNotFoundError, PreconditionFailedError, StoreError
from tasks.storage.object_store import ObjectStore
from tests.support.drill import bodies


def test_nothing_is_found_in_an_empty_store(store: ObjectStore) -> None:
    with pytest.raises(ObjectNotFoundError, match="a/b"):
        store.get("a/b")
    assert store.size("a/b") is None
    assert list(store.entries("")) == []
    assert store.folders("") == []
    store.delete("a/b")


def test_creation_never_replaces(store: ObjectStore, tmp_path: Path) -> None:
    store.create("a", b"first")
    file = tmp_path / "file"
    file.write_bytes(b"second")
    store.create("other", b"second")
    with pytest.raises(ObjectExistsError):
        store.create("a", b"second")
    with pytest.raises(ObjectExistsError):
        store.create_file("a", file)
    assert bodies(store) == {"a": b"first", "other": b"second"}


def test_creating_the_same_bytes_again_is_the_write_whose_reply_was_lost(store: ObjectStore, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"bytes")
    assert store.create("a", b"bytes") == store.create("a", b"bytes") == store.get("a").etag
    store.create_file("b", file)
    store.create_file("b", file)
    assert bodies(store) == {"a": b"bytes", "b": b"bytes"}


@pytest.mark.parametrize("stale", ["0" * 32, None], ids=["another tag", "no object"])
def test_a_swap_needs_the_tag_that_is_there(store: ObjectStore, stale: str | None) -> None:
    first = store.replace("a", b"one", None)
    second = store.replace("a", b"two", first)
    assert store.get("a").etag == second != first
    for tag in (stale, first):
        with pytest.raises(PreconditionFailedError):
            store.replace("a", b"three", tag)
    assert bodies(store) == {"a": b"two"}


def test_a_swap_of_what_is_gone_is_refused_and_writes_nothing(store: ObjectStore) -> None:
    tag = store.create("a", b"one")
    store.delete("a")
    with pytest.raises(PreconditionFailedError):
        store.replace("a", b"two", tag)
    assert bodies(store) == {}


def test_of_many_swaps_from_one_tag_one_wins(store: ObjectStore) -> None:
    tag = store.create("a", b"start")
    won: list[int] = []
    lost: list[int] = []
    ready = threading.Barrier(8)

    def swap(number: int) -> None:
        ready.wait()
        try:
            store.replace("a", str(number).encode(), tag)
            won.append(number)
        except PreconditionFailedError:
            lost.append(number)

    threads = [threading.Thread(target=swap, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 7)
    assert store.get("a").body == str(won[0]).encode()


def test_a_copy_has_the_bytes_of_its_source(store: ObjectStore) -> None:
    store.create("v1/part_year=1990/x", b"bytes")
    store.copy("v1/part_year=1990/x", "v2/part_year=1990/x")
    store.delete("v1/part_year=1990/x")
    assert bodies(store) == {"v2/part_year=1990/x": b"bytes"}
    with pytest.raises(ObjectNotFoundError):
        store.copy("v1/nothing", "v2/nothing")
    assert store.size("v2/nothing") is None


def test_listings_are_ordered_by_whole_key_and_stay_below_their_prefix(store: ObjectStore) -> None:
    for key in ("d/a/1", "d/a-b/1", "d/ab", "e/1", "top"):
        store.create(key, key.encode())
    assert [e.key for e in store.entries("")] == ["d/a-b/1", "d/a/1", "d/ab", "e/1", "top"]
    assert [e.key for e in store.entries("d/a/")] == ["d/a/1"]
    assert [e.key for e in store.entries("d/a")] == ["d/a-b/1", "d/a/1", "d/ab"]
    assert store.folders("") == ["d", "e"]
    assert store.folders("d/") == ["a", "a-b"]
    found = next(store.entries("top"))
    assert (found.size, found.modified.tzinfo) == (3, UTC)
    assert abs(datetime.now(UTC) - found.modified) < timedelta(hours=1)


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../outside", "a/../../outside"])
def test_a_key_cannot_lead_out_of_the_store(store: ObjectStore, key: str) -> None:
    for call in (store.get, store.delete, lambda k: store.create(k, b"x"), lambda k: store.replace(k, b"x", None)):
        with pytest.raises(StoreError, match="not a key"):
            call(key)
    assert bodies(store) == {}


def test_a_file_that_is_not_there_writes_nothing(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such file"):
        store.create_file("a", tmp_path / "absent")
    assert bodies(store) == {}
