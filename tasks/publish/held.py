"""Candidates that are held until confirmed: what the gate is given of them, how they are entered, and how they end.

A held candidate is sealed like a rejected one, so no path of the protocol can show it to readers. It ends in one of
four ways: a second source confirms every cell (here, or in the gate of a later run), a person promotes it, a version
with other figures is published, or a newer candidate is held in its place. Time alone ends nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import polars as pl

from configs.contract import Contract
from configs.contracts import dataset_names, load_contract
from configs.errors import ClaimLostError, ConcurrentPublishError, NotPublishedError, StoreError
from configs.known_values import load_known_values
from expectations.check import GateInput, Other
from tasks.common.clock import Clock, stamp, utc_now
from tasks.publish.second_publication import stage_again
from tasks.quality.cells import HELD as CELLS
from tasks.quality.cells import Cell, confirmations, held_cells, sources_of
from tasks.quality.confirmation import confirm, confirmable_by, confirmed_result
from tasks.quality.results import GateResult, read_results, results_of
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import holds, layout, protocol, reader
from tasks.warehouse.holds import Ending, Hold
from tasks.warehouse.outcomes import HeldError, Published
from tasks.warehouse.protocol import Head
from tasks.warehouse.records import Confirmed, Manifest

log = logging.getLogger("techtrade")
HELD, CONFIRMATIONS = "held.parquet", "confirmations.parquet"


# ------------------------------------------------------------------ what a gate is given


def known_to_gate(store: ObjectStore, head: Head) -> dict[str, Any]:
    """Return what a gate is given of figures that are known, held, or confirmed: fields of ``GateInput``."""
    hold = reader.open_hold(store, head.dataset, head.latest)
    return {
        "known_values": load_known_values(head.dataset),
        "confirmed": table_of(store, head.manifest, CONFIRMATIONS),
        "held_cells": table_of(store, _manifest(store, head.dataset, hold), HELD) if hold else None,
        "held_others": lambda name: held_candidate(store, name, head.dataset),
    }


def held_candidate(store: ObjectStore, dataset: str, asked_for: str) -> Other | None:
    """Return the candidate of a dataset that is held, None if none is; with doubt where a source other than
    ``asked_for`` contradicts it."""
    head = protocol.read_head(store, dataset)
    hold = reader.open_hold(store, head.dataset, head.latest)
    manifest = _manifest(store, dataset, hold) if hold else None
    if hold is None or manifest is None or (head.latest and manifest.version in head.latest.retired_versions):
        return None
    cells = held_cells(_table(store, dataset, hold))
    doubt = next((c.why for c in cells if c.denied_by - {asked_for}), "")
    return Other(reader.scan(store, manifest, load_contract(dataset)), manifest.vintage, manifest.version, doubt)


def is_closed(store: ObjectStore, head: Head, manifest: Manifest) -> bool:
    """Return whether a held candidate has ended, so that nothing can release it any more."""
    hold = holds.read(store, head.dataset).of(manifest.version)
    ended = hold is not None and bool(hold.ended)
    return ended or bool(reader.published_after(head.latest, manifest.version, manifest.created_at, manifest.vintage))


def table_of(store: ObjectStore, version: Manifest | None, path: str) -> pl.DataFrame | None:
    """Return a table that a version has beside its rows, None if it has none of that name."""
    if version is None or not any(f.path == path for f in version.files):
        return None
    return pl.read_parquet(store.get(layout.version(version.dataset, version.version, path)).body)


def _manifest(store: ObjectStore, dataset: str, hold: Hold) -> Manifest | None:
    try:
        return protocol.read_manifest(store, dataset, hold.version)
    except NotPublishedError:
        return None


# ------------------------------------------------------------------ how a hold begins and ends


def enter(
    store: ObjectStore,
    contract: Contract,
    head: Head,
    manifest: Manifest,
    cells: Iterable[Cell],
) -> None:
    """Enter a candidate that the gate holds in ``held.json``; it takes over what the one before it was held for.

    Doing so twice changes nothing.
    """
    open_cells = [c for c in cells if c.state != "confirmed"]
    before = reader.open_hold(store, head.dataset, head.latest)
    taken = before and _same(held_cells(_table(store, contract.name, before)), open_cells)
    hold = Hold(
        version=manifest.version,
        vintage=manifest.vintage,
        since=before.since if before and taken else manifest.created_at,
        held_at=manifest.created_at,
        why=manifest.diagnosis,
        checks=manifest.held,
        cells=len(open_cells),
        confirmable_by=confirmable_by_all(contract, manifest.held),
        reminded=before.reminded if before and taken else (),
    )
    holds.opened(store, contract.name, hold)


def confirmable_by_all(contract: Contract, check_ids: Sequence[str]) -> tuple[str, ...]:
    """Return the second sources that together can confirm what these checks hold for; none if one of them has none."""
    each = [confirmable_by(contract, [i]) for i in check_ids]
    return confirmable_by(contract, check_ids) if all(each) else ()


def _same(was: Iterable[Cell], now: Iterable[Cell]) -> bool:
    return bool({(c.check_id, c.key) for c in was} & {(c.check_id, c.key) for c in now})


def _table(store: ObjectStore, dataset: str, hold: Hold) -> pl.DataFrame:
    found = table_of(store, _manifest(store, dataset, hold), HELD)
    return pl.DataFrame(schema=CELLS) if found is None else found


def end(
    store: ObjectStore,
    dataset: str,
    ended: Ending,
    successor: str,
    by: str = "",
    clock: Clock = utc_now,
    of: str = "",
    vintage: str = "",
) -> None:
    """Close the open hold, if there is one. What readers get is settled already, so an error is only logged: a hold
    that a later version took the place of is not open any more. ``of``, ``vintage``: as of ``holds.close``."""
    try:
        if was := holds.close(store, dataset, ended, stamp(clock()), successor, by, of, vintage):
            log.info("%s@%s is no longer held: %s", dataset, was.version, successor)
    except StoreError as e:
        log.warning("%s: held.json was not brought up to date: %s", dataset, e)


def end_after(store: ObjectStore, published: Published, manifest: Manifest) -> None:
    """Close the open hold after a version was published by the gate."""
    by = ", ".join(manifest.confirmed.by) if manifest.confirmed else ""
    ended: Ending = "confirmed" if by else "superseded"
    end(store, published.dataset, ended, published.version, by, vintage=published.vintage)


# ------------------------------------------------------------------ asking second sources again


@cache
def confirmed_from(dataset: str) -> tuple[str, ...]:
    """Return the datasets whose held candidates this one can confirm."""
    return tuple(
        name
        for name in dataset_names()
        if any(dataset in policy.confirmed_by for policy in load_contract(name).quality.values())
    )


def recheck(
    store: ObjectStore, contract: Contract, others: Callable[[str], Other | None], clock: Clock = utc_now
) -> Published | None:
    """Publish the candidate that is held, if second sources confirm all of its cells by now.

    Nothing is asked of a publisher and no check runs again: the candidate is what it was, judged beside the version
    that readers still have. Where they have another by now, the next run judges.

    Args:
        others: the published version of another dataset.

    Raises:
        StoreError: the store failed; nothing has changed for readers, or the log says what has.
    """
    name = contract.name
    for _ in range(3):
        head = protocol.read_head(store, name)
        hold = reader.open_hold(store, head.dataset, head.latest)
        manifest = _manifest(store, name, hold) if hold else None
        if manifest is None or not _stands(head, manifest, contract):
            return None
        cells = held_cells(_table(store, name, hold)) if hold else ()
        asked = confirm(_gate(store, contract, head, manifest, others), cells)
        if not asked or any(c.state != "confirmed" for c in asked):
            return None
        results = tuple(
            confirmed_result(r, [c for c in asked if c.check_id == r.check_id])
            for r in results_of(read_results(store, manifest))
        )
        report = GateResult(results, b"", manifest.breaks_seen, manifest.diagnosis, asked)
        if report.held:  # by a check without cells, which no second source can confirm
            return None
        try:
            done = _release(store, contract, head, manifest, report, clock)
        except (ConcurrentPublishError, ClaimLostError):
            continue  # others published meanwhile: whether it still stands is asked again
        end(store, name, "confirmed", done.version, ", ".join(sources_of(asked)), clock, manifest.version)
        return done
    return None


def _stands(head: Head, manifest: Manifest, contract: Contract) -> bool:
    now = head.latest.version if head.latest else None
    retired = head.latest.retired_versions if head.latest else set()
    yanked = head.latest.yanked if head.latest else set()
    withdrawn = {e.content_sha256 for e in head.latest.published if e.version in yanked} if head.latest else set()
    return (
        bool(manifest.held)
        and manifest.parent == now
        and manifest.contract_sha256 == contract.sha256
        and manifest.version not in retired
        and manifest.content_sha256 not in withdrawn  # since the gate saw it
    )


def _gate(
    store: ObjectStore, contract: Contract, head: Head, manifest: Manifest, others: Callable[[str], Other | None]
) -> GateInput:
    """Return as much of a gate's input as second sources are asked with."""
    return GateInput(
        contract=contract,
        data=reader.scan(store, manifest, contract),
        staged_schemas={},
        parent=reader.scan(store, head.manifest, contract) if head.manifest else None,
        tables={},
        vintage=manifest.vintage,
        asked_vintage=None,
        parent_vintage=head.manifest.vintage if head.manifest else None,
        yanked_contents={},
        content_sha256=manifest.content_sha256,
        others=others,
        held_others=lambda name: held_candidate(store, name, contract.name),
    )


def _release(
    store: ObjectStore,
    contract: Contract,
    head: Head,
    manifest: Manifest,
    report: GateResult,
    clock: Clock,
) -> Published:
    now, cells = stamp(clock()), report.cells
    memory = confirmations(cells, table_of(store, head.manifest, CONFIRMATIONS), now)
    told = {
        "held": (),
        "quality": report.counts,
        "confirmed": Confirmed(held=manifest.version, by=sources_of(cells), cells=len(cells)),
    }
    sealed = stage_again(store, contract, head, manifest, report.frame(), {CONFIRMATIONS: memory}, told, clock)
    return Published.of(protocol.swap(store, sealed, clock).manifest, report.failures())


def still_held(
    error: HeldError, store: ObjectStore, contract: Contract, others: Callable[[str], Other | None]
) -> Published:
    """Publish a candidate that a run meets again, where it is confirmed by now.

    Where ``held.json`` lost it, or a run was killed before it wrote it, it is entered again.

    Raises:
        HeldError: it is not; readers see what they saw before.
    """
    manifest = protocol.read_manifest(store, contract.name, error.version)
    if holds.read(store, contract.name).of(manifest.version) is None:
        table = table_of(store, manifest, HELD)
        cells = held_cells(table) if table is not None else ()
        enter(store, contract, protocol.read_head(store, contract.name), manifest, cells)
    if done := recheck(store, contract, others):
        return done
    raise error
