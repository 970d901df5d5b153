"""What is made from a dataset follows it in the same run, and never holds it up."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import polars as pl
import pytest

from configs.contracts import load_contract
from tasks.news import atom
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import layout, reader
from tests.support.plain import Ran

Run = Callable[..., Ran]
WORLD = "atp_world_monthly"


@pytest.fixture
def store(techtrade: Run, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    monkeypatch.setenv("TECHTRADE_FOLLOW", "true")
    return open_store(os.environ["TECHTRADE_STORE"])


def publish(techtrade: Run, vintage: str, *more: str) -> Ran:
    ran = techtrade("publish", WORLD, "--source", "snapshot", "--vintage", vintage, *more)
    assert "Traceback" not in ran.err
    return ran


def in_all_news(store: ObjectStore) -> list[tuple[str, list[str]]]:
    """The events in the feed of all, newest first, with what was refreshed with each; all are of the dataset."""
    entries = atom.parse(store.get(layout.feed()).body, None).entries
    assert {e.dataset for e in entries} == {WORLD}
    for entry in entries:
        page = store.get(entry.key).body.decode()
        assert all(f"../../{name}/news/{version}.html" in page for name, version in entry.refreshed)
        assert all(store.size(layout.news(*pair)) for pair in entry.refreshed)
    return [(e.event, [name for name, _ in e.refreshed]) for e in entries]


def test_a_publish_and_a_yank_are_followed(techtrade: Run, store: ObjectStore) -> None:
    ran = publish(techtrade, "2023-01")
    assert ran.code == 0, ran.err
    assert f"  {WORLD}_history " in ran.out and "revision_profile" not in ran.out, "of one vintage nothing was revised"
    assert not store.size(layout.status("revision_profile")), "it is too early for it, which is no failure"
    assert "revision_profile" not in techtrade("status").out
    ran = publish(techtrade, "2025-02", "--json")
    (told,) = json.loads(ran.out)
    assert [(f["dataset"], f["outcome"]) for f in told["followed"]] == [
        (f"{WORLD}_history", "published"),
        ("revision_profile", "published"),
    ]
    assert in_all_news(store) == [
        ("published", [f"{WORLD}_history", "revision_profile"]),
        ("published", [f"{WORLD}_history"]),
    ]
    assert len(atom.parse(store.get(layout.feed(f"{WORLD}_history")).body, f"{WORLD}_history").entries) == 2
    wrong, good = reader.latest_version(store, WORLD), reader.list_versions(store, WORLD)[0].version
    ran = techtrade("yank", f"{WORLD}@{wrong}", "--reason", "a test")
    assert ran.code == 0 and f"readers of latest get {good}" in ran.out and f"  {WORLD}_history " in ran.out
    assert in_all_news(store)[0] == ("yanked", [f"{WORLD}_history", "revision_profile"])
    history = reader.scan(store, reader.resolve(store, f"{WORLD}_history").manifest).collect()
    assert history.filter(pl.col("cause") == "withdrawal").height == 111
    listed = {d["dataset"] for d in json.loads(techtrade("datasets", "--json").out) if d["version"]}
    assert listed == {WORLD, f"{WORLD}_history", "revision_profile"}
    assert techtrade("verify").code == 0
    assert json.loads(store.get(layout.CATALOG).body)["datasets"][1]["dataset"] == f"{WORLD}_history"
    for lost in (layout.feed(), layout.feed(WORLD)):
        whole = store.get(lost).body
        store.delete(lost)
        assert atom.refresh(store, load_contract(WORLD)) and store.get(lost).body == whole
    # Nothing new: nothing is written.
    keys = {e.key for e in store.entries("") if "status" not in e.key and "feed" not in e.key}
    ran = publish(techtrade, "2023-01", "--json")
    assert json.loads(ran.out)[0]["outcome"] in ("unchanged", "superseded")
    assert {e.key for e in store.entries("") if "status" not in e.key and "feed" not in e.key} == keys


def test_what_cannot_follow_is_told_and_holds_nothing_up(techtrade: Run, store: ObjectStore) -> None:
    assert publish(techtrade, "2023-01").code == 0
    history = reader.latest_version(store, f"{WORLD}_history")
    log = layout.latest(f"{WORLD}_history")
    body = store.get(log)
    store.replace(log, b"{", body.etag)
    ran = publish(techtrade, "2025-02")
    assert ran.code == 1 and f"{WORLD}@" in ran.out and "published: vintage 2025-02" in ran.out
    assert f"error: {WORLD}_history does not follow: {log}: not a valid latest document" in ran.err
    status = json.loads(store.get(layout.status(f"{WORLD}_history")).body)
    assert status["outcome"] == "failed"
    assert f"{WORLD}_history/latest.json: not a valid latest" in " ".join(techtrade("status").out.split())
    # Mended, the next run follows, though its dataset has nothing new.
    store.replace(log, body.body, store.get(log).etag)
    ran = publish(techtrade, "2025-02", "--json")
    (told,) = json.loads(ran.out)
    assert (ran.code, told["outcome"]) == (0, "unchanged")
    assert [f["outcome"] for f in told["followed"]] == ["published", "published"], (
        "the history, and what is made from it"
    )
    assert reader.latest_version(store, f"{WORLD}_history") != history
    # What is made from a history that is unchanged is not forgotten either.
    log = layout.latest("revision_profile")
    body = store.get(log)
    store.replace(log, b"{", body.etag)
    assert publish(techtrade, "2025-02").code == 1
    store.replace(log, body.body, store.get(log).etag)
    (told,) = json.loads(publish(techtrade, "2025-02", "--json").out)
    assert [f["outcome"] for f in told["followed"]] == ["unchanged", "unchanged"]
    ran = techtrade("yank", f"{WORLD}_history@{reader.latest_version(store, f'{WORLD}_history')}", "--reason", "x")
    assert ran.code == 2 and f"yank a version of {WORLD}" in ran.err
    assert techtrade("gc", "--keep", "5").code == 2
