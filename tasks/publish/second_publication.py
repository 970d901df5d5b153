"""Publishing the figures of a sealed candidate as a new version: after a person's decision, or once they are confirmed.

The candidate stays what it is: evidence. Its data files are copied within the store, under a new claim; changes are
computed again, against what readers have now; checks are not: what is overridden, or confirmed, is what the gate found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from configs.contract import Contract
from tasks.build.recipes import recipe_for
from tasks.common.clock import Clock, stamp
from tasks.publish.staged import parquet_bytes, stage_changes, stage_page
from tasks.raw.archive import RawArchive
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, protocol, reader
from tasks.warehouse.integrity import confirm
from tasks.warehouse.protocol import Head, Sealed
from tasks.warehouse.records import Manifest

# Made again for the new version, or only of a candidate; everything else is copied as it is.
OWN = ("changes.parquet", "changes.md", "quality.parquet", "held.parquet", "confirmations.parquet")


def stage_again(
    store: ObjectStore,
    contract: Contract,
    head: Head,
    candidate: Manifest,
    quality: pl.DataFrame,
    tables: Mapping[str, pl.DataFrame],
    told: Mapping[str, Any],
    clock: Clock,
) -> Sealed:
    """Stage and seal the figures of a candidate under a new version.

    Args:
        quality: its evidence, with what became of each failure.
        tables: what is published beside the rows in addition, by path; those without rows are left out.
        told: fields of the new manifest that differ from the candidate's.

    Raises:
        CorruptVersionError: the store does not hold what was staged.
        ClaimLostError: gc gave up the claim meanwhile.
    """
    draft = protocol.claim(store, head, clock)
    for file in candidate.files:
        if file.path not in OWN:
            source = layout.version(candidate.dataset, candidate.version, file.path)
            store.copy(source, layout.version(draft.dataset, draft.version, file.path))
            draft = protocol.with_file(draft, file)
    for path, table in {"quality.parquet": quality, **tables}.items():
        if not table.is_empty():
            draft = protocol.stage_bytes(store, draft, path, parquet_bytes(table))
    confirm(store, draft)
    draft, counts = stage_changes(
        store, recipe_for(contract), draft, RawArchive(store).known(candidate), candidate.made_by
    )
    before = head.manifest
    sides = (reader.scan(store, draft, contract), reader.scan(store, before, contract) if before else None)
    draft = stage_page(store, contract, draft, candidate.vintage, counts, sides)
    manifest = candidate.model_copy(
        update={
            "version": draft.version,
            "parent": before.version if before else None,
            "status": "passed",
            "token": draft.claim.token,
            "files": draft.files,
            "changes": counts,
            "breaks_seen": tuple(sorted({*candidate.breaks_seen, *(before.breaks_seen if before else ())})),
            "created_at": stamp(clock()),
            **told,
        }
    )
    return protocol.seal(store, draft, manifest)
