"""Stores of bundled vintages: published once a session, copied for each test that begins with them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tests.support.command import run_without_engine

Bundled = Callable[..., ObjectStore]


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Bundled:
    """Return what puts a store with vintages of a dataset, oldest first, into an empty folder."""
    made: dict[tuple[str, ...], Path] = {}

    def copied(to: Path, dataset: str, *vintages: str) -> ObjectStore:
        if (dataset, *vintages) not in made:
            made[dataset, *vintages] = published(tmp_path_factory.mktemp("bundled") / "store", dataset, vintages)
        return open_store(str(shutil.copytree(made[dataset, *vintages], to)))

    return copied


def published(place: Path, dataset: str, vintages: tuple[str, ...]) -> Path:
    """Publish each vintage as the flow does."""
    from flows.publish import publish

    with pytest.MonkeyPatch.context() as patch:
        run_without_engine(patch)
        for vintage in vintages:
            publish(dataset=dataset, source="snapshot", vintage=vintage, store=str(place))
    return place
