"""What was staged, read from the store again: for the changes against the version before, and for the gate.

Most datasets are read as a whole. Of one that is checked by its changed partitions only these are read, from files on
this machine, by an engine that does not hold them in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from configs.claims import claims_of
from configs.contract import Contract
from configs.errors import CheckCouldNotRunError, StoreUnavailableError
from configs.hints import command
from expectations.check import once
from tasks.build import replay
from tasks.build.recipe import Recipe
from tasks.compare import diff as changes_
from tasks.compare.attribution import AttributionBasis
from tasks.compare.report import PAGE, Side, render_changes_md
from tasks.publish.manifest import made_by_today
from tasks.quality.gate import UNREADABLE, first_line
from tasks.raw.documents import RawDocument
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, protocol, reader
from tasks.warehouse.protocol import Draft
from tasks.warehouse.records import ChangeCounts, MadeBy, Manifest

# Up to this many figures a version is read from the store once for the gate; some thirty checks read it otherwise.
KEPT_CELLS = 20_000_000
CHANGES = "changes.parquet"


@dataclass(frozen=True)
class StagedCandidate:
    """What the gate looks at; ``parent`` None: there is no version before. ``draft``: with the changes staged.
    ``partitions``: those that ``data`` has; None: all."""

    draft: Draft
    counts: ChangeCounts
    data: pl.LazyFrame
    parent: pl.LazyFrame | None
    schemas: dict[str, pa.Schema]
    in_memory: bool = True
    partitions: frozenset[str] | None = None


@contextmanager
def open_staged(
    store: ObjectStore, recipe: Recipe, draft: Draft, given: Mapping[str, RawDocument]
) -> Iterator[StagedCandidate]:
    """Stages the changes, and gives what the gate looks at while the block runs.

    Args:
        given: the documents that the draft was made from, by role.

    Raises:
        CheckCouldNotRunError: the changes could not be made out.
        StoreUnavailableError: what was staged cannot be read.
    """
    contract, parent = recipe.contract, draft.head.manifest
    new, old = differing(draft, parent)
    with ExitStack() as stack:
        if not recipe.by_partition:
            staged, counts = stage_changes(store, recipe, draft, given)
            data = _kept(store, contract, draft)
            before = _kept(store, contract, parent) if parent else None
            yield StagedCandidate(staged, counts, data, before, _schemas(store, draft))
            return
        here, there = (_files(stack, store, side) for side in (new, old))
        staged, counts = _stage_changes_of_files(store, recipe, draft, given, here, there)
        data, before = _scanned(here, contract), _scanned(there, contract) if parent else None
        few = _cells(new, contract) <= KEPT_CELLS
        if few:
            data = once(data)
        else:
            stack.enter_context(pl.Config(engine_affinity="streaming"))
        some = frozenset(f.path.split("/")[1] for f in new.files if f.rows is not None)
        yield StagedCandidate(staged, counts, data, before, _schemas(store, new), in_memory=few, partitions=some)


def stage_changes(
    store: ObjectStore,
    recipe: Recipe,
    draft: Draft,
    given: Mapping[str, RawDocument],
    made_by: MadeBy | None = None,
) -> tuple[Draft, ChangeCounts]:
    """``changes.parquet``, and what is counted of it.

    Args:
        given: the documents that the draft was made from, by role.
        made_by: what made the draft, where that was not today's code (a promotion).

    Raises:
        CheckCouldNotRunError: the store's files could not be read.
    """
    contract = recipe.contract
    new, old = differing(draft, draft.head.manifest)
    if recipe.by_partition:
        with ExitStack() as stack:
            here, there = (_files(stack, store, side) for side in (new, old))
            return _stage_changes_of_files(store, recipe, draft, given, here, there, made_by)
    with _replays(store, recipe, draft, given, made_by) as replays, _readable(contract):
        found = changes_.diff(
            reader.scan(store, new, contract), reader.scan(store, old, contract) if old else None, contract, replays
        )
    return protocol.stage_bytes(store, draft, CHANGES, parquet_bytes(found.frame)), found.counts


def stage_page(
    store: ObjectStore,
    contract: Contract,
    draft: Draft,
    vintage: str,
    counts: ChangeCounts,
    sides: tuple[pl.LazyFrame, pl.LazyFrame | None],
) -> Draft:
    """``changes.md``, from the changes that were staged.

    Args:
        sides: the rows of the draft, and of the version before; of a dataset that is checked by partitions, of these.
    """
    new, old = sides
    parent = draft.head.manifest
    before = Side(parent.version, parent.vintage, old) if parent and old is not None else None
    with store.local_file(layout.version(draft.dataset, draft.version, CHANGES)) as file, _readable(contract):
        after = Side(draft.version, vintage, new)
        log = draft.head.latest.log if draft.head.latest else ()
        text = render_changes_md(contract, before, after, pl.scan_parquet(file), counts, claims_of(contract.name), log)
    return protocol.stage_bytes(store, draft, PAGE, text.encode())


def differing(draft: Draft, parent: Manifest | None) -> tuple[Draft, Manifest | None]:
    """Both with only those data files that the other does not have: what was copied is the same."""
    if parent is None:
        return draft, None
    both = {(f.path, f.sha256) for f in draft.files if f.rows is not None} & {(f.path, f.sha256) for f in parent.files}
    new, old = (tuple(f for f in files if (f.path, f.sha256) not in both) for files in (draft.files, parent.files))
    return replace(draft, files=new), parent.model_copy(update={"files": old})


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """A small table as an object of a version."""
    out = BytesIO()
    pq.write_table(frame.to_arrow(compat_level=pl.CompatLevel.oldest()), out, compression="zstd")
    return out.getvalue()


# ---------------------------------------------------------------------- details


def _stage_changes_of_files(
    store: ObjectStore,
    recipe: Recipe,
    draft: Draft,
    given: Mapping[str, RawDocument],
    new: list[Path],
    old: list[Path],
    made_by: MadeBy | None = None,
) -> tuple[Draft, ChangeCounts]:
    with (
        TemporaryDirectory(prefix="techtrade-") as scratch,
        _replays(store, recipe, draft, given, made_by) as replays,
        _readable(recipe.contract),
    ):
        out = Path(scratch) / CHANGES
        counts = changes_.diff_files(new, old, recipe.contract, out, replays)
        if draft.head.manifest is None:  # there is nothing before it that could have changed
            counts = counts.model_copy(update={"causes": {}})
        return protocol.stage_file(store, draft, CHANGES, out), counts


@contextmanager
def _replays(
    store: ObjectStore, recipe: Recipe, draft: Draft, given: Mapping[str, RawDocument], made_by: MadeBy | None
) -> Iterator[AttributionBasis]:
    """What between the version before and the draft can be told apart."""
    parent = draft.head.manifest
    if parent is None or made_by == parent.made_by:
        yield AttributionBasis()
        return
    if made_by is not None and made_by != made_by_today(recipe.contract):
        yield AttributionBasis(why_not="it was made by other code than today's, and than the version before was")
        return
    new, old = differing(draft, parent)
    files = [f.path for side in (new, old) if side for f in side.files if f.rows is not None]
    with replay.attribution_basis(store, recipe, parent, {path.split("/")[1] for path in files}, given) as replays:
        yield replays


@contextmanager
def _readable(contract: Contract) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as e:
        raise CheckCouldNotRunError(contract.name, "changes against the version before", str(e)) from e


def _files(stack: ExitStack, store: ObjectStore, version: reader.HasFiles | None) -> list[Path]:
    """The data files of a version on this machine, while the stack is open."""
    if version is None:
        return []
    keys = [layout.version(version.dataset, version.version, f.path) for f in version.files if f.rows is not None]
    return [stack.enter_context(store.local_file(key)) for key in keys]


def _scanned(files: list[Path], contract: Contract) -> pl.LazyFrame:
    return pl.scan_parquet(files) if files else contract.polars_schema.to_frame().lazy()


def _kept(store: ObjectStore, contract: Contract, version: reader.HasFiles) -> pl.LazyFrame:
    """The rows of a version, in memory unless they are many."""
    cells = _cells(version, contract)
    try:
        frame = reader.scan(store, version, contract)
        return once(frame) if cells <= KEPT_CELLS else frame
    except UNREADABLE as e:
        name = f"{version.dataset}@{version.version}"
        raise StoreUnavailableError(
            f"{name}, which the gate needs, cannot be read ({first_line(e)}); nothing was published. See whether it is "
            f"whole: {command('verify', name, store=store.url)}"
        ) from e


def _cells(version: reader.HasFiles, contract: Contract) -> int:
    return sum(f.rows or 0 for f in version.files) * len(contract.columns)


def _schemas(store: ObjectStore, draft: Draft) -> dict[str, pa.Schema]:
    filesystem, found = store.arrow_files(), {}
    for path in (f.path for f in draft.files if f.rows is not None):
        uri = store.uri(layout.version(draft.dataset, draft.version, path))
        try:
            found[path] = pq.read_schema(uri, filesystem=filesystem)
        except OSError as e:
            raise StoreUnavailableError(
                f"{uri} was staged and cannot be read back: {e.strerror or e}; nothing was published, run again"
            ) from e
    return found
