"""What follows a publish, a promotion, a yank and a restoration: each of them does all of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import layout, protocol, reader
from tests.doubles.publishers import CensusDouble
from tests.support.atom import checked
from tests.support.plain import Ran
from tests.support.receiver import Receiver

ATP = "atp_world_monthly"
Run = Callable[..., Ran]


@pytest.fixture
def census(monkeypatch: pytest.MonkeyPatch) -> Iterator[CensusDouble]:
    with CensusDouble("2025-02") as double:
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", double.url + "/country.xlsx")
        yield double


def everything_followed(store: ObjectStore, words: str) -> str:
    """Assert that catalog, ledger, feeds and the history are as of the latest event; return its version."""
    latest = protocol.read_latest(store, ATP)[0]
    assert latest is not None
    catalog = {e["dataset"]: e["version"] for e in json.loads(store.get(layout.CATALOG).body)["datasets"]}
    assert catalog[ATP] == latest.version
    assert store.get(layout.ledger_log(ATP)).body == store.get(layout.latest(ATP)).body
    assert words in checked(store.get(layout.feed(ATP)).body)[0]["title"]
    history = reader.resolve(store, f"{ATP}_history").manifest
    assert {f"version/{e.version}" for e in latest.published} <= {s.role for s in history.sources}
    return latest.version


def test_each_event_does_all_that_follows(
    techtrade: Run, census: CensusDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    subscribed: Callable[..., None],
) -> None:  # fmt: skip
    monkeypatch.setenv("TECHTRADE_FOLLOW", "true")
    store = open_store(str(tmp_path / "store"))
    with Receiver() as receiver:
        subscribed(ours=(receiver.address, ATP))
        assert techtrade("publish", ATP, "--source", "snapshot", "--vintage", "2023-01").code == 0
        first = everything_followed(store, "published")
        census.fault = "thousands"
        rejected = techtrade("publish", ATP).err.split(f"{ATP}@")[1].split(" ")[0]
        assert techtrade("promote", f"{ATP}@{rejected}", "--reason", "so", "--by", "A. Owner").code == 0
        promoted = everything_followed(store, "promoted")
        assert techtrade("yank", f"{ATP}@{promoted}", "--reason", "wrong").code == 0
        assert everything_followed(store, "yanked") == first
    told = [(t["event"], t["version"]) for t in receiver.told if t["dataset"] == ATP]
    assert told == [("published", first), ("promoted", promoted), ("yanked", promoted)]

    restored = open_store(str(tmp_path / "restored"))
    ran = techtrade("restore", ATP, f"{ATP}_history", "--from", store.url, "--store", restored.url)
    assert ran.code == 0, ran.err
    assert everything_followed(restored, "yanked") == first
