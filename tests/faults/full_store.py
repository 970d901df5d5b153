"""A store with one of everything, and what readers get of it. Made once, copied for each fault."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from configs.announced import Announced, ReleaseDays
from configs.contracts import load_contract
from tasks.common.clock import stamp, utc_now
from tasks.publish.after import refresh_feeds
from tasks.publish.dependents import refresh
from tasks.raw.archive import RawArchive
from tasks.storage.local import LocalStore
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import catalog, holds, layout, ledger, protocol, release_dates, schedule, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.records import Latest, Status
from tasks.warehouse.run_status import write_status
from tests.support import drill
from tests.support.candidates import build_candidate
from tests.support.drill import DATASET
from tests.support.published import publish

IP = "ip_trade_annual"
VINTAGES = ("2021-09-15", "2022-12-22", "2024-11-13")
NEXT = "2025-01-28"
# When the operations run: everything in the store is old enough to go, by its clock.
LATER = datetime.now(UTC) + timedelta(days=500)


@cache
def template() -> Path:
    """``store`` and ``outside`` in a folder; not to be changed."""
    made = Path(mkdtemp(prefix="techtrade-full-"))
    (made / "outside").mkdir()
    (made / "outside" / "precious.parquet").write_bytes(b"precious")
    store = LocalStore(made / "store")
    for vintage in VINTAGES:
        publish(store, IP, vintage)
    refresh(store, f"{IP}_history")
    built = [build_candidate(n, _folder(made / "built" / str(n))) for n in range(1, 8)]
    for n in (0, 1, 2):
        drill.publish(store, built[n], whole=True)
    yank.yank(store, DATASET, versions_of(store, DATASET)[-1], "wrong")
    drill.sealed(store, built[3], status="rejected")
    drill.sealed(store, built[4])  # beaten: sealed, never published
    for name in (IP, DATASET):  # killed: claimed, staged, never sealed
        draft = protocol.claim(store, protocol.read_head(store, name))
        protocol.stage_bytes(store, draft, "changes.parquet", b"left behind")
    given_up = protocol.stage_data(store, protocol.claim(store, protocol.read_head(store, DATASET)), built[5])
    manifest = drill.manifest_of(given_up, built[5], "passed", utc_now)
    protocol.seal(store, given_up, manifest.model_copy(update={"status": "abandoned", "files": ()}))
    archive = RawArchive(store)
    old = archive.keep("census_balance", "old", "https://example.org/old", b"old", ".txt")
    archive.note("census_balance", f"{DATASET}/plan", old)
    store.create(layout.inventory("world_bank_archives"), b'{"source": "world_bank_archives", "series": []}')
    store.create(layout.piece(DATASET, "ab" * 32, "rows"), b"piece")
    store.create("_alerts/state.json", b"{}")
    schedule.note_scheduled(store, by="faults")
    release_dates.note(store, Announced({"x": ReleaseDays()}), "_raw/bea_release_dates/44/44.json", utc_now())
    at = stamp(utc_now())
    hold = holds.Hold(
        version=given_up.version, vintage="1999-01", since=at, held_at=at, why="x", checks=("x",), cells=1
    )
    holds.opened(store, DATASET, hold)
    for name in (IP, f"{IP}_history", DATASET):
        catalog.refresh_catalog(store, load_contract(name))
        ledger.copy_new(store, name)
        refresh_feeds(store, load_contract(name))
    for name in (IP, DATASET):
        at = stamp(utc_now())
        write_status(store, Status(dataset=name, checked_at=at, outcome="published", detail=""))
    shutil.rmtree(made / "built")
    return made


@cache
def candidate() -> Built:
    """One more version of ``DATASET``."""
    return build_candidate(99, Path(mkdtemp(prefix="techtrade-built-")))


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def copied(to: Path) -> LocalStore:
    """The store again, in a folder; ``outside`` beside it."""
    shutil.copytree(template(), to, dirs_exist_ok=True)
    return LocalStore(to / "store")


def versions_of(store: ObjectStore, dataset: str) -> list[str]:
    latest, _ = protocol.read_latest(store, dataset)
    return [e.version for e in latest.published] if latest else []


def read(store: ObjectStore, *datasets: str) -> dict[str, object]:
    """The log of each dataset, and the bytes of each version in it whose data no policy deleted."""
    found: dict[str, object] = {}
    for dataset in datasets:
        latest, _ = protocol.read_latest(store, dataset)
        assert latest is not None
        found[dataset] = latest.log
        for entry in latest.published:
            manifest = protocol.read_manifest(store, dataset, entry.version, entry.manifest_sha256)
            for file in manifest.files:
                if file.rows is None or entry.version not in latest.retired_versions:
                    key = layout.version(dataset, entry.version, file.path)
                    found[key] = hashlib.sha256(store.get(key).body).hexdigest()
    return found


def files(folder: Path) -> dict[str, str]:
    """Everything below a folder: bytes by hash, links by where they lead."""
    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file() and ".techtrade" not in path.parts:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def gone(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return set(before) - set(after)


def differences(before: dict[str, object], after: dict[str, object]) -> str:
    """What readers get otherwise, empty if nothing. Data that a policy deleted is no longer there to be read."""
    wrong = sorted(k for k in before if k in after and before[k] != after[k])
    lost = sorted(k for k in set(before) - set(after) if "/data/" not in k)
    return "; ".join([f"{k} differs" for k in wrong] + [f"{k} is lost" for k in lost])


def log_of(store: ObjectStore, dataset: str) -> Latest:
    latest, _ = protocol.read_latest(store, dataset)
    assert latest is not None
    return latest


Operation = Callable[[ObjectStore], list[str]]
