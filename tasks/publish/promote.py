"""Publishing what the gate rejected, because a person says so.

A rejected version stays what it is: evidence. Its figures are published as a *new* version, by the same protocol as
any other (claim, stage, seal, compare-and-swap), which names the rejected version, the reason and the person in its
manifest and in the log. The evidence comes along with each failure marked as overridden, and what a candidate was held
for counts as confirmed by that person. Nothing is asked of a publisher.

Refused is what would take readers back (an older vintage than they have), what would bring back withdrawn figures that
the gate did not call so, and what was made by another contract than today's, whose meaning nobody would tell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from configs.contract import Contract
from configs.errors import (
    ClaimLostError,
    ConcurrentPublishError,
    CorruptVersionError,
    ObjectNotFoundError,
    PromoteRefusedError,
)
from configs.first_publish import again
from configs.hints import command
from tasks.common.clock import Clock, stamp, utc_now
from tasks.publish import compatibility, steps
from tasks.publish.held import CONFIRMATIONS, HELD, end, table_of
from tasks.publish.second_publication import stage_again
from tasks.quality.cells import confirmations, held_cells
from tasks.quality.results import read_results
from tasks.storage.documents import retry_races
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import holds, protocol, reader
from tasks.warehouse.integrity import refuse_damaged
from tasks.warehouse.protocol import Head, Sealed
from tasks.warehouse.records import Latest, LogEntry, Manifest, Override


@dataclass(frozen=True)
class Promotion:
    """The version that readers get now. ``before``: it stood there already, and nothing was done."""

    manifest: Manifest
    before: bool


def promote(
    store: ObjectStore, contract: Contract, rejected: str, reason: str, by: str, clock: Clock = utc_now
) -> Promotion:
    """Publishes the figures of a rejected version. Doing so twice changes nothing.

    Raises:
        PromoteRefusedError: it was not rejected, or may not be published; says why and what to do.
        NotPublishedError: there is no such version.
        BreakingChangeError: today's contract breaks readers of what is published.
        CorruptVersionError: its objects are not those that were sealed; nothing was changed.
        ConcurrentPublishError: others kept moving ``latest`` meanwhile; nothing was changed.
    """
    override = Override(rejected=rejected, reason=reason.strip(), by=by.strip())

    def attempt() -> Promotion:
        head = protocol.read_head(store, contract.name)
        if standing := _standing(head, rejected):
            manifest = protocol.read_manifest(store, contract.name, standing.version, standing.manifest_sha256)
            return Promotion(manifest, before=True)
        manifest = _rejected(store, contract, head, override)
        sealed = _staged(store, contract, head, manifest, override, clock)
        done = protocol.swap(store, sealed, clock).manifest
        end(store, contract.name, "promoted", done.version, override.by, clock, rejected)
        return Promotion(done, before=False)

    # Others published meanwhile, or its data were deleted by a policy: whether it may be promoted, and what it changes,
    # is asked again of the new state.
    return retry_races(attempt, (ConcurrentPublishError, ClaimLostError, ObjectNotFoundError))


def _standing(head: Head, rejected: str) -> LogEntry | None:
    """The promotion of this version that readers were given, unless it was yanked."""
    entries = head.latest.published if head.latest else []
    yanked = head.latest.yanked if head.latest else set()
    return next((e for e in reversed(entries) if e.rejected == rejected and e.version not in yanked), None)


def _rejected(store: ObjectStore, contract: Contract, head: Head, override: Override) -> Manifest:
    """The manifest of the version to promote, if it may be."""
    name = f"{contract.name}@{override.rejected}"
    if not override.reason or not override.by:
        raise PromoteRefusedError(f"{name} is not published without a reason and a person: they are told to readers")
    if head.latest and override.rejected in {e.version for e in head.latest.published}:
        see = command("versions", contract.name, store=store.url)
        raise PromoteRefusedError(f"{name} was published, not rejected; see: {see}")
    manifest = protocol.read_manifest(store, contract.name, override.rejected)
    if manifest.status != "rejected":
        what = "lost a race" if manifest.status == "passed" else "was given up"
        raise PromoteRefusedError(
            f"{name} was not rejected, it {what} before it was published; run: {again(contract.name, store=store.url)}"
        )
    _refuse_closed(store, head.latest, manifest)
    if manifest.contract_sha256 != contract.sha256:
        raise PromoteRefusedError(
            f"{name} was made by another contract than configs/datasets/{contract.name}.yaml is now, so its columns or "
            f"what is said of them are not today's; promote what this rejects: {again(contract.name, store=store.url)}"
        )
    compatibility.require_compatible(head, contract)
    _refuse_freed(store, head.latest, manifest)
    try:
        refuse_damaged(store, manifest)
    except CorruptVersionError:
        _refuse_freed(store, protocol.read_latest(store, contract.name)[0], manifest)  # since the head was read
        raise
    _refuse_going_back(store, head, manifest, name)
    return manifest


def _refuse_closed(store: ObjectStore, latest: Latest | None, manifest: Manifest) -> None:
    """Refuse a held candidate whose place another version took, unless that was withdrawn. A run that was killed may
    have left ``held.json`` without it."""
    if not manifest.held:
        return
    found, yanked = holds.read(store, manifest.dataset), latest.yanked if latest else set()
    hold = found.of(manifest.version)
    if hold is None or not hold.ended:
        after = reader.published_after(latest, manifest.version, manifest.created_at, manifest.vintage)
        if entry := next((e for e in reversed(after) if e.version not in yanked), None):
            raise PromoteRefusedError(
                f"{manifest.dataset}@{manifest.version} is not held any more since {entry.at}: "
                f"{manifest.dataset}@{entry.version} was published in its place"
            )
        now = reader.open_hold(store, manifest.dataset, latest)
        if now is None or now.version <= manifest.version:
            return
        hold = now.model_copy(update={"ended": "replaced", "ended_at": now.held_at, "successor": now.version})
    if hold.ended == "promoted" or hold.successor in yanked:
        return
    name, successor = f"{manifest.dataset}@{manifest.version}", f"{manifest.dataset}@{hold.successor}"
    if hold.ended == "replaced":
        does = f"{successor} is held in its place; promote that one, see: {command('held', manifest.dataset)}"
    else:
        does = f"{successor} was published in its place"
    raise PromoteRefusedError(f"{name} is not held any more since {hold.ended_at}: {does}")


def _refuse_freed(store: ObjectStore, latest: Latest | None, manifest: Manifest) -> None:
    freed = latest.retired_of(manifest.version) if latest else None
    if freed:
        raise PromoteRefusedError(
            f"{manifest.dataset}@{manifest.version} has no data any more: deleted at {freed.at} ({freed.why}); "
            f"publish the same input again, and promote the new rejection: {again(manifest.dataset, store=store.url)}"
        )


def _refuse_going_back(store: ObjectStore, head: Head, manifest: Manifest, name: str) -> None:
    now = head.manifest
    if now and manifest.vintage < now.vintage:
        raise PromoteRefusedError(
            f"{name} is of vintage {manifest.vintage}, and readers have {now.vintage} ({now.dataset}@{now.version}); "
            f"figures do not go back. If the published ones are wrong, yank {now.dataset}@{now.version} first"
        )
    if now and (now.content_sha256, now.contract_sha256) == (manifest.content_sha256, manifest.contract_sha256):
        raise PromoteRefusedError(f"{name} has the figures that readers have already, as {now.dataset}@{now.version}")
    withdrawn = steps.yanked_contents(head).get(manifest.content_sha256)
    found = read_results(store, manifest).filter(pl.col("check_id") == "yanked_content", outcome="failed")
    if withdrawn and found.is_empty():
        raise PromoteRefusedError(
            f"{name} has the figures of {withdrawn}, which was yanked after the gate saw them; promote the "
            f"rejection that this ends with: {again(manifest.dataset, store=store.url)}"
        )


def _staged(
    store: ObjectStore, contract: Contract, head: Head, rejected: Manifest, override: Override, clock: Clock
) -> Sealed:
    quality = _marked(read_results(store, rejected), override)
    held = table_of(store, rejected, HELD)
    cells = held_cells(held) if held is not None else ()
    cells = tuple(replace(c, state="confirmed", confirmed_by=override.by) for c in cells)
    memory = confirmations(cells, table_of(store, head.manifest, CONFIRMATIONS), stamp(clock()), override.reason)
    told = {"override": override, "held": ()}
    return stage_again(store, contract, head, rejected, quality, {CONFIRMATIONS: memory}, told, clock)


def _marked(quality: pl.DataFrame, override: Override) -> pl.DataFrame:
    """The evidence, with each failure that blocked marked as overridden."""
    blocked = (pl.col("outcome") == "failed") & pl.col("severity").is_in(["critical", "hold"])
    told = pl.lit(f"overridden by {override.by}: {override.reason}")
    return quality.with_columns(exemption=pl.when(blocked).then(told).otherwise(pl.col("exemption")))
