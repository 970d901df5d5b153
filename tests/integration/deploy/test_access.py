"""Who may write where, tried on real S3 identities made from ``deploy/access.yaml``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from configs.contracts import load_contract
from configs.errors import ObjectNotFoundError, StoreError, StorePermissionError
from tasks.common.clock import utc_now
from tasks.storage.object_store import ObjectStore
from tasks.storage.s3 import S3Store
from tasks.warehouse import catalog as derived
from tasks.warehouse import layout, protocol, reader
from tasks.warehouse.upkeep import gc as gc_
from tests.support import access, seaweed
from tests.support.plain import Ran

pytestmark = pytest.mark.s3
Run = Callable[..., Ran]
ATP = access.DATASET
As = Callable[..., S3Store]


@pytest.fixture
def become(seaweed_server: seaweed.Seaweed, monkeypatch: pytest.MonkeyPatch) -> As:
    """Takes on a role (the tests' own writer, which may do everything, if none is named); the store as it sees it."""

    def take_on(role: str = "", store: str = access.STORES[0]) -> S3Store:
        who = seaweed_server.roles[store, role] if role else seaweed_server.writer
        for name, value in who.environment(seaweed_server.endpoint).items():
            monkeypatch.setenv(name, value)
        opened = S3Store(f"s3://{seaweed.BUCKET}/{store}")
        opened.filesystem()  # connects, with the credentials of now
        return opened

    return take_on


def snapshot(techtrade: Run, store: ObjectStore, dataset: str, vintage: str = "") -> Ran:
    wanted = ["--vintage", vintage] if vintage else []
    return techtrade("publish", dataset, "--source", "snapshot", *wanted, "--store", store.url)


def bodies(store: ObjectStore) -> dict[str, str]:
    return {e.key: store.get(e.key).etag for e in store.entries("")}


@pytest.fixture
def published(become: As, techtrade: Run, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    """A store with a version of one dataset and one of another, each published by its writer or by everybody's, with
    what is made from them."""
    monkeypatch.setenv("TECHTRADE_FOLLOW", "true")
    everything = become()
    for entry in list(everything.entries("")):
        everything.delete(entry.key)
    assert snapshot(techtrade, everything, access.OTHER, "2021-09-15").code == 0
    assert snapshot(techtrade, become("writer"), ATP, "2023-01").code == 0
    return become()


@pytest.mark.slow
def test_a_writer_publishes_its_dataset_and_the_catalog_is_mended_by_who_may(
    published: S3Store, become: As, techtrade: Run
) -> None:
    before = bodies(published)
    ran = snapshot(techtrade, become("writer"), ATP, "2025-02")
    assert ran.code == 0 and "published" in ran.out and f"  {ATP}_history " in ran.out, ran.err
    assert "catalog.json was not written" in ran.err and "a later run will" in ran.err
    everything = become()
    changed = {k for k, etag in bodies(everything).items() if before.get(k) != etag}
    mine = tuple(folder for name in access.made(ATP) for folder in (f"{name}/", f"_ledger/{name}/"))
    assert changed and all(k.startswith((*mine, "_raw/")) for k in changed)
    assert techtrade("verify", ATP, "--store", everything.url).code == 0
    latest = protocol.read_latest(everything, ATP)[0]
    assert latest is not None and latest.log[-1].vintage == "2025-02"

    from flows.freshness import freshness

    everything.delete(layout.CATALOG)
    feed = everything.get(layout.feed()).etag
    freshness(store=become("watch").url)
    assert _in_catalog(become()) == latest.version
    assert become().get(layout.feed()).etag != feed
    for role in ("catalog", "maintenance"):
        everything.delete(layout.CATALOG)
        assert derived.rebuild_catalog(become(role)) == [], role
        assert _in_catalog(become()) == latest.version


@pytest.mark.slow
def test_a_writer_cannot_publish_another_dataset_and_is_told_why(
    published: S3Store, become: As, techtrade: Run
) -> None:
    before = bodies(published)
    ran = snapshot(techtrade, become("writer"), access.OTHER, "2022-09-16")
    assert ran.code == 1
    (told,) = (line for line in ran.err.splitlines() if line.startswith("error: "))
    assert f"s3://{seaweed.BUCKET}/access/{access.OTHER}/versions/" in told and "/claim.json" in told, told
    assert "may not write this (AccessDenied on PutObject)" in told and "docs/access.md" in told
    after = bodies(become())
    assert {k for k in after if not k.startswith("_raw/")} == {k for k in before if not k.startswith("_raw/")}
    assert all(after[k] == etag for k, etag in before.items())


@pytest.mark.slow
def test_a_yank_operator_withdraws_a_version_and_cannot_publish(published: S3Store, become: As, techtrade: Run) -> None:
    assert snapshot(techtrade, become("writer"), ATP, "2025-02").code == 0
    good, bad = (v.version for v in reader.list_versions(become(), ATP))
    operator = become("yank_operator")
    ran = techtrade("yank", f"{ATP}@{bad}", "--reason", "wrong", "--store", operator.url)
    assert ran.code == 0 and f"{ATP}_history may not be published here; the next run of {ATP} does it" in ran.err
    everything = become()
    assert protocol.read_latest(everything, ATP)[0].version == good  # type: ignore[union-attr]
    assert everything.size(layout.yanked(ATP, bad))
    assert _in_catalog(everything) == good
    before = bodies(everything)
    for dataset, vintage in ((ATP, "2025-02"), (access.OTHER, "2022-09-16")):
        assert snapshot(techtrade, become("yank_operator"), dataset, vintage).code == 1
    assert bodies(become()) == before
    ran = snapshot(techtrade, become("writer"), ATP, "2023-01")
    assert ran.code == 0 and f"  {ATP}_history " in ran.out, "the next run, though it finds nothing new"


@pytest.mark.slow
def test_a_reader_reads_and_an_operator_looks_and_neither_changes_anything(
    published: S3Store, become: As, techtrade: Run
) -> None:
    before = bodies(published)
    store = become("reader")
    assert techtrade("read", ATP, "--format", "csv", "--store", store.url).out.count("\n") == 1 + 409
    refused = snapshot(techtrade, store, ATP, "2025-02")
    assert refused.code == 1
    assert "may not write this" in refused.err and "Traceback" not in refused.err
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in refused.err
    refused = techtrade("yank", f"{ATP}@{_latest(store)}", "--reason", "x", "--store", store.url)
    assert refused.code == 1 and "error" in refused.err
    assert "alerts are not known: " in techtrade("status", "--store", store.url).out
    store = become("operator")
    for command in (["verify"], ["status"], ["alerts", "list"], ["raw", "list"], ["versions", ATP]):
        assert techtrade(*command, "--store", store.url).code == 0, command
    with pytest.raises(StorePermissionError, match="may not delete this"):
        store.delete(layout.CATALOG)
    assert bodies(become()) == before


@pytest.mark.slow
def test_maintenance_cleans_up_and_cannot_change_what_is_published(published: S3Store, become: As) -> None:
    everything = become()
    draft = protocol.claim(everything, protocol.read_head(everything, ATP))
    protocol.stage_bytes(everything, draft, "changes.parquet", b"left behind")
    store = become("maintenance")
    from datetime import timedelta

    gc_.execute(store, gc_.plan(store, utc_now() + timedelta(hours=1), timedelta(0)))
    left = protocol.read_manifest(become(), ATP, draft.version)
    assert left.status == "abandoned"
    assert become().size(layout.version(ATP, draft.version, "changes.parquet")) is None
    assert reader.resolve(become("reader"), ATP).manifest.status == "passed"


def _in_catalog(store: ObjectStore) -> str:
    catalog = json.loads(store.get(layout.CATALOG).body)
    return str({d["dataset"]: d["version"] for d in catalog["datasets"]}[ATP])


def _latest(store: ObjectStore) -> str:
    latest = protocol.read_latest(store, ATP)[0]
    assert latest is not None
    return latest.version


@pytest.mark.slow
def test_each_right_of_the_table_is_given_and_no_other(become: As) -> None:
    """Every role tries every verb on every kind of key."""
    wrong: list[tuple[Any, ...]] = []
    rows, everything = access.table(), become("", "rights")
    for row in rows:
        _put_there(everything, row.key)
    for role in access.roles():
        store = become(role.name, "rights")
        for row in rows:
            cell = row.cells[role.name]
            expected = {"read": "r" in cell, "write": any(x in cell for x in "csp"), "delete": "d" in cell}
            found = {verb: _may(verb, store, row.key) for verb in expected}
            if found["delete"]:
                _put_there(everything, row.key)
            if found != expected:
                wrong.append((role.name, row.key, cell, found))
    assert wrong == []


def _put_there(store: S3Store, key: str) -> None:
    store.filesystem().pipe_file(store.uri(key), b"there")


def _may(verb: str, store: S3Store, key: str) -> bool:
    calls: dict[str, Callable[[], object]] = {
        "read": lambda: store.get(key),
        "write": lambda: store.replace(key, b"there", store_tag(key)),
        "delete": lambda: store.delete(key),
    }

    def store_tag(key: str) -> str:
        try:
            return store.get(key).etag
        except StorePermissionError:
            return "0" * 32

    try:
        calls[verb]()
    except StorePermissionError:
        return False
    except ObjectNotFoundError:
        raise
    except StoreError:
        return True  # let in, and told that the tag is another: the right is there
    return True


def test_the_contract_of_the_writers_dataset_names_the_sources_it_may_write() -> None:
    sources = load_contract(ATP).sources
    (writer,) = (r for r in access.roles() if r.name == "writer")
    assert {f"_raw/{s}/*" for s in (sources.live, sources.snapshot)} <= set(writer.patterns["create"])
