"""``verify`` finds each kind of damage, names all of it, and accepts what is whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from configs.errors import CorruptVersionError, NotPublishedError
from tasks.common.clock import utc_now
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, protocol
from tasks.warehouse.candidate import Built
from tasks.warehouse.records import Manifest
from tasks.warehouse.upkeep.verify import verify
from tests.support import drill
from tests.support.drill import DATASET, bodies, manifest_of

Candidates = Callable[[int], Built]
DATA = "data/part-0000.parquet"


def overwrite(store: ObjectStore, key: str, body: bytes) -> None:
    store.replace(key, body, store.get(key).etag)


def flip(body: bytes) -> bytes:
    return body[:-1] + bytes([body[-1] ^ 1])


def problems(store: ObjectStore, version: str) -> list[str]:
    with pytest.raises(CorruptVersionError) as told:
        verify(store, DATASET, version)
    return told.value.problems


def test_what_is_whole_is_accepted_latest_or_pinned_and_nothing_is_written(
    store: ObjectStore, candidates: Candidates
) -> None:
    one, two = (drill.publish(store, candidates(n)).manifest for n in (1, 2))
    before = bodies(store)
    report = verify(store, DATASET)
    assert (report.version, report.files, report.bytes) == (two.version, 3, sum(f.bytes for f in two.files))
    assert verify(store, DATASET, one.version).version == one.version
    assert bodies(store) == before


def test_a_version_that_was_never_published_is_not_verified(store: ObjectStore, candidates: Candidates) -> None:
    with pytest.raises(NotPublishedError):
        verify(store, DATASET)
    drill.publish(store, candidates(1))
    rejected = drill.sealed(store, candidates(2), status="rejected").manifest.version
    with pytest.raises(NotPublishedError):
        verify(store, DATASET, rejected)


def test_every_damage_is_named_not_only_the_first(store: ObjectStore, candidates: Candidates) -> None:
    version = drill.publish(store, candidates(1)).manifest.version

    def key(path: str) -> str:
        return layout.version(DATASET, version, path)

    overwrite(store, key(DATA), flip(store.get(key(DATA)).body))
    overwrite(store, key("changes.parquet"), b"longer than it was")
    store.delete(key("quality.parquet"))
    store.create(key("data/stray.parquet"), b"x")
    found = problems(store, version)
    assert len(found) == 4
    assert any(DATA in p and "sha256" in p for p in found)
    assert any("changes.parquet has 18 bytes, sealed were 7" in p for p in found)
    assert any("quality.parquet is gone" in p for p in found)
    assert any("data/stray.parquet does not belong" in p for p in found)


@pytest.mark.parametrize("pinned", [False, True], ids=["latest", "superseded"])
def test_a_manifest_that_was_changed_or_is_gone_is_noticed(
    pinned: bool, store: ObjectStore, candidates: Candidates
) -> None:
    version = drill.publish(store, candidates(1)).manifest.version
    if pinned:
        drill.publish(store, candidates(2))
    key = layout.manifest(DATASET, version)
    overwrite(store, key, store.get(key).body.replace(b'"rows": 6', b'"rows": 7'))
    assert "manifest.json" in problems(store, version)[0]
    store.delete(key)
    assert problems(store, version) == ["manifest.json is gone"]


def test_a_manifest_that_lies_about_the_content_is_noticed(store: ObjectStore, candidates: Candidates) -> None:
    """Bytes and hashes of the files hold, but the figures are not those that the manifest claims."""
    built = candidates(1)
    draft = protocol.stage_data(store, protocol.claim(store, protocol.read_head(store, DATASET)), built)
    lie: Manifest = manifest_of(draft, built, "passed", utc_now).model_copy(update={"content_sha256": "0" * 64})
    version = protocol.swap(store, protocol.seal(store, draft, lie)).manifest.version
    assert problems(store, version) == ["rows or content of the whole are not what the manifest says"]


def test_bytes_sealed_unreadable_are_a_problem_and_no_traceback(store: ObjectStore, candidates: Candidates) -> None:
    built = candidates(1)
    draft = protocol.claim(store, protocol.read_head(store, DATASET))
    draft = protocol.stage_bytes(store, draft, DATA, b"no parquet")
    file = draft.files[0].model_copy(update={"rows": 6, "content_sha256": built.content_sha256})
    manifest = manifest_of(draft, built, "passed", utc_now).model_copy(update={"files": (file,)})
    version = protocol.swap(store, protocol.seal(store, draft, manifest)).manifest.version
    assert file.sha256 == hashlib.sha256(b"no parquet").hexdigest()
    assert "cannot be read" in problems(store, version)[0]
