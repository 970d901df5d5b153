"""What the drills of the store share: a whole publish as the flow does it, and ways to break it.

Children of the drills come from multiprocessing's fork server: a process that has imported everything and started
no thread. Forking the test process itself, with its event loops and thread pools, would hang now and then.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from configs.contract import Contract
from configs.contracts import load_contract
from tasks.common.clock import Clock, stamp, utc_now
from tasks.raw.archive import RawArchive
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.storage.s3 import S3Store
from tasks.warehouse import catalog, layout, protocol, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.protocol import Head, Release, Sealed
from tasks.warehouse.records import Manifest, SchemaField, Status
from tasks.warehouse.run_status import write_status

DATASET = "atp_world_monthly"
CHILDREN = multiprocessing.get_context("forkserver")
CHILDREN.set_forkserver_preload(
    [
        "__main__",
        "pytest",
        "tests.conftest",
        "tests.support.drill",
        "tasks.storage.s3",
        "tasks.warehouse.upkeep.verify",
    ]
)
_STARTED: list[Any] = []
_CLIENTS: dict[str, dict[int, Any]] = {}
PATIENCE = 240  # seconds, of tests with children that hang
OPERATIONS = ("get", "size", "create", "create_file", "replace", "copy", "delete", "entries", "folders")


@dataclass(frozen=True)
class Place:
    """A store that is empty at first: its address, and the environment that another process needs to open it."""

    url: str
    environment: dict[str, str]


def contract() -> Contract:
    return load_contract(DATASET)


def manifest_of(draft: protocol.Draft, built: Built, status: Literal["passed", "rejected"], clock: Clock) -> Manifest:
    return Manifest(
        dataset=DATASET,
        version=draft.version,
        parent=draft.head.latest.version if draft.head.latest else None,
        status=status,
        contract_sha256=built.contract_sha256,
        content_sha256=built.content_sha256,
        token=draft.claim.token,
        files=draft.files,
        rows=built.rows,
        schema_=tuple(
            SchemaField(name=c.name, type=c.type, unit=c.unit, description=c.description) for c in contract().columns
        ),
        vintage="2026-01",
        created_at=stamp(clock()),
    )


def sealed(
    store: ObjectStore,
    built: Built,
    *,
    head: Head | None = None,
    status: Literal["passed", "rejected"] = "passed",
    clock: Clock = utc_now,
    whole: bool = False,
) -> Sealed:
    """Everything of a publish but the swap; ``whole``: with every object that the flow writes, not only one of each
    kind."""
    if whole:
        RawArchive(store).keep("drill", "workbook", "https://example.org/x", built.content_sha256.encode(), ".bin")
    draft = protocol.claim(store, head or protocol.read_head(store, DATASET), clock)
    draft = protocol.stage_data(store, draft, built)
    draft = protocol.stage_bytes(store, draft, "changes.parquet", b"changes")
    draft = protocol.stage_bytes(store, draft, "quality.parquet", b"quality")
    for path in ("quality_gx.json", "notes.parquet") if whole else ():
        draft = protocol.stage_bytes(store, draft, path, path.encode())
    return protocol.seal(store, draft, manifest_of(draft, built, status, clock))


def publish(
    store: ObjectStore, built: Built, *, head: Head | None = None, clock: Clock = utc_now, whole: bool = False
) -> Release:
    """A whole publish, from repairing what a killed yank left to status and catalog."""
    yank.write_missing_notes(store, DATASET)
    release = protocol.swap(store, sealed(store, built, head=head, clock=clock, whole=whole), clock)
    write_status(
        store,
        Status(
            dataset=DATASET,
            checked_at=stamp(clock()),
            outcome="published",
            detail="",
            version=release.manifest.version,
        ),
    )
    catalog.refresh_catalog(store, contract())
    return release


def intact(store: ObjectStore, version: str | None = None) -> str | None:
    """Reads latest (or a version) whole and checks every checksum, as a reader who trusts nobody would.
    Returns the version read, None if nothing was ever published."""
    latest, _ = protocol.read_latest(store, DATASET)
    if latest is None:
        return None
    named = version or latest.version
    entry = next(e for e in latest.published if e.version == named)
    sha256 = entry.manifest_sha256 if version else latest.manifest_sha256
    manifest = protocol.read_manifest(store, DATASET, named, sha256)
    assert manifest.status == "passed"
    assert version or named not in latest.yanked
    assert manifest.files
    for file in manifest.files:
        body = store.get(layout.version(DATASET, named, file.path)).body
        assert (len(body), hashlib.sha256(body).hexdigest()) == (file.bytes, file.sha256), file.path
    return named


def linear(store: ObjectStore) -> list[str]:
    """Checks that the log is one line in which every version stands once, on top of the one that readers had
    before it. Returns the published versions, oldest first."""
    latest, _ = protocol.read_latest(store, DATASET)
    if latest is None:
        return []
    assert [e.seq for e in latest.log] == list(range(1, len(latest.log) + 1))
    assert [e.at for e in latest.log] == sorted(e.at for e in latest.log)
    given: list[str] = []
    yanked: set[str] = set()
    for entry in latest.log:
        if entry.event == "yanked":
            yanked.add(entry.version)
            continue
        left = [v for v in given if v not in yanked]
        manifest = protocol.read_manifest(store, DATASET, entry.version, entry.manifest_sha256)
        assert manifest.parent == (left[-1] if left else None)
        assert entry.version not in given
        assert not given or entry.version > given[-1]
        given.append(entry.version)
    assert latest.version == [v for v in given if v not in yanked][-1]
    return given


def numbers(store: ObjectStore) -> list[str]:
    """All version numbers that were ever claimed."""
    return [v for v in store.folders(layout.versions(DATASET)) if store.size(layout.claim(DATASET, v)) is not None]


def beneath(place: Place, name: object) -> tuple[ObjectStore, Place]:
    """An empty store below the place. On S3 all of them share one client: making one costs more than a publish."""
    inner = Place(f"{place.url}/{name}", place.environment)
    store = open_store(inner.url)
    if isinstance(store, S3Store):
        store.requests.made = _CLIENTS.setdefault(place.environment["AWS_ENDPOINT_URL"], {})
    return store, inner


# ----------------------------------------------------------------- breaking it


class Broken:
    """A store that calls ``at`` before and after each operation, with a running number for each moment."""

    def __init__(self, store: ObjectStore, at: Callable[[int, str], None]) -> None:
        self._store, self._at, self.moments = store, at, 0
        self.url = store.url

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in OPERATIONS:
            return found

        def operation(*arguments: Any) -> Any:
            self._moment(f"before {name}")
            result = found(*arguments)
            if name == "entries":
                result = iter(list(result))
            self._moment(f"after {name}")
            return result

        return operation

    def _moment(self, what: str) -> None:
        self.moments += 1
        self._at(self.moments, what)


def kill_at(point: int) -> Callable[[int, str], None]:
    """No exception handler, no ``finally``, no exit hook runs: the process is gone."""

    def at(moment: int, what: str) -> None:
        if moment == point:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


def kill_at_file_change(root: Path, point: int) -> None:
    """Kills this process right before its n-th change of a name below ``root``: finer than store operations,
    each of which is several of them."""
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        changes = event in ("os.link", "os.rename", "os.remove", "os.mkdir")
        writes = event == "open" and isinstance(arguments[1], str) and any(c in arguments[1] for c in "wax+")
        if (changes or writes) and any(str(a).startswith(str(root)) for a in arguments[:2]):
            seen += 1
            if seen == point:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def child(work: Callable[..., None], place: Place, *arguments: Any) -> Any:
    """Starts ``work(store, *arguments)`` in a new process with a store of its own; not joined yet."""
    process = CHILDREN.Process(target=_in_child, args=(work, place.url, place.environment, arguments), daemon=True)
    process.start()
    _STARTED.append(process)
    return process


def end_children() -> None:
    """Ends what a failed test left running, those processes and no others."""
    while _STARTED:
        process = _STARTED.pop()
        if process.exitcode is None:
            process.kill()
            process.join()


def _in_child(work: Callable[..., None], url: str, environment: dict[str, str], arguments: tuple[Any, ...]) -> None:
    os.environ.update(environment)
    work(open_store(url), *arguments)


def ended(process: Any) -> int:
    """The exit code; the limit only keeps a hanging test from hanging for ever."""
    process.join(PATIENCE)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise AssertionError(f"child was still running after {PATIENCE} s")
    return int(process.exitcode)


def word_from(told: Any) -> Any:
    """The next that a child tells of; the limit is as of ``ended``."""
    return told.get(timeout=PATIENCE)


def read_until(store: ObjectStore, stop: Any, results: Any, pause: float = 0) -> None:
    """A reader: over and over reads latest whole, after a pause in seconds. Reports how often, the versions seen, and what failed."""
    reads, seen = 0, set()
    try:
        while True:
            last = stop.is_set()  # asked before the read, so that at least one read comes after the end
            version = intact(store)
            reads += version is not None
            seen.add(version)
            if last:
                break
            if pause:
                stop.wait(pause)
    except Exception as e:
        results.put(("failed", repr(e), reads))
        raise
    results.put(("read", sorted(v for v in seen if v), reads))


@contextmanager
def reading(store: ObjectStore) -> Iterator[None]:
    """A reader beside whatever the block does to the store. Fails if it ever read anything but a whole version that
    stands in the log."""
    stop, results = threading.Event(), queue.SimpleQueue[tuple[str, Any, int]]()

    def read() -> None:
        with suppress(Exception):  # told of in the results
            read_until(store, stop, results, 0.01)  # the pause leaves the time to do what is read beside

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)
    what, seen, _ = results.get(timeout=1)
    assert what == "read", seen
    assert set(seen) <= set(linear(store)), "it was given a version that is not in the log"


def bodies(store: ObjectStore, prefix: str = "") -> dict[str, bytes]:
    """Everything that stands in the store."""
    return {e.key: store.get(e.key).body for e in store.entries(prefix)}
