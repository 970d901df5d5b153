"""How a mart is made: from the latest versions of other datasets. Its inputs are their manifests, archived like any
publisher's document, so that a version says from which versions it was made, and can be made from them again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import polars as pl

from configs.contract import Contract
from configs.contracts import load_contract
from configs.errors import CorruptVersionError, MissingInputError, NotPublishedError, UsageError
from configs.first_publish import again, published_with, start_words
from configs.history_contract import SOURCE, base_of
from tasks.build.fingerprint import name_of
from tasks.build.recipe import Origins, Recipe
from tasks.build.recipe_publisher import PublisherRecipe
from tasks.build.request import Fetched, Request
from tasks.compare.attribution import AttributionBasis, Cause
from tasks.extract.source import Extraction, FetchRequest
from tasks.raw.archive import RawArchive
from tasks.raw.documents import RawDocument
from tasks.storage.object_store import ObjectStore
from tasks.transform.registry import load_transform
from tasks.warehouse import layout, protocol, reader
from tasks.warehouse.records import Manifest

INPUT = "input/"


class MartRecipe(PublisherRecipe):
    """From the latest versions of other datasets."""

    goes_back = True

    @classmethod
    def makes(cls, contract: Contract) -> bool:
        return bool(contract.derived_from)

    def code(self) -> Iterator[str]:
        yield from (*Recipe.code(self), name_of(load_transform(self.contract)))

    def settings(self) -> Mapping[str, Any]:
        """Return how the revisions of its inputs are grouped, which their contracts do not promise to readers."""
        bases = sorted(filter(None, map(base_of, self.made_from)))
        return {"profile_by": {name: load_contract(name).profile_by for name in bases}}

    def inputs(self, archive: RawArchive, request: Request, ask: FetchRequest) -> tuple[RawDocument, ...]:
        """Archive the manifest of the latest version of each input."""
        contract, found = self.contract, []
        for name in self.made_from:
            try:
                now = reader.resolve(archive.store, name)
            except NotPublishedError as e:
                if contract.derived_from_any:
                    continue
                why = f"{contract.name} is made from {name}, of which nothing is published"
                raise MissingInputError(why, start_words(contract.name, archive.store.url)) from e
            key = layout.manifest(name, now.manifest.version)
            found.append(archive.keep(SOURCE, f"{INPUT}{name}", key, archive.store.get(key).body, ".json"))
        if not found:
            why = f"{contract.name}: nothing that it is made from is published"
            raise MissingInputError(why, start_words(contract.name, archive.store.url))
        return tuple(found)

    def parse(self, store: ObjectStore, fetched: Fetched, vintage: str | None) -> Extraction:
        """Return the rows of each input as the table of its name, and ``vintages``; the vintage is that of the inputs
        in the contract's order.

        Raises:
            ObjectNotFoundError, CorruptVersionError: an input's data files are gone.
        """
        contract, inputs = self.contract, self.input_versions(fetched.documents)
        have, wanted = list(inputs), list(self.made_from)
        if have != [n for n in wanted if n in have] or (have != wanted and not contract.derived_from_any):
            raise CorruptVersionError(contract.name, "", ["its inputs are not those that its contract names"])
        tables: dict[str, pl.LazyFrame] = {n: reader.scan(store, m, load_contract(n)) for n, m in inputs.items()}
        vintages = [m.vintage for m in inputs.values()]
        return Extraction(
            source=SOURCE,
            dataset=contract.name,
            vintage=max(vintages) if contract.derived_from_any else ", ".join(vintages),
            documents=fetched.documents,
            tables=tables | {"vintages": pl.LazyFrame({"dataset": have, "vintage": vintages})},
            licence=contract.licence,
            citation=contract.citation,
            vintage_may_go_back=True,
            meter=fetched.meter,
        )

    def requests_for(self, request: Request, now: datetime) -> int:
        name = self.contract.name
        made_from = ", ".join(published_with(name))
        raise UsageError(f"{name} is made from {made_from} and has no months to ask for; run: {again(name)}")

    def input_versions(self, documents: Sequence[RawDocument]) -> Mapping[str, Manifest]:
        found = [Manifest.load(d.body, d.url) for d in documents if d.role.startswith(INPUT)]
        return {m.dataset: m for m in found}

    def input_changes(
        self, archive: RawArchive, parent: Manifest, documents: Sequence[RawDocument], origins: Origins
    ) -> AttributionBasis:
        """Return what moved its inputs since the parent: the publisher, or one thing else; of several, what is whose
        cannot be told."""
        before = self._origins(tuple(archive.known(parent).values()), origins)
        causes: set[str] = set()
        for name, manifest in self._origins(documents, origins).items():
            was = before.get(name)
            if was is None or was.version == manifest.version:
                continue
            descent = protocol.between(archive.store, was.version, manifest)
            causes |= {"withdrawal"} if descent is None else {c for m in descent for c in m.changes.causes}
        if causes <= {"new_period", "source_revision"}:
            return AttributionBasis()
        other = causes - {"new_period"}
        if len(other) > 1 or other == {"unattributed"}:
            return AttributionBasis(
                why_not=f"what it is made from changed for several reasons: {', '.join(sorted(causes))}"
            )
        return AttributionBasis(other=cast(Cause, other.pop()), alone="new_period" not in causes)

    def _origins(self, documents: Sequence[RawDocument], origins: Origins) -> dict[str, Manifest]:
        return {name: m for of in self.input_versions(documents).values() for name, m in origins(of).items()}
