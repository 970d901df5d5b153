"""How a history is made: from the log of its dataset and all versions in it. It says what readers were given, with
withdrawals, so it is not withdrawn itself, and its changes are those of its dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from configs.contract import Contract
from configs.contracts import load_contract
from configs.errors import CorruptVersionError, NotPublishedError, ObjectNotFoundError
from configs.history_contract import base_of
from tasks.build.fingerprint import name_of
from tasks.build.history import build as history
from tasks.build.history import timeline
from tasks.build.history.spans import rows_served_at
from tasks.build.history.timeline import TimelineEntry
from tasks.build.recipe import IN_PROCESS, NOT_MADE, Before, Lists, Rebuild, Recipe, StepRunner
from tasks.build.recipe_mart import MartRecipe
from tasks.build.request import Fetched, Request
from tasks.extract.registry import load_source
from tasks.extract.source import Extraction, FetchRequest
from tasks.raw.archive import RawArchive
from tasks.raw.documents import RawDocument
from tasks.storage.object_store import ObjectStore
from tasks.transform.registry import load_transform
from tasks.warehouse import reader
from tasks.warehouse.candidate import Built
from tasks.warehouse.records import Manifest


class HistoryRecipe(MartRecipe):
    """From all versions of one dataset and the publisher's older vintages."""

    has_own_changes = False

    @classmethod
    def makes(cls, contract: Contract) -> bool:
        return base_of(contract.name) is not None

    def code(self) -> Iterator[str]:
        """Return what builds histories; and where its publisher's older vintages are at hand, what reads them."""
        sources = self._base.sources
        older = [s for s in (sources.snapshot, sources.archived) if s]
        yield from (*Recipe.code(self), "tasks.build.history.build")
        yield from map(name_of, (*map(load_source, older), *([load_transform(self._base)] if older else [])))

    def settings(self) -> Mapping[str, Any]:
        """Return what of its dataset's contract says which figures are the same, which are new, and of which series."""
        tolerances = {m.name: m.representation_tolerance for m in self._base.measures}
        series = {name: s.code for name, s in self._base.series.items()}
        return {"tolerances": tolerances, "absent_row_means": self._base.absent_row_means, "series": series}

    @property
    def _base(self) -> Contract:
        return load_contract(*self.made_from)

    def inputs(self, archive: RawArchive, request: Request, ask: FetchRequest) -> tuple[RawDocument, ...]:
        return timeline.inputs(archive, self.contract, ask.known)

    def parse(self, store: ObjectStore, fetched: Fetched, vintage: str | None) -> Extraction:
        return replace(timeline.extraction(self.contract, fetched.documents), meter=fetched.meter)

    def build(
        self,
        store: ObjectStore,
        extraction: Extraction,
        parent: Manifest | None,
        folder: Path,
        runner: StepRunner = IN_PROCESS,
        lists: Lists | None = None,
    ) -> tuple[Extraction, Built]:
        contract, given = self.contract, extraction.documents
        label, code = f"{contract.name} {extraction.vintage}", self.fingerprint()
        return extraction, runner.step(
            "transform", label, lambda: history.build_history(store, contract, given, parent, folder, code=code)
        )

    def rebuild(
        self, archive: RawArchive, extraction: Extraction, folder: Path, rebuild: Rebuild, lists: Lists | None = None
    ) -> tuple[Extraction, Built]:
        """Make a history again from versions of which some may have lost their data to retention."""
        store, name = archive.store, self.contract.name
        try:
            published = reader.scan(store, reader.resolve(store, name).manifest)
        except NotPublishedError:
            published = None
        lost = RebuiltVersions(archive, self._base, folder, published, rebuild)
        return extraction, history.build_history(store, self.contract, extraction.documents, None, folder, lost=lost)

    def input_versions(self, documents: Sequence[RawDocument]) -> Mapping[str, Manifest]:
        (base,) = self.made_from
        return {base: timeline.latest(documents)}

    def origins(self, archive: RawArchive, manifest: Manifest) -> Mapping[str, Manifest]:
        return self.input_versions(tuple(archive.known(manifest).values()))

    def companions(self, extraction: Extraction, before: Before) -> Mapping[str, pl.DataFrame]:
        return {}


class RebuiltVersions:
    """The rows of a version, from its raw inputs where today's code makes of them what it was; else as sealed; else, if
    its data files were let go, as the history has them."""

    def __init__(
        self, archive: RawArchive, base: Contract, folder: Path, spans: pl.LazyFrame | None, rebuild: Rebuild
    ) -> None:
        self._archive, self._base, self._folder, self._spans, self._rebuild = archive, base, folder, spans, rebuild
        self._frames: dict[str, pl.LazyFrame] = {}
        self.made: list[str] = []
        self.sealed: dict[str, str] = {}
        self.told: dict[str, str] = {}

    def __call__(self, state: TimelineEntry) -> pl.LazyFrame:
        assert state.manifest is not None
        version = state.manifest.version
        if version not in self._frames:
            self._frames[version] = self._rows(state.manifest, state.seq)
        return self._frames[version]

    def _rows(self, manifest: Manifest, seq: int) -> pl.LazyFrame:
        folder = self._folder / manifest.version
        folder.mkdir()
        try:
            _, built = self._rebuild(self._archive, self._base, manifest, folder)
        except NOT_MADE as e:
            why = str(e)
        else:
            if built.content_sha256 == manifest.content_sha256:
                self.made.append(manifest.version)
                files = [p.file or self._archive.store.uri(p.key) for p in built.parts]
                return pl.scan_parquet([str(f) for f in files])
            why = "today's code makes other figures of its raw inputs"
        try:
            sealed = reader.scan(self._archive.store, manifest, self._base)
        except ObjectNotFoundError as e:
            if self._spans is None:
                told = f"its data were let go and cannot be made again ({why}), and no history has them"
                raise CorruptVersionError(self._base.name, manifest.version, [told]) from e
            self.told[manifest.version] = why
            return rows_served_at(self._base, self._spans, seq)
        self.sealed[manifest.version] = why
        return sealed
