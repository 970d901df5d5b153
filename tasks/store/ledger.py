"""What it takes to make published versions again from their raw inputs, kept beside the raw archive.

``_ledger/<dataset>/<version>.json`` is the manifest of a published version, ``_ledger/<dataset>/latest.json`` its log:
copies, in a place of their own, so that ``_raw/`` and ``_ledger/`` together are all that has to be copied elsewhere to
be able to lose the rest (``tasks.restore``). Derived, like the catalog: they never fail a publish, and any later run
or the nightly maintenance writes what is missing.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress

from configs.errors import CorruptVersionError, ObjectExistsError, ObjectNotFoundError, StoreError
from tasks.store import layout
from tasks.store.derived import swap_loop
from tasks.store.objects import ObjectStore
from tasks.store.records import DamagedRecordError, Latest, LogEntry, Manifest
from tasks.store.versions import read_latest

log = logging.getLogger("techtrade")


def keep(store: ObjectStore, dataset: str) -> bool:
    """Brings the ledger of a dataset up to its log; whether it could be."""
    try:
        latest, _ = read_latest(store, dataset)
        if latest is None:
            return True
        have = {e.key for e in store.entries(layout.ledger(dataset))}
        for entry in latest.published:
            key = layout.ledger(dataset, entry.version)
            if key not in have:
                body = store.get(layout.manifest(dataset, entry.version)).body
                _refuse_other(dataset, entry, body)
                with suppress(ObjectExistsError):
                    store.create(key, body)
    except StoreError as e:
        log.warning("%s: the ledger was not written: %s; a later run will", dataset, e)
        return False
    # Whoever is slower must not take the log back.
    return swap_loop(store, layout.ledger_log(dataset), lambda body: _newer(body, latest))


def _newer(body: bytes | None, latest: Latest) -> bytes | None:
    if body is not None:
        with suppress(DamagedRecordError):  # then it is written again
            known = Latest.load(body, layout.ledger_log(latest.dataset))
            if (known.seq, known.fence) >= (latest.seq, latest.fence):
                return None
            return latest.onto(known).dump()
    return latest.dump()


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
    try:
        latest = Latest.load(store.get(layout.ledger_log(dataset)).body, layout.ledger_log(dataset))
    except ObjectNotFoundError:
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
