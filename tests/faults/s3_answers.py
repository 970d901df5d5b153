"""Answers of S3 that are refused, lost, late, cut, slow or of a wrong length, for each operation of the store.

Each fault hits the first request of its kind in a scenario that depends on it. All of them go through a proxy to the
real server; a second store, past the proxy, then says what readers get.
"""

from __future__ import annotations

import atexit
import itertools
import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from configs.contracts import load_contract
from configs.errors import NotPublishedError, ObjectNotFoundError, StorePermissionError, TechtradeError
from tasks.build.parquet import build
from tasks.common.clock import utc_now
from tasks.storage.s3 import S3Store
from tasks.warehouse import layout, protocol, reader, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.upkeep import gc
from tasks.warehouse.upkeep.verify import verify
from tests.faults.harness import Fault, Ground, Row
from tests.support import fault_proxy, seaweed
from tests.support.drill import DATASET, contract, intact, linear, manifest_of, publish, sealed
from tests.support.fault_proxy import MODES, FaultProxy, Plan, Request

# A fault that a second request mends, where a second request is safe: these must not be seen at all.
MENDED = (
    "SlowDown",
    "InternalError",
    "reset before the request is passed on",
    "reset after it was applied",
    "reset in the body",
    "short body",
    "dripping body",
    "length too large",
    "empty answer",
    "delivered twice",
    "delivered late",
)
PERMISSION = ("AccessDenied", "ExpiredToken", "RequestTimeTooSkewed")
ABSENCE = ("gone", "no object", "no such version", "nothing is published", "never published", "no store at")
DENIALS = ("was not published", "nothing of this candidate", "nothing was published")
PART_BYTES = 5 << 20  # the server takes no smaller ones


class Drill:
    """A store with two versions, seen through the proxy and past it."""

    def __init__(self, where: Ground) -> None:
        setup = _setup(where)
        self.proxy = setup.proxy
        self.prefix = f"answers/{next(setup.numbers)}/"
        self.direct = setup.store(self.prefix, through=False)
        self.through = setup.store(self.prefix, through=True)
        self.built = setup.built
        for number in (1, 2):
            publish(self.direct, self.built(number))
        self.folder = where.folder()


# ------------------------------------------------------------- scenarios: each does its work or raises, and checks it


def publishes(drill: Drill) -> None:
    version = publish(drill.through, drill.built(3)).manifest.version
    assert intact(drill.direct) == version, "published, and readers get another version"


def publishes_same_files(drill: Drill) -> None:
    version = publish(drill.through, drill.built(2)).manifest.version
    assert intact(drill.direct) == version, "published, and readers get another version"


def publishes_large_file(drill: Drill) -> None:
    large = drill.folder / "large"
    large.write_bytes(os.urandom(1 << 10) * (2 * PART_BYTES >> 10) + b"end")
    built = drill.built(3)
    draft = protocol.claim(drill.through, protocol.read_head(drill.through, DATASET))
    draft = protocol.stage_data(drill.through, draft, built)
    draft = protocol.stage_file(drill.through, draft, "changes.parquet", large)
    done = protocol.seal(drill.through, draft, manifest_of(draft, built, "passed", utc_now))
    version = protocol.swap(drill.through, done).manifest.version
    assert intact(drill.direct) == version, "published, and readers get another version"


def reads_rows(drill: Drill) -> None:
    found = reader.resolve(drill.through, DATASET)
    rows = reader.scan(drill.through, found.manifest, contract()).collect()
    assert rows.equals(pl.read_parquet(drill.direct.get(_data(drill)).body)), "other rows than were published"


def reads_file(drill: Drill) -> None:
    with drill.through.local_file(_data(drill)) as path:
        body = path.read_bytes()
    assert body == drill.direct.get(_data(drill)).body, "other bytes than were published"


def verifies(drill: Drill) -> None:
    assert verify(drill.through, DATASET).version == intact(drill.direct)


class ToldInLinesError(StorePermissionError):
    """What gc told in lines, a line each, because it went on with the rest."""


def cleans(drill: Drill) -> None:
    lost = sealed(drill.direct, drill.built(4)).manifest.version
    upload = {"Bucket": seaweed.BUCKET, "Key": f"{drill.prefix}{DATASET}/half"}
    drill.direct.filesystem().call_s3("create_multipart_upload", **upload)
    later = utc_now() + timedelta(days=2)
    plan = gc.plan(drill.through, later, timedelta(days=1))
    done = gc.execute(drill.through, plan)
    if plan.problems or done.problems:  # gc goes on with the rest, and ends with 1
        raise ToldInLinesError("; ".join((*plan.problems, *done.problems)))
    assert not done.spared and done.uploads_aborted
    left = [e.key for e in drill.direct.entries(layout.version(DATASET, lost))]
    assert all(key.endswith(("claim.json", "manifest.json")) for key in left), left


def yanks(drill: Drill) -> None:
    one, two = (e.version for e in _log(drill))
    yank.yank(drill.through, DATASET, two, "wrong")
    assert intact(drill.direct) == one
    assert drill.direct.size(layout.yanked(DATASET, two)) is not None


def _data(drill: Drill) -> str:
    return layout.version(DATASET, reader.latest_version(drill.direct, DATASET), layout.data_file(None))


def _log(drill: Drill) -> list[protocol.LogEntry]:
    latest, _ = protocol.read_latest(drill.direct, DATASET)
    assert latest is not None
    return latest.published


@dataclass(frozen=True)
class Case:
    """An operation: which requests are broken, in which scenario."""

    name: str
    asked: str
    key: str
    scenario: Callable[[Drill], None]


CASES = (
    Case("get latest.json", "get", "latest.json", publishes),
    Case("get a manifest", "get", "manifest.json", verifies),
    Case("get a data file", "get", ".parquet", reads_file),
    Case("read a range", "range", ".parquet", reads_rows),
    Case("size", "head", "", publishes_same_files),
    Case("list a version", "entries", "", verifies),
    Case("list folders", "folders", "", cleans),
    Case("create a claim", "create", "claim.json", publishes),
    Case("swap latest.json", "replace", "latest.json", publishes),
    Case("upload a part", "upload part", "", publishes_large_file),
    Case("complete an upload", "complete upload", "", publishes_large_file),
    Case("copy", "copy", "", publishes_same_files),
    Case("delete", "delete", "", cleans),
    Case("list uploads", "list uploads", "", cleans),
)


def attempt(case: Case, mode: str, where: Ground, times: int = 1) -> str:
    """Break requests of a case and judge what comes out: what is wrong, empty if nothing is."""
    drill = Drill(where)
    before = intact(drill.direct)
    plan = Plan(lambda r: _chosen(case, r), mode, times)
    told: Exception | None = None
    with drill.proxy.breaking(drill.prefix, plan):
        try:
            case.scenario(drill)
        except Exception as e:  # noqa: BLE001 - what is raised is what is judged
            told = e
    if not plan.done:
        return "no request of this kind was made"
    wrong = _judged(drill, told, before, mended=times == 1 and mode in MENDED)
    if isinstance(told, TechtradeError) and mode in PERMISSION and not isinstance(told, StorePermissionError):
        wrong = wrong or "permission was refused, and the error is of another kind"
    return f"{wrong}; raised {type(told).__name__}: {told}" if wrong and told else wrong


def _chosen(case: Case, request: Request) -> bool:
    return case.asked in ("", request.asked) and request.key.endswith(case.key)


def _judged(drill: Drill, told: Exception | None, before: str | None, *, mended: bool) -> str:
    log = linear(drill.direct)  # every version whole, in one line
    now = intact(drill.direct)
    if told is None:
        return ""
    if isinstance(told, AssertionError):
        return "done, and wrong"
    if not isinstance(told, TechtradeError):
        return "an error without a type"
    text = str(told)
    if isinstance(told, ObjectNotFoundError | NotPublishedError) or any(word in text for word in ABSENCE):
        return "absence was claimed"
    if now != before and len(log) > 2 and any(word in text for word in DENIALS):
        return "published, and said not to be"
    if mended:
        return "a fault that passes was not overcome"
    again = publish(drill.direct, drill.built(5)).manifest.version
    return "" if intact(drill.direct) == again else "the next run did not publish"


# --------------------------------------------------------------------------- what the faults share


class Setup:
    """One proxy and two clients for all faults: making a client costs more than a publish."""

    def __init__(self, where: Ground, running: ExitStack) -> None:
        server = where.s3()
        self.proxy: FaultProxy = running.enter_context(fault_proxy.running(server.endpoint))
        self.numbers = itertools.count(1)
        self._folder = where.folder()
        self._made: dict[int, Built] = {}
        self._lock = threading.Lock()
        self._clients: dict[bool, dict[int, object]] = {}
        for through, endpoint in ((False, server.endpoint), (True, self.proxy.endpoint)):
            with pytest.MonkeyPatch.context() as patch:
                for name, value in server.writer.environment(endpoint).items():
                    patch.setenv(name, value)
                store = self.store("warm/", through=through)
                store.create("proof", b"proof")  # the server's conditions are proved here, in none of the faults
                store.replace("proof", b"proved", store.get("proof").etag)
                store.delete("proof")
                self._clients[through] = store.requests.made

    def store(self, prefix: str, *, through: bool) -> S3Store:
        """A store below a prefix, through the proxy or past it."""
        url = f"s3://{seaweed.BUCKET}/{prefix}"
        patient = {"connect_seconds": 5, "read_seconds": 1.5, "attempts": 4} if through else {}
        store = S3Store(url, **patient)  # type: ignore[arg-type]
        store.requests.pause_seconds = 0.02
        store.part_bytes = PART_BYTES
        if through in self._clients:
            store.requests.made = self._clients[through]
        return store

    def built(self, number: int) -> Built:
        """Candidates that differ by number."""
        with self._lock:
            if number not in self._made:
                self._made[number] = candidate(number, self._folder / str(number))
            return self._made[number]


def candidate(number: int, folder: Path) -> Built:
    folder.mkdir(parents=True)
    found = load_contract(DATASET)
    exports = [40 * 10**9 + number * 10**6 + m for m in range(6)]
    rows = {
        "period": [date(2026, m, 1) for m in range(1, 7)],
        "exports_usd": exports,
        "imports_usd": [50 * 10**9] * 6,
        "balance_usd": [e - 50 * 10**9 for e in exports],
        "reported_precision_usd": [1] * 6,
    }
    return build(pl.LazyFrame(rows, schema=found.polars_schema), found, folder)


_SETUPS: dict[str, Setup] = {}
_LOCK = threading.Lock()


def _setup(where: Ground) -> Setup:
    with _LOCK:
        endpoint = where.s3().endpoint
        if endpoint not in _SETUPS:
            running = ExitStack()
            atexit.register(running.close)
            _SETUPS[endpoint] = Setup(where, running)
        return _SETUPS[endpoint]


def faults() -> list[Fault]:
    """Every operation with every mode."""
    return [Fault(f"{c.name}: {m}", partial(attempt, c, m)) for c in CASES for m in MODES]


def _seed(patch: pytest.MonkeyPatch) -> None:
    """Errors of the transport below the body come out as they are, as they once did."""
    patch.setattr("tasks.storage.s3_requests.RAISED", (OSError,))


ROW = Row(
    name="s3_answers",
    title="S3 answers that are refused, lost, late, cut, slow or of a wrong length: 14 operations, 19 modes",
    right="retried successfully, or a typed error that does not claim absence; readers get the old version or the new one, whole",
    faults=faults,
    seed=_seed,
    seeded=("get a data file: short body", "swap latest.json: reset in the body", "list a version: AccessDenied"),
    slow=True,
    at_once=8,
)
