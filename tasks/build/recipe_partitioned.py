"""How a dataset is made from documents that are too large to be read together, a partition at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from configs.contract import Contract
from tasks.build import partitioned
from tasks.build.recipe import IN_PROCESS, Lists, StepRunner
from tasks.build.recipe_publisher import PublisherRecipe
from tasks.extract.source import Extraction
from tasks.storage.object_store import ObjectStore
from tasks.warehouse.candidate import Built
from tasks.warehouse.records import Manifest


class PartitionedRecipe(PublisherRecipe):
    """From a publisher's documents, each read by itself."""

    @classmethod
    def makes(cls, contract: Contract) -> bool:
        return contract.judged == "changed_partitions"

    def code(self) -> Iterator[str]:
        yield from (*super().code(), partitioned.__name__)

    def settings(self) -> Mapping[str, Any]:
        return {"pieces": partitioned.reader_of(self.contract.sources.live).piece_settings()}

    def build(
        self,
        store: ObjectStore,
        extraction: Extraction,
        parent: Manifest | None,
        folder: Path,
        runner: StepRunner = IN_PROCESS,
        lists: Lists | None = None,
    ) -> tuple[Extraction, Built]:
        """Build in the store; add to the extraction what its documents say of themselves, as the table ``facts``."""
        plan = partitioned.plan(self.contract, extraction, parent, lists)
        with runner.workers(store) as each:
            each(partitioned.make_piece, plan.pieces)
            made = each(partitioned.make_part, plan.parts)
        tables = {**extraction.tables, "facts": partitioned.facts(store, plan)}
        return replace(extraction, tables=tables), partitioned.built(self.contract, plan, made)

    def relisted(self, store: ObjectStore, extraction: Extraction, given: Lists) -> Lists:
        return partitioned.relisted(store, self.contract, extraction, given)

    def only(self, extraction: Extraction, partitions: Collection[str]) -> Extraction:
        return replace(extraction, pieces=tuple(p for p in extraction.pieces if p.partition in partitions))

    def tables_to_check(self, extraction: Extraction, partitions: Collection[str] | None) -> Mapping[str, pl.LazyFrame]:
        return partitioned.checked_again(extraction.tables, partitions)
