"""A publisher's clock that is ahead, and logs that one stamped with a time of the future."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from configs.contracts import load_contract
from configs.errors import WrongClockError
from tasks.build.parquet import build
from tasks.common.clock import utc_now
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import protocol, reader, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.upkeep import redate
from tests.faults.harness import Fault, Ground, Row
from tests.support import drill
from tests.support.drill import DATASET

AHEAD = {"two days": 2, "a month": 30, "a year and a half": 550, "to 2099": 26_700}
STORES = ("local", "s3")
# What was done with the wrong clock after a good publish: p for a publish, y for a yank of the version before.
POISONED = ("p", "pp", "py", "pyp", "ppyp")


def _faults() -> Sequence[Fault]:
    refused = [
        Fault(f"{what}, clock {name} ahead, {kind}", _refused(what, days, kind))
        for kind in STORES
        for name, days in AHEAD.items()
        for what in ("first publish", "publish", "seal then swap", "yank")
    ]
    corrected = [
        Fault(f"log stamped {name} ahead by {done}, {kind}", _corrected(done, days, kind))
        for kind in STORES
        for name, days in AHEAD.items()
        for done in POISONED
    ]
    return [*refused, *corrected]


def _refused(what: str, days: int, kind: str) -> Callable[[Ground], str]:
    def attempt(where: Ground) -> str:
        with _opened(where, kind) as (store, built):
            wrong = lambda: utc_now() + timedelta(days=days)  # noqa: E731
            sealed = None
            if what != "first publish":
                drill.publish(store, built(1))
                drill.publish(store, built(2))
            if what == "seal then swap":  # the clock jumps in the middle of a publish
                sealed = drill.sealed(store, built(3))
            before = drill.bodies(store)
            first = next(iter(reader.list_versions(store, DATASET)), None)
            try:
                if sealed is not None:
                    protocol.swap(store, sealed, wrong)
                elif what == "yank" and first is not None:
                    yank.yank(store, DATASET, first.version, "drill", clock=wrong)
                else:
                    drill.publish(store, built(3), clock=wrong)
            except WrongClockError:
                return "" if drill.bodies(store) == before else "refused, and the store changed"
            return "a version or an event has a time of the future"

    return attempt


def _corrected(done: str, days: int, kind: str) -> Callable[[Ground], str]:
    def attempt(where: Ground) -> str:
        with _opened(where, kind) as (store, built):
            served = _poisoned(store, built, done, days)
            try:
                drill.publish(store, built(9))
                return "a version was published after an event of the future"
            except WrongClockError:
                pass
            stamps = {e.seq: e.at for e in protocol.read_latest(store, DATASET)[0].log}  # type: ignore[union-attr]
            plan = redate.plan(store, DATASET, utc_now(), {})
            stated = {c.entry.seq: served[c.entry.seq][0] for c in plan.corrections}
            redate.execute(store, redate.plan(store, DATASET, utc_now(), stated), "drill", "drill")
            return _wrong_after(store, built, stamps, served)

    return attempt


def _poisoned(
    store: ObjectStore, built: Callable[[int], Built], done: str, days: int
) -> dict[int, tuple[datetime, str]]:
    """Write events as code did that does not compare clocks; the true time and the served version after each."""
    served: dict[int, tuple[datetime, str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "believed", lambda store, dataset, latest, now: now)
        for number, what in enumerate("p" + done):
            clock = (lambda: utc_now() + timedelta(days=days)) if number else utc_now
            if what == "p":
                drill.publish(store, built(number), clock=clock)
            else:
                yank.yank(store, DATASET, protocol.read_latest(store, DATASET)[0].version, "drill", clock=clock)  # type: ignore[union-attr]
            latest, _ = protocol.read_latest(store, DATASET)
            assert latest is not None
            served[latest.seq] = (utc_now(), latest.version)
    return served


def _wrong_after(
    store: ObjectStore, built: Callable[[int], Built], stamps: dict[int, str], served: dict[int, tuple[datetime, str]]
) -> str:
    latest, _ = protocol.read_latest(store, DATASET)
    assert latest is not None
    if {e.seq: e.stamped or e.at for e in latest.log} != stamps or len(latest.redated) != 1:
        return "the old stamps are lost"
    if any(later.at < earlier.at for earlier, later in pairwise(latest.log)):
        return "the log goes backwards"
    for seq, (at, version) in served.items():
        if reader.as_of(store, DATASET, at).manifest.version != version:
            return f"after event {seq} readers got {version}, and the log says otherwise"
    new = drill.publish(store, built(9)).manifest.version
    if new[:10] != f"{utc_now():%Y-%m-%d}" or drill.intact(store) != new:
        return f"the version after the correction is {new}"
    listed = [v.version for v in reader.list_versions(store, DATASET)]
    return "" if listed[-1] == new else f"the newest version is listed as number {listed.index(new) + 1}"


@contextmanager
def _opened(where: Ground, kind: str) -> Iterator[tuple[ObjectStore, Callable[[int], Built]]]:
    place = where.place(kind)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in place.environment.items():
            patch.setenv(name, value)
        yield open_store(place.url), lambda number: _built(number, where.folder())


def _built(number: int, folder: Path) -> Built:
    contract = load_contract(DATASET)
    exports = 40 * 10**9 + number * 10**6
    rows = {
        "period": [date(2026, 1, 1)],
        "exports_usd": [exports],
        "imports_usd": [50 * 10**9],
        "balance_usd": [exports - 50 * 10**9],
        "reported_precision_usd": [1],
    }
    return build(pl.LazyFrame(rows, schema=contract.polars_schema), contract, folder)


def _seed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(protocol, "believed", lambda store, dataset, latest, now: now)


# One example of each in the ordinary suite: tests/integration/warehouse/test_redate.py.
ROW = Row(
    name="wrong_clock",
    title="publishers whose clock is 2 days to 73 years ahead, and logs with such stamps",
    right="refused, nothing written; a corrected log says which version was served when",
    faults=_faults,
    slow=True,
    seed=_seed,
    seeded=("publish, clock to 2099 ahead, local", "log stamped to 2099 ahead by p, local"),
)
