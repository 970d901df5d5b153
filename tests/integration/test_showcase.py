"""`make run`: what it prints, and that every snippet it prints runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows import showcase
from tasks.store.open import open_store
from tests.command import Ran

SNIPPETS = sorted((Path(__file__).parents[2] / "docs" / "snippets").glob("*.py"))


@pytest.fixture
def shown(prefect_api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> Callable[[], Ran]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TECHTRADE_STORE", "warehouse")

    def run() -> Ran:
        capfd.readouterr()
        code = showcase.main()
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return run


def test_it_shows_real_revisions_and_holds_the_claims_against_the_data(
    shown: Callable[[], Ran], tmp_path: Path
) -> None:
    ran = shown()
    assert ran.code == 0
    assert "9 versions published" in ran.out
    assert re.search(r"2025-02 +434 +25 +37 +111 +0", ran.out)
    assert re.search(r"surplus.*13\.0 +13\.694 +2025-02 +holds", ran.out)
    assert re.search(r"deficit in 2024.*-297\.0 +-298\.948 +2025-02 +holds", ran.out)
    assert re.search(r"reached \$134 billion +134\.0 +134\.441 +2025-01-28 +holds", ran.out)
    assert re.search(r"Germany.*48\.0 +- +- +no data", ran.out)
    assert re.search(r"China.*-41\.0 +- +- +no data", ran.out)
    store = open_store("warehouse")
    before = {e.key: store.get(e.key).etag for e in store.entries("")}

    again = shown()
    assert again.code == 0
    assert "Nothing is new" in again.out
    after = {e.key: store.get(e.key).etag for e in store.entries("")}
    changed = {k for k in after if after[k] != before.get(k)} | (before.keys() - after.keys())
    assert changed == {"atp_world_monthly/status.json", "ip_trade_annual/status.json"}

    for snippet in SNIPPETS:  # as printed: pasted into an interpreter that was started in this folder
        code = snippet.read_text(encoding="utf-8")
        assert code.partition("\n")[2].strip() in ran.out
        result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
        assert result.returncode == 0, f"{snippet.name}: {result.stderr}"
        assert {"1_polars": "-298948216370", "2_duckdb": "134.441", "3_pandas": "-16292828055"}[
            snippet.stem
        ] in result.stdout


def test_there_are_three_snippets() -> None:
    assert [s.stem for s in SNIPPETS] == ["1_polars", "2_duckdb", "3_pandas"]
