"""``catalog.json``: derived from the logs, never a reason for a publish to fail. Any later run repairs it."""

from __future__ import annotations

import logging

from configs.contract import Contract
from configs.contracts import load_contract, published_names
from tasks.storage.documents import if_sound, write_derived
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.isolated import isolated
from tasks.warehouse.protocol import read_latest, read_manifest
from tasks.warehouse.reader import open_hold
from tasks.warehouse.records import Catalog, CatalogEntry, Waiting

log = logging.getLogger("techtrade")


def refresh_catalog(store: ObjectStore, contract: Contract) -> bool:
    """Brings the dataset's entry up to its latest version; writes nothing if it is."""

    def change(body: bytes | None) -> bytes | None:
        if (entry := _entry(store, contract)) is None:
            return None
        catalog = _parsed(body)
        others = [e for e in catalog.datasets if e.dataset != contract.name]
        return Catalog(datasets=tuple(sorted([*others, entry], key=lambda e: e.dataset))).onto(catalog).dump()

    return write_derived(store, layout.CATALOG, change)


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
        if body is not None and if_sound(Catalog, body, layout.CATALOG) is None:
            problems.append(f"{layout.CATALOG} was damaged and is made again from the logs")
        known = [e for e in found if e is not None] + [e for e in before.datasets if e.dataset not in names]
        return Catalog(datasets=tuple(known)).onto(before).dump()

    if not write_derived(store, layout.CATALOG, change):
        problems.append(f"{layout.CATALOG} was not written")
    return problems


def _kept_entry(store: ObjectStore, name: str, before: Catalog, problems: list[str]) -> CatalogEntry | None:
    with isolated(store, problems, name):
        return _entry(store, load_contract(name))
    return next((e for e in before.datasets if e.dataset == name), None)


def _parsed(body: bytes | None) -> Catalog:
    found = if_sound(Catalog, body, layout.CATALOG)
    if body is not None and found is None:
        log.warning("%s is damaged; it is made again from the logs", layout.CATALOG)
    return found or Catalog()


def _entry(store: ObjectStore, contract: Contract) -> CatalogEntry | None:
    latest, _ = read_latest(store, contract.name)
    if latest is None:
        return None
    manifest = read_manifest(store, contract.name, latest.version, latest.manifest_sha256)
    hold = open_hold(store, contract.name, latest)
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
        held=Waiting(version=hold.version, vintage=hold.vintage, since=hold.since, why=hold.why) if hold else None,
    )
