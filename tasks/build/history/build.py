"""The history of a dataset: from its log, its versions and the publisher's older vintages to spans of time.

The states that were are gone through in order: vintages that are older than the first version, then each event in the
log (a version that was published, a yank that brought an older one back). A figure that is another in a state than in
the one before ends a span and begins one. Each partition by itself, from the spans of the history before where that
has the states so far, so that a version costs what changed; from nothing gives the same, to the last bit.

A yanked version's spans are empty by vintage (they begin and end in the same one): what was withdrawn is no state of
the publisher's. By the moment they are there: readers were given it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import polars as pl

from configs.contract import Contract
from configs.contracts import load_contract
from configs.history_contract import series_of
from tasks.build.history.spans import PartitionReader, SpanBuilder, no_rows, same_file
from tasks.build.history.timeline import LOG, Frames, TimelineEntry, data_files, timeline
from tasks.build.parquet import content_hash_of_file, open_writer, partition_label, write_part
from tasks.raw.archive import RawArchive
from tasks.raw.documents import RawDocument
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.candidate import Built, Part
from tasks.warehouse.content_hash import dataset_hash
from tasks.warehouse.records import Manifest


def build_history(
    store: ObjectStore,
    contract: Contract,
    given: tuple[RawDocument, ...],
    parent: Manifest | None,
    folder: Path,
    frames: Frames | None = None,
    lost: Frames | None = None,
    code: str = "",
) -> Built:
    """The data files of a history.

    Args:
        given: what it is made from, see ``documents``.
        parent: the history before; None makes all of it from nothing, with the same result.
        folder: where the files are written.
        frames: the rows of a version's state; None reads them from its data files.
        lost: the rows of one whose data files were let go (``gc --keep``); None takes them from the history before.
        code: the fingerprint of today's code; what other code has made is made from nothing.

    Raises:
        CorruptVersionError: data files of a version are gone, and the history before does not have it.
    """
    base = load_contract(contract.derived_from[0])
    every = timeline(base, given)
    before = _covered(store, contract, given, parent, code)
    had = data_files(parent)
    todo, last = every, None
    if before is not None:
        todo = [s for s in every if s.seq > before]
        last = next((s for s in reversed(every) if s.seq <= before), None)
    parts: list[Part] = []
    covered = set(had) if before is not None else set()
    names = sorted(covered | {p for s in todo for p in _partitions(base, s)}, key=lambda p: p or "")
    for number, partition in enumerate(names):
        kept_file = had.get(partition)
        same = all(same_file(a, b, partition) for a, b in zip([last, *todo], todo, strict=False))
        if parent is not None and before is not None and kept_file is not None and same:
            parts.append(Part.standing(contract.name, parent.version, partition, kept_file))
            continue
        file = folder / f"{number:05d}.parquet"
        with PartitionReader(store, base, partition, frames, lost) as files:
            if parent is not None and kept_file is not None:
                files.past = files.scan(layout.version(parent.dataset, parent.version, kept_file.path))
            taken_up = files.past if before is not None and files.past is not None else no_rows(contract)

            def rows(
                where: pl.Expr | None, files: PartitionReader = files, taken_up: pl.LazyFrame = taken_up
            ) -> pl.DataFrame:
                spans = SpanBuilder(files, contract, where, last, taken_up)
                for state in todo:
                    spans.enter(state)
                return spans.rows()

            part = _part(contract, series_of(base), partition, file, rows, _slices(base, files, todo, taken_up))
        if part is not None:
            parts.append(part)
    return Built(
        parts=tuple(parts),
        rows=sum(p.rows for p in parts),
        content_sha256=dataset_hash((p.partition, p.content_sha256) for p in parts),
        contract_sha256=contract.sha256,
    )


def _slices(
    base: Contract, files: PartitionReader, todo: Sequence[TimelineEntry], taken_up: pl.LazyFrame
) -> list[pl.Expr] | None:
    """How a partition that is too large for memory is cut: by the first column of the key, in its order. One that
    begins with the period is not: a series would then be in several slices."""
    if base.judged == "whole" or base.primary_key[0] == base.period:
        return None
    first = base.primary_key[0]
    frames_ = [taken_up, *(files.rows(s) for s in todo)]
    found = pl.concat([f.select(first).unique() for f in frames_]).unique().sort(first).collect()[first]
    return [pl.col(first) == value for value in found]


def _part(
    contract: Contract,
    series: tuple[str, ...],
    partition: str | None,
    file: Path,
    rows: Callable[[pl.Expr | None], pl.DataFrame],
    slices: list[pl.Expr] | None,
) -> Part | None:
    """A data file of the history, whole or a slice at a time; None if it has no row."""
    if slices is None:
        whole = rows(None)
        return write_part(whole, contract, partition, file, series) if whole.height else None
    count, by_key = 0, []
    with open_writer(contract, file, set(), series) as write:
        for where in slices:
            some = rows(where).sort(contract.sort_by)
            by_key.append(some.select(pl.arg_sort_by(contract.primary_key)).to_series() + count)
            count += some.height
            write(some)
    with open(file, "rb") as body:
        sha256 = hashlib.file_digest(body, "sha256").hexdigest()
    size = file.stat().st_size
    if not count:
        return None
    return Part(partition, file, count, size, sha256, content_hash_of_file(file, contract, pl.concat(by_key)))


def _covered(
    store: ObjectStore, contract: Contract, given: Sequence[RawDocument], parent: Manifest | None, code: str
) -> int | None:
    """The number of the last event that the history before has, if what it was made from is where this one begins."""
    if parent is None or (parent.contract_sha256, parent.made_by.code) != (contract.sha256, code):
        return None
    had = {s.role: s for s in parent.sources}
    now = {d.role: d for d in given}
    officials = {r: d.sha256 for r, d in now.items() if r.startswith("official/")}
    if officials != {r: s.sha256 for r, s in had.items() if r.startswith("official/")}:
        return None
    then = json.loads(RawArchive(store).load(had[LOG].raw_key))
    if json.loads(now[LOG].body)[: len(then)] != then:
        return None
    if any(s.sha256 != now[r].sha256 for r, s in had.items() if r.startswith("version/")):
        return None
    return int(then[-1]["seq"])


def _partitions(base: Contract, state: TimelineEntry) -> Iterable[str | None]:
    if state.manifest is not None:
        return state.files
    label = partition_label(base)
    if label is None or state.official is None:
        return [None]
    key, expr = label
    return [f"{key}={v}" for v in state.official.select(expr.unique()).collect().to_series()]
