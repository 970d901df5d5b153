"""What differs between two states of a dataset: versions, published or rejected, or vintages of the publisher's.

The order in which they are named does not matter. They are compared in the order in which readers got them: vintages
from before our first version, then versions as they were published. A version that was never published comes last,
because the question is what it would have changed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

import polars as pl

from configs.contract import Contract
from configs.contracts import load_contract
from configs.errors import NotPublishedError, ObjectNotFoundError, UsageError
from tasks.compare.attribution import counted
from tasks.compare.diff import aligned, apart, diff
from tasks.read.rows import of_vintage, rows_of
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, reader
from tasks.warehouse import protocol as store_versions
from tasks.warehouse.records import ChangeCounts, Latest, LogEntry, Manifest

Kind = Literal["vintage", "published", "unpublished"]


@dataclass(frozen=True)
class Side:
    """One of the two: ``name`` is a version, or a vintage from before our first version. ``place`` orders the sides."""

    kind: Kind
    name: str
    vintage: str
    place: tuple[int, int, str]
    resolved: reader.Resolved | None = None
    sealed: reader.Sealed | None = None
    official: pl.DataFrame | None = None
    event: LogEntry | None = None

    @property
    def manifest(self) -> Manifest | None:
        """None for a vintage from before our first version."""
        return self.resolved.manifest if self.resolved else self.sealed.manifest if self.sealed else None

    @property
    def state(self) -> str:
        """``official`` for a vintage from before our first version; else the state of the version."""
        if self.sealed:
            return self.sealed.state
        if self.resolved is None:
            return "official"
        return "yanked" if self.resolved.yank else "latest" if self.is_latest else "published"

    @property
    def is_latest(self) -> bool:
        """Whether readers of latest get it."""
        return self.resolved is not None and self.resolved.latest.version == self.name


@dataclass(frozen=True)
class Difference:
    """``changes``: as in ``changes.parquet``. ``counts.causes`` has figures that are new or revised, ``gone`` those
    that are gone, by cause; ``whole`` has both, as a manifest does. ``rows``: of the older and the newer, as far as
    their files differ."""

    contract: Contract
    older: Side
    newer: Side
    changes: pl.DataFrame
    counts: ChangeCounts
    gone: dict[str, int]
    whole: ChangeCounts
    rows: tuple[pl.LazyFrame, pl.LazyFrame]
    log: tuple[LogEntry, ...]


def sides(store: ObjectStore, name: str, *named: str) -> tuple[Side, Side]:
    """The older and the newer of two states.

    Args:
        named: up to two versions or vintages. One is compared with what readers of latest get, or, if it is that, with
            the version before it; none means the latest version.

    Raises:
        UsageError: there is nothing before the only version.
        NotPublishedError: a version or a vintage does not exist, or nothing of it is left.
    """
    first = _side(store, name, named[0] if named else None)
    if len(named) < 2 and first.is_latest and first.manifest:
        if first.manifest.parent is None:
            raise UsageError(f"{name}@{first.name} is the first version; there is nothing before it to compare with")
        second = _side(store, name, first.manifest.parent)
    else:
        second = _side(store, name, named[1] if len(named) > 1 else None)
    older, newer = sorted((first, second), key=lambda s: s.place)
    return older, newer


def difference(store: ObjectStore, older: Side, newer: Side, name: str) -> Difference:
    """Every difference of the newer state from the older."""
    contract = load_contract(name)
    before, after = (aligned(rows, contract) for rows in _rows(store, older, newer, contract))
    found = diff(after, before, contract)
    changes = _with_causes(store, found.frame, older.manifest, newer.manifest)
    whole = found.counts.model_copy(update={"causes": counted(changes)})
    causes, gone = apart(whole.causes, changes.lazy())
    counts = whole.model_copy(update={"causes": causes})
    log = _log(older, newer)
    return Difference(contract, older, newer, changes, counts, gone, whole, (before, after), log.log if log else ())


# ----------------------------------------------------------------------- the sides


def _side(store: ObjectStore, name: str, text: str | None) -> Side:
    if text is not None and not layout.VERSION.match(text):
        of = of_vintage(store, name, text)
        if of.found is None:
            return Side("vintage", text, text, (0, 0, text), official=of.rows)
        return _published(of.found)
    if text is None:
        return _published(reader.resolve(store, name))
    found = reader.sealed(store, name, text)
    if found.event is not None:
        return _published(reader.resolve(store, name, text))
    if found.state == "abandoned":
        raise NotPublishedError(f"{name}@{text} was given up before it was checked; none of its figures are left")
    return Side("unpublished", text, found.manifest.vintage, (2, 0, text), sealed=found)


def _published(found: reader.Resolved) -> Side:
    m = found.manifest
    event = next(e for e in found.latest.published if e.version == m.version)
    return Side("published", m.version, m.vintage, (1, event.seq, m.version), resolved=found, event=event)


def _log(*both: Side) -> Latest | None:
    return next((found.latest for s in both if (found := s.resolved or s.sealed)), None)


# ------------------------------------------------------------------------ the rows


def _rows(store: ObjectStore, older: Side, newer: Side, contract: Contract) -> list[pl.LazyFrame]:
    """The rows of both, without data files that both have."""
    own = _own_files(older, newer)
    return [_rows_of(store, side, files, contract) for side, files in zip((older, newer), own, strict=True)]


def _rows_of(store: ObjectStore, side: Side, files: Manifest | None, contract: Contract) -> pl.LazyFrame:
    if side.official is not None:
        return side.official.lazy()
    if side.resolved is not None and (side.resolved.retired or files is None):
        return rows_of(store, side.resolved)
    version = files or side.manifest
    assert version is not None
    try:
        return reader.scan(store, version, contract)
    except ObjectNotFoundError as e:
        if side.kind == "published":
            raise
        raise NotPublishedError(
            f"{version.dataset}@{side.name} was never published, and its data were deleted since"
        ) from e


def _own_files(older: Side, newer: Side) -> tuple[Manifest | None, Manifest | None]:
    """Both manifests with those data files that the other does not have; None where all rows are needed."""
    before, after = older.manifest, newer.manifest
    whole = any(s.resolved is not None and s.resolved.retired for s in (older, newer))
    if whole or before is None or after is None:
        return None, None
    has = [{(f.path, f.sha256) for f in m.files if f.rows is not None} for m in (before, after)]
    both = has[0] & has[1]

    def own(manifest: Manifest) -> Manifest:
        return manifest.model_copy(update={"files": tuple(f for f in manifest.files if (f.path, f.sha256) not in both)})

    return own(before), own(after)


# ---------------------------------------------------------------------- the causes


def _with_causes(
    store: ObjectStore, found: pl.DataFrame, before: Manifest | None, after: Manifest | None
) -> pl.DataFrame:
    """The changes with the causes that the versions in between were sealed with. Of two versions that follow each other
    as they were sealed; of others, each cell with all the causes that it had on the way. What has none there is
    ``unattributed``, but for new periods: so all of it where one was not made after the other, as what was withdrawn
    and what came instead.

    Args:
        found: the changes, with causes as if all of them were the publisher's. For vintages from before our first
            version they are, as in the history; and versions of large datasets do not list rows of new periods.
    """
    if before is None or after is None:
        return found
    # A new period is known from the figures alone; the rest can be the publisher's or ours.
    fresh = (pl.col("kind") == "new") & (pl.col("cause") == "new_period")
    by_rule = pl.when(fresh).then("cause").otherwise(pl.lit("unattributed"))
    steps = store_versions.between(store, before.version, after) or ()
    told = [changes for step in steps if (changes := _sealed_changes(store, step, found)) is not None]
    on = ["key", "column"]
    if not told:
        return found.with_columns(cause=by_rule)
    if len(steps) == 1:
        unlisted = found.join(told[0], on=on, how="anti", maintain_order="left").with_columns(cause=by_rule)
        order = [c for c in found.columns if c not in ("key", "column", "old", "new", "kind", "cause")]
        return pl.concat([told[0], unlisted]).sort(*order, "column", maintain_order=True)
    named = pl.concat(told).group_by(on).agg(pl.col("cause").unique().sort().str.join("+").alias("__named"))
    joined = found.join(named, on=on, how="left", maintain_order="left")
    return joined.with_columns(cause=pl.coalesce("__named", by_rule)).select(found.columns)


def _sealed_changes(store: ObjectStore, version: Manifest, like: pl.DataFrame) -> pl.DataFrame | None:
    """The changes that a version was sealed with; None if they are gone, or older than causes are."""
    with suppress(ObjectNotFoundError):
        body = store.get(layout.version(version.dataset, version.version, "changes.parquet")).body
        changed = pl.read_parquet(BytesIO(body))
        if "cause" in changed.columns:
            schema: Any = like.schema
            return changed.select(like.columns).cast(schema)
    return None
