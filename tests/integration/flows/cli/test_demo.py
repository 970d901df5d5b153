"""`make run`: what it prints, and that every snippet it prints runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.cli import demo
from tasks.build.recipes import dependents_of
from tasks.extract.bundled.index import bundled_datasets, bundled_vintages
from tasks.storage.open import open_store
from tests.paths import ROOT
from tests.support.plain import Ran

SNIPPETS = sorted((ROOT / "docs" / "snippets").glob("*.py"))


@pytest.fixture
def shown(prefect_api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> Callable[[], Ran]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TECHTRADE_STORE", "warehouse")
    monkeypatch.setenv("TECHTRADE_FOLLOW", "true")

    def run() -> Ran:
        capfd.readouterr()
        code = demo.main()
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return run


@pytest.mark.slow
def test_it_shows_the_product_in_sixty_lines(
    shown: Callable[[], Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    ran = shown()
    assert ran.code == 0
    assert len((ran.out + ran.err).splitlines()) <= 60
    vintages = sum(len(bundled_vintages(name)) for name in bundled_datasets())
    assert vintages >= 9 and f"{vintages} versions published into warehouse." in ran.out
    for name in bundled_datasets():
        assert ran.err.count(f"{name}: publishing ") == 1
    assert re.search(r"^atp_world_monthly +2 +2025-02 +2025-02 +434 +111 +0$", ran.out, re.MULTILINE)
    assert re.search(r"^ip_trade_annual +8 +2024 +2025-10-07 +8,573 +435 +9$", ran.out, re.MULTILINE)
    assert "{" not in ran.out + ran.err, "words, no JSON"
    for told in (
        r"US ATP balance 1995 +13 +13\.694 +2025-02 +holds within 1 billion",
        r"US ATP balance 2024 +-297 +-298\.948 +2025-02 +does not hold",
        r"- lowest on record +2025-02 +holds, of 36 years",
        r"US IP receipts 2023 +134 +148\.205 +2025-10-07 +does not hold",
        r"^ +134\.441 +2025-01-28 +holds",
        r"German IP receipts 2023 +48 +48\.110 +2025-10-07 +holds",
        r"Chinese IP balance 2023 +-41 +-31\.815 +2025-10-07 +does not hold",
        r"- payments alone +42\.728 +2025-10-07",
    ):
        assert re.search(told, ran.out, re.MULTILINE), told
    for command in re.findall(rf"^  {re.escape(demo.COMMAND)} ([^#\n]+)", ran.out, re.MULTILINE):
        result = subprocess.run([sys.executable, "-m", "flows.cli", *command.split()], capture_output=True, text=True)
        assert result.returncode == 0 and result.stdout, command

    store = open_store("warehouse")
    monkeypatch.setenv("COLUMNS", "80")
    capfd.readouterr()
    demo.print_all(store)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    day = re.compile(r"\d{4}-\d\d-\d\d\.\d{4}")
    printed = capfd.readouterr()[0]
    assert len(printed.splitlines()) <= 50, "it fits a screen of 80 columns, with the lines of progress"
    assert day.sub("", printed) in day.sub("", readme), "the README shows what is printed, but for the day"
    before = {e.key: store.get(e.key).etag for e in store.entries("")}

    monkeypatch.delenv("COLUMNS")
    again = shown()
    assert again.code == 0
    assert "Nothing is new" in again.out
    assert len((again.out + again.err).splitlines()) <= 60
    after = {e.key: store.get(e.key).etag for e in store.entries("")}
    changed = {k for k in after if after[k] != before.get(k)} | (before.keys() - after.keys())
    names = {name for dataset in bundled_datasets() for name in (dataset, *dependents_of(dataset))}
    assert changed == {f"{name}/status.json" for name in names if f"{name}/latest.json" in before}

    for snippet in SNIPPETS:  # pasted into an interpreter that was started in this folder
        code = snippet.read_text(encoding="utf-8")
        result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
        assert result.returncode == 0, f"{snippet.name}: {result.stderr}"
        assert {"1_polars": "-298948216370", "2_duckdb": "148.205", "3_pandas": "-16292828055"}[
            snippet.stem
        ] in result.stdout


def test_older_and_there_already_are_told_apart(
    techtrade: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = str(tmp_path / "store")
    assert techtrade("publish", "atp_world_monthly", "--source", "snapshot", "--vintage", "2025-02").code == 0
    monkeypatch.setattr(demo, "bundled_datasets", lambda: ["atp_world_monthly"])
    done = demo.publish_all(store)
    assert done == demo.Done(published=0, there=1, superseded=1)


@pytest.mark.parametrize(
    ("done", "told"),
    [
        (demo.Done(published=9), "9 versions published into W."),
        (
            demo.Done(published=1, there=8),
            "1 version published into W; of the other bundled vintages, 8 were there already.",
        ),
        (
            demo.Done(there=9),
            "Nothing is new in W: of the bundled vintages, 9 were there already; only status.json was written.",
        ),
        (
            demo.Done(there=1, superseded=2),
            "Nothing is new in W: of the bundled vintages, 1 was there already, 2 are older than what is published; "
            "no version was written.",
        ),
    ],
)
def test_what_is_said_of_a_run_is_so(done: demo.Done, told: str) -> None:
    assert done.words("W") == told


def test_there_are_three_snippets() -> None:
    assert [s.stem for s in SNIPPETS] == ["1_polars", "2_duckdb", "3_pandas"]
