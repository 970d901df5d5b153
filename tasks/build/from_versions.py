"""Datasets that are made from versions of others: histories, marts. Their inputs are manifests, archived like any
publisher's document, so that a version says from which versions it was made, and can be made from them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from configs.contract import Contract
from configs.contracts import load_contract, published_names
from configs.errors import CorruptVersionError, MissingInputError, NotPublishedError
from configs.first_publish import start_words
from configs.history_contract import SOURCE, base_of
from tasks.build.history import timeline
from tasks.extract.source import Extraction
from tasks.raw.archive import RawArchive
from tasks.raw.documents import RawDocument
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, reader
from tasks.warehouse.records import Manifest

INPUT = "input/"


def followers(dataset: str) -> list[str]:
    """What is made from a dataset, and from that, in the order in which it is made."""
    found = [dataset]
    for name in published_names():  # nothing before what it is made from
        if set(load_contract(name).derived_from) & set(found):
            found.append(name)
    return found[1:]


def is_history(contract: Contract) -> bool:
    return base_of(contract.name) is not None


def documents(archive: RawArchive, contract: Contract, known: Mapping[str, RawDocument]) -> tuple[RawDocument, ...]:
    """The manifests that a dataset is made from: of a history all, of others the latest of each input.

    Raises:
        MissingInputError: an input is not published.
    """
    if is_history(contract):
        return timeline.documents(archive, contract, known)
    found = []
    for name in contract.derived_from:
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


def extraction(store: ObjectStore, contract: Contract, given: tuple[RawDocument, ...]) -> Extraction:
    """What the manifests name: of each input its rows, as the table of its name.

    Returns:
        With the vintage of a history that of its dataset; of others, those of its inputs in the contract's order.

    Raises:
        ObjectNotFoundError, CorruptVersionError: an input's data files are gone.
    """
    if is_history(contract):
        return timeline.extraction(contract, given)
    manifests = list(inputs(contract, given).values())
    have, wanted = [m.dataset for m in manifests], list(contract.derived_from)
    if have != [n for n in wanted if n in have] or (have != wanted and not contract.derived_from_any):
        raise CorruptVersionError(contract.name, "", ["its inputs are not those that its contract names"])
    tables: dict[str, pl.LazyFrame] = {m.dataset: reader.scan(store, m, load_contract(m.dataset)) for m in manifests}
    vintages = [m.vintage for m in manifests]
    of = pl.DataFrame({"dataset": [m.dataset for m in manifests], "vintage": [m.vintage for m in manifests]})
    return Extraction(
        source=SOURCE,
        dataset=contract.name,
        vintage=max(vintages) if contract.derived_from_any else ", ".join(vintages),
        documents=given,
        tables=tables | {"vintages": of.lazy()},
        licence=contract.licence,
        citation=contract.citation,
        vintage_may_go_back=True,
    )


def inputs(contract: Contract, given: tuple[RawDocument, ...]) -> dict[str, Manifest]:
    """The versions that a dataset is made from, by their dataset: of a history the one that readers get; of what is
    made from a publisher's answers none."""
    if is_history(contract):
        return {contract.derived_from[0]: timeline.latest(given)}
    found = [Manifest.load(d.body, d.url) for d in given if d.role.startswith(INPUT)]
    return {m.dataset: m for m in found} if contract.derived_from else {}


def stood(archive: RawArchive, contract: Contract, given: tuple[RawDocument, ...]) -> dict[str, Manifest]:
    """The versions that a dataset is made from, of what is made from a history those of its dataset."""
    found: dict[str, Manifest] = {}
    for name, manifest in inputs(contract, given).items():
        through = load_contract(name)
        if is_history(through):
            found |= inputs(through, tuple(archive.known(manifest).values()))
        else:
            found[name] = manifest
    return found


def as_given(given: tuple[RawDocument, ...]) -> tuple[RawDocument, ...]:
    """The documents with the source that they are of."""
    return tuple(d if d.source else replace(d, source=SOURCE) for d in given)
