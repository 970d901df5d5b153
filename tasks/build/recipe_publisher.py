"""How a dataset is made from a publisher's documents, as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from configs.contract import Contract
from configs.errors import UsageError
from configs.first_publish import again
from tasks.build.fingerprint import name_of
from tasks.build.parquet import build
from tasks.build.recipe import IN_PROCESS, Before, Lists, Recipe, StepRunner
from tasks.build.request import Fetched, Request
from tasks.extract import partners
from tasks.extract.registry import load_source
from tasks.extract.source import AskedByMonth, Extraction, FetchRequest
from tasks.raw.archive import RawArchive
from tasks.raw.documents import RawDocument
from tasks.storage.object_store import ObjectStore
from tasks.transform.registry import HasCompanions, load_transform
from tasks.warehouse.candidate import Built
from tasks.warehouse.records import Manifest


class PublisherRecipe(Recipe):
    """From a publisher's documents, made as a whole."""

    @classmethod
    def makes(cls, contract: Contract) -> bool:
        return True

    def code(self) -> Iterator[str]:
        sources = self.contract.sources
        yield from (*super().code(), name_of(load_transform(self.contract)))
        yield from (name_of(load_source(s)) for s in (sources.live, sources.snapshot) if s)
        if self.contract.referring:
            yield partners.__name__

    def settings(self) -> Mapping[str, Any]:
        """Return the publisher's series, which its contract does not promise to readers."""
        return {"series": {name: s.code for name, s in self.contract.series.items()}}

    def inputs(self, archive: RawArchive, request: Request, ask: FetchRequest) -> tuple[RawDocument, ...]:
        documents = load_source(request.source).fetch(ask, archive)
        return (*documents, partners.document(archive)) if self.contract.referring else documents

    def parse(self, store: ObjectStore, fetched: Fetched, vintage: str | None) -> Extraction:
        """Parse what the publisher gave; add the table of partners where columns refer to it."""
        name = self.contract.name
        table = [d for d in fetched.documents if d.role == partners.ROLE and self.contract.referring]
        of_source = tuple(d for d in fetched.documents if d not in table)
        extraction = load_source(fetched.source).parse(name, of_source, vintage)
        tables = dict(extraction.tables)
        if table:
            tables["partners"] = partners.table(table[-1])
        missing = {**extraction.unavailable, **fetched.unavailable}
        return replace(extraction, documents=fetched.documents, tables=tables, meter=fetched.meter, unavailable=missing)

    def build(
        self,
        store: ObjectStore,
        extraction: Extraction,
        parent: Manifest | None,
        folder: Path,
        runner: StepRunner = IN_PROCESS,
        lists: Lists | None = None,
    ) -> tuple[Extraction, Built]:
        contract, transform = self.contract, load_transform(self.contract).transform
        label = f"{contract.name} {extraction.vintage}"
        return extraction, runner.step(
            "transform", label, lambda: build(transform(extraction.tables), contract, folder)
        )

    def requests_for(self, request: Request, now: datetime) -> int:
        source, name = load_source(request.source), self.contract.name
        if not isinstance(source, AskedByMonth) or request.months is None:
            whole = again(name, "--refresh", "all")
            raise UsageError(f"{name}: its publisher gives the history as a whole, not by months; run: {whole}")
        return source.requests_for(request.months, now)

    def companions(self, extraction: Extraction, before: Before) -> Mapping[str, pl.DataFrame]:
        transform = load_transform(self.contract)
        return transform.companions(extraction.tables, before) if isinstance(transform, HasCompanions) else {}
