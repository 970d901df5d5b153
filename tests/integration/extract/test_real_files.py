"""The publishers' own files, where they lie beside the checkout (they are not part of the project)."""

from __future__ import annotations

import csv
import json

import polars as pl
import pytest

from benchmarks.synthetic.memory import Memory
from configs.contracts import dataset_names, load_contract
from configs.errors import SourceResponseError
from tasks.extract.bundled import snapshot
from tasks.extract.census import balance_workbook
from tasks.extract.source import FetchRequest
from tasks.extract.world_bank import indicators_parse as pages
from tasks.raw.documents import RawDocument
from tests.paths import SOURCES

pytestmark = pytest.mark.skipif(not SOURCES.is_dir(), reason="the publishers' own files are not beside this checkout")


def document(role: str, body: bytes) -> RawDocument:
    return Memory().keep("x", role, "https://example/x", body, "")


@pytest.mark.parametrize("vintage", ["2023-01", "2025-02"])
def test_the_real_workbook_gives_the_bundled_figures_and_its_year_column_adds_up(vintage: str) -> None:
    body = (SOURCES / "census_balance" / f"country_{vintage}.xlsx").read_bytes()
    real = balance_workbook.parse("atp_world_monthly", (document("workbook", body),), vintage)
    bundled = snapshot.parse(
        "atp_world_monthly", snapshot.fetch(FetchRequest("atp_world_monthly", vintage), Memory()), vintage
    )
    monthly = real.tables["monthly"].collect()
    assert monthly.equals(bundled.tables["monthly"].collect())
    years = monthly.group_by(pl.col("period").dt.year().cast(pl.Int32).alias("year")).agg(
        pl.col("exports_musd", "imports_musd").sum()
    )
    both = years.join(real.tables["annual"].collect(), on="year", suffix="_published")
    assert both.height == years.height
    for flow in ("exports_musd", "imports_musd"):
        assert (both[flow] - both[f"{flow}_published"]).abs().max() < 6e-6  # type: ignore[operator]


def test_recorded_answers_of_the_world_bank_are_told_apart() -> None:
    recorded = json.loads((SOURCES / "world_bank_api" / "recorded_v2_responses.json").read_text())
    good = bad = 0
    for answer in recorded:
        if "/indicators/NY." not in answer["url"]:
            continue
        found = document("series/1", answer["body"].encode())
        if answer["body"].startswith('[{"page"'):
            read = pages.read_page(found)
            assert read.updated and read.rows
            good += 1
        else:
            with pytest.raises(SourceResponseError):
                pages.read_page(found)
            bad += 1
    assert good >= 8
    assert bad >= 6


BY_ECONOMY = [n for n in dataset_names() if load_contract(n).series and load_contract(n).sources.snapshot]


@pytest.mark.parametrize("dataset", BY_ECONOMY)
def test_the_bundled_marks_are_those_of_the_publishers_metadata(dataset: str) -> None:
    with open(SOURCES / "world_bank_api" / "country_metadata_2024-10-24.csv", encoding="utf-8-sig", newline="") as f:
        real = {r["Country Code"]: not r["Region"] for r in csv.DictReader(f)}
    extraction = snapshot.parse(dataset, snapshot.fetch(FetchRequest(dataset, None), Memory()), None)
    bundled = extraction.tables["economies"].collect()
    assert dict(bundled.select("economy_code", "is_aggregate").iter_rows()) == real
    assert sum(real.values()) == 48


@pytest.mark.parametrize("dataset", BY_ECONOMY)
def test_the_bundled_figures_are_those_of_the_publishers_bulk_file(dataset: str) -> None:
    wanted = {series.code: name for name, series in load_contract(dataset).series.items()}
    with open(SOURCES / "wdi_bulk" / "science-and-technology-raw-2021.csv", encoding="utf-8-sig", newline="") as f:
        lines = list(csv.reader(f))
    head = next(i for i, line in enumerate(lines) if line[:2] == ["Country Name", "Country Code"])
    years = lines[head][4:]
    real = {
        (line[1], wanted[line[3]], int(year)): float(value)
        for line in lines[head + 1 :]
        if len(line) > 4 and line[3] in wanted
        for year, value in zip(years, line[4:], strict=False)
        if value
    }
    extraction = snapshot.parse(dataset, snapshot.fetch(FetchRequest(dataset, "2021-09-15"), Memory()), None)
    observed = extraction.tables["observations"].collect()
    ours = {
        (code, name, year): v
        for code, name, year, v in observed.select("economy_code", "indicator", "year", "value_usd").iter_rows()
    }
    assert ours == real
