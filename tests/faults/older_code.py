"""A store that code from before format numbers wrote, read, published to, yanked, cleaned and read back by today's code.

Each fault is one thing that today's code does to it. Afterwards everything that readers could get before is still what it
was: the log, the bytes of each version, what is retired, what is yanked.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from configs.contracts import load_contract, published_names
from configs.errors import StoreError
from tasks.alerts import state_store
from tasks.build.replay import rebuild
from tasks.common.clock import utc_now
from tasks.monitor import freshness
from tasks.news import atom
from tasks.publish import promote, restore
from tasks.quality.page import evidence
from tasks.raw import housekeeping
from tasks.raw.archive import RawArchive
from tasks.storage import documents
from tasks.storage.documents import DamagedRecordError
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import catalog, layout, ledger, protocol, reader, yank
from tasks.warehouse.integrity import refuse_damaged
from tasks.warehouse.run_status import last_rejected
from tasks.warehouse.upkeep import gc
from tasks.warehouse.upkeep import verify as verify_
from tests.faults import unknown_fields
from tests.faults.harness import Fault, Ground, Row
from tests.fixtures.older import ATP, PRODUCTS, REJECTED, RETIRED, YANKED, described_as, long_idle, unpacked
from tests.support import drill

NOW = utc_now()
GOOD = "2025-06-02.0002"
Act = Callable[[ObjectStore, Path], str | None]


def _reads(store: ObjectStore, folder: Path) -> str | None:
    found = reader.resolve(store, PRODUCTS)
    rows = reader.scan(store, found.manifest).collect().height
    return None if (found.manifest.version, rows) == ("2025-06-02.0004", 964) else f"read {rows} rows"


def _as_of(store: ObjectStore, folder: Path) -> str | None:
    log = found.log if (found := protocol.read_latest(store, PRODUCTS)[0]) else ()
    given = reader.as_of(store, PRODUCTS, datetime.fromisoformat(log[4].at)).manifest.version
    return None if given == YANKED else f"{given} was served then"


def _states(store: ObjectStore, folder: Path) -> str | None:
    listed = [(v.version[-1], v.state) for v in reader.list_versions(store, ATP, unpublished=True)]
    return None if listed == [("1", "published"), ("2", "latest"), ("3", "rejected")] else str(listed)


def _retired(store: ObjectStore, folder: Path) -> str | None:
    listed = {v.version for v in reader.list_versions(store, PRODUCTS) if v.state == "retired"}
    return None if listed == set(RETIRED) else f"retired are {sorted(listed)}"


def _evidence(store: ObjectStore, folder: Path) -> str | None:
    found = evidence.gather(store, ATP, REJECTED)
    return None if len(found.failed) == 9 else f"{len(found.failed)} checks failed"


def _rejected(store: ObjectStore, folder: Path) -> str | None:
    known = last_rejected(store, ATP)
    return None if known == REJECTED else f"{known} was rejected last"


def _alerts(store: ObjectStore, folder: Path) -> str | None:
    kinds = [(i.finding.dataset, i.finding.kind) for i in state_store.look(store).incidents]
    return None if kinds == [(ATP, "rejected")] else str(kinds)


def _freshness(store: ObjectStore, folder: Path) -> str | None:
    (found,) = freshness.check_all(store, [ATP], NOW)
    return None if found.asked_at else f"{found.state}: {found.words}"


def _news(store: ObjectStore, folder: Path) -> str | None:
    store.delete(layout.feed(ATP))
    atom.refresh(store, load_contract(ATP))
    return None if store.get(layout.feed(ATP)).body.count(b"<entry>") == 2 else "the feed lacks entries"


def _catalog(store: ObjectStore, folder: Path) -> str | None:
    before = json.loads(store.get(layout.CATALOG).body)["datasets"]
    catalog.rebuild_catalog(store)
    after = json.loads(store.get(layout.CATALOG).body)
    return None if after["format"] == 1 and [e["version"] for e in after["datasets"]] == [
        e["version"] for e in before
    ] else str(after)  # fmt: skip


def _publishes(store: ObjectStore, folder: Path) -> str | None:
    new = drill.publish(store, unknown_fields._built(folder)).manifest.version
    drill.intact(store)
    drill.linear(store)
    content = json.loads(store.get(layout.latest(ATP)).body)
    return None if (content["version"], content["format"]) == (new, 1) else str(content)[:200]


def _yanks(store: ObjectStore, folder: Path) -> str | None:
    found = yank.yank(store, PRODUCTS, "2025-06-02.0003", "wrong")
    if found.retired_versions != set(RETIRED):
        return f"retired are {sorted(found.retired_versions)}"
    try:  # the others have no data
        yank.yank(store, PRODUCTS, "2025-06-02.0004", "wrong")
    except StoreError:
        return None
    return "readers were sent to a version without data"


def _cleans(store: ObjectStore, folder: Path) -> str | None:
    lost = drill.sealed(store, unknown_fields._built(folder)).manifest.version
    done = gc.execute(store, gc.plan(store, NOW + timedelta(days=365), timedelta(hours=1)))
    wrong = [k for k in done.deleted if not k.startswith(f"{ATP}/versions/{lost}/")]
    return f"deleted {wrong}" if wrong or not done.deleted else None


def _retires(store: ObjectStore, folder: Path) -> str | None:
    unknown_fields._retire(store, folder)
    found, _ = protocol.read_latest(store, PRODUCTS)
    now = found.retired_versions if found else set()
    return None if now == {*RETIRED, "2025-06-02.0003"} else f"retired are {sorted(now)}"


def _expires(store: ObjectStore, folder: Path) -> str | None:
    planned = {e.key for e in housekeeping.plan_expiry(store, None, NOW + timedelta(days=365), timedelta(0)).raw}
    good = [v.manifest for n in published_names() for v in reader.list_versions(store, n) if v.manifest and not v.yank]
    named = {s.raw_key for m in good for s in m.sources}
    return f"would delete {sorted(planned & named)}" if planned & named or not planned else None


def _ledger(store: ObjectStore, folder: Path) -> str | None:
    found = ledger.read(store, PRODUCTS)
    if found is None or len(found[1]) != 5:
        return f"the ledger has {found}"
    unknown_fields._keep(store, folder)
    now = ledger.read(store, ATP)
    return None if now is not None and len(now[1]) == 3 else f"the ledger has {now}"


def _promotes(store: ObjectStore, folder: Path) -> str | None:
    with described_as(protocol.read_manifest(store, ATP, REJECTED)):  # another contract's is refused, format or not
        done = promote.promote(store, load_contract(ATP), REJECTED, "it is so", "A. Owner")
    served = reader.resolve(store, ATP).manifest
    override = served.override
    return None if not done.before and override and override.rejected == REJECTED else f"{served.version} is served"


def _replays(store: ObjectStore, folder: Path) -> str | None:
    manifest = reader.resolve(store, ATP).manifest
    _, built = rebuild(RawArchive(store), load_contract(ATP), manifest, folder)
    return None if built.content_sha256 == manifest.content_sha256 else "its raw inputs give other figures now"


def _restores(store: ObjectStore, folder: Path) -> str | None:
    """A ledger may be of another contract than today's, which is refused by name; figures are never others."""
    other = open_store(str(folder / "restored"))
    try:
        restore.restore(store, other, load_contract(ATP))
    except StoreError as e:
        return None if "its contract is another now" in str(e) and not other.folders(ATP + "/yanked") else str(e)
    then, now = (protocol.read_latest(s, ATP)[0] for s in (store, other))
    assert then and now
    return None if [e.content_sha256 for e in then.log] == [e.content_sha256 for e in now.log] else "another log"


def _verifies(store: ObjectStore, folder: Path) -> str | None:
    return None  # what every act ends with


ACTS: dict[str, Act] = {
    "verify every version": _verifies,
    "read latest": _reads,
    "read as of": _as_of,
    "list states": _states,
    "list retired versions": _retired,
    "quality of a rejected version": _evidence,
    "last rejected version": _rejected,
    "alerts": _alerts,
    "freshness": _freshness,
    "news": _news,
    "catalog rebuilt": _catalog,
    "publish": _publishes,
    "yank": _yanks,
    "gc": _cleans,
    "retention": _retires,
    "raw expiry": _expires,
    "ledger": _ledger,
    "promote": _promotes,
    "replay": _replays,
    "restore": _restores,
}


@cache
def _template(where: Ground) -> Path:
    return unpacked(where.folder())


def _attempt(act: Act) -> Callable[[Ground], str]:
    def attempt(where: Ground) -> str:
        folder = where.folder()
        store = open_store(str(shutil.copytree(_template(where), folder / "store")))
        logs = {n: protocol.read_latest(store, n)[0] for n in published_names()}
        with long_idle():
            wrong = [act(store, folder) or ""]
        for name, then in logs.items():
            now, _ = protocol.read_latest(store, name)
            if then is None or now is None:
                continue
            if now.log[: len(then.log)] != then.log or not then.retired_versions <= now.retired_versions:
                wrong.append(f"{name}: the log or what is retired was changed")
            wrong += [p for e in now.published for p in _damage(store, name, e.version)]
        return "; ".join(w for w in wrong if w)

    return attempt


def _damage(store: ObjectStore, name: str, version: str) -> list[str]:
    try:
        if name == ATP and version > GOOD:  # the drill's versions have evidence of a few bytes
            refuse_damaged(store, reader.resolve(store, name, version).manifest)
        else:
            verify_.verify(store, name, version)
    except StoreError as e:
        return [str(e)]
    return []


def faults() -> Sequence[Fault]:
    return [Fault(name, _attempt(act)) for name, act in ACTS.items()]


def seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a document without a number for a damaged one."""
    load = documents.Document.load.__func__  # type: ignore[attr-defined]

    def strict(cls: type[documents.Document], body: bytes, key: str) -> documents.Document:
        if b'"format"' not in body:
            raise DamagedRecordError(f"{key}: no format")
        found: documents.Document = load(cls, body, key)
        return found

    monkeypatch.setattr(documents.Document, "load", classmethod(strict))


ROW = Row(
    name="older_code",
    title="a store written by the code of commit 12c4ccd, used by today's",
    right="log, versions, yanks and retention read back unchanged, also after a publish",
    faults=faults,
    seed=seed,
    seeded=("read latest", "publish"),
)
