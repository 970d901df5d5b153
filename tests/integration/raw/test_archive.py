"""The raw archive: the same bytes once, whoever brings them, and never other bytes under their hash."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from configs.errors import CorruptVersionError, ObjectNotFoundError
from tasks.raw.archive import RawArchive
from tasks.storage.object_store import ObjectStore
from tests.support.drill import bodies

START = datetime(2026, 1, 1, tzinfo=UTC)
BODY = b'{"figures": 1}'


def test_bytes_are_kept_once_with_where_they_came_from_first(store: ObjectStore) -> None:
    first = RawArchive(store, lambda: START).keep("bea", "page/1", "https://example.org/a", BODY, ".json")
    before = bodies(store)
    again = RawArchive(store, lambda: START + timedelta(days=1)).keep("bea", "page/1", "https://x.org/b", BODY, ".json")
    assert bodies(store) == before, "seen before: nothing is written"
    sha256 = hashlib.sha256(BODY).hexdigest()
    assert first.raw_key == again.raw_key == f"_raw/bea/{sha256[:2]}/{sha256}.json"
    assert again.retrieved_at > first.retrieved_at
    about = json.loads(before[first.raw_key + ".json"])
    assert (about["url"], about["first_retrieved_at"]) == ("https://example.org/a", first.retrieved_at)
    assert (about["role"], about["bytes"], about["suffix"]) == ("page/1", len(BODY), ".json")


def test_a_sidecar_that_a_killed_run_left_unwritten_is_written(store: ObjectStore) -> None:
    archive = RawArchive(store, lambda: START)
    kept = archive.keep("bea", "page/1", "https://example.org/a", BODY, ".json")
    store.delete(kept.raw_key + ".json")
    archive.keep("bea", "page/1", "https://example.org/a", BODY, ".json")
    assert set(bodies(store)) == {kept.raw_key, kept.raw_key + ".json"}


def test_archived_bytes_are_checked_when_they_are_read(store: ObjectStore) -> None:
    archive = RawArchive(store)
    kept = archive.keep("bea", "page/1", "https://example.org/a", BODY, ".xlsx")
    assert archive.load(kept.raw_key) == BODY
    store.replace(kept.raw_key, b"other", store.get(kept.raw_key).etag)
    with pytest.raises(CorruptVersionError):
        archive.load(kept.raw_key)
    with pytest.raises(ObjectNotFoundError):
        archive.load("_raw/bea/aa/" + "a" * 64 + ".xlsx")
