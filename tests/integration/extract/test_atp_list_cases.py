"""The right lists of 2022 are published after those of 2019 and 2021; the same two exchanged are not, on any ground."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.quality.results import read_results
from tasks.storage.open import open_store
from tasks.warehouse import reader
from tests.paths import SHARED
from tests.support.plain import Ran

CASES = SHARED / "cases"
ACROSS, SWAPPED = CASES / "atp-list-across-hs2022", CASES / "atp-lists-swapped"
pytestmark = pytest.mark.skipif(not ACROSS.is_dir(), reason="the cases are not beside this checkout")
DATASET = "atp_products"
Run = Callable[..., Ran]


def name(monkeypatch: pytest.MonkeyPatch, exports: Path, imports: Path) -> None:
    lists = {"exports/2022-01": exports.as_uri(), "imports/2022-01": imports.as_uri()}
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_ATP_LISTS__DOCUMENTS", json.dumps(lists))


def test_right_lists_across_a_harmonized_system_are_published(
    techtrade: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert techtrade("publish", DATASET, "--source", "snapshot", "--vintage", "2021-01").code == 0
    name(monkeypatch, ACROSS / "exports-2022-01.csv", ACROSS / "imports-2022-01.csv")
    ran = techtrade("publish", DATASET, "--json")
    assert ran.code == 0, ran.out
    store = open_store(str(tmp_path / "store"))
    manifest = reader.resolve(store, DATASET).manifest
    failed = read_results(store, manifest).filter(outcome="failed")
    assert manifest.vintage == "2022-01"
    assert dict(failed.select("check_id", "rows_failed").iter_rows()) == {"churn": 2, "fresh_enough": 1}
    assert manifest.changes.cells["revised"] == 0, "codes that stay are no revision"


@pytest.mark.parametrize("published", ["2021-01", ""])
def test_exchanged_lists_are_rejected_on_any_ground(
    techtrade: Run, monkeypatch: pytest.MonkeyPatch, published: str
) -> None:
    if published:
        assert techtrade("publish", DATASET, "--source", "snapshot", "--vintage", published).code == 0
    # The file of exports is named as that of imports, and the other way round.
    name(monkeypatch, SWAPPED / "imports-2022-01.csv", SWAPPED / "exports-2022-01.csv")
    ran = techtrade("publish", DATASET, "--json")
    assert ran.code == 3, ran.out
    assert "list_of_its_flow" in ran.out
