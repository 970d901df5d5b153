"""Keeping house in the raw archive: what goes, what never goes, what is left behind, and a kill in between."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from configs.errors import UsageError
from tasks.common.clock import utc_now
from tasks.raw import housekeeping, take_down
from tasks.raw.archive import RawArchive
from tasks.raw.documents import RawDocument
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, ledger, protocol, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.records import SourceEntry
from tasks.warehouse.upkeep.verify import verify
from tests.support import drill
from tests.support.drill import DATASET, bodies, intact, manifest_of
from tests.support.plain import Run, nothing_published, plain

Candidates = Callable[[int], Built]
DAY = timedelta(days=1)


def later(days: int = 2) -> datetime:
    return utc_now() + days * DAY


def kept(store: ObjectStore, source: str, *texts: str) -> list[RawDocument]:
    archive = RawArchive(store)
    return [archive.keep(source, f"role/{t}", f"https://example/{t}", t.encode(), ".json") for t in texts]


def raw_keys(store: ObjectStore) -> set[str]:
    """Keys of bytes, not of what stands beside them."""
    return {h for h in bodies(store) if h.startswith("_raw/") and h.count(".json") == 1 and h[-70:-69] == "/"}


def published(store: ObjectStore, built: Built, document: RawDocument, status: Any = "passed") -> str:
    """A version whose manifest names that document."""
    draft = protocol.stage_data(store, protocol.claim(store, protocol.read_head(store, DATASET)), built)
    source = SourceEntry(
        source="census",
        role=document.role,
        url=document.url,
        retrieved_at=document.retrieved_at,
        sha256=document.sha256,
        bytes=document.size,
        raw_key=document.raw_key,
        vintage="2026-01",
        licence="",
        citation="",
    )
    manifest = manifest_of(draft, built, status, utc_now).model_copy(update={"sources": (source,)})
    sealed = protocol.seal(store, draft, manifest)
    return protocol.swap(store, sealed).manifest.version if status == "passed" else draft.version


def test_a_take_down_deletes_the_bytes_of_one_source_and_nothing_else(
    store: ObjectStore, candidates: Candidates
) -> None:
    used, other = kept(store, "census", "used", "other")
    (foreign,) = kept(store, "bea", "foreign")
    version = published(store, candidates(1), used)
    before = bodies(store)
    result = housekeeping.execute(store, housekeeping.plan_take_down(store, "census", "licence", later()))
    assert set(result.deleted) == {used.raw_key, other.raw_key}
    after = bodies(store)
    assert set(before) - set(after) == set(result.deleted)
    assert set(after) - set(before) == {layout.taken_down("census")}
    assert all(after[k] == before[k] for k in after if k in before), "sidecars, manifest, latest: as they were"
    assert foreign.raw_key in after
    assert intact(store) == version
    assert verify(store, DATASET).version == version
    note = take_down.read(store, "census")
    assert note is not None
    ((event),) = note.events
    assert (event.reason, event.objects, event.bytes) == ("licence", 2, len("usedother"))
    assert event.at and event.done_at


def test_after_a_take_down_the_same_bytes_can_be_archived_again(store: ObjectStore) -> None:
    (document,) = kept(store, "census", "one")
    housekeeping.execute(store, housekeeping.plan_take_down(store, "census", "by mistake", later()))
    assert store.size(document.raw_key) is None
    (again,) = kept(store, "census", "one")
    assert again.raw_key == document.raw_key and RawArchive(store).load(again.raw_key) == b"one"
    housekeeping.execute(store, housekeeping.plan_take_down(store, "census", "after all", later()))
    note = take_down.read(store, "census")
    assert note is not None and [e.reason for e in note.events] == ["by mistake", "after all"]


def test_a_plan_and_a_dry_run_change_nothing(
    store: ObjectStore, place: drill.Place, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    kept(store, "census", "one", "three")
    RawArchive(store).note("census", "dataset/plan", kept(store, "census", "one")[0])
    before = bodies(store)
    plan = housekeeping.plan_take_down(store, "census", "licence", later())
    assert plan.lines() == ["delete of census: 2 documents, 8 bytes"]
    expiry = housekeeping.plan_expiry(store, None, later(), DAY)
    assert expiry.lines() == ["delete of census: 2 documents, 8 bytes, 1 note of unfinished extractions"]
    run: Run = plain(monkeypatch, capfd, place.url)
    taken = run("raw", "take-down", "census", "--reason", "licence", "--dry-run")
    assert (taken.code, taken.out) == (0, "would delete of census: 2 documents, 8 bytes\n")
    assert run("raw", "expire", "--older-than", "1", "--dry-run").out == "nothing to delete\n"
    assert bodies(store) == before


class Killed(BaseException):
    """Goes through every handler, as a kill does."""


def test_a_take_down_killed_at_any_moment_is_taken_up(store: ObjectStore) -> None:
    def dies_at(point: int) -> Callable[[int, str], None]:
        def at(moment: int, _: str) -> None:
            if moment == point:
                raise Killed

        return at

    point, seen = 0, set()
    while True:
        point += 1
        kept(store, "census", "a", "b", "c")
        before = len(_events(store))
        plan = housekeeping.plan_take_down(store, "census", f"killed {point}", later())
        try:
            housekeeping.execute(drill.Broken(store, dies_at(point)), plan)
            break
        except Killed:
            pass
        left, noted = len(raw_keys(store)), _events(store)[before:]
        seen.add((left, len(noted), bool(noted and noted[-1].done_at)))
        housekeeping.execute(store, housekeeping.plan_take_down(store, "census", f"after {point}", later()))
        (event,) = _events(store)[before:]
        assert (event.objects, event.bytes, bool(event.done_at)) == (3, 3, True)
        assert event.reason == (f"killed {point}" if noted else f"after {point}")
        assert raw_keys(store) == set()
    assert {(3, 0, False), (3, 1, False), (1, 1, False), (0, 1, False), (0, 1, True)} <= seen, "each state was met"


def _events(store: ObjectStore) -> tuple[take_down.TakeDown, ...]:
    note = take_down.read(store, "census")
    return note.events if note else ()


def test_bytes_that_a_published_version_or_an_inventory_names_do_not_expire(
    store: ObjectStore, candidates: Candidates
) -> None:
    one, two, three, nobody, listed = kept(store, "census", "one", "two", "three", "nobody", "listed")
    published(store, candidates(1), one)
    bad = published(store, candidates(2), two)
    yank.yank(store, DATASET, bad, "wrong")
    published(store, candidates(3), three, "rejected")
    inventory = {"series": [{"documents": [{"raw_key": listed.raw_key}]}]}
    store.create(layout.inventory("archives"), json.dumps(inventory).encode())
    before = bodies(store)
    plan = housekeeping.plan_expiry(store, None, later(), DAY)
    assert plan.kept == 2
    result = housekeeping.execute(store, plan)
    assert set(result.deleted) == {two.raw_key, three.raw_key, nobody.raw_key}, "yanked, rejected, named by nobody"
    assert set(before) - set(bodies(store)) == set(result.deleted), "sidecars stay"
    assert verify(store, DATASET).dataset == DATASET
    assert housekeeping.plan_expiry(store, None, later(), DAY).raw == ()


def test_what_is_young_does_not_expire_nor_what_is_of_another_source(store: ObjectStore) -> None:
    (census,), (bea,) = kept(store, "census", "one"), kept(store, "bea", "two")
    RawArchive(store).note("census", "dataset/plan", census)
    assert housekeeping.plan_expiry(store, None, later(), 3 * DAY).lines() == []
    housekeeping.execute(store, housekeeping.plan_expiry(store, "census", later(), DAY))
    assert raw_keys(store) == {bea.raw_key}
    assert not [k for k in bodies(store) if "_unfinished" in k], "notes as old go too"


def test_bytes_of_a_version_published_since_the_plan_are_spared(store: ObjectStore, candidates: Candidates) -> None:
    (document,) = kept(store, "census", "one")
    plan = housekeeping.plan_expiry(store, None, later(), DAY)
    assert [e.key for e in plan.raw] == [document.raw_key]
    published(store, candidates(1), document)
    result = housekeeping.execute(store, plan)
    assert (result.deleted, result.spared) == ((), (document.raw_key,))
    assert store.size(document.raw_key) == 3


@pytest.mark.parametrize("damaged", ["manifest", "inventory"])
def test_nothing_expires_while_it_is_not_known_what_is_named(
    store: ObjectStore, candidates: Candidates, damaged: str
) -> None:
    used, old = kept(store, "census", "used", "old")
    version = published(store, candidates(1), used)
    if damaged == "manifest":
        store.delete(layout.manifest(DATASET, version))
    else:
        store.create(layout.inventory("census"), b"{")
    before = bodies(store)
    plan = housekeeping.plan_expiry(store, None, later(), DAY)
    assert plan.raw == () and plan.kept == 2 and len(plan.problems) == 1
    housekeeping.execute(store, plan)
    assert bodies(store) == before and old.raw_key in before


def test_what_is_archived_is_listed_by_source(
    store: ObjectStore, place: drill.Place, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = plain(monkeypatch, capfd, place.url)
    nothing_published(store)
    assert "nothing is archived" in run("raw", "list").err
    kept(store, "census", "one", "three")
    RawArchive(store).note("bea", "dataset/plan", kept(store, "bea", "two")[0])
    assert run("raw", "take-down", "census", "--reason", "licence").code == 0
    kept(store, "census", "one")
    held = {h["source"]: h for h in json.loads(run("raw", "list", "--json").out)}
    assert {s: (h["documents"], h["bytes"], h["gone"], h["notes"]) for s, h in held.items()} == {
        "census": (1, 3, 1, 0),
        "bea": (1, 3, 0, 1),
    }
    assert held["census"]["taken_down"]["events"][0]["reason"] == "licence" and held["bea"]["taken_down"] is None
    shown = run("raw", "list", "--source", "census").out
    assert "licence" in shown and "bea" not in shown


def test_a_mistake_is_told_and_nothing_is_done(local_store: ObjectStore) -> None:
    kept(local_store, "census", "one")
    before = bodies(local_store)
    with pytest.raises(UsageError, match="there is: census"):
        housekeeping.plan_take_down(local_store, "sensus", "licence", later())
    with pytest.raises(UsageError, match="there is: census"):
        housekeeping.plan_expiry(local_store, "../census", later(), DAY)
    with pytest.raises(UsageError, match="--reason"):
        housekeeping.plan_take_down(local_store, "census", "  ", later())
    assert bodies(local_store) == before


def test_linked_dataset_still_needs_its_inputs(local_store: ObjectStore, candidates: Candidates) -> None:
    """Readers follow the link, so it counts as a user; nothing is deleted through it."""
    (used,) = kept(local_store, "census", "used")
    published(local_store, candidates(1), used)
    folder = Path(local_store.uri(DATASET))
    folder.rename(folder.with_name(".moved"))
    folder.symlink_to(".moved")
    assert housekeeping.plan_expiry(local_store, None, later(), DAY).raw == ()


@pytest.mark.parametrize("gone", ["log", "folder"])
def test_lost_log_keeps_what_restores_it(gone: str, local_store: ObjectStore, candidates: Candidates) -> None:
    (used, unused) = kept(local_store, "census", "used", "unused")
    published(local_store, candidates(1), used)
    ledger.copy_new(local_store, DATASET)
    folder = Path(local_store.uri(DATASET))
    shutil.rmtree(folder) if gone == "folder" else (folder / "latest.json").unlink()
    plan = housekeeping.plan_expiry(local_store, None, later(), DAY)
    assert {e.key for e in plan.raw} == {unused.raw_key}
    assert any("latest.json is gone" in problem for problem in plan.problems)
