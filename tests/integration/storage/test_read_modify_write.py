"""Changing a document by compare-and-swap, in a real store, with another writer in between."""

from __future__ import annotations

import json

import pytest

from tasks.storage.documents import KeptChangingError, change_document, read_modify_write, write_derived
from tasks.storage.object_store import ObjectStore
from tasks.warehouse.records import Schedule

KEY = "_schedule/since.json"


def written(store: ObjectStore) -> list[int]:
    found: list[int] = json.loads(store.get(KEY).body)
    return found


def test_change_is_repeated_from_the_new_state(store: ObjectStore) -> None:
    others = iter((1, 2))

    def change(body: bytes | None) -> bytes:
        known = json.loads(body) if body else []
        if (other := next(others, None)) is not None:  # somebody is faster, twice
            read_modify_write(store, KEY, lambda _: json.dumps([*known, other]).encode())
        return json.dumps([*known, 9]).encode()

    assert json.loads(read_modify_write(store, KEY, change) or b"") == written(store) == [1, 2, 9]


def test_change_gives_up_with_the_key(local_store: ObjectStore) -> None:
    def change(body: bytes | None) -> bytes:
        local_store.replace(KEY, (body or b"") + b"other", local_store.get(KEY).etag if body else None)
        return b"mine"

    with pytest.raises(KeptChangingError, match=rf"{KEY} was not written: others kept changing it; run again") as e:
        read_modify_write(local_store, KEY, change, tries=3)
    assert e.value.key == KEY
    assert local_store.get(KEY).body == b"otherotherother"
    assert not write_derived(local_store, KEY, change), "a document that no run fails for"


@pytest.mark.parametrize("wanted", [None, b"same"])
def test_nothing_is_written_where_nothing_changes(local_store: ObjectStore, wanted: bytes | None) -> None:
    local_store.create(KEY, b"same")
    before = local_store.get(KEY)
    assert read_modify_write(local_store, KEY, lambda _: wanted) == b"same"
    assert local_store.get(KEY) == before


def test_changed_document_keeps_fields_of_newer_code(local_store: ObjectStore) -> None:
    local_store.create(KEY, b'{"since": "2026-01-01", "by": "a", "zone": "UTC"}')

    def by(who: str) -> Schedule | None:
        return change_document(local_store, KEY, Schedule.load, lambda _: Schedule(since="2026-01-01", by=who))

    assert by("b") == Schedule.load(local_store.get(KEY).body, KEY)
    assert json.loads(local_store.get(KEY).body) | {"format": 1} == {
        "format": 1, "since": "2026-01-01", "by": "b", "zone": "UTC",
    }  # fmt: skip
    before = local_store.get(KEY)
    assert by("b") is not None and local_store.get(KEY) == before, "an equal document is not written again"
