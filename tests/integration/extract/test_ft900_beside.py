"""FT-900 beside another source: what it cannot give makes a check impossible, never a dataset."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.quality.results import read_results
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import reader
from tests.doubles.census_api import CensusApi
from tests.doubles.publishers import CensusDouble
from tests.paths import SHARED
from tests.support.plain import Ran
from tests.support.sources import point_at, point_at_trade_api

Run = Callable[..., Ran]
WORLD, TRADE = "atp_world_monthly", "atp_trade_monthly"
BUNDLE = SHARED / "cases" / "ft900-bundle" / "ft900xlsx_2609.zip"
NOT_THERE = ["ft900 not there", "ft900 broken", "ft900 forbidden", "ft900 busy"]


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[CensusApi]:
    with CensusApi() as double:
        point_at_trade_api(monkeypatch, double)
        yield double


@pytest.fixture
def workbook(monkeypatch: pytest.MonkeyPatch) -> Iterator[CensusDouble]:
    with CensusDouble() as double:
        point_at(monkeypatch, "CENSUS_BALANCE", double.url + "/country.xlsx")
        yield double


def check(store: ObjectStore, dataset: str, check_id: str = "ft900") -> dict[str, Any]:
    found = read_results(store, reader.resolve(store, dataset).manifest).filter(pl.col("check_id") == check_id)
    return found.row(0, named=True)


def exhibits(store: ObjectStore, dataset: str) -> list[str]:
    return [s.role for s in reader.resolve(store, dataset).manifest.sources if s.source == "census_ft900"]


@pytest.mark.parametrize(("fault", "why"), list(zip(NOT_THERE, ["no FT-900 of 2026-09", "<html>", "403", "503"])))
def test_groups_are_published_without_their_exhibit(
    techtrade: Run, api: CensusApi, store: ObjectStore, fault: str, why: str
) -> None:
    api.fault = fault
    ran = techtrade("publish", TRADE, "--json")
    assert (ran.code, json.loads(ran.out)[0]["outcome"]) == (0, "published"), ran.err
    result = check(store, TRADE)
    assert result["outcome"] == "not_applicable"
    assert "could not be made, because" in result["reason"] and why in result["reason"]
    assert exhibits(store, TRADE) == []


@pytest.mark.skipif(not BUNDLE.is_file(), reason="the case is not beside this checkout")
def test_the_exhibit_of_a_bundle_is_found(
    techtrade: Run, api: CensusApi, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_FT900__URL", f"file://{BUNDLE.parent}/ft900xlsx_{{yymm}}.zip")
    api.small = False  # the case is of the whole world
    assert techtrade("publish", TRADE).code == 0
    result = check(store, TRADE)
    assert (result["outcome"], result["rows_checked"]) == ("passed", 20)


def test_groups_are_held_against_their_exhibit(techtrade: Run, api: CensusApi, store: ObjectStore) -> None:
    assert techtrade("publish", TRADE).code == 0
    assert check(store, TRADE)["outcome"] == "passed" and exhibits(store, TRADE) == ["ft900/2026-09"]


@pytest.mark.parametrize("fault", ["", *NOT_THERE])
def test_the_workbook_is_published_with_or_without(
    techtrade: Run, api: CensusApi, workbook: CensusDouble, store: ObjectStore, fault: str
) -> None:
    api.fault = fault
    assert techtrade("publish", WORLD).code == 0
    assert exhibits(store, WORLD) == ([] if fault else ["ft900/2025-02"])


def test_an_exhibit_that_comes_later_makes_no_version(
    techtrade: Run, api: CensusApi, workbook: CensusDouble, store: ObjectStore
) -> None:
    api.fault = "ft900 forbidden"
    assert techtrade("publish", WORLD).code == 0
    asked = len(api.requests)
    api.fault = ""
    for more in ((), ("--refresh", "all")):
        ran = techtrade("publish", WORLD, "--json", *more)
        assert json.loads(ran.out)[0]["outcome"] == "unchanged", ran.out
    assert len(api.requests) == asked + 1, "asked for again only when everything is"
    assert len(reader.list_versions(store, WORLD)) == 1


def test_of_files_no_publisher_is_asked(
    techtrade: Run, api: CensusApi, workbook: CensusDouble, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    body, _ = workbook.document("/country.xlsx")
    (tmp_path / "country.xlsx").write_bytes(body)
    point_at(monkeypatch, "CENSUS_BALANCE", (tmp_path / "country.xlsx").as_uri())
    assert techtrade("publish", WORLD).code == 0
    assert api.requests == [] and exhibits(store, WORLD) == []


def test_two_releases_without_their_exhibit_are_a_warning(techtrade: Run, api: CensusApi, store: ObjectStore) -> None:
    ends = []
    for api.newest, api.fault in (
        ("2026-06", "ft900 forbidden"),
        ("2026-07", "ft900 forbidden"),
        ("2026-08", "ft900 broken"),
        ("2026-09", ""),
    ):
        ran = techtrade("publish", TRADE, "--json")
        (result,) = json.loads(ran.out)
        assert (ran.code, result["outcome"]) == (0, "published"), ran.err
        ends.append(check(store, TRADE, "ft900_found")["outcome"])
        assert any("ft900_found" in w for w in result["warnings"]) == (ends[-1] == "failed")
    assert ends == ["not_applicable", "failed", "failed", "passed"]
