"""A store with both bundled vintages of the workbook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.storage.open import open_store
from tasks.warehouse import protocol
from tests.support.plain import Run


@pytest.fixture(name="store")
def opened_store(tmp_path: Path) -> Any:
    return open_store(str(tmp_path / "store"))


@pytest.fixture(name="two_versions")
def published_vintages(techtrade: Run, store: Any) -> list[str]:
    """Both bundled vintages of the workbook; the versions, oldest first."""
    for vintage in ("2023-01", "2025-02"):
        assert techtrade("publish", "atp_world_monthly", "--source", "snapshot", "--vintage", vintage).code == 0
    return [e.version for e in protocol.read_latest(store, "atp_world_monthly")[0].published]
