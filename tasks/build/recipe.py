"""How a dataset is made: the protocol behind which kinds of dataset differ (the kinds are in ``recipes.py``).

A run, a replay and a restoration ask the recipe for whatever depends on the kind, so that a new kind is one new class
and no ``if`` elsewhere. ``parse`` and ``build`` ask no publisher and claim no version.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from configs import columns
from configs.contract import Contract
from configs.errors import CorruptVersionError, ReplayError, SourceError, UsageError
from configs.first_publish import again
from tasks.build import parquet
from tasks.build.fingerprint import HERE, Checkout, fingerprint
from tasks.build.parquet import ContractMismatchError
from tasks.build.request import Fetched, Request
from tasks.compare.attribution import AttributionBasis
from tasks.extract.source import Extraction, FetchRequest
from tasks.raw.archive import RawArchive
from tasks.raw.documents import RawDocument
from tasks.storage.object_store import ObjectStore
from tasks.warehouse.candidate import Built
from tasks.warehouse.records import Manifest

T = TypeVar("T")
Each = Callable[[Callable[[ObjectStore, Any], Any], Sequence[Any]], list[Any]]
Lists = Mapping[str, RawDocument]
# What says that today's code, or this store, does not make a version again. A store that fails is not among them.
NOT_MADE = (ReplayError, SourceError, ContractMismatchError, CorruptVersionError)
# Makes a version again from its raw inputs, into a folder.
Rebuild = Callable[[RawArchive, Contract, Manifest, Path], tuple[Extraction, Built]]
# The versions that explain what changes in a dataset made from this one, by dataset.
Origins = Callable[[Manifest], Mapping[str, Manifest]]
# A table of the version before, by its path; None if it has none.
Before = Callable[[str], pl.DataFrame | None]


class StepRunner:
    """Runs the steps of a run one by one in this process. A flow overrides it, to make a task of each."""

    def step(self, name: str, of: str, work: Callable[[], T]) -> T:
        """Run one step; ``of``: the dataset, and what else tells it from others."""
        return work()

    @contextmanager
    def workers(self, store: ObjectStore) -> Iterator[Each]:
        """Give what calls a function with the store and each job, in any order and anywhere, and returns the results
        in order."""
        yield lambda work, jobs: [work(store, job) for job in jobs]

    def found(self, vintage: str) -> None:
        """Note the vintage of the run, as soon as it is known."""


IN_PROCESS = StepRunner()


@dataclass(frozen=True)
class Recipe(ABC):
    """How one dataset is made. A new kind gives ``makes``, ``inputs``, ``parse`` and ``build``; the rest has defaults,
    which hold for a dataset that is made as a whole from a publisher's documents."""

    contract: Contract

    @classmethod
    @abstractmethod
    def makes(cls, contract: Contract) -> bool:
        """Return whether datasets with this contract are of this kind."""

    @abstractmethod
    def inputs(self, archive: RawArchive, request: Request, ask: FetchRequest) -> tuple[RawDocument, ...]:
        """Get and archive what the dataset is made from.

        Raises:
            SourceError: the publisher gives nothing that can be used.
            MissingInputError: a dataset that it is made from is not published.
        """

    @abstractmethod
    def parse(self, store: ObjectStore, fetched: Fetched, vintage: str | None) -> Extraction:
        """Parse archived documents.

        Args:
            store: where the versions are read that a dataset is made from. No publisher's document is read there.
            vintage: the vintage asked for; None for the newest.

        Raises:
            SourceError: the documents are not what the source should give.
        """

    @abstractmethod
    def build(
        self,
        store: ObjectStore,
        extraction: Extraction,
        parent: Manifest | None,
        folder: Path,
        runner: StepRunner = IN_PROCESS,
        lists: Lists | None = None,
    ) -> tuple[Extraction, Built]:
        """Write the data files of a candidate, into ``folder`` or the store.

        Args:
            parent: the version before; what of it stays the same is not made again.
            lists: by role, the document whose list of products is taken instead of a document's own.

        Returns:
            The extraction, with what is known only after its documents were read; and the candidate.
        """

    def code(self) -> Iterable[str]:
        """Return the modules that make its figures. What they import makes them too, and so does the recipe itself."""
        return (columns.__name__, parquet.__name__)

    def settings(self) -> Mapping[str, Any]:
        """Return what its figures depend on besides code, reference files, and its own contract."""
        return {}

    def modules(self, checkout: Checkout = HERE) -> frozenset[str]:
        """Return all modules that make its figures."""
        # Of recipes the text alone: they import what joins the kinds.
        return checkout.closure(self.code()) | {c.__module__ for c in type(self).__mro__ if issubclass(c, Recipe)}

    def fingerprint(self, checkout: Checkout = HERE) -> str:
        """Return the fingerprint of the code that makes its figures."""
        return fingerprint(self.modules(checkout), self.settings(), checkout)

    # Whether its changes are news, and its versions withdrawn by themselves. A history repeats what its dataset says.
    has_own_changes = True
    # Whether it is published again when its inputs go back to an older vintage.
    goes_back = False

    @property
    def made_from(self) -> tuple[str, ...]:
        """The datasets of whose versions it is made."""
        return self.contract.derived_from

    @property
    def by_partition(self) -> bool:
        """Whether only partitions that differ from the version before are read back, compared and checked."""
        return self.contract.judged != "whole"

    def rebuild(
        self, archive: RawArchive, extraction: Extraction, folder: Path, rebuild: Rebuild, lists: Lists | None = None
    ) -> tuple[Extraction, Built]:
        """Make a version again from nothing; ``rebuild`` does so for the versions that it was made from."""
        return self.build(archive.store, extraction, None, folder, lists=lists)

    def requests_for(self, request: Request, now: datetime) -> int:
        """Return how many requests a backfill of the months takes at least.

        Raises:
            UsageError: the dataset cannot be asked for by months, or not for these.
        """
        name = self.contract.name
        raise UsageError(f"{name} has no months to ask for; run: {again(name)}")

    def input_versions(self, documents: Sequence[RawDocument]) -> Mapping[str, Manifest]:
        """Return the versions that it is made from, by dataset; of a history the one that readers get."""
        return {}

    def origins(self, archive: RawArchive, manifest: Manifest) -> Mapping[str, Manifest]:
        """Return the versions that explain what changes in a dataset made from this version of it, by dataset."""
        return {manifest.dataset: manifest}

    def input_changes(
        self, archive: RawArchive, parent: Manifest, documents: Sequence[RawDocument], origins: Origins
    ) -> AttributionBasis:
        """Return what changed in its inputs since the parent."""
        return AttributionBasis()

    def relisted(self, store: ObjectStore, extraction: Extraction, given: Lists) -> Lists:
        """Return, by role, the documents of ``given`` that replace one of the extraction with another list of
        products."""
        return {}

    def only(self, extraction: Extraction, partitions: Collection[str]) -> Extraction:
        """Return the extraction with what is needed for these partitions."""
        return extraction

    def tables_to_check(self, extraction: Extraction, partitions: Collection[str] | None) -> Mapping[str, pl.LazyFrame]:
        """Return the tables of the source that the gate sees; ``partitions``: those that it checks, None for all."""
        return extraction.tables

    def companions(self, extraction: Extraction, before: Before) -> Mapping[str, pl.DataFrame]:
        """Return the tables that are published beside the rows, by path."""
        return {}
