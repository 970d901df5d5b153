"""``held.parquet`` of a held candidate: the figures for which it is held."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import polars as pl

from configs.errors import CorruptVersionError, NotPublishedError, ObjectNotFoundError
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.hold_words import key_words
from tasks.warehouse.protocol import read_manifest
from tasks.warehouse.reader import DAMAGED

HELD = "held.parquet"


@dataclass(frozen=True)
class HeldCell:
    """One figure: its key in words, its value and the one that was expected, in US dollars. ``state``: whether it is
    still held; ``confirmed_by``: a source that has the same; ``why``: why no source confirms it."""

    check_id: str
    key: str
    value_usd: float | None = None
    expected_usd: float | None = None
    state: str = ""
    confirmed_by: str = ""
    why: str = ""

    @property
    def words(self) -> str:
        """``imports, 2025-03``: the values of the key, in its order."""
        return key_words(self.key)


def held_cells(store: ObjectStore, dataset: str, version: str) -> tuple[HeldCell, ...] | None:
    """Return the figures for which a candidate is held, in the order of the file; None if it has no such file.

    Raises:
        NotPublishedError: there is no such version.
        CorruptVersionError: its manifest or the file is damaged or gone.
        StoreError: the store could not be read.
    """
    manifest = read_manifest(store, dataset, version)
    if not any(f.path == HELD for f in manifest.files):
        return None
    key = layout.version(dataset, version, HELD)
    try:
        # What is gone, or is new, is NaN there, which JSON does not have.
        rows = pl.read_parquet(BytesIO(store.get(key).body)).fill_nan(None).to_dicts()
    except (ObjectNotFoundError, pl.exceptions.PolarsError) as e:
        raise CorruptVersionError(dataset, version, [f"{HELD} cannot be read"]) from e
    return tuple(
        HeldCell(**{k: v for k, v in row.items() if k in HeldCell.__dataclass_fields__ and v is not None})
        for row in rows
    )


UNREADABLE = (NotPublishedError, *DAMAGED)
