"""A double of the World Bank's "WDI Database Archives": the list of versions, and each series in each of them.

Obeys the publisher's rules: a version has every economy and year as a cell, with null where there is no value; concepts
come in any order; old codes stand in old versions; what a version does not hold is answered with XML. ``fault``
switches one misbehaviour on, for the series in ``at`` only.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.doubles.publishers import HTML, Double

RECEIPTS, PAYMENTS = "BX.GSR.ROYL.CD", "BM.GSR.ROYL.CD"
NOT_FOUND = (
    b'<?xml version="1.0" encoding="utf-8"?><wb:error xmlns:wb="http://www.worldbank.org"><wb:message id="160" '
    b'key="Data not found.">The provided parameter value is not valid or data not found.</wb:message></wb:error>'
)
OTHER_XML = NOT_FOUND.replace(b'"160"', b'"120"')
JSON_TYPE = "application/json;charset=utf-8"
ECONOMIES = ("USA", "JPN", "DEU", "COD", "ROU", "TLS", "WLD")
OLD = {"COD": "ZAR", "ROU": "ROM", "TLS": "TMP"}


def value(vintage: str, series: str, economy: str, year: int) -> float | None:
    """A figure of its own for each cell; the year of the version has none yet, and every version revises a little."""
    if year >= int(vintage[:4]):
        return None
    return 1e9 * (ECONOMIES.index(economy) + 1) + 1e6 * (year - 2000) + int(vintage) % 1000 + (series == PAYMENTS) * 0.5


class WorldBankArchiveDouble(Double):
    """``versions``: those listed; ``first``: the first that holds a series; ``at``: where the fault is."""

    def __init__(self) -> None:
        super().__init__()
        self.reset()

    def reset(self) -> None:
        """As if it had just been started."""
        self.fault = ""
        self.requests.clear()
        self.versions, self.per_page = ["201304", "201407", "202001"], 100
        self.first = {RECEIPTS: "000000", PAYMENTS: "000000"}
        self.years = range(2008, 2021)
        self.at = ("201407", RECEIPTS)
        self.raised = 0.0
        self._passing = 0

    @property
    def asked(self) -> list[str]:
        """Version and series of each request for data, in order."""
        paths = [urlsplit(p).path.split("/") for p in self.requests]
        return [f"{p[8]} {'receipts' if p[4] == RECEIPTS else 'payments'}" for p in paths if len(p) > 8]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        here = self._target(request.path) == self.at
        if self.fault == "502 twice" and here and self._passing < 2:
            self._passing += 1
            return self.send(request, HTML, status=502)
        if (self.fault == "503 for one" and here) or (self.fault == "down after" and len(self.requests) > 3):
            return self.send(request, b"busy", status=503)
        if self.fault == "no second page" and "&page=2" in request.path:
            raise ConnectionResetError
        body, content_type = self.document(request.path)
        return self.send(request, body, content_type)

    def document(self, path: str) -> tuple[bytes, str]:
        page = int(parse_qs(urlsplit(path).query)["page"][0])
        target = self._target(path)
        if target is None:
            return self._list(page), JSON_TYPE
        fault = self.fault if target == self.at else ""
        vintage, series = target
        if vintage < self.first.get(series, "") or fault == "160":
            return NOT_FOUND, "text/xml"
        pages = {"xml": (OTHER_XML, "text/xml"), "html": (HTML, "text/html")}
        if fault in pages:
            return pages[fault]
        if fault == "message" or (fault == "busy once" and self._passing == 0):
            self._passing += 1
            told = {"id": "105" if fault == "busy once" else "120", "key": "Invalid value", "value": "not valid"}
            return json.dumps([{"message": [told]}]).encode(), JSON_TYPE
        text = json.dumps(self._cells(vintage, series, page, fault))
        return (text[: len(text) // 2] if fault == "json cut" else text).encode(), JSON_TYPE

    def _target(self, path: str) -> tuple[str, str] | None:
        parts = urlsplit(path).path.split("/")
        return (parts[8], parts[4]) if len(parts) > 8 else None

    def _list(self, page: int) -> bytes:
        if self.fault in ("list html", "list message"):
            message = json.dumps([{"message": [{"id": "120", "key": "Invalid value", "value": "x"}]}]).encode()
            return HTML if self.fault == "list html" else message
        ids = list(self.versions)
        if self.fault == "version is no month":
            ids[0] = "2013 Apr"
        if self.fault == "version twice":
            ids[0] = ids[1]
        head = {"page": page, "pages": 1, "per_page": "300", "total": len(ids) + (self.fault == "version missing")}
        listed = [{"id": v, "value": f"{v[:4]} Month"} for v in ids]
        concept = [{"id": "Version", "name": "Version", "variable": listed}]
        return json.dumps(
            head | {"source": [{"id": "57", "name": "WDI Database Archives", "concept": concept}]}
        ).encode()

    def _cells(self, vintage: str, series: str, page: int, fault: str) -> dict[str, Any]:
        rows = [
            self._row(vintage, series, economy, year, len(vintage + economy) + year)
            for economy in ECONOMIES
            for year in self.years
        ]
        if fault == "no value at all":
            rows = [r | {"value": None} for r in rows]
        total, pages = len(rows), -(-len(rows) // self.per_page)
        number = page
        if fault == "page served twice" and page > 1:
            number = 1
        served = rows[(number - 1) * self.per_page : number * self.per_page]
        served = self._spoilt(served, fault)
        if fault == "page missing" and page == pages:
            served = []
        if fault == "total not met":
            total += 1
        if fault == "total 0":
            served, total, pages = [], 0, 0
        head = {"page": number, "pages": pages, "per_page": self.per_page, "total": total}
        return head | {"source": {"id": "57", "name": "WDI Database Archives", "data": served}}

    def _row(self, vintage: str, series: str, economy: str, year: int, turn: int) -> dict[str, Any]:
        code = OLD.get(economy, economy) if vintage < "201500" else economy
        variable = [
            {"concept": "Country", "id": code, "value": economy},
            {"concept": "Series", "id": series, "value": "Charges for the use of intellectual property"},
            {"concept": "Time", "id": f"YR{year}", "value": str(year)},
            {"concept": "Version", "id": vintage, "value": f"{vintage[:4]} Month"},
        ]
        turned = variable[turn % 4 :] + variable[: turn % 4]
        figure = value(vintage, series, economy, year)
        return {"variable": turned, "value": None if figure is None else figure + self.raised}

    def _spoilt(self, rows: list[dict[str, Any]], fault: str) -> list[dict[str, Any]]:
        """The same number of rows, the first of them wrong."""

        def renamed(concept: str, to: dict[str, str]) -> list[dict[str, str]]:
            return [v | to if v["concept"] == concept else v for v in rows[0]["variable"]]

        def without(concept: str) -> list[dict[str, str]]:
            return [v for v in rows[0]["variable"] if v["concept"] != concept]

        first: dict[str, dict[str, Any]] = {
            "unknown concept": {"variable": renamed("Time", {"concept": "Quarter"})},
            "one concept more": {"variable": [*rows[0]["variable"], {"concept": "Sex", "id": "F", "value": "F"}]},
            "concept missing": {"variable": without("Version")},
            "two versions": {"variable": renamed("Version", {"id": "202001"})},
            "another series": {"variable": renamed("Series", {"id": "NY.GDP.MKTP.CD"})},
            "time is no year": {"variable": renamed("Time", {"id": "YR2008Q1"})},
            "value as text": {"value": "12.5"},
            "year to come": {"variable": renamed("Time", {"id": "YR2030"}), "value": 1.0},
        }
        if fault in first:
            return [rows[0] | first[fault], *rows[1:]]
        if fault == "cell twice":
            return [rows[0], rows[0], *rows[2:]]
        if fault in ("both codes differ", "both codes agree", "both codes, one empty"):
            mine = next(r for r in rows if any(v["id"] == "ROM" for v in r["variable"]))
            twin = {"variable": [v | {"id": "ROU"} if v["id"] == "ROM" else v for v in mine["variable"]]}
            other = {"both codes differ": 1.0, "both codes agree": mine["value"], "both codes, one empty": None}[fault]
            return [twin | {"value": other}, *rows[1:]]
        return rows
