"""A double of the Census Bureau's international trade API: ``/exports/hitech`` and ``/imports/hitech``.

Answers as the API does, well or badly (see docs/sources.md): arrays of arrays of strings, totals as ``-``, columns twice
when they are predicates too, 204 for a month that is not there, a redirect to a page when the key is wrong.
"""

from __future__ import annotations

import json
import random
import re
import socket
import struct
import zlib
from datetime import date
from functools import cache
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

import polars as pl

from benchmarks.synthetic.trade import Event, world
from benchmarks.synthetic.trade_api import rendered, rows_of
from configs.release_calendar import month_after
from tasks.extract.census.ft900 import PARTNERS
from tasks.extract.census.trade_api_parse import GROUPS
from tests.doubles.ft900_workbook import GROUPS as EXHIBIT_GROUPS
from tests.doubles.ft900_workbook import TITLE, bundle, head, workbook
from tests.doubles.publishers import Double

KEY = "0123456789abcdef0123456789abcdef01234567"
KEY_PAGE = '<html style="font-size: 14px;">\n\n<head>\n    <title>{} Key</title>\n</head>\n<body><p>A valid key ...</p></body></html>'
MAINTENANCE = b"Sorry, the system is currently undergoing maintenance or is busy.  Please try again later."
BROKEN = b"There was an error while running your query.  We've logged the error and we'll correct it ASAP.  Sorry for the inconvenience."
JSON = "application/json;charset=utf-8"
FT900_STATUS = {"ft900 not there": 404, "ft900 broken": 200, "ft900 forbidden": 403, "ft900 busy": 503}
OLD_TOO = ("thousands", "flows swapped", "month missing", "no rows")


class CensusApi(Double):
    """Serves a world. ``newest``, ``revision``: its state; ``small``: a dozen partners or all."""

    def __init__(self, newest: str = "2026-09", revision: int = 0, small: bool = True) -> None:
        super().__init__()
        self.newest, self.revision, self.small = newest, revision, small
        # The world that it has a part of: with more months the same seed gives other shares.
        self.world_to = newest
        # What happened, as the API says, and as FT-900 does.
        self.events: tuple[Event, ...] = ()
        self.printed_events: tuple[Event, ...] | None = None
        self.stop_after: int | None = None

    def asked(self) -> list[str]:
        """``exports 2010-01:2010-12`` for each request, in order."""
        found = []
        for path in self.requests:
            parts = urlsplit(path)
            if parts.path.startswith("/ft900"):
                continue
            query = dict(parse_qsl(parts.query))
            months = re.findall(r"\d{4}-\d{2}", query.get("time", ""))
            found.append(f"{parts.path.split('/')[1]} {':'.join(months)}")
        return found

    @property
    def ft900(self) -> str:
        """The address of FT-900's releases, for the setting."""
        return self.url + "/ft900xlsx_{yymm}.zip"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        if parts.path.startswith("/ft900"):
            return self._exhibit(request, parts.path)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        query = dict(pairs)
        if parts.path.endswith("_key.html"):
            return self.send(request, KEY_PAGE.format("Missing" if "missing" in parts.path else "Invalid").encode())
        fault, first = self.fault, len(self.requests) == 1
        if self.stop_after is not None and len(self.requests) > self.stop_after:
            return self.send(request, b"<html>no</html>", status=403)
        if fault == "key page with 200":
            return self.send(request, KEY_PAGE.format("Invalid").encode())
        if fault == "missing key" or not query.get("key"):
            return self._key_error(request, "missing")
        if fault == "invalid key" or (fault == "invalid key once" and first) or query["key"] != KEY:
            return self._key_error(request, "invalid")
        flow = parts.path.strip("/").split("/")[0]
        if flow not in ("exports", "imports"):
            return self.send(request, b"<html>not found</html>", status=404)
        return self._data(request, flow, pairs)

    def _key_error(self, request: BaseHTTPRequestHandler, what: str) -> None:
        headers = {"X-DataWebAPI-KeyError": "1", "Location": f"{self.url}/data/{what}_key.html"}
        self.send(request, b"", status=302, headers=headers)

    def _data(self, request: BaseHTTPRequestHandler, flow: str, pairs: list[tuple[str, str]]) -> None:
        query, fault, first = dict(pairs), self.fault, len(self.requests) == 1
        wanted = query.get("get", "").split(",")
        table = self._world(flow)
        unknown = [c for c in wanted if c not in table.columns] if fault != "unknown variable" else ["HITECH"]
        if unknown:
            return self._text(request, f"error: unknown variable '{unknown[0]}'")
        if fault == "no time" or not ("time" in query or {"YEAR", "MONTH"} <= query.keys()):
            return self._text(request, "error: missing required variable/predicate: time")
        if "+" in query.get("time", ""):
            return self._text(request, f"unsupported date/time format: {query['time']}")
        months = re.findall(r"\d{4}-\d{2}", query.get("time", ""))
        years = len(months) == 2 and months[0] != months[1]
        many = years and months[0].startswith("2015") and flow == "imports"
        if (fault == "500 once" and first) or (fault == "500 on a year" and many):
            return self.send(request, BROKEN, "text/plain", status=500)
        if fault == "slow on a year" and many:
            self.hold.wait(20)
            return None
        if fault == "maintenance" or (fault == "maintenance once" and first):
            return self.send(request, MAINTENANCE, "text/plain")
        if fault == "reset once" and first:
            # Closed by the server at the end of this request; without it, it would wait for the next one and so would we.
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.close_connection = True
            return None
        if fault in ("429 once", "503", "404", "hang", "redirect", "trickle", "blocked", "blocked once"):
            return super().answer(request)
        body = self._body(flow, wanted, pairs, months)
        if body is None:
            request.send_response(204)
            request.end_headers()
            return None
        if fault == "truncated" or (fault == "truncated once" and first):
            return self.send(request, body[: len(body) * 2 // 3], JSON)
        odd = {"html": b"<html><body>We are sorry</body></html>", "empty body": b"", "object": b'{"error": "x"}'}
        if fault == "xml":
            return self.send(request, b"<?xml version='1.0'?><error/>", "text/xml")
        if fault in odd:
            return self.send(request, odd[fault], JSON)
        return self.send(request, body, "text/plain" if fault == "not json type" else JSON)

    def document(self, path: str) -> tuple[bytes, str]:
        parts = urlsplit(path)
        pairs = parse_qsl(parts.query)
        query = dict(pairs)
        months = re.findall(r"\d{4}-\d{2}", query["time"])
        body = self._body(parts.path.split("/")[1], query["get"].split(","), pairs, months)
        return body or b"", JSON

    def _exhibit(self, request: BaseHTTPRequestHandler, path: str) -> None:
        if self.fault in FT900_STATUS:
            return self.send(request, b"<html>no</html>", status=FT900_STATUS[self.fault])
        yymm = path.rpartition("_")[2]
        month = date(2000 + int(yymm[:2]), int(yymm[2:4]), 1)
        scale = 0.9 if self.fault == "ft900 differs" else 1.0
        events = self.events if self.printed_events is None else self.printed_events
        exhibit = ft900_workbook(self.world_to, self.revision, self.small, month, scale, events)
        if path.endswith(".xlsx"):
            return self.send(request, exhibit)
        return self.send(request, bundle({"exh1.xlsx": b"PK no workbook", "exh16a.xlsx": exhibit}), "application/zip")

    def _text(self, request: BaseHTTPRequestHandler, text: str) -> None:
        self.send(request, text.encode(), "text/plain", status=400)

    def _world(self, flow: str) -> pl.DataFrame:
        return world(self.world_to, self.revision, self.small, self.events).flows[flow]

    def _body(self, flow: str, wanted: list[str], pairs: list[tuple[str, str]], months: list[str]) -> bytes | None:
        query, fault = dict(pairs), self.fault
        newest = self.newest
        if fault == "months differ" and flow == "exports":
            newest = "2026-08"
        if not months:  # YEAR and MONTH
            months = (
                [f"{query['YEAR']}-{query['MONTH']}"]
                if query["MONTH"] != "*"
                else [f"{query['YEAR']}-01", f"{query['YEAR']}-12"]
            )
        key = (
            flow, months[0], min(months[-1], newest), tuple(wanted), self.world_to, self.revision, self.small,
            self.events,
        )  # fmt: skip
        # A fault in the last years is enough, but for those that are told by an old year; the rest is made once.
        if not fault or (months[0] < "2024" and fault not in OLD_TOO):
            return rendered(*key)
        rows = rows_of(*key)
        if rows is None:
            return None
        if fault == "flows swapped":
            other = world(self.newest, self.revision, self.small).flows["imports" if flow == "exports" else "exports"]
            side = {"ALL": "GEN", "GEN": "ALL"}
            other = other.rename({c: side[c[:3]] + c[3:] for c in other.columns if c[:3] in side})
            rows = other.filter(pl.col("time").is_in(rows["time"].unique().implode())).select(*wanted, "time")
        header = [*wanted, "time"]
        return _misrendered(fault, flow, header, rows, self)


@cache
def ft900_workbook(
    newest: str, revision: int, small: bool, month: date, scale: float, events: tuple[Event, ...] = ()
) -> bytes:
    """Exhibit 16a of a month, in the printed form: millions, rounded, groups and their total."""
    columns = [(month, "MO"), (month_after(month, -1), "MO"), (month, "YR"), (month_after(month, -12), "YR")]
    labels: list[tuple[str | float | None, str | float | None]] = [
        (str(month.year), f"{month:%B}"),
        (None if columns[1][0].year == month.year else str(columns[1][0].year), f"{columns[1][0]:%B}"),
        (None if columns[1][0].year == month.year else str(month.year), "Year-to-Date"),
        (str(month.year - 1), "Year-to-Date"),
    ]
    flows = world(newest, revision, small, events).flows
    found = {(f, p): _of_partner(flows[f], f, p) for f in ("exports", "imports") for p in ("-", *PARTNERS.values())}

    def figures(code: str, partner: str = "-") -> list[str | float | None]:
        cells: list[str | float | None] = []
        for period, span in columns:
            of = {
                f: round(
                    sum(found[f, partner].get((g, f"{period:%Y-%m}", span), 0) for g in _codes(code)) / 1e6 * scale
                )
                for f in flows
            }
            cells += [of["exports"] - of["imports"], of["exports"], of["imports"]]
        return cells

    partners = {
        name: code for name, code in PARTNERS.items() if code in flows["imports"]["CTY_CODE"].unique().to_list()
    }
    rows: list[list[str | float | None]] = [
        [TITLE],
        *head("Technology Group", labels),
        ["Total", *figures("total")],
        *[[name, *figures(code)] for name, code in EXHIBIT_GROUPS.items()],
        [],
        *head("Selected Countries and Areas", labels),
        ["Total", *figures("total")],
        *[[name, *figures("total", code)] for name, code in partners.items()],
    ]
    return workbook(rows)


def _codes(code: str) -> list[str]:
    return [c for c in GROUPS if c != "00"] if code == "total" else [code]


def _of_partner(table: pl.DataFrame, flow: str, partner: str) -> dict[tuple[str, str, str], int]:
    side = "ALL" if flow == "exports" else "GEN"
    whole = table.filter(pl.col("CTY_CODE") == partner).select("HITECH", "time", f"{side}_VAL_MO", f"{side}_VAL_YR")
    return {(g, t, span): int(v) for g, t, mo, yr in whole.rows() for span, v in (("MO", mo), ("YR", yr))}


def _misrendered(fault: str, flow: str, header: list[str], rows: pl.DataFrame, double: CensusApi) -> bytes:
    month, ytd = ("ALL_VAL_MO", "ALL_VAL_YR") if flow == "exports" else ("GEN_VAL_MO", "GEN_VAL_YR")
    lines: list[list[str | None]] = [list(r) for r in rows.rows()]
    at = {name: i for i, name in enumerate(header)}
    china = next((r for r in lines if r[at["CTY_CODE"]] == "5700" and r[at["HITECH"]] == "04"), lines[0])
    whole = next((r for r in lines if r[at["CTY_CODE"]] == "-" and r[at["HITECH"]] == "04"), lines[0])

    def put(row: list[str | None], column: str, value: str | None) -> None:
        row[at[column]] = value

    def plus(row: list[str | None], column: str, amount: int) -> None:
        put(row, column, str(int(row[at[column]] or 0) + amount))

    def without(keep: object) -> None:
        lines[:] = [r for r in lines if keep(r)]  # type: ignore[operator]

    if fault == "shuffled":
        random.Random(zlib.crc32(str(len(lines)).encode()) + len(double.requests)).shuffle(lines)
    elif fault == "blank totals":
        for row in lines:
            for column in ("CTY_CODE", "HITECH"):
                put(row, column, "" if row[at[column]] == "-" else row[at[column]])
    elif fault == "null names":
        for row in lines:
            if row[at["CTY_CODE"]] == "8220":
                put(row, "CTY_NAME", None)
    elif fault in ("duplicate column", "duplicate column differs"):
        header = [*header, "CTY_CODE"]
        for row in lines:
            row.append(row[at["CTY_CODE"]])
        if fault.endswith("differs"):
            lines[0][-1] = "4120"
    elif fault == "year and month":
        header = [*header[:-1], "YEAR", "MONTH"]
        lines = [[*r[:-1], str(r[-1])[:4], str(r[-1])[5:]] for r in lines]
    elif fault == "column missing":
        header = [h for h in header if h != ytd]
        lines = [[c for i, c in enumerate(r) if i != at[ytd]] for r in lines]
    elif fault == "row too short":
        lines[-1] = lines[-1][:-1]
    elif fault == "row twice":
        lines.append(lines[0])
    elif fault == "no rows":
        lines = []
    elif fault in ("value null", "value with comma", "value negative", "value as float"):
        values = {"value null": None, "value with comma": "1,234", "value negative": "-5", "value as float": "12.5"}
        put(china, month, values[fault])
    elif fault == "month outside":
        put(lines[0], "time", "2009-12")
    elif fault == "description permuted":
        for row in lines:
            if row[at["HITECH"]] in ("04", "05"):
                put(row, "HITECH", "05" if row[at["HITECH"]] == "04" else "04")
    elif fault == "unknown group":
        put(lines[0], "HITECH", "11")
    elif fault == "unknown partner":
        for row in lines:
            if row[at["CTY_CODE"]] == "7230":
                put(row, "CTY_CODE", "4999")
    elif fault == "world off by a dollar":
        plus(whole, month, 1)
    elif fault == "total off by a dollar":
        plus(next(r for r in lines if r[at["CTY_CODE"]] == "5700" and r[at["HITECH"]] == "-"), month, 1)
    elif fault == "year to date off":
        plus(china, ytd, 1_000)
    elif fault == "partner dropped":
        without(lambda r: r[at["CTY_CODE"]] != "5830")
    elif fault == "zero before first trade":
        lines.append([*china])
        lines[-1][at["CTY_CODE"]], lines[-1][at[month]], lines[-1][at[ytd]] = "4350", "0", "0"
    elif fault == "month missing":
        without(lambda r: r[at["time"]] != "2015-05")
    elif fault == "group missing":
        without(lambda r: r[at["HITECH"]] != "09")
    elif fault == "zeros left out":
        without(lambda r: r[at[month]] != "0")
    elif fault == "and for &":
        for row in lines:
            put(row, "HITECH_DESC", str(row[at["HITECH_DESC"]]).replace("&", "AND"))
    elif fault == "aggregate as partner":
        for row in lines:
            if row[at["CTY_CODE"]] == "1XXX":
                put(row, "CTY_CODE", "1610")
    elif fault == "thousands":
        for row in lines:
            put(row, month, str(int(row[at[month]] or 0) // 1000))
            put(row, ytd, str(int(row[at[ytd]] or 0) // 1000))
    elif fault == "previous month again":
        last = max(str(r[at["time"]]) for r in lines)
        before = f"{last[:5]}{int(last[5:]) - 1:02d}" if not last.endswith("-01") else last
        old = {(r[at["CTY_CODE"]], r[at["HITECH"]]): r[at[month]] for r in lines if r[at["time"]] == before}
        for row in lines:
            if row[at["time"]] == last:
                put(row, month, old.get((row[at["CTY_CODE"]], row[at["HITECH"]]), row[at[month]]))
    return json.dumps([header, *lines]).encode()
