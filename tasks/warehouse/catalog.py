"""``status.json`` and ``catalog.json``: derived, swap-looped, never a reason for a publish to fail.

Any later run repairs them, so a store error here is logged and not raised. One exception: of a run that published
nothing, ``status.json`` is all that it writes. There ``must_write_status`` raises, or a store that nobody can write to
would look well for as long as there is nothing new.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from configs.contract import Contract
from configs.contracts import load_contract, published_names
from configs.errors import NewerFormatError, ObjectNotFoundError, PreconditionFailedError, StoreError
from tasks.storage.documents import DamagedRecordError
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.isolated import isolated
from tasks.warehouse.protocol import read_latest, read_manifest
from tasks.warehouse.records import Catalog, CatalogEntry, MisplacedRecordError, Status

log = logging.getLogger("techtrade")
TRIES = 20


def read_status(store: ObjectStore, dataset: str) -> Status | None:
    """What the last run found, None if there was none or it cannot be read (it is not authoritative).

    Raises:
        NewerFormatError: a newer techtrade wrote it; what it rejected is not known here.
    """
    try:
        found = Status.load(store.get(layout.status(dataset)).body, layout.status(dataset))
        if found.dataset != dataset:
            raise MisplacedRecordError(layout.status(dataset), found.dataset)
        return found
    except ObjectNotFoundError:
        return None
    except NewerFormatError:
        raise
    except StoreError as e:
        log.warning("%s: status.json cannot be read: %s", dataset, e)
        return None


def write_status(store: ObjectStore, status: Status) -> bool:
    """Writes ``status.json``; whether it could be written."""
    return swap_loop(store, layout.status(status.dataset), lambda body: _rewritten(body, status))


def must_write_status(store: ObjectStore, status: Status) -> None:
    """Write ``status.json``.

    Raises:
        StoreError: the store refuses it, or cannot be written to.
        NewerFormatError: a newer techtrade wrote the one that is there; it was left as it is.
    """
    swap(store, layout.status(status.dataset), lambda body: _rewritten(body, status))


def _rewritten(body: bytes | None, status: Status) -> bytes:
    if body is not None:
        with suppress(DamagedRecordError):  # then it is written again
            return status.onto(Status.load(body, layout.status(status.dataset))).dump()
    return status.dump()


def refresh_catalog(store: ObjectStore, contract: Contract) -> bool:
    """Brings the dataset's entry up to its latest version; writes nothing if it is."""

    def change(body: bytes | None) -> bytes | None:
        entry = _entry(store, contract)
        if entry is None:
            return None
        catalog = _parsed(body)
        others = [e for e in catalog.datasets if e.dataset != contract.name]
        return Catalog(datasets=tuple(sorted([*others, entry], key=lambda e: e.dataset))).onto(catalog).dump()

    return swap_loop(store, layout.CATALOG, change)


def rebuild_catalog(store: ObjectStore) -> list[str]:
    """Make the whole catalog from the datasets' ``latest.json``; one that is damaged keeps the entry that it had, and
    so do datasets that only newer code has.

    Returns:
        What could not be done, a line each.
    """
    problems: list[str] = []

    def change(body: bytes | None) -> bytes | None:
        problems.clear()
        before, names = _parsed(body), published_names()
        found = [_kept_entry(store, name, before, problems) for name in names]
        if body is not None and not _is_catalog(body):
            problems.append(f"{layout.CATALOG} was damaged and is made again from the logs")
        known = [e for e in found if e is not None] + [e for e in before.datasets if e.dataset not in names]
        return Catalog(datasets=tuple(known)).onto(before).dump()

    if not swap_loop(store, layout.CATALOG, change):
        problems.append(f"{layout.CATALOG} was not written")
    return problems


def _kept_entry(store: ObjectStore, name: str, before: Catalog, problems: list[str]) -> CatalogEntry | None:
    with isolated(store, problems, name):
        return _entry(store, load_contract(name))
    return next((e for e in before.datasets if e.dataset == name), None)


def _is_catalog(body: bytes) -> bool:
    try:
        Catalog.load(body, layout.CATALOG)
    except DamagedRecordError:
        return False
    return True


def _parsed(body: bytes | None) -> Catalog:
    if body is None:
        return Catalog()
    try:
        return Catalog.load(body, layout.CATALOG)
    except DamagedRecordError as e:
        log.warning("%s; it is made anew", e)
        return Catalog()


def _entry(store: ObjectStore, contract: Contract) -> CatalogEntry | None:
    latest, _ = read_latest(store, contract.name)
    if latest is None:
        return None
    manifest = read_manifest(store, contract.name, latest.version, latest.manifest_sha256)
    return CatalogEntry(
        dataset=contract.name,
        title=contract.title,
        version=latest.version,
        vintage=manifest.vintage,
        rows=manifest.rows,
        published_at=latest.published_at,
        manifest=f"{contract.name}/{latest.manifest}",
        licence=contract.licence,
        citation=contract.citation,
    )


def swap_loop(store: ObjectStore, key: str, change: Callable[[bytes | None], bytes | None]) -> bool:
    """Like ``swap``, for a document that no run may fail for: an error of the store is logged."""
    try:
        return swap(store, key, change)
    except NewerFormatError as e:
        told = "it was left as it is" if e.key == key else f"{key} was not written"
        log.warning("%s; %s", e, told)
    except StoreError as e:
        log.warning("%s was not written: %s; a later run will", key, e)
    return False


def swap(store: ObjectStore, key: str, change: Callable[[bytes | None], bytes | None]) -> bool:
    """Read, change, compare-and-swap, again while another run is faster; whether it could be written in time.

    Raises:
        StoreError: the store could not be read or written.
    """
    for _ in range(TRIES):
        try:
            stored = store.get(key)
            body, etag = stored.body, stored.etag
        except ObjectNotFoundError:
            body, etag = None, None
        wanted = change(body)
        if wanted is None or wanted == body:
            return True
        try:
            store.replace(key, wanted, etag)
            return True
        except PreconditionFailedError:
            continue
    log.warning("%s was not written: others kept changing it; a later run will", key)
    return False


def last_rejected(store: ObjectStore, dataset: str) -> str | None:
    """The version that the gate rejected last. Runs that failed since do not make it forgotten: the same bad input
    after them is still the same."""
    status = read_status(store, dataset)
    if status is None:
        return None
    return status.rejected or (status.version if status.outcome == "rejected" else None)
