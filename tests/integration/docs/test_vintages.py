"""The expressions of docs/vintages.md, as a reader would paste them."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from tasks.publish.dependents import refresh
from tasks.storage.local import LocalStore
from tests.paths import ROOT
from tests.support.published import publish

GUIDE = (ROOT / "docs" / "vintages.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
WORLD = "atp_world_monthly"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("guide") / "warehouse"
    for vintage in ("2023-01", "2025-02"):
        publish(LocalStore(root), WORLD, vintage)
        refresh(LocalStore(root), f"{WORLD}_history")
    return root


@pytest.mark.parametrize("block", BLOCKS, ids=["polars", "duckdb"])
def test_what_is_pasted_gives_what_was_given_and_what_was_published(
    store: Path, monkeypatch: pytest.MonkeyPatch, block: str
) -> None:
    monkeypatch.chdir(store.parent)
    found: dict[str, object] = {}
    exec(compile(block, "docs/vintages.md", "exec"), found)
    frames = {n: f if isinstance(f, pl.DataFrame) else f.pl() for n, f in found.items() if n in ("given", "published")}
    assert frames["given"].height == 434 and frames["published"].height == 409
    balance = frames["given"].filter(pl.col("period").dt.year() == 2024)["balance_usd"].sum()
    assert round(balance / 1e6, 1) == -298948.2
