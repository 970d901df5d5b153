"""A kind of dataset that the product does not have, registered here, is published by the command like any other."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest

from configs.contract import Contract
from configs.contracts import load_contract, published_names
from tasks.build import recipes
from tasks.build.parquet import build
from tasks.build.recipe import IN_PROCESS, Lists, Recipe, StepRunner
from tasks.build.recipe_history import HistoryRecipe
from tasks.build.recipe_mart import MartRecipe
from tasks.build.recipe_partitioned import PartitionedRecipe
from tasks.build.recipe_publisher import PublisherRecipe
from tasks.build.recipes import recipe_for
from tasks.build.replay import replay
from tasks.build.request import Fetched, Request
from tasks.extract.source import Extraction, FetchRequest
from tasks.raw.archive import RawArchive
from tasks.raw.documents import RawDocument
from tasks.storage.local import LocalStore
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import reader
from tasks.warehouse.candidate import Built
from tasks.warehouse.records import Manifest
from tests.support.plain import Ran
from tests.support.published import publish

WORLD, VINTAGE = "atp_world_monthly", "2025-02"


class TypedRecipe(Recipe):
    """From rows that somebody typed into a file, without a source and a transform."""

    rows: Callable[[], pl.DataFrame]

    @classmethod
    def makes(cls, contract: Contract) -> bool:
        return contract.name == WORLD

    def inputs(self, archive: RawArchive, request: Request, ask: FetchRequest) -> tuple[RawDocument, ...]:
        body = type(self).rows().write_csv().encode()
        return (archive.keep(request.source, "typed", "https://example.org/typed.csv", body, ".csv"),)

    def parse(self, store: ObjectStore, fetched: Fetched, vintage: str | None) -> Extraction:
        rows = pl.read_csv(BytesIO(fetched.documents[0].body), schema=self.contract.polars_schema)
        tables = {"typed": rows.lazy(), "annual": pl.LazyFrame(schema={"year": pl.Int32})}
        return Extraction(
            source=fetched.source,
            dataset=WORLD,
            vintage=VINTAGE,
            documents=fetched.documents,
            tables=tables,
            licence="none",
            citation="none",
            vintage_may_go_back=True,
            meter=fetched.meter,
        )

    def build(
        self,
        store: ObjectStore,
        extraction: Extraction,
        parent: Manifest | None,
        folder: Path,
        runner: StepRunner = IN_PROCESS,
        lists: Lists | None = None,
    ) -> tuple[Extraction, Built]:
        return extraction, build(extraction.tables["typed"], self.contract, folder)


def test_fifth_kind_is_published_and_followed(
    techtrade: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHTRADE_FOLLOW", "true")
    other = LocalStore(tmp_path / "other")
    publish(other, WORLD, VINTAGE)
    good = reader.scan(other, reader.resolve(other, WORLD).manifest).collect()
    monkeypatch.setattr(TypedRecipe, "rows", lambda: good, raising=False)
    monkeypatch.setattr(recipes, "KINDS", [TypedRecipe, *recipes.KINDS])
    store = open_store(os.environ["TECHTRADE_STORE"])
    ran = techtrade("publish", WORLD, "--source", "snapshot")
    assert ran.code == 0, ran.err
    assert f"  {WORLD}_history " in ran.out, "what is made from it follows"
    manifest = reader.resolve(store, WORLD).manifest
    assert [s.role for s in manifest.sources] == ["typed"]
    assert reader.scan(store, manifest).collect().equals(good)
    assert replay(store, load_contract(WORLD), manifest).same
    ran = techtrade("publish", WORLD, "--source", "snapshot")
    assert ran.code == 0 and "unchanged" in ran.out, ran.out
    wrong = good.with_columns(balance_usd=pl.col("balance_usd") + 1)
    monkeypatch.setattr(TypedRecipe, "rows", lambda: wrong)
    ran = techtrade("publish", WORLD, "--source", "snapshot")
    assert ran.code == 3 and "rejected by the quality gate" in ran.err
    assert reader.latest_version(store, WORLD) == manifest.version


def test_each_dataset_is_of_one_of_four_kinds() -> None:
    kinds = {name: type(recipe_for(load_contract(name))) for name in published_names()}
    assert set(kinds.values()) == {HistoryRecipe, MartRecipe, PartitionedRecipe, PublisherRecipe}
    assert kinds["atp_detail_monthly"] is PartitionedRecipe
    assert {k for name, k in kinds.items() if name.endswith("_history")} == {HistoryRecipe}
