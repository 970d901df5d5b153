"""Doubles of the publishers: real HTTP servers on loopback that serve real figures, and misbehave on demand.

``fault`` switches one misbehaviour on; each is one that a publisher has shown (see docs/sources.md), or one of the
transport (``misbehaviour``), which every double can show.
"""

from __future__ import annotations

import csv
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import openpyxl

from benchmarks.synthetic.trade import atp
from configs import CONFIGS
from configs.contracts import dataset_names, load_contract
from tests.doubles.misbehaviour import FLOOD, TRANSPORT, Asked

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
HTML = b"<html><head><title>We are sorry</title></head><body>The page is not available.</body></html>"
BLOCKED = (
    b"<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body><h1>Sorry, you have been "
    b"blocked</h1><p>You are unable to access census.gov</p><p>Ray ID: 4f2</p></body></html>"
)
REQUEST_ERROR = (
    b'<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html><head><title>Request Error</title></head><body>'
    b"<p class='heading1'>Request Error</p><p>The server encountered an error processing the request.</p></body></html>"
)
XML = (
    b'<?xml version="1.0" encoding="utf-8"?><wb:error xmlns:wb="http://www.worldbank.org">'
    b'<wb:message id="120" key="Invalid value">The provided parameter value is not valid</wb:message></wb:error>'
)


@cache
def workbook(vintage: str = "2025-02", fault: str = "") -> bytes:
    """A workbook in the publisher's layout: the ATP rows and those of another partner around them."""
    return workbook_of(dict(atp(vintage)), fault)


def workbook_of(figures: dict[date, tuple[float, float]], fault: str = "") -> bytes:
    """The same of any figures: exports and imports of each month, millions of US dollars."""
    scale = {"thousands": 1000.0, "dollars": 1_000_000.0}.get(fault, 1.0)
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Country" if fault == "sheet renamed" else "country"
    head = ["year", "CTY_CODE", "CTYNAME", *[f"I{m}" for m in MONTHS], "IYR", *[f"E{m}" for m in MONTHS], "EYR"]
    if fault == "column renamed":
        head[head.index("EMAR")] = "EMRZ"
    sheet.append(head)
    years = sorted({m.year for m in figures})
    for year in years:
        row = _year_row(figures, year, scale, fault)
        other = ["0015", "World, Seasonally Adjusted", *row[3:]]
        sheet.append([str(year), *other])
        if fault != "ATP row missing" and not (fault == "year missing" and year == 2001):
            sheet.append(row)
        if fault == "year duplicated" and year == 2010:
            sheet.append(row)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _year_row(figures: dict[date, tuple[float, float]], year: int, scale: float, fault: str) -> list[Any]:
    flows: list[list[Any]] = [
        [round(figures.get(date(year, m, 1), (0.0, 0.0))[flow] * scale, 6) for m in range(1, 13)] for flow in (0, 1)
    ]
    exports, imports = flows
    totals = [round(sum(exports), 6), round(sum(imports), 6)]
    if fault == "hole" and year == 2015:
        exports[4] = imports[4] = 0.0
    if fault == "one flow only" and year == 2025:
        imports[1] = 0.0
    if fault == "word among figures" and year == 2015:
        exports[4] = "(D)"
    if fault == "year column off" and year == 2015:
        totals[0] += 819.0
    return [str(year), "0007", "Advanced Technology Products", *imports, totals[1], *exports, totals[0]]


class Double:
    """A server on a free loopback port. ``requests``: what was asked for, in order."""

    def __init__(self) -> None:
        self.fault = ""
        self.requests: list[str] = []
        self.sent = 0
        # What is made of the body of an answer before it is sent.
        self.spoil: Callable[[bytes], bytes] | None = None
        self.hold = threading.Event()
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                double.requests.append(self.path)
                try:
                    if double.fault in TRANSPORT:
                        double.misbehave(self)
                    else:
                        double.answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            do_HEAD = do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """A client that gave up in the middle is what the tests are about, and no news."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # Asked often whether it should stop: a test waits for the answer.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Transport faults, which are the same for every publisher; then the publisher's own answer."""
        if self.fault == "hang":
            self.hold.wait(30)
            return None
        if self.fault == "502 twice" and len(self.requests) <= 2:
            return self.send(request, HTML, status=502)
        if self.fault == "503":
            return self.send(request, b"busy", status=503)
        if self.fault == "429 once" and len(self.requests) == 1:
            return self.send(request, b"slow down", status=429, headers={"Retry-After": "0"})
        if self.fault == "redirect":
            return self.send(request, b"", status=302, headers={"Location": "https://elsewhere.example/?key=s3cret"})
        if self.fault == "404":
            return self.send(request, HTML, status=404)
        if self.fault == "blocked" or (self.fault == "blocked once" and len(self.requests) == 1):
            return self.send(request, BLOCKED, "text/html; charset=UTF-8", status=403)
        if self.fault == "request error" or (self.fault == "request error once" and len(self.requests) == 1):
            return self.send(request, REQUEST_ERROR, status=400)
        body, content_type = self.document(request.path)
        if self.fault == "cut short" or (self.fault == "cut short once" and len(self.requests) == 1):
            return self.send(request, body[: len(body) // 2], content_type, length=len(body))
        if self.fault == "trickle":
            return self._trickle(request, body)
        return self.send(request, body, content_type)

    def misbehave(self, request: BaseHTTPRequestHandler) -> None:
        """A fault of the transport: bytes as they are, with no regard for HTTP. ``sent`` counts them."""
        request.close_connection = True
        asked = Asked(request.command, request.headers.get("Range", ""), len(self.requests))
        for part in TRANSPORT[self.fault].script(asked):
            if isinstance(part, float):
                if self.hold.wait(part):
                    return
                continue
            if self.hold.is_set() or self.sent > FLOOD:
                return
            self.sent += len(part)  # before: the client may have it at once
            request.connection.sendall(part)

    def document(self, path: str) -> tuple[bytes, str]:
        raise NotImplementedError

    def send(
        self,
        request: BaseHTTPRequestHandler,
        body: bytes,
        content_type: str = "text/html",
        *,
        status: int = 200,
        length: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        if self.spoil is not None and status == 200:
            body = self.spoil(body)
        request.send_response(status)
        request.send_header("Content-Type", content_type)
        request.send_header("Content-Length", str(length if length is not None else len(body)))
        for name, value in (headers or {}).items():
            request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)
        if length is not None:
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)

    def _trickle(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        for byte in body[:2000]:
            if self.hold.is_set():
                return
            request.wfile.write(bytes([byte]))
            request.wfile.flush()
            time.sleep(0.02)


class CensusDouble(Double):
    """Serves the balance workbook of ``vintage``."""

    def __init__(self, vintage: str = "2025-02") -> None:
        super().__init__()
        self.vintage = vintage
        self._figures: bytes | None = None

    def show(self, figures: dict[date, tuple[float, float]]) -> None:
        """Serve other figures than the bundled ones: exports and imports of each month, millions of US dollars."""
        self._figures = workbook_of(figures)

    def document(self, path: str) -> tuple[bytes, str]:
        if self.fault == "html":
            return HTML, "text/html"
        body = self._figures or workbook(self.vintage, self.fault)
        if self.fault == "truncated":
            body = body[: len(body) * 2 // 3]
        return body, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class WorldBankDouble(Double):
    """Serves both series and the country list in the API's v2 form, ``per_page`` rows a page."""

    def __init__(self, updated: str = "2021-09-15", per_page: int = 9000) -> None:
        super().__init__()
        self.updated, self.per_page = updated, per_page

    def document(self, path: str) -> tuple[bytes, str]:
        bad = {"html": (HTML, "text/html"), "xml": (XML, "text/xml")}
        if self.fault in bad:
            return bad[self.fault]
        parts = urlsplit(path)
        page = int(parse_qs(parts.query)["page"][0])
        country = parts.path == "/country"
        content = self._page(_countries() if country else _series(parts.path.rsplit("/", 1)[-1]), page, country)
        text = json.dumps(content)
        if self.fault == "json cut":
            text = text[: len(text) // 2]
        return text.encode(), "application/json;charset=utf-8"

    def _page(self, rows: list[dict[str, Any]], page: int, country: bool) -> Any:
        message = {"id": "120", "key": "Invalid value", "value": "The provided parameter value is not valid"}
        if self.fault == "message" and not country:
            return [{"message": [message]}]
        if self.fault == "busy once" and len(self.requests) == 1:
            return [{"message": [message | {"id": "105", "key": "Service currently unavailable"}]}]
        pages = -(-len(rows) // self.per_page)
        head: dict[str, Any] = {"page": page, "pages": pages, "per_page": str(self.per_page), "total": len(rows)}
        if not country:
            head |= {"sourceid": "2", "lastupdated": self._updated(page)}
        if self.fault == "null data" and not country:
            return [head | {"total": 0, "pages": 0}, None]
        first = (page - 1) * self.per_page
        served = rows[first : first + self.per_page]
        if self.fault == "page missing" and not country and page == pages:
            served = []
        if self.fault == "page served twice" and not country:
            served, head["page"] = rows[: self.per_page], 1
        if self.fault == "unknown economy" and not country:
            served = [served[0] | {"countryiso3code": "XQX"}, *served[1:]]
        if self.fault == "value as text" and not country:
            served = [served[0] | {"value": "n.a."}, *served[1:]]
        if self.fault == "aggregate as country" and country:
            served = [r | {"region": {"value": "Europe"}} if r["id"] == "WLD" else r for r in served]
        return [head, served]

    def _updated(self, page: int) -> str:
        moved = self.fault == "updated while paging" and page > 1
        once = self.fault == "updated while paging once" and page > 1 and len(self.requests) <= 4
        return "2030-01-01" if moved or once else self.updated


@cache
def _countries() -> list[dict[str, Any]]:
    with open(CONFIGS / "snapshot" / "ip_trade_annual" / "economies.csv", encoding="utf-8", newline="") as f:
        return [
            {
                "id": r["economy_code"],
                "iso2Code": _iso2(r["economy_code"]),
                "name": r["economy_name"],
                "region": {"value": "Aggregates" if r["is_aggregate"] == "true" else "Somewhere"},
            }
            for r in csv.DictReader(f)
        ]


@cache
def _iso2_codes() -> dict[str, str]:
    newest = max((CONFIGS / "reference" / "partners").glob("2*.csv"))
    with open(newest, encoding="utf-8", newline="") as f:
        return {r["world_bank_code"]: r["iso2"] for r in csv.DictReader(f) if r["iso2"]}


def _iso2(code: str) -> str:
    return _iso2_codes().get(code) or f"~{code}"  # of an aggregate any code does


def dataset_of_series(code: str) -> tuple[str, str]:
    """The dataset of the World Bank that has the series, and its column."""
    contracts = map(load_contract, dataset_names())
    return next((c.name, f"{name}_usd") for c in contracts for name, s in c.series.items() if s.code == code)


@cache
def _series(series: str) -> list[dict[str, Any]]:
    """Every economy of the bundled vintage that covers all, with years without a value as the API gives them."""
    dataset, column = dataset_of_series(series)
    whole = sorted((CONFIGS / "snapshot" / dataset).glob("2*.csv"))[0]
    with open(whole, encoding="utf-8", newline="") as f:
        cells = [(r["economy_code"], r["year"], r[column]) for r in csv.DictReader(f)]
    return [
        {
            "indicator": {"id": series, "value": dataset},
            "country": {"id": _iso2(code), "value": code},
            # The API leaves this empty for some entries, which then have only their ISO2 code.
            "countryiso3code": "" if code == "ABW" else code,
            "date": year,
            "value": float(value) if value else None,
            "unit": "",
            "obs_status": "",
            "decimal": 0,
        }
        for code, year, value in cells
    ]


@contextmanager
def closed_port() -> Iterator[str]:
    """An address on loopback where nobody listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused, and nobody else gets the port
        yield f"http://127.0.0.1:{s.getsockname()[1]}"
