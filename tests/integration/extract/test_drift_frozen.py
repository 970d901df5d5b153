"""The frozen expectations themselves: whole, and no drift against the publishers' own files where they lie beside the
checkout (they are not part of the project)."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from configs import contracts
from configs.contracts import dataset_names, load_contract
from configs.errors import ConfigError
from configs.settings import has_settings, source_settings
from configs.source_series import series_of_source
from tasks.extract.census import trade_api_parse
from tasks.extract.drift import check
from tasks.extract.drift.metadata import READERS
from tasks.raw.documents import RawDocument
from tests.paths import SOURCES

real_files = pytest.mark.skipif(not SOURCES.is_dir(), reason="the publishers' own files are not beside this checkout")


def test_every_live_publisher_has_an_expectation() -> None:
    live = {load_contract(name).sources.live for name in dataset_names()}
    assert {s for s in live if has_settings(s)} <= set(check.sources())
    assert "world_bank_archives" in check.sources()


@pytest.mark.parametrize("source", check.sources())
def test_every_expectation_can_be_read_and_asked_for(source: str) -> None:
    expected = check.expectation(source)
    assert expected.basis and has_settings(source)
    assert expected.needs_key <= (source_settings(source).key is not None)
    assert {p.read for p in expected.probes} <= set(READERS)
    assert not any(set(p.expect) & set(p.optional) for p in expected.probes)


def test_a_wrong_contract_leaves_the_expectations_of_other_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(contracts.DATASETS, tmp_path / "datasets")
    with (tmp_path / "datasets" / "ip_trade_annual.yaml").open("a") as wrong:
        wrong.write("no_field: of a contract\n")
    monkeypatch.setattr(contracts, "DATASETS", tmp_path / "datasets")
    for cached in (load_contract, series_of_source):
        cached.cache_clear()
    try:
        with pytest.raises(ConfigError, match="no_field"):
            check.expectation("world_bank")
        assert check.expectation("census_balance").probes
    finally:
        for cached in (load_contract, series_of_source):
            cached.cache_clear()


@pytest.mark.parametrize("flow", ["exports", "imports"])
def test_every_variable_that_is_asked_of_census_is_frozen(flow: str) -> None:
    probe = next(p for p in check.expectation("census_hitech").probes if p.name == flow)
    assert {*trade_api_parse.asked_columns(flow), "time"} == set(probe.expect)


@real_files
@pytest.mark.parametrize(
    ("probe", "file"), [("TypeOfService", "IntlServTrade_TypeOfService"), ("Indicator", "ITA_Indicator")]
)
def test_the_codes_of_bea_are_those_of_its_own_lists(probe: str, file: str) -> None:
    with open(SOURCES / "bea_metadata" / f"{file}.csv", encoding="utf-8", newline="") as f:
        real = {r["Key"]: " ".join(r["Desc"].split()) for r in csv.DictReader(f)}
    expected = next(p for p in check.expectation("bea").probes if p.name == probe)
    assert len(real) > 50 and check.compare(expected, real) == ()


@real_files
@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("census_balance", "census_balance/country_2023-01.xlsx"),
        ("census_balance", "census_balance/country_2025-02.xlsx"),
        ("census_ft900", "census_ft900/exh16a_2021-08.xlsx"),
        ("census_atp_lists", "census_atp_lists/impatp21.txt"),
    ],
)
def test_the_publishers_own_files_are_no_drift(source: str, file: str) -> None:
    (probe,) = check.expectation(source).probes
    document = RawDocument.of("imports/2021-01", "https://example/x", (SOURCES / file).read_bytes())
    assert check.compare(probe, READERS[probe.read](document, source)) == ()


@real_files
def test_recorded_cells_of_the_world_bank_are_no_drift() -> None:
    recorded = json.loads((SOURCES / "world_bank_api" / "recorded_v2_responses.json").read_text())
    probe = check.expectation("world_bank").probes[0]
    looked_at = 0
    for answer in recorded:
        # A footnote is there only where it is asked for; of two series at once the head says less.
        if (
            "/indicators/NY.GDP.MKTP.CD?" in answer["url"]
            and '"page"' in answer["body"][:10]
            and "footnote" not in answer["url"]
        ):
            looked_at += 1
            seen = READERS[probe.read](RawDocument.of("x", "x", answer["body"].encode()), "world_bank")
            assert check.compare(probe, seen) == (), answer["url"]
    assert looked_at >= 4
