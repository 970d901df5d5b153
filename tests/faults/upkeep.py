"""Everything that cleans up, deletes or makes again, as operations that say which problems they report."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from configs.contracts import published_names
from configs.errors import TechtradeError
from flows import maintenance
from tasks.build import partitioned
from tasks.monitor import status_board
from tasks.publish import restore
from tasks.raw import housekeeping
from tasks.raw.verify import RawVerifier, published_versions, verified
from tasks.storage.local import LocalStore
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import catalog, ledger
from tasks.warehouse.upkeep import gc, retention
from tests.faults.full_store import DATASET, IP, LATER, Operation

ZERO = timedelta(0)


def clean(store: ObjectStore) -> list[str]:
    plan = gc.plan(store, LATER, ZERO)
    return [*plan.problems, *gc.execute(store, plan).problems]


def retain(store: ObjectStore) -> list[str]:
    plan = retention.plan(store, LATER, retention.Policy(2, 0))
    return [*plan.problems, *retention.execute(store, plan).problems]


def free(store: ObjectStore) -> list[str]:
    plan = retention.plan_rejected(store, LATER, retention.RejectedPolicy(0))
    return [*plan.problems, *retention.execute(store, plan).problems]


def expire(store: ObjectStore) -> list[str]:
    plan = housekeeping.plan_expiry(store, None, LATER, ZERO)
    housekeeping.execute(store, plan)
    return list(plan.problems)


def take_down(store: ObjectStore) -> list[str]:
    housekeeping.execute(store, housekeeping.plan_take_down(store, "census_balance", "licence", LATER))
    return []


def list_raw(store: ObjectStore) -> list[str]:
    return [h.problem for h in housekeeping.holdings(store) if h.problem]


def expire_pieces(store: ObjectStore) -> list[str]:
    partitioned.expire(store, LATER)
    return []


def mend(store: ObjectStore) -> list[str]:
    return [*catalog.rebuild_catalog(store), *(p for name in published_names() for p in ledger.mend(store, name))]


def verify(store: ObjectStore) -> list[str]:
    raw = RawVerifier(store)
    found = [verified(store, raw, name, version) for name, version in published_versions(store)]
    return [str(f["error"]) for f in found if not f["ok"]]


def look(store: ObjectStore) -> list[str]:
    seen = status_board.overview(store, (IP, DATASET), {}, LATER)
    return [*seen.attention, *(a for row in seen.rows for a in row.attention)]


def nightly(store: ObjectStore) -> list[str]:
    """The steps of the nightly maintenance, without Prefect around them."""
    problems: list[str] = []
    for step in (
        lambda: maintenance.clean_up.fn(store, LATER, ZERO),
        lambda: maintenance.expire_raw.fn(store, LATER, ZERO),
        lambda: maintenance.free_rejected.fn(store, LATER, retention.RejectedPolicy(0)),
        lambda: maintenance.expire_pieces.fn(store, LATER),
        lambda: maintenance.mend_derived.fn(store),
    ):
        try:
            step()
        except maintenance.MaintenanceError as e:
            problems += e.problems
    return problems


def restore_raw(store: ObjectStore) -> list[str]:
    """The store is the copy from which another is restored."""
    with TemporaryDirectory(prefix="techtrade-restored-") as folder:
        target = LocalStore(Path(folder) / "store")
        restore.copy_raw(store, target)
        strange = [e.key for e in target.entries("") if store.get(e.key).body != target.get(e.key).body]
        return [f"{key} was copied otherwise" for key in strange] + target.oddities("")


OPERATIONS: dict[str, Operation] = {
    "gc": clean,
    "retention": retain,
    "freeing rejected data": free,
    "raw expiry": expire,
    "raw take-down": take_down,
    "expiry of pieces": expire_pieces,
    "catalog and ledger": mend,
    "verify": verify,
    "nightly maintenance": nightly,
    "copy for a restore": restore_raw,
}


@contextmanager
def warnings() -> Iterator[list[str]]:
    """What is logged meanwhile."""
    told: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    handler, logger = Keep(logging.WARNING), logging.getLogger("techtrade")
    logger.addHandler(handler)
    try:
        yield told
    finally:
        logger.removeHandler(handler)


def typed(operation: Operation, store: ObjectStore) -> list[str]:
    """The problems that an operation reports, or its error if that is one of ours; others are raised."""
    try:
        return operation(store)
    except TechtradeError as e:
        return [str(e)]
