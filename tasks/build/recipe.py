"""From archived bytes to data files: parse, transform, merge.

No publisher is asked and no version is claimed, so a run, a replay and a restoration all go this way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from configs.contract import Contract
from tasks.build import from_versions, partitioned
from tasks.build.history import build as history
from tasks.build.parquet import build
from tasks.common.stages import in_stage
from tasks.extract import partners
from tasks.extract.registry import load_source
from tasks.extract.source import Extraction
from tasks.raw.documents import RawDocument
from tasks.storage.object_store import ObjectStore
from tasks.transform.registry import load_transform
from tasks.warehouse.outcomes import Fetched, Request
from tasks.warehouse.protocol import Built
from tasks.warehouse.records import Manifest

Each = Callable[[Callable[[ObjectStore, Any], Any], Sequence[Any]], list[Any]]


@in_stage("parse")
def read(store: ObjectStore, request: Request, fetched: Fetched) -> Extraction:
    """Parses what was fetched; adds the table of partners where columns refer to it.

    Args:
        store: where a dataset that is made from versions of others reads these. No publisher's answer is read there.

    Raises:
        SourceError: what came is not what the source should give.
    """
    if request.contract.derived_from:
        return replace(from_versions.extraction(store, request.contract, fetched.documents), meter=fetched.meter)
    name = request.contract.name
    of_source = tuple(d for d in fetched.documents if d.role != partners.ROLE or not request.contract.referring)
    extraction = load_source(fetched.source).parse(name, of_source, request.vintage)
    tables = dict(extraction.tables)
    for document in fetched.documents:
        if document.role == partners.ROLE and request.contract.referring:
            tables["partners"] = partners.table(document)
    return replace(extraction, documents=fetched.documents, tables=tables, meter=fetched.meter)


@in_stage("transform")
def make(
    store: ObjectStore,
    contract: Contract,
    extraction: Extraction,
    parent: Manifest | None,
    folder: Path,
    each: Each | None = None,
    lists: Mapping[str, RawDocument] | None = None,
) -> tuple[Extraction, Built]:
    """The data files of a candidate: written into ``folder``, or, of a dataset that is made in pieces, in the store.

    Args:
        parent: the version before; what of it stays the same is not made again.
        each: calls a function with the store and each job, in any order and anywhere, and gives back the results in
            order; None does so here, one by one.
        lists: by role, the document whose list of products is taken instead of a piece's own.

    Returns:
        The extraction, of pieces with what its documents said of themselves as the table ``facts``; and the candidate.
    """
    if from_versions.is_history(contract):
        return extraction, history.make(store, contract, extraction.documents, parent, folder)
    if not extraction.pieces:
        return extraction, build(load_transform(contract).transform(extraction.tables), contract, folder)

    def one_by_one(work: Callable[[ObjectStore, Any], Any], jobs: Sequence[Any]) -> list[Any]:
        return [work(store, job) for job in jobs]

    every = each or one_by_one
    plan = partitioned.plan(contract, extraction, parent, lists)
    every(partitioned.make_piece, plan.pieces)
    made = every(partitioned.make_part, plan.parts)
    tables = {**extraction.tables, "facts": partitioned.facts(store, plan)}
    return replace(extraction, tables=tables), partitioned.built(contract, plan, made)
