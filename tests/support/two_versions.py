"""A store with both bundled vintages of the workbook."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import protocol
from tests.support.bundled import Bundled

DATASET = "atp_world_monthly"


@pytest.fixture(name="store")
def opened_store(tmp_path: Path) -> ObjectStore:
    return open_store(str(tmp_path / "store"))


@pytest.fixture(name="two_versions")
def published_vintages(bundled: Bundled, tmp_path: Path) -> list[str]:
    """Both bundled vintages of the workbook; the versions, oldest first."""
    store = bundled(tmp_path / "store", DATASET, "2023-01", "2025-02")
    return [e.version for e in protocol.read_latest(store, DATASET)[0].published]  # type: ignore[union-attr]
