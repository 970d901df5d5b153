"""A small good answer of each kind of JSON that is read, and what reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.synthetic.memory import Memory
from configs.source_series import series_of_dataset
from tasks.extract.bea import parse
from tasks.extract.bea import tables as bea_tables
from tasks.extract.bea.code_tree import documents as reference
from tasks.extract.bea.code_tree import tables
from tasks.extract.census import trade_api_parse
from tasks.extract.drift import metadata
from tasks.extract.world_bank import archives_parse, indicators, indicators_parse
from tasks.raw.documents import RawDocument


@dataclass(frozen=True)
class Good:
    """``content``: the answer; ``read``: what is made of its bytes, comparable. ``drifts``: whether a reader may give
    another value for another answer, as those do that look for what a publisher has changed."""

    role: str
    content: Any
    read: Callable[[RawDocument], Any]
    drifts: bool = False


def document(role: str, body: bytes) -> RawDocument:
    return RawDocument.of(role, f"https://example/{role}", body, raw_key="kept")


def _economy(code: str, name: str, region: str) -> dict[str, Any]:
    return {"id": code, "iso2Code": code[:2], "name": name, "region": {"id": "X", "value": region}}


ECONOMIES = [_economy("USA", "United States", "North America"), _economy("WLD", "World", "Aggregates")]


def _observation(code: str, year: int, series: str) -> dict[str, Any]:
    named = {"indicator": {"id": series, "value": "Charges"}, "country": {"id": code[:2], "value": code}}
    return named | {"countryiso3code": code, "date": str(year), "value": year / 3, "obs_status": "", "decimal": 0}


def _page(rows: list[dict[str, Any]]) -> list[Any]:
    head = {"page": 1, "pages": 1, "per_page": "50", "total": len(rows), "lastupdated": "2025-01-28"}
    return [head, rows]


def _observations(series: str) -> list[Any]:
    return _page([_observation(c, y, series) for c in ("USA", "WLD") for y in (2020, 2021)])


def _world_bank(found: RawDocument) -> Any:
    indicators_parse.refuse_busy(found)
    indicators_parse.read_page(found)
    good = {
        "country": _page(ECONOMIES),
        **{n: _observations(s.code) for n, s in series_of_dataset("ip_trade_annual").items()},
    }
    given = [document(f"{name}/1", json.dumps(content).encode()) for name, content in good.items()]
    every = tuple(found if d.role == found.role else d for d in given)
    extraction = indicators.parse("ip_trade_annual", every, None)
    return extraction.vintage, [frame.collect().rows() for frame in extraction.tables.values()]


def _cell(code: str, year: int) -> dict[str, Any]:
    of = {"Country": code, "Series": "BX.GSR.ROYL.CD", "Time": f"YR{year}", "Version": "201407"}
    return {"variable": [{"concept": c, "id": i, "value": i} for c, i in of.items()], "value": year / 7}


def _cells(found: RawDocument) -> Any:
    indicators_parse.refuse_busy(found, "world_bank_archives")
    if archives_parse.absent(found):
        return "absent"
    archives_parse.read_cells(found)
    return archives_parse.table([found]).rows()


def _bea(fields: dict[str, str]) -> dict[str, Any]:
    row = {**fields, "CL_UNIT": "USD", "UNIT_MULT": "6", "NoteRef": " "}
    data = [row | {"DataValue": "1,234"}, row | {"DataValue": "", "NoteRef": "(D)"}]
    echo = {"RequestParam": [{"ParameterName": "USERID", "ParameterValue": "x"}]}
    head = {"Statistic": "x", "UTCProductionTime": "2026-01-01", "TsLastUpdated": "2024-07-03 08:30:00.000"}
    return {"BEAAPI": {"Request": echo, "Results": head | {"Dimensions": [{"Ordinal": "1"}], "Data": data}}}


_TYPE = "ChargesForTheUseOfIpNie"


def _annual(found: RawDocument) -> Any:
    parse.refuse_no_data(found)
    assert parse.same(found, found)
    made = bea_tables.annual([(found, _TYPE)], tables(reference(Memory())))
    return parse.vintage([found]), [frame.rows() for frame in made.values()]


def _annual_answer() -> dict[str, Any]:
    both = _bea(
        {"TypeOfService": _TYPE, "Affiliation": "AllAffiliations", "AreaOrCountry": "AllCountries", "Year": "2023"}
    )
    first, second = both["BEAAPI"]["Results"]["Data"]
    first["TradeDirection"], second["TradeDirection"] = "Exports", "Imports"
    return both


def _quarterly(found: RawDocument) -> Any:
    parse.refuse_no_data(found)
    made = bea_tables.quarterly([(found, "ExpServ" + _TYPE, "QSA")])
    return parse.vintage([found]), [frame.rows() for frame in made.values()]


def _quarterly_answer() -> dict[str, Any]:
    fields = {"Indicator": "ExpServ" + _TYPE, "AreaOrCountry": "AllCountries", "Frequency": "QSA"}
    both = _bea(fields)
    for number, row in enumerate(both["BEAAPI"]["Results"]["Data"]):
        row["TimePeriod"] = f"2023Q{number + 1}"
    return both


_LISTED = {"BEAAPI": {"Request": {}, "Results": {"ParamValue": [{"Key": "A", "Desc": "a"}, {"Key": "B", "Desc": "b"}]}}}
_HITECH: list[list[str | None]] = [
    ["CTY_CODE", "CTY_NAME", "HITECH", "HITECH_DESC", "ALL_VAL_MO", "ALL_VAL_YR", "time"],
    ["5700", "CHINA", "01", "BIOTECHNOLOGY [01]", "12", "34", "2024-05"],
    ["-", None, "-", "TOTAL FOR ALL COMMODITIES", "120", "340", "2024-05"],
]


def _hitech(found: RawDocument) -> Any:
    trade_api_parse.validate(found)
    return trade_api_parse.rows(found).rows()


def _versions(found: RawDocument) -> Any:
    indicators_parse.refuse_busy(found, "world_bank_archives")
    return archives_parse.versions([found])


def _listing() -> dict[str, Any]:
    concept = {"id": "Version", "name": "Version", "variable": [{"id": v, "value": "x"} for v in ("201304", "201407")]}
    listed = [{"id": "57", "name": "WDI Database Archives", "concept": [concept]}]
    return {"page": 1, "pages": 1, "per_page": "300", "total": 2, "source": listed}


def _drift(reader: str, source: str) -> Callable[[RawDocument], Any]:
    return lambda found: metadata.READERS[reader](found, source)


_ABOUT = _page([{"id": "BX", "name": "Charges", "source": {"id": "2", "value": "WDI"}, "topics": []}])
_VARIABLES = {"variables": {"CTY_CODE": {"label": "x", "predicateType": "string"}, "time": {"label": "x"}}}
_ARCHIVED = {"page": 1, "pages": 1, "per_page": 50, "total": 2}
_SOURCE = {"id": "57", "name": "x", "data": [_cell("USA", 2010), _cell("JPN", 2010)]}
GOOD: dict[str, Good] = {
    "world_bank countries": Good("country/1", _page(ECONOMIES), _world_bank),
    "world_bank series": Good("receipts/1", _observations("BX.GSR.ROYL.CD"), _world_bank),
    "world_bank_archives versions": Good("versions/1", _listing(), _versions),
    "world_bank_archives cells": Good("201407/receipts/1", _ARCHIVED | {"source": _SOURCE}, _cells),
    "bea annual": Good(f"data/{_TYPE}", _annual_answer(), _annual),
    "bea quarterly": Good(f"data/ExpServ{_TYPE}/QSA", _quarterly_answer(), _quarterly),
    "bea list": Good("types", _LISTED, parse.listed),
    "census_hitech": Good("exports/2024-05:2024-05", _HITECH, _hitech),
    "drift census": Good("exports", _VARIABLES, _drift("census_variables", "census_hitech"), True),
    "drift bea": Good("types", _LISTED, _drift("bea_values", "bea"), True),
    "drift world_bank": Good("receipts", _observations("BX"), _drift("world_bank_pair", "world_bank"), True),
    "drift indicator": Good("about", _ABOUT, _drift("world_bank_indicator", "world_bank"), True),
    "drift versions": Good("versions", _listing(), _drift("world_bank_versions", "world_bank_archives"), True),
}
