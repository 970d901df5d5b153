"""``catalog.json`` and ``status.json`` follow the log, can be lost, and never stand in the way of a publish."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from configs.errors import StoreUnavailableError
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import catalog as derived
from tasks.warehouse import layout, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.records import Catalog
from tests.support import drill
from tests.support.drill import DATASET, bodies, contract, intact

Candidates = Callable[[int], Built]


def catalog(store: ObjectStore) -> dict[str, str]:
    return {e.dataset: e.version for e in Catalog.load(store.get(layout.CATALOG).body, layout.CATALOG).datasets}


def test_the_catalog_names_what_readers_of_latest_get(store: ObjectStore, candidates: Candidates) -> None:
    assert derived.refresh_catalog(store, contract())
    assert bodies(store) == {}, "nothing published, nothing to say"
    one, two = (drill.publish(store, candidates(n)).manifest.version for n in (1, 2))
    assert catalog(store) == {DATASET: two}
    yank.yank(store, DATASET, two, "wrong")
    assert derived.refresh_catalog(store, contract())
    assert catalog(store) == {DATASET: one} == {DATASET: intact(store)}


def test_a_catalog_that_is_up_to_date_is_not_written(store: ObjectStore, candidates: Candidates) -> None:
    drill.publish(store, candidates(1))
    writes: list[str] = []
    derived.refresh_catalog(drill.Broken(store, lambda _, what: writes.append(what)), contract())
    assert not [w for w in writes if "replace" in w or "create" in w]


@pytest.mark.parametrize("damage", [None, b"{", b'{"datasets": 3}'], ids=["lost", "no JSON", "another form"])
def test_a_lost_or_damaged_catalog_is_made_anew(
    damage: bytes | None, store: ObjectStore, candidates: Candidates
) -> None:
    version = drill.publish(store, candidates(1)).manifest.version
    whole = store.get(layout.CATALOG)
    if damage is None:
        store.delete(layout.CATALOG)
    else:
        store.replace(layout.CATALOG, damage, whole.etag)
    assert len(derived.rebuild_catalog(store)) == (damage is not None), "damage is reported"
    assert store.get(layout.CATALOG).body == whole.body
    assert catalog(store) == {DATASET: version}


def test_a_publish_succeeds_though_nothing_derived_can_be_written(
    store: ObjectStore, candidates: Candidates, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    replace = store.replace

    def full(key: str, body: bytes, etag: str | None) -> str:
        if key.endswith("latest.json"):
            return replace(key, body, etag)
        raise StoreUnavailableError("full")

    monkeypatch.setattr(store, "replace", full)
    with caplog.at_level(logging.WARNING, "techtrade"):
        version = drill.publish(store, candidates(1)).manifest.version
    assert intact(store) == version
    assert {key.rsplit("/", 1)[-1] for key in bodies(store)} & {"status.json", "catalog.json"} == set()
    assert [r.message.split(" was ")[0] for r in caplog.records] == [layout.status(DATASET), layout.CATALOG]
    monkeypatch.undo()


def test_an_error_of_our_own_is_not_taken_for_a_failing_store(store: ObjectStore, candidates: Candidates) -> None:
    drill.publish(store, candidates(1))

    def bug(moment: int, what: str) -> None:
        raise ZeroDivisionError(what)

    with pytest.raises(ZeroDivisionError):
        derived.refresh_catalog(drill.Broken(store, bug), contract())
