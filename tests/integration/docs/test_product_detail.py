"""The three questions of docs/product-detail.md: polars, DuckDB and pandas give the same answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from tests.paths import ROOT
from tests.support.plain import Ran
from tests.support.sources import served_bulk  # noqa: F401 - a fixture

PAGE = ROOT / "docs" / "product-detail.md"


def blocks() -> dict[str, str]:
    """The code of the page, by the heading that it stands under."""
    found = re.findall(r"^### (\w+)\n+```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.S | re.M)
    return dict(found)


def answers(code: str) -> dict[str, list[tuple[Any, ...]]]:
    """What a block gives, as rows; ``period`` as text."""
    place: dict[str, Any] = {}
    exec(code, place)  # noqa: S102 - the project's own page
    rows = {}
    for name in ("series", "ranking", "partners"):
        found = place[name]
        if isinstance(found, pl.DataFrame):
            table = found.rows()
        elif isinstance(found, pd.Series | pd.DataFrame):
            table = [tuple(r) for r in found.reset_index().itertuples(index=False)]
        else:
            table = found.fetchall()
        rows[name] = [(str(r[0])[:10], *map(int, r[1:])) for r in table]
    return rows


@pytest.mark.usefixtures("bulk")
def test_the_three_questions_have_the_same_answers_in_three_tools(
    techtrade: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert techtrade("publish", "atp_detail_monthly", "--store", str(tmp_path / "warehouse")).code == 0
    monkeypatch.chdir(tmp_path)
    data = pl.read_parquet(
        tmp_path / "warehouse" / "atp_detail_monthly" / "versions" / "*" / "data" / "**" / "*.parquet"
    )
    product = data.filter(pl.col("flow") == "imports")["hs10"].mode()[0]
    code = {tool: text.replace("8471300100", product) for tool, text in blocks().items()}
    assert list(code) == ["polars", "DuckDB", "pandas"]
    polars, duck, pandas = (answers(text) for text in code.values())
    assert polars == duck == pandas
    assert all(polars.values()), "each question has an answer"
