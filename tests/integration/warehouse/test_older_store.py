"""The store of commit 12c4ccd under whole commands of today; tests/faults/older_code.py has the parts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from configs.contract import Contract
from configs.contracts import load_contract
from tasks.build.recipes import recipe_for
from tasks.publish import restore
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import layout, protocol, reader
from tasks.warehouse.records import Manifest
from tests.doubles.publishers import CensusDouble
from tests.fixtures.older import ATP, PRODUCTS, REJECTED, RETIRED, annotated, fields, unpacked, words_of
from tests.support.plain import Ran

Run = Callable[..., Ran]


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    monkeypatch.setenv("TECHTRADE_MAX_IDLE_DAYS", "36500")  # it may be long since it was written
    return open_store(str(unpacked(tmp_path)))  # where the fixture `techtrade` has its store


def test_today_publishes_to_it_and_reads_it_back(
    techtrade: Run, older: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHTRADE_FOLLOW", "true")
    with CensusDouble("2025-02") as census:
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", census.url + "/country.xlsx")
        ran = techtrade("publish", ATP)
        assert ran.code == 0 and "no difference in figures" in ran.out, "only the words of the contract are others"
        newest = reader.latest_version(older, ATP)
        census.fault = "thousands"
        ran = techtrade("publish", ATP)
        assert ran.code == 3 and f"still get {ATP}@{newest}" in ran.err, ran.err
    ran = techtrade("publish", PRODUCTS, "--source", "snapshot", "--vintage", "2021-01")
    assert ran.code == 0, "made otherwise since schema 2, so not what the yanked version was"
    ran = techtrade("promote", f"{ATP}@{REJECTED}", "--reason", "it is so", "--by", "A. Owner")
    assert ran.code == 1 and "was made by another contract" in ran.err, ran.err
    listed = json.loads(techtrade("versions", ATP, "--json").out)
    again = next(v["version"] for v in reversed(listed) if v["state"] == "rejected")
    ran = techtrade("promote", f"{ATP}@{again}", "--reason", "it is so", "--by", "A. Owner")
    assert ran.code == 0, ran.err
    assert techtrade("yank", f"{ATP}@2025-06-02.0001", "--reason", "too old").code == 0
    assert techtrade("gc", "--grace-hours", "0").code == 0

    ran = techtrade("verify")
    assert ran.code == 0, ran.err
    listed = {v["version"]: v["state"] for v in json.loads(techtrade("versions", PRODUCTS, "--json").out)}
    assert {v for v, state in listed.items() if state in ("retired", "yanked")} >= set(RETIRED)
    states = [v["state"] for v in json.loads(techtrade("versions", ATP, "--json").out)]
    assert states[-1] == "latest" and "yanked" in states and "rejected" in states
    history = reader.resolve(older, f"{ATP}_history").manifest
    assert history.version > "2025-06-02.0002" and b"promoted" in older.get(layout.feed(ATP)).body
    for key in (layout.latest(ATP), layout.status(ATP), layout.CATALOG):
        assert json.loads(older.get(key).body)["format"] == 1


def test_old_fingerprints_publish_nothing_but_histories_once(
    techtrade: Run, older: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHTRADE_FOLLOW", "true")
    history = f"{ATP}_history"

    def manifest(name: str) -> Manifest:
        return reader.resolve(older, name).manifest

    before = {name: manifest(name) for name in (ATP, history)}
    assert before[ATP].made_by.code != recipe_for(load_contract(ATP)).fingerprint()
    with CensusDouble("2025-02") as census:
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", census.url + "/country.xlsx")
        monkeypatch.setattr(Contract, "sha256", words_of(before[ATP]))
        for _ in range(2):
            ran = techtrade("publish", ATP)
            assert ran.code == 0 and "nothing new" in ran.out, ran.err
            assert manifest(ATP) == before[ATP]
            once = manifest(history)
            assert once.parent == before[history].version, "published once, not again by the second run"
    assert once.content_sha256 == before[history].content_sha256
    assert once.contract_sha256 != before[history].contract_sha256 and once.changes.cells["revised"] == 0
    assert once.made_by.code == recipe_for(load_contract(history)).fingerprint()
    ran = techtrade("history", ATP, "--rebuild")
    assert ran.code == 0 and "the same" in ran.out, ran.out
    ran = techtrade("replay", f"{ATP}@{before[ATP].version}")
    assert ran.code == 0 and "the same content" in ran.out and "code:" in ran.out, ran.out


def test_restored_log_keeps_unknown_fields(older: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = layout.ledger_log(ATP)
    older.replace(key, annotated(older.get(key).body), older.get(key).etag)
    store = open_store(str(tmp_path / "restored"))
    monkeypatch.setattr(Contract, "sha256", words_of(reader.resolve(older, ATP).manifest))
    restore.restore(older, store, load_contract(ATP))
    assert fields(store.get(layout.latest(ATP)).body) == fields(older.get(key).body)
    assert protocol.read_latest(store, ATP)[0] is not None
