"""Which raw documents something still names, so that they do not expire; and where that is not known.

A manifest that is damaged is read from its copy in the ledger. Where the log is damaged or gone every version with a
manifest counts as published: that names too much, never too little. What cannot be read in either place may have named
anything, so then nothing expires: that costs space, and a document that has gone cannot be had again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from configs.errors import ObjectNotFoundError, StoreError
from tasks.storage.documents import DamagedRecordError, refuse_newer
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import key_grammar, layout
from tasks.warehouse.isolated import isolated
from tasks.warehouse.protocol import read_latest, read_manifest
from tasks.warehouse.records import Latest, Manifest


@dataclass(frozen=True)
class Named:
    """``keys``: what is named. ``unknown``: sources of which it is not known; None for all of them. ``problems``: why,
    a line each."""

    keys: frozenset[str]
    unknown: frozenset[str] | None
    problems: tuple[str, ...]

    def __contains__(self, key: str) -> bool:
        """Whether it is named, or may be."""
        return self.unknown is None or key in self.keys or key.split("/")[1] in self.unknown


def named(store: ObjectStore) -> Named:
    """What published, not yanked versions and inventories name."""
    keys, problems, unknown, lost = set[str](), list[str](), set[str](), False
    for dataset in key_grammar.may_need(store):
        lost |= not _of_dataset(store, dataset, keys, problems)
    for source in store.folders(layout.raw_of()):
        before = len(problems)
        with isolated(store, problems, source):
            keys.update(_in_inventory(store, layout.inventory(source)))
        unknown |= {source} if len(problems) > before else set()
    return Named(frozenset(keys), None if lost else frozenset(unknown), tuple(problems))


def _of_dataset(store: ObjectStore, dataset: str, keys: set[str], problems: list[str]) -> bool:
    """Adds what the versions of a dataset name; whether that is all."""
    before, known = len(problems), True
    latest: Latest | None = None
    with isolated(store, problems, dataset):
        latest, _ = read_latest(store, dataset)
        if latest is None and key_grammar.log_is_lost(store, dataset):
            problems.append(f"{layout.latest(dataset)} is gone; restore it from {layout.ledger_log(dataset)}")
    if latest is not None:
        wanted = [(e.version, e.manifest_sha256) for e in latest.published if e.version not in latest.yanked]
    else:
        wanted = [(v, "") for v in _sealed(store, dataset, copies=len(problems) > before)]
    for version, sha256 in wanted:
        done = len(problems)
        with isolated(store, problems, f"{dataset}@{version}"):
            keys.update(s.raw_key for s in _manifest(store, dataset, version, sha256, problems).sources)
            continue
        known &= len(problems) == done
    return known


def _sealed(store: ObjectStore, dataset: str, *, copies: bool) -> list[str]:
    """Every version that has a manifest; with ``copies`` also those that have one in the ledger."""
    found = {v for v in store.folders(layout.versions(dataset)) if store.size(layout.manifest(dataset, v)) is not None}
    if copies:
        prefix = layout.ledger(dataset)
        found |= {e.key.removeprefix(prefix).removesuffix(".json") for e in store.entries(prefix)}
    return sorted(v for v in found if layout.VERSION.match(v))


def _manifest(store: ObjectStore, dataset: str, version: str, sha256: str, problems: list[str]) -> Manifest:
    try:
        return read_manifest(store, dataset, version, sha256 or None)
    except StoreError as e:
        try:
            key = layout.ledger(dataset, version)
            body = store.get(key).body
            copied = Manifest.load(body, key)
        except (ObjectNotFoundError, DamagedRecordError):
            raise e from None
        of_it = (copied.dataset, copied.version) == (dataset, version)
        if not of_it or (sha256 and hashlib.sha256(body).hexdigest() != sha256):
            raise
        problems.append(f"{e}; its copy in the ledger says what it names")
        return copied


def _in_inventory(store: ObjectStore, key: str) -> Iterator[str]:
    """Every raw key that stands in it, wherever: whoever adds a field to an inventory need not know of this."""
    try:
        content = json.loads(store.get(key).body.decode())
    except ObjectNotFoundError:
        return
    except (ValueError, RecursionError) as e:
        raise DamagedRecordError(f"{key} is not JSON ({e}); mend it or restore it from a copy") from e
    refuse_newer(content, key)
    if not isinstance(content, dict) or "series" not in content:
        raise DamagedRecordError(f"{key} is not an inventory; mend it or restore it from a copy")
    todo: list[Any] = [content]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)
        elif isinstance(value, str) and value.startswith(layout.raw_of()):
            yield value
