"""What it takes to make published versions again from their raw inputs, kept beside the raw archive.

``_ledger/<dataset>/<version>.json`` is the manifest of a published version, ``_ledger/<dataset>/latest.json`` its log:
copies, in a place of their own, so that ``_raw/`` and ``_ledger/`` together are all that has to be copied elsewhere to
be able to lose the rest (``tasks.publish.restore``). Derived, like the catalog: they never fail a publish, and any
later run or the nightly maintenance writes what is missing.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress

from configs.errors import CorruptVersionError, ObjectExistsError, ObjectNotFoundError, StoreError
from tasks.storage.documents import if_sound, read_document, stored_at, write_derived
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.isolated import isolated
from tasks.warehouse.protocol import read_latest
from tasks.warehouse.records import Latest, LogEntry, Manifest

log = logging.getLogger("techtrade")


def copy_new(store: ObjectStore, dataset: str) -> bool:
    """Brings the ledger of a dataset up to its log; whether it could be. A manifest that is damaged is left out, and no
    other."""
    problems: list[str] = []
    try:
        latest, _ = read_latest(store, dataset)
        if latest is None:
            return True
        have = {e.key for e in store.entries(layout.ledger(dataset))}
        for entry in latest.published:
            if layout.ledger(dataset, entry.version) not in have:
                with isolated(store, problems, f"{dataset}@{entry.version}"), suppress(ObjectExistsError):
                    store.create(layout.ledger(dataset, entry.version), _sealed(store, dataset, entry))
    except StoreError as e:
        log.warning("%s: the ledger was not written: %s; a later run will", dataset, e)
        return False
    for problem in problems:
        log.warning("%s; it is not in the ledger, a later run will write it", problem)
    # Whoever is slower must not take the log back.
    return write_derived(store, layout.ledger_log(dataset), lambda body: _newer(body, latest)) and not problems


def mend(store: ObjectStore, dataset: str) -> list[str]:
    """Like ``copy_new``, and read every copy: one that is damaged is written again from what was published.

    Returns:
        What was damaged or could not be done, a line each.
    """
    problems: list[str] = []
    with isolated(store, problems, dataset):
        latest, _ = read_latest(store, dataset)
        for entry in latest.published if latest else ():
            key = layout.ledger(dataset, entry.version)
            with isolated(store, problems, key):
                stored = stored_at(store, key)
                if stored is None or hashlib.sha256(stored.body).hexdigest() == entry.manifest_sha256:
                    continue
                store.replace(key, _sealed(store, dataset, entry), stored.etag)
                problems.append(f"{key} was damaged and is written again from the manifest")
        if latest is not None:
            problems += _log_damage(store, dataset)
            if not copy_new(store, dataset):
                problems.append(f"{dataset}: the ledger is not whole")
    return problems


def _log_damage(store: ObjectStore, dataset: str) -> list[str]:
    key = layout.ledger_log(dataset)
    stored = stored_at(store, key)
    if stored is None or _log_of(stored.body, dataset) is not None:
        return []
    return [f"{key} was damaged and is written again from latest.json"]


def _log_of(body: bytes | None, dataset: str) -> Latest | None:
    found = if_sound(Latest, body, layout.ledger_log(dataset))
    return found if found and found.dataset == dataset else None


def _sealed(store: ObjectStore, dataset: str, entry: LogEntry) -> bytes:
    """The manifest of a version as it was published."""
    try:
        body = store.get(layout.manifest(dataset, entry.version)).body
    except ObjectNotFoundError as e:
        raise CorruptVersionError(dataset, entry.version, ["manifest.json is gone"]) from e
    _refuse_other(dataset, entry, body)
    return body


def _newer(body: bytes | None, latest: Latest) -> bytes | None:
    if (known := _log_of(body, latest.dataset)) is None:
        return latest.dump()
    return None if (known.seq, known.fence) >= (latest.seq, latest.fence) else latest.onto(known).dump()


def datasets(store: ObjectStore) -> list[str]:
    """The datasets that have a ledger."""
    return store.folders(layout.LEDGER)


def read(store: ObjectStore, dataset: str) -> tuple[Latest, dict[str, Manifest]] | None:
    """The log and the manifests of all that was published, by version; None if there is no ledger.

    Raises:
        ObjectNotFoundError: a manifest is missing.
        CorruptVersionError: one is not the one that was published.
        StoreError: one cannot be read.
    """
    if (latest := read_document(store, layout.ledger_log(dataset), Latest.load)) is None:
        return None
    manifests = {}
    for entry in latest.published:
        key = layout.ledger(dataset, entry.version)
        body = store.get(key).body
        _refuse_other(dataset, entry, body)
        manifests[entry.version] = Manifest.load(body, key)
    return latest, manifests


def _refuse_other(dataset: str, entry: LogEntry, body: bytes) -> None:
    if hashlib.sha256(body).hexdigest() != entry.manifest_sha256:
        raise CorruptVersionError(dataset, entry.version, ["its manifest is not the one that was published (sha256)"])
