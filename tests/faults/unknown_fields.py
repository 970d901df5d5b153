"""Documents with fields of newer code, rewritten by every writer of today's code."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from configs import subscribers
from configs.alerts import AlertSettings, Owner
from configs.announced import Announced, ReleaseDays
from configs.contracts import load_contract
from tasks.alerts.model import Finding
from tasks.alerts.service import AlertService
from tasks.common.clock import stamp, utc_now
from tasks.extract.world_bank import archive_download, archive_inventory
from tasks.extract.world_bank.archive_inventory import ArchivedSeries
from tasks.news import webhooks
from tasks.publish import promote, run_status
from tasks.publish.restore_lock import Hold
from tasks.raw import take_down
from tasks.raw.archive import RawArchive
from tasks.raw.documents import Noted, RawDocument
from tasks.storage.documents import Document, Record
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import catalog as derived
from tasks.warehouse import holds, layout, ledger, protocol, release_dates, schedule, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.outcomes import Skipped
from tasks.warehouse.records import BuiltPart, Status
from tasks.warehouse.run_status import must_write_status, write_status
from tasks.warehouse.upkeep import gc, retention
from tests.faults.harness import Fault, Ground, Row
from tests.fixtures.older import ATP, PRODUCTS, REJECTED, annotated, described_as, fields, long_idle, unpacked
from tests.support import drill
from tests.support.candidates import build_candidate
from tests.support.receiver import Receiver

NOW = utc_now()
OWNER = "techtrade data team"
SETTINGS = AlertSettings(owners={OWNER: Owner(channels=("CHAT",))}, grouping_seconds=0, attempts=1, backoff_seconds=0)
# Their bytes are named by a hash, or are not ours.
FIXED = re.compile(
    r"manifest\.json$|^_ledger/.*/\d{4}-[^/]*\.json$|quality_gx\.json$|^_raw/[^/]+/[0-9a-f]{2}/[^./]*\.json$"
)


HELD = holds.Hold(
    version=REJECTED, vintage="2025-02", since=stamp(NOW), held_at=stamp(NOW), why="x", checks=("in_season",), cells=1
)  # fmt: skip
ANNOUNCED_DAYS = Announced({"x": ReleaseDays((NOW.date(),), ())})


@dataclass(frozen=True)
class Writer:
    """What rewrites the document ``key``. ``gone``: records of it that it may remove."""

    name: str
    key: str
    write: Callable[[ObjectStore, Path], object]
    gone: frozenset[str] = frozenset()


def completed(store: ObjectStore) -> None:
    """Add one of each kind of document that the store does not have."""
    schedule.note_scheduled(store, by="techtrade serve")
    holds.opened(store, ATP, HELD)
    release_dates.note(store, ANNOUNCED_DAYS, "_raw/bea_release_dates/44/44.json", NOW)
    Hold.take(store, ATP, take_over=False)
    take_down.begin(store, "drill", "a licence", NOW, 3, 100)
    take_down.end(store, "drill", NOW)
    archive_inventory.update(
        store, lambda i: i.model_copy(update={"series": (_series("a"),), "listing": _series("a").documents})
    )
    document = RawDocument.of("page 1", "https://example.org/1", b"{}", raw_key="_raw/drill/44/44.json")
    RawArchive(store).note("drill", "drill/abc", document)
    store.create(layout.announced(ATP), b'{"seq": {"platform": 1}}')
    catalog = json.loads(store.get(layout.CATALOG).body)
    catalog["datasets"].append(catalog["datasets"][0] | {"dataset": "a_dataset_of_newer_code"})
    store.replace(layout.CATALOG, json.dumps(catalog).encode(), store.get(layout.CATALOG).etag)
    part = BuiltPart(partition="part_year=1990", rows=1, bytes=1, sha256="a", content_sha256="b")
    store.create(layout.made("atp_detail_monthly", "abc"), part.dump())


@cache
def _template(where: Ground) -> Path:
    """The store that each fault gets a copy of."""
    made = unpacked(where.folder())
    store = open_store(str(made))
    completed(store)
    annotate(store)
    return made


def annotate(store: ObjectStore) -> None:
    """Add fields of newer code to every JSON document that may ever be rewritten."""
    for key, body in drill.bodies(store).items():
        if key.endswith(".json") and not FIXED.search(key):
            store.replace(key, annotated(body), store.get(key).etag)


def _series(content: str) -> ArchivedSeries:
    document = RawDocument.of("page 1", "https://example.org/1", b"{}", raw_key="_raw/world_bank_archives/44/44.json")
    return ArchivedSeries(
        vintage="202401", indicator="receipts", series="X", state="data", parsed_ok=True, rows=1, content_sha256=content,
        documents=(Noted.of(document),),
    )  # fmt: skip


def _built(folder: Path, number: int = 1) -> Built:
    (folder / str(number)).mkdir()
    return build_candidate(number, folder / str(number))


def _swap(store: ObjectStore, folder: Path) -> None:
    protocol.swap(store, drill.sealed(store, _built(folder)))


def _gc(store: ObjectStore, folder: Path) -> None:
    drill.sealed(store, _built(folder))
    gc.execute(store, gc.plan(store, NOW + timedelta(days=365), timedelta(hours=1)))


def _retire(store: ObjectStore, folder: Path) -> None:
    gone = retention.Superseded(PRODUCTS, "2025-06-02.0003", "only so many", (), 0)
    retention.execute(store, retention.RetentionPlan(NOW, (gone,), ()))


def _keep(store: ObjectStore, folder: Path) -> None:
    _swap(store, folder)
    assert ledger.copy_new(store, ATP)


def _refresh(store: ObjectStore, folder: Path) -> None:
    _swap(store, folder)
    assert derived.refresh_catalog(store, load_contract(ATP))


def _rebuild(store: ObjectStore, folder: Path) -> None:
    _swap(store, folder)
    derived.rebuild_catalog(store)


def _announce(store: ObjectStore, folder: Path) -> None:
    release_dates.note(store, ANNOUNCED_DAYS, "_raw/bea_release_dates/55/55.json", NOW)


def _promote(store: ObjectStore, folder: Path) -> None:
    with described_as(protocol.read_manifest(store, ATP, REJECTED)):  # another contract's is refused
        promote.promote(store, load_contract(ATP), REJECTED, "so", "A. Owner")


def _status() -> Status:
    cost = run_status.RunMeter().cost()
    return Status(dataset=ATP, checked_at=stamp(NOW), outcome="failed", detail="x", cost=cost, seconds=2)


def _alerts(store: ObjectStore) -> AlertService:
    return AlertService(store, store.url, SETTINGS, lambda _: "json://127.0.0.1:9/")


def _report(store: ObjectStore, folder: Path) -> None:
    found = Finding(dataset=PRODUCTS, kind="store", cause="full", words="no space", served="what was there")
    assert _alerts(store).report(found)


def _deliver(store: ObjectStore, folder: Path) -> None:
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver())
        listed = folder / "subscribers.yaml"
        listed.write_text("subscribers: [{id: platform, address_variable: FAULTS_PLATFORM}]")
        stack.enter_context(patch.object(subscribers, "SUBSCRIBERS", listed))
        stack.enter_context(patch.dict(os.environ, {"FAULTS_PLATFORM": receiver.address}))
        assert webhooks.deliver(store, load_contract(ATP))
        assert receiver.told


def _outcome(store: ObjectStore, folder: Path) -> None:
    same = Skipped(ATP, "2025-06-02.0002", "2025-02", "unchanged", "the same")
    run_status.write_outcome(store, same, run_status.RunMeter(), asked=True)


STATUS, LATEST, ANNOUNCED = layout.status(ATP), layout.latest(ATP), layout.announced(ATP)
TAKEN, INVENTORY = layout.taken_down("drill"), layout.inventory(archive_inventory.SOURCE)
WRITERS = (
    Writer("publish", LATEST, _swap),
    Writer("promote", LATEST, _promote),
    Writer("yank of latest", LATEST, lambda s, _: yank.yank(s, ATP, "2025-06-02.0002", "wrong unit")),
    Writer("yank of an older version", LATEST, lambda s, _: yank.yank(s, ATP, "2025-06-02.0001", "wrong unit")),
    Writer("gc raises the fence", LATEST, _gc),
    Writer("retention", layout.latest(PRODUCTS), _retire),
    Writer("ledger", layout.ledger_log(ATP), _keep),
    Writer("catalog, one entry", layout.CATALOG, _refresh),
    Writer("catalog, rebuilt", layout.CATALOG, _rebuild),
    Writer("status", STATUS, lambda s, _: write_status(s, _status())),
    Writer("status that must be written", STATUS, lambda s, _: must_write_status(s, _status())),
    Writer("status of a failure", STATUS, lambda s, _: run_status.write_failure(s, ATP, RuntimeError("x"), "x"), frozenset({"/cost"})),
    Writer("status of an outcome", STATUS, _outcome),
    Writer("status of a stopped run", STATUS, lambda s, _: run_status.write_stopped(s, ATP, run_status.RunMeter())),
    Writer("a note in the status", STATUS, lambda s, _: run_status.note(s, ATP, "and more")),
    Writer("alert reported", layout.ALERTS, _report),
    Writer("alert over", layout.ALERTS, lambda s, _: _alerts(s).recovered(ATP, "good again")),
    Writer("alert promoted", layout.ALERTS, lambda s, _: _alerts(s).promoted(ATP, REJECTED, "published after all")),
    Writer("alert sent", layout.ALERTS, lambda s, _: _alerts(s).send(at_once=True), frozenset({"id"})),
    Writer("subscribers told", ANNOUNCED, _deliver),
    Writer("take-down begun", TAKEN, lambda s, _: take_down.begin(s, "drill", "again", NOW + timedelta(1), 1, 1)),
    Writer("inventory, listed", INVENTORY, lambda s, _: archive_inventory.update(s, lambda i: i.model_copy(update={"listed_at": "x"}))),
    Writer("inventory, a series", INVENTORY, lambda s, _: archive_download._enter(s, _series("b"), archive_download.DownloadResult())),
    Writer("a hold begins", layout.held(ATP), lambda s, _: holds.opened(s, ATP, HELD.model_copy(update={"version": "2025-06-02.0009"}))),
    Writer("a hold ends", layout.held(ATP), lambda s, _: holds.close(s, ATP, "superseded", stamp(NOW), "2025-06-02.0002")),
    Writer("a hold, reminded of", layout.held(ATP), lambda s, _: holds.reminded(s, ATP, REJECTED, 3)),
    Writer("release dates", layout.RELEASE_DATES, _announce),
    Writer("restoration taken over", layout.restoring(ATP), lambda s, _: Hold.take(s, ATP, take_over=True)),
)  # fmt: skip


def _attempt(writer: Writer) -> Callable[[Ground], str]:
    def attempt(where: Ground) -> str:
        folder = where.folder()
        store = open_store(str(shutil.copytree(_template(where), folder / "store")))
        before = drill.bodies(store)
        with long_idle():
            writer.write(store, folder)
        after = drill.bodies(store)
        if after[writer.key] == before[writer.key]:
            return f"{writer.key} was not written"
        wrong = []
        for key in (k for k in before if k.endswith(".json") and not FIXED.search(k)):
            lost = fields(before[key]) - (fields(after[key]) if key in after else set())
            lost = {one for one in lost if one.strip("[").partition("=")[0] not in writer.gone}
            wrong += [f"{key} lost the fields of {', '.join(sorted(lost))}"] if lost else []
        return "; ".join(wrong)

    return attempt


def faults() -> Sequence[Fault]:
    return [Fault(w.name, _attempt(w)) for w in WRITERS]


def seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drop unknown fields while reading, as code did before documents carried a format."""
    load = Document.load.__func__  # type: ignore[attr-defined]

    def known(value: Any) -> Any:
        if isinstance(value, Record):
            return type(value)(**{name: known(getattr(value, name)) for name in type(value).model_fields})
        return tuple(map(known, value)) if isinstance(value, tuple) else value

    monkeypatch.setattr(Document, "load", classmethod(lambda cls, body, key: known(load(cls, body, key))))


ROW = Row(
    name="unknown_fields",
    title="documents with fields of newer code, at the top and nested, rewritten by every writer",
    right="every such field survives",
    faults=faults,
    seed=seed,
    seeded=tuple(w.name for w in WRITERS),
)
