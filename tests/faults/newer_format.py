"""Every reader and writer of today's code on a document of a newer format, in its known shape and in another one."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Literal
from unittest.mock import patch

import pytest

from configs.contracts import load_contract
from configs.errors import NewerFormatError
from flows.publish import bring
from tasks.alerts import state_store
from tasks.build import partitioned
from tasks.build.partitioned import PartJob
from tasks.build.request import Request
from tasks.extract.world_bank import archive_inventory
from tasks.monitor import freshness, status_board
from tasks.publish import held, promote, restore, run_status
from tasks.publish.restore_lock import Hold
from tasks.quality.page import evidence
from tasks.raw import housekeeping, take_down
from tasks.raw.archive import RawArchive
from tasks.storage import documents
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import catalog, holds, layout, ledger, protocol, reader, release_dates, schedule, yank
from tasks.warehouse.outcomes import Published, Skipped
from tasks.warehouse.records import ChangeCounts, QualityCounts
from tasks.warehouse.run_status import last_rejected, must_write_status, read_status, write_status
from tasks.warehouse.upkeep import gc, retention
from tasks.warehouse.upkeep import verify as verify_
from tests.faults import unknown_fields
from tests.faults.harness import Fault, Ground, Row
from tests.faults.unknown_fields import NOW
from tests.fixtures.older import ATP, REJECTED, long_idle, of_format, unpacked
from tests.support import drill

CLAIMED, LATEST = "2025-06-02.0004", "2025-06-02.0002"
Ends = Literal["raises", "leaves", "says", "reports"]


@dataclass(frozen=True)
class Use:
    """A use of documents of one kind. ``raises``: it is refused with the typed error; ``leaves``: a writer of what is
    derived goes on, leaves the document as it is and logs why; ``says``: a command ends with 1 and prints why;
    ``reports``: upkeep of the whole store raises, or goes on with other datasets and says why in what it returns."""

    name: str
    kind: str
    use: Callable[[ObjectStore], object]
    ends: Ends = "raises"


# The keys of each kind.
KEYS = {
    "latest": layout.latest(ATP),
    "manifest": layout.manifest(ATP, LATEST),
    "rejected manifest": layout.manifest(ATP, REJECTED),
    "claim": layout.claim(ATP, CLAIMED),
    "status": layout.status(ATP),
    "catalog": layout.CATALOG,
    "alerts": layout.ALERTS,
    "announced": layout.announced(ATP),
    "schedule": layout.SCHEDULE,
    "held": layout.held(ATP),
    "release dates": layout.RELEASE_DATES,
    "take-downs": layout.taken_down("drill"),
    "inventory": layout.inventory(archive_inventory.SOURCE),
    "restoration": layout.restoring(ATP),
    "ledger": layout.ledger_log(ATP),
    "part": layout.made("atp_detail_monthly", "abc"),
    "note": "",  # found in the store: its name is a hash
}


def _publish(store: ObjectStore) -> object:
    return bring(Request(load_contract(ATP), "snapshot", "2025-02", "auto"), store.url)


def _gc(store: ObjectStore) -> object:
    decided = gc.plan(store, NOW + timedelta(days=365), timedelta(hours=1))
    return decided, gc.execute(store, decided)


def _other(store: ObjectStore) -> ObjectStore:
    return open_store(f"{store.url}-restored")


def _command(*arguments: str) -> Callable[[ObjectStore], object]:
    def run(store: ObjectStore) -> str:
        from flows.cli import main

        said = StringIO()
        with (
            patch.dict(os.environ, {"TECHTRADE_STORE": store.url}),
            patch.object(sys, "argv", ["techtrade", *arguments]),
            redirect_stdout(said),
            redirect_stderr(said),
        ):
            try:
                main()
            except SystemExit as e:
                assert e.code, said.getvalue()
                return said.getvalue()
        raise AssertionError(f"ended with 0: {said.getvalue()}")

    return run


def _uses() -> list[Use]:
    c = load_contract(ATP)
    job = PartJob("atp_detail_monthly", "part_year=1990", (), None, "abc", "")
    latest = [
        Use("publish", "latest", _publish),
        Use("head", "latest", lambda s: protocol.read_head(s, ATP)),
        Use("read", "latest", lambda s: reader.resolve(s, ATP)),
        Use("read as of", "latest", lambda s: reader.as_of(s, ATP, NOW)),
        Use("show", "latest", lambda s: reader.sealed(s, ATP, LATEST)),
        Use("versions", "latest", lambda s: reader.list_versions(s, ATP, unpublished=True)),
        Use("verify", "latest", lambda s: verify_.verify(s, ATP)),
        Use("yank", "latest", lambda s: yank.yank(s, ATP, LATEST, "wrong")),
        Use("settle", "latest", lambda s: yank.write_missing_notes(s, ATP)),
        Use("promote", "latest", lambda s: promote.promote(s, c, REJECTED, "so", "A. Owner")),
        Use("retention", "latest", lambda s: retention.plan(s, NOW, retention.Policy(2, 0)), "reports"),
        Use("raw expiry", "latest", lambda s: housekeeping.plan_expiry(s, None, NOW, timedelta(0)), "reports"),
        Use("gc", "latest", _gc, "reports"),
        Use("freshness", "latest", lambda s: freshness.documents(s, ATP)),
        Use("restore over it", "latest", lambda s: restore.restore(_copied(s), s, c)),
        Use("catalog entry", "latest", lambda s: catalog.refresh_catalog(s, c), "leaves"),
        Use("ledger", "latest", lambda s: ledger.copy_new(s, ATP), "leaves"),
        Use("techtrade read", "latest", _command("read", ATP), "says"),
        Use("techtrade versions", "latest", _command("versions", ATP), "says"),
        Use("techtrade show", "latest", _command("show", ATP), "says"),
        Use("techtrade verify", "latest", _command("verify"), "says"),
        Use("techtrade status", "latest", _command("status"), "says"),
        Use("techtrade freshness", "latest", _command("freshness"), "says"),
        Use("techtrade quality", "latest", _command("quality", ATP), "says"),
        Use("techtrade diff", "latest", _command("diff", ATP), "says"),
        Use("techtrade yank", "latest", _command("yank", f"{ATP}@{LATEST}", "--reason", "x"), "says"),
    ]
    manifest = [
        Use("publish", "manifest", _publish),
        Use("read", "manifest", lambda s: reader.resolve(s, ATP)),
        Use("versions", "manifest", lambda s: reader.list_versions(s, ATP)),
        Use("verify", "manifest", lambda s: verify_.verify(s, ATP)),
        Use("quality", "manifest", lambda s: evidence.gather(s, ATP, None)),
        Use("catalog entry", "manifest", lambda s: catalog.refresh_catalog(s, c), "leaves"),
        Use("ledger", "ledger manifest", lambda s: ledger.read(s, ATP)),
        Use("techtrade verify", "manifest", _command("verify"), "says"),
        Use("techtrade read", "manifest", _command("read", ATP), "says"),
        Use("gc", "rejected manifest", _gc, "reports"),
        Use("show", "rejected manifest", lambda s: reader.sealed(s, ATP, REJECTED)),
        Use("versions", "rejected manifest", lambda s: reader.list_versions(s, ATP, unpublished=True)),
        Use("promote", "rejected manifest", lambda s: promote.promote(s, c, REJECTED, "so", "A. Owner")),
    ]
    others = [
        Use("publish", "status", _publish),
        Use("read", "status", lambda s: read_status(s, ATP)),
        Use("last rejected", "status", lambda s: last_rejected(s, ATP)),
        Use("freshness", "status", lambda s: freshness.documents(s, ATP)),
        Use("write", "status", lambda s: write_status(s, unknown_fields._status()), "leaves"),
        Use("must write", "status", lambda s: must_write_status(s, unknown_fields._status())),
        Use("failure", "status", lambda s: run_status.write_failure(s, ATP, RuntimeError("x"), "x"), "leaves"),
        Use("stopped", "status", lambda s: run_status.write_stopped(s, ATP, run_status.RunMeter()), "leaves"),
        Use("note", "status", lambda s: run_status.note(s, ATP, "and more"), "leaves"),
        Use("outcome", "status", lambda s: run_status.write_outcome(
            s, Skipped(ATP, LATEST, "2025-02", "unchanged", "same"), run_status.RunMeter(), asked=True)),
        Use("outcome of a publish", "status", lambda s: run_status.write_outcome(
            s, Published(ATP, LATEST, None, "2025-02", 434, ChangeCounts(), QualityCounts(), ()), run_status.RunMeter(), asked=True), "leaves"),
        Use("techtrade status", "status", _command("status"), "says"),
        Use("one entry", "catalog", lambda s: catalog.refresh_catalog(s, c), "leaves"),
        Use("rebuild", "catalog", catalog.rebuild_catalog, "leaves"),
        Use("read", "alerts", state_store.read),
        Use("look", "alerts", state_store.look),
        Use("change", "alerts", lambda s: state_store.change(s, lambda x: x.model_copy(update={"incidents": ()}))),
        Use("report", "alerts", lambda s: unknown_fields._report(s, Path()), "leaves"),
        Use("send", "alerts", lambda s: unknown_fields._alerts(s).send(at_once=True), "leaves"),
        Use("techtrade alerts", "alerts", _command("alerts", "list"), "says"),
        Use("deliver", "announced", lambda s: unknown_fields._deliver(s, Path(s.url).parent)),
        Use("read", "schedule", schedule.read),
        Use("watch", "schedule", lambda s: freshness.check_all(s, [ATP], NOW)),
        Use("overview", "schedule", lambda s: status_board.overview(s, [ATP], {}, NOW)),
        Use("techtrade status", "schedule", _command("status"), "says"),
        Use("read", "held", lambda s: holds.read(s, ATP)),
        Use("begin", "held", lambda s: holds.opened(s, ATP, unknown_fields.HELD.model_copy(update={"version": CLAIMED}))),
        Use("end", "held", lambda s: holds.close(s, ATP, "superseded", "x", LATEST)),
        Use("remind", "held", lambda s: holds.reminded(s, ATP, REJECTED, 3)),
        Use("end after a publish", "held", lambda s: held.end(s, ATP, "superseded", LATEST), "leaves"),
        Use("techtrade held", "held", _command("held", ATP), "says"),
        Use("read", "release dates", lambda s: release_dates.announced(s, NOW)),
        Use("write", "release dates", lambda s: unknown_fields._announce(s, Path())),
        Use("read", "take-downs", lambda s: take_down.read(s, "drill")),
        Use("begin", "take-downs", lambda s: take_down.begin(s, "drill", "again", NOW, 1, 1)),
        Use("end", "take-downs", lambda s: take_down.end(s, "drill", NOW)),
        Use("holdings", "take-downs", housekeeping.holdings, "reports"),
        Use("read", "inventory", archive_inventory.inventory),
        Use("change", "inventory", lambda s: archive_inventory.update(s, lambda i: i.model_copy(update={"listed_at": "x"}))),
        Use("raw expiry", "inventory", lambda s: housekeeping.plan_expiry(s, None, NOW, timedelta(0)), "reports"),
        Use("restore", "restoration", lambda s: Hold.take(s, ATP, take_over=False)),
        Use("take over", "restoration", lambda s: Hold.take(s, ATP, take_over=True)),
        Use("keep", "ledger", lambda s: ledger.copy_new(s, ATP), "leaves"),
        Use("read", "ledger", lambda s: ledger.read(s, ATP)),
        Use("restore from it", "ledger", lambda s: restore.restore(s, _other(s), c)),
        Use("resume", "note", lambda s: RawArchive(s).unfinished("drill", "drill/abc", NOW - timedelta(days=9999))),
        Use("take up", "part", lambda s: partitioned._made(s, job)),
        Use("gc", "claim", _gc, "reports"),
        Use("restore over it", "claim", lambda s: restore._claimed(s, _claimed_manifest(s), None)),
    ]  # fmt: skip
    return [*latest, *manifest, *others]


def _claimed_manifest(store: ObjectStore) -> object:
    return protocol.read_manifest(store, ATP, LATEST).model_copy(update={"version": CLAIMED})


def _copied(store: ObjectStore) -> ObjectStore:
    """A copy of the ledger elsewhere: the store of before."""
    other = _other(store)
    for key, body in drill.bodies(store, layout.ledger(ATP)).items():
        other.create(key, body)
    return other


@cache
def _template(where: Ground) -> Path:
    made = unpacked(where.folder())
    unknown_fields.completed(open_store(str(made)))
    return made


def _raise(store: ObjectStore, kind: str, other_shape: bool) -> str:
    """Put a newer format into the document of that kind; return its key."""
    key = KEYS.get(kind) or next((e.key for e in store.entries("_raw/drill/_unfinished/")), "")
    if kind == "ledger manifest":
        key = layout.ledger(ATP, LATEST)
    stored = store.get(key)
    body = of_format(stored.body, 2, other_shape=other_shape)
    store.replace(key, body, stored.etag)
    if kind in ("manifest", "ledger manifest"):  # the log names it by its hash
        log = layout.latest(ATP) if kind == "manifest" else layout.ledger_log(ATP)
        named = store.get(log)
        was, now = (hashlib.sha256(b).hexdigest() for b in (stored.body, body))
        store.replace(log, named.body.replace(was.encode(), now.encode()), named.etag)
    if kind == "ledger":  # so that there is something to bring up
        content = json.loads(store.get(key).body)
        content["seq"] = 0
        store.replace(key, json.dumps(content).encode(), store.get(key).etag)
    return key


def _attempt(use: Use, other_shape: bool) -> Callable[[Ground], str]:
    def attempt(where: Ground) -> str:
        folder = where.folder()
        store = open_store(str(shutil.copytree(_template(where), folder / "store")))
        key = _raise(store, use.kind, other_shape)
        before, told = drill.bodies(store), StringIO()
        handler = logging.StreamHandler(told)
        logger = logging.getLogger("techtrade")
        logger.addHandler(handler)
        try:
            with long_idle(), patch.dict(os.environ, {"XDG_STATE_HOME": str(folder / "state")}):
                ended = _ended(use, store, told)
        finally:
            logger.removeHandler(handler)
        # Upkeep may go on elsewhere.
        kept = key.rpartition("/")[0] if use.ends == "reports" else ""
        if {k: b for k, b in drill.bodies(store).items() if k.startswith(kept)} != {
            k: b for k, b in before.items() if k.startswith(kept)
        }:
            return "the store was changed"
        return ended

    return attempt


def _ended(use: Use, store: ObjectStore, told: StringIO) -> str:
    try:
        result = use.use(store)
    except NewerFormatError as e:
        words = str(e)
        if use.ends not in ("raises", "reports"):
            return f"raised {e!r}"
    else:
        if use.ends == "raises":
            return f"answered {str(result)[:200]}"
        words = f"{result} {told.getvalue()}" if use.ends in ("says", "reports") else told.getvalue()
    words = " ".join(words.split())
    if "written by a newer techtrade (format 2; this code reads up to 1): upgrade techtrade" not in words:
        return f"said: {words[:400]}"
    return f"told to restore a copy: {words[:400]}" if "from a copy" in words else ""


def faults() -> Sequence[Fault]:
    return [
        Fault(f"{use.kind}: {use.name}{', another shape' if other else ''}", _attempt(use, other))
        for use in _uses()
        for other in (False, True)
    ]


def seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read every number."""
    monkeypatch.setattr(documents, "refuse_newer", lambda *_: None)


ROW = Row(
    name="newer_format",
    title="documents of a newer format, for every reader and writer",
    right='refused with "written by a newer techtrade: upgrade techtrade", and nothing in the store changed',
    faults=faults,
    seed=seed,
    seeded=("latest: read", "status: write", "catalog: rebuild, another shape", "alerts: change, another shape"),
    slow=True,
)
