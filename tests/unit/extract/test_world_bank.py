"""What the World Bank says beside a figure: its unit, and whether it is a forecast."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from configs.errors import SourceLayoutError
from configs.source_series import series_of_dataset
from tasks.extract.source import Extraction
from tasks.extract.world_bank import indicators
from tasks.transform import high_tech_exports_annual, ip_trade_annual
from tests.doubles.good_answers import ECONOMIES, document

IP, EXPORTS = "ip_trade_annual", "high_tech_exports_annual"


def page(rows: list[dict[str, Any]]) -> bytes:
    head = {"page": 1, "pages": 1, "per_page": "50", "total": len(rows), "lastupdated": "2026-07-01"}
    return json.dumps([head, rows]).encode()


def row(series: str, year: int, **told: Any) -> dict[str, Any]:
    of = {"indicator": {"id": series}, "country": {"id": "US"}, "countryiso3code": "USA", "date": str(year)}
    return of | {"value": 100.0 + year, "unit": "", "obs_status": "", "decimal": 0} | told


def extracted(dataset: str, **told: Any) -> Extraction:
    """Figures of 2023 and 2024, those of the first series in 2024 as told."""
    documents = [document("country/1", page(ECONOMIES))]
    for number, (name, series) in enumerate(series_of_dataset(dataset).items()):
        rows = [row(series.code, 2023), row(series.code, 2024, **(told if number == 0 else {}))]
        documents.append(document(f"{name}/1", page(rows)))
    return indicators.parse(dataset, tuple(documents), None)


def test_a_forecast_is_null_and_the_row_says_so() -> None:
    table = ip_trade_annual.transform(extracted(IP, obs_status="F").tables).collect()
    shown = ["year", "receipts_usd", "payments_usd", "balance_usd", "observation_status"]
    assert table.select(shown).rows() == [(2023, 2123.0, 2123.0, 0.0, None), (2024, None, 2124.0, None, "F")]


def test_a_forecast_of_exports_has_no_row() -> None:
    table = high_tech_exports_annual.transform(extracted(EXPORTS, obs_status="F").tables).collect()
    assert table.select("year", "observation_status").rows() == [(2023, None)]


def test_another_mark_leaves_the_figure() -> None:
    table = ip_trade_annual.transform(extracted(IP, obs_status="E").tables).collect()
    assert table.select("receipts_usd", "observation_status").rows()[1] == (2124.0, "E")


def test_a_source_without_marks_gives_none() -> None:
    tables = dict(extracted(IP).tables)
    tables["observations"] = tables["observations"].drop("observation_status")
    table = ip_trade_annual.transform(tables).collect()
    assert table.schema["observation_status"] == pl.String
    assert table["observation_status"].null_count() == table.height == 2


@pytest.mark.parametrize("unit", ["", None, "current US$", "US dollars", "USD"])
def test_current_us_dollars_are_read(unit: str | None) -> None:
    assert extracted(IP, unit=unit).tables["observations"].collect().height == 4


@pytest.mark.parametrize("unit", ["EUR", "constant 2015 US$", "SDR", "millions of US dollars", 3])
def test_another_unit_is_an_error(unit: Any) -> None:
    with pytest.raises(SourceLayoutError, match="not current US dollars"):
        extracted(IP, unit=unit)


@pytest.mark.parametrize("status", ["forecast", "f", 1, {}])
def test_a_mark_of_another_form_is_an_error(status: Any) -> None:
    with pytest.raises(SourceLayoutError, match="obs_status"):
        extracted(IP, obs_status=status)
