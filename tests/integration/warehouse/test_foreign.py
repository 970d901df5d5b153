"""What people put into a store is reported and left alone; one damaged document stops nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from configs import contracts
from configs.errors import DamagedRawError, StoreError, StorePermissionError
from tasks.common.clock import utc_now
from tasks.publish import restore
from tasks.raw import housekeeping
from tasks.raw.archive import RawArchive
from tasks.storage.local import LocalStore
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import catalog, layout, protocol
from tasks.warehouse.candidate import Built
from tasks.warehouse.key_grammar import printable, stranger
from tasks.warehouse.upkeep import gc
from tests.support import drill
from tests.support.drill import DATASET, Broken, bodies, intact
from tests.support.plain import plain

Candidates = Callable[[int], Built]
LATER = utc_now() + timedelta(days=2)


def test_link_to_latest_version_is_left_alone(local_store: LocalStore, candidates: Candidates) -> None:
    latest = drill.publish(local_store, candidates(1)).manifest.version
    folder = local_store.root / layout.versions(DATASET)
    (folder / "current").symlink_to(latest)
    shutil.copytree(folder / latest, folder / f"{latest}.bak")
    plan = gc.plan(local_store, LATER, timedelta(0))
    assert plan.leftovers == () and plan.problems == ()
    assert [line.partition(": ")[2] for line in plan.foreign] == [
        f"{layout.versions(DATASET)}{latest}.bak/ (5 objects)",
        f"{layout.versions(DATASET)}current (a link, or no file)",
    ]
    gc.execute(local_store, plan)
    assert intact(local_store) == latest and (folder / "current").is_symlink()


def test_listings_never_follow_links(local_store: LocalStore, tmp_path: Path) -> None:
    local_store.create("a/b/c", b"here")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_bytes(b"outside")
    (local_store.root / "a" / "link").symlink_to(tmp_path / "outside")
    (local_store.root / "a" / "file").symlink_to("b/c")
    assert [e.key for e in local_store.entries("")] == ["a/b/c"]
    assert [*local_store.entries("a/link/")] == [] == local_store.folders("a/link/")
    assert local_store.folders("a/") == ["b"] and local_store.names("a/") == ["b/"]
    assert local_store.oddities("") == ["a/file", "a/link"]
    assert local_store.get("a/link/x").body == b"outside", "who reads by name may follow one"
    for key in ("a/link/x", "a/file"):
        with pytest.raises(StoreError, match="symbolic link"):
            local_store.delete(key)
    assert (tmp_path / "outside" / "x").exists() and local_store.get("a/file").body == b"here"


def test_store_itself_may_be_a_link(tmp_path: Path, candidates: Candidates) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    store = LocalStore(tmp_path / "link" / "store")
    drill.publish(store, candidates(1))
    store.delete(layout.CATALOG)
    assert store.folders("") == [DATASET] and store.size(layout.CATALOG) is None


def test_every_key_that_a_publish_writes_is_known(store: ObjectStore, candidates: Candidates) -> None:
    drill.publish(store, candidates(1), whole=True)
    assert [key for key in bodies(store) if stranger(key)] == []
    assert printable("a\x1b[31m\n") == "a\\x1b[31m\\n"


def test_gc_reports_and_does_the_rest(
    local_store: LocalStore,
    candidates: Candidates,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    drill.publish(local_store, candidates(1))
    left = protocol.claim(local_store, protocol.read_head(local_store, DATASET)).version
    (local_store.root / "notes.txt").write_text("mine")
    run = plain(monkeypatch, capfd, local_store.url)
    ran = run("gc", "--dry-run", "--json")
    assert ran.code == 0 and json.loads(ran.out)["foreign"] == ["not techtrade's, left alone: notes.txt"]
    key = layout.latest("partners")
    local_store.create(key, b"")
    ran = run("gc", "--grace-hours", "0")
    assert ran.code == 1 and f"error: {key}: not a valid latest document" in " ".join(ran.err.split())
    assert f"abandon {DATASET}@{left}" in ran.out and "notes.txt" in ran.err
    assert protocol.read_manifest(local_store, DATASET, left).status == "abandoned"


def test_good_bytes_heal_a_damaged_document(store: ObjectStore, tmp_path: Path) -> None:
    archive, body = RawArchive(store), b"what the publisher said"
    key = archive.keep("bea", "page", "https://example.org/x", body, ".json").raw_key
    (tmp_path / "again").write_bytes(body)
    for bad in (body[:5], body[::-1], b""):
        store.replace(key, bad, store.get(key).etag)
        archive.keep("bea", "page", "https://example.org/x", body, ".json")
        assert store.get(key).body == body
        store.replace(key, bad, store.get(key).etag)
        archive.keep_file("bea", "page", "https://example.org/x", tmp_path / "again", ".json", "")
        assert store.get(key).body == body
    aside = {store.get(e.key).body for e in store.entries(layout.raw_of()) if ".damaged-" in e.key}
    assert aside == {body[:5], body[::-1], b""}
    (held,) = housekeeping.holdings(store)
    assert (held.documents, held.damaged, held.gone) == (1, 3, 0)
    housekeeping.execute(store, housekeeping.plan_take_down(store, "bea", "licence", LATER))
    assert not [e.key for e in store.entries(layout.raw_of()) if not e.key.endswith(".json")], "damaged copies go, too"


def test_who_may_not_heal_is_told_what_to_do(local_store: ObjectStore) -> None:
    body = b"what the publisher said"
    key = RawArchive(local_store).keep("bea", "page", "https://example.org/x", body, ".json").raw_key
    local_store.replace(key, b"cut", local_store.get(key).etag)

    def refuse(_: int, what: str) -> None:
        if what == "before replace":
            raise StorePermissionError("may not write this")

    with pytest.raises(DamagedRawError, match=r"role maintenance.*then publish again"):
        RawArchive(Broken(local_store, refuse)).keep("bea", "page", "https://example.org/x", body, ".json")
    assert local_store.get(key).body == b"cut"


def test_restore_clears_only_what_it_staged(local_store: LocalStore, candidates: Candidates) -> None:
    lost = drill.publish(local_store, candidates(1)).manifest
    store = LocalStore(local_store.root.parent / "restored")
    draft = restore._claimed(store, lost, None)
    protocol.stage_data(store, draft, candidates(1))
    mine = layout.version(DATASET, lost.version, "data/mine.txt")
    store.create(mine, b"a person's")
    assert restore._claimed(store, lost, None).claim == draft.claim
    assert set(bodies(store)) == {layout.claim(DATASET, lost.version), mine}


def test_wrong_contract_hides_no_other_dataset(
    local_store: LocalStore,
    candidates: Candidates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    drill.publish(local_store, candidates(1))
    before = local_store.get(layout.CATALOG).body
    shutil.copytree(contracts.DATASETS, tmp_path / "datasets")
    (tmp_path / "datasets" / "partners.yaml").write_text("name: [")
    monkeypatch.setattr(contracts, "DATASETS", tmp_path / "datasets")
    contracts.load_contract.cache_clear()
    try:
        ran = plain(monkeypatch, capfd, local_store.url)("datasets", "--json")
        problems = catalog.rebuild_catalog(local_store)
    finally:
        monkeypatch.undo()
        contracts.load_contract.cache_clear()
    found = {d["dataset"]: d for d in json.loads(ran.out)}
    assert ran.code == 1 and "partners.yaml" in found["partners"]["problem"]
    assert found[DATASET]["state"] == "published"
    assert problems and all("partners" in p for p in problems)
    assert local_store.get(layout.CATALOG).body == before
