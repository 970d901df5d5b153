"""A double of BEA's data API: the figures of ``benchmarks.synthetic.bea``, and every bad answer that the publisher has given."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from benchmarks.synthetic.bea import Rows, World
from benchmarks.synthetic.bea_api import KEY, answer, data, entry, listed, query_of, rows_of
from tests.doubles.publishers import HTML, Double

FAILED_INSIDE = (
    b"<html><body>An error occurred while executing the application. "
    b"Please try again or contact the administrator.</body></html>"
)
TEXTS = {
    "1": "Invalid Request - Invalid API UserId.",
    "4": "Invalid parameter value.",
    "20": "The dataset requested does not exist.",
    "31": "The parameter name is not valid.",
    "201": "Error retrieving NIPA data.",
    "204": "Invalid value for a parameter.",
    "301": "More than one parameter has several values.",
    "331": "Exactly one parameter may have several values.",
}


def with_first(**changes: Any) -> Callable[[Rows], Rows]:
    """The first row changed."""
    return lambda rows: [rows[0] | changes, *rows[1:]]


def with_all(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Rows], Rows]:
    return lambda rows: [r | change(r) for r in rows]


def _times(factor: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(row: dict[str, Any]) -> dict[str, Any]:
        digits = row["DataValue"].replace(",", "").lstrip("-")
        return {"DataValue": f"{int(row['DataValue'].replace(',', '')) * factor:,}"} if digits.isdigit() else {}

    return change


SWAPPED = {"Exports": "Imports", "Imports": "Exports"}
ROWS: dict[str, Callable[[Rows], Rows]] = {
    "unknown area": with_first(AreaOrCountry="Atlantis"),
    "unknown affiliation": with_first(Affiliation="Cousins"),
    "unknown direction": with_first(TradeDirection="Transit"),
    "row of another type": with_first(TypeOfService="Telecom", Indicator="ExpServTelecom"),
    "row of another adjustment": with_first(Frequency="A"),
    "row of another area": with_first(AreaOrCountry="Canada"),
    "duplicate row": lambda rows: [*rows, rows[0]],
    "no imports": lambda rows: [r for r in rows if r["TradeDirection"] != "Imports"],
    "other currency": with_first(CL_UNIT="EUR"),
    "other multiplier": with_first(UNIT_MULT="six"),
    "word among figures": with_first(DataValue="about 12"),
    "empty without a reason": with_first(DataValue=""),
    "null without a reason": with_first(DataValue=None),
    "figure beside (D)": with_first(DataValue="12", NoteRef="(D)"),
    "misplaced comma": with_first(DataValue="12,34"),
    "a row without a year": lambda rows: [
        {k: v for k, v in rows[0].items() if k not in ("Year", "TimePeriod")},
        *rows[1:],
    ],
    "a preliminary year": with_first(Year="2023p", TimePeriod="2023p"),
    "no data": lambda _: [],
    "thousands for millions": with_all(lambda _: {"UNIT_MULT": "3"}),
    "dollars for millions": with_all(lambda _: {"UNIT_MULT": "0"}),
    "in thousands": with_all(lambda r: _times(1000)(r) | {"UNIT_MULT": "3"}),
    "flows swapped": with_all(lambda r: {"TradeDirection": SWAPPED.get(r["TradeDirection"], r["TradeDirection"])}),
}


class BeaDouble(Double):
    """Serves IntlServTrade and ITA. It knows ``key``; like BEA it looks at it only where data is asked for.

    A ``fault`` ending in " once" is over at the second attempt.
    """

    def __init__(self, size: str = "small", state: int = 2024) -> None:
        super().__init__()
        self.world, self.key, self.bad = World(size, state), KEY, 0
        # A client that has seen a refusal does not read on; what the server says of that is no part of a command.
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]

    @property
    def asked(self) -> list[dict[str, str]]:
        """The queries, in order."""
        return [query_of(r) for r in self.requests]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if self.fault in ("429", "429 once") and (self.fault == "429" or len(self.requests) == 1):
            return self.send(request, b"Too many requests", status=429)
        return super().answer(request)

    def document(self, path: str) -> tuple[bytes, str]:
        query = query_of(path)
        fault = self._fault(query)
        body = answer(query, self._results(query, fault))
        pages = {"empty": b"", "page": FAILED_INSIDE, "other page": HTML, "json then page": body + FAILED_INSIDE}
        pages |= {"truncated": body[: len(body) // 2], "byte order mark": b"\xef\xbb\xbf" + body, "not the api": b"[1]"}
        return pages.get(fault, body), "application/json;charset=utf-8"

    def _fault(self, query: dict[str, str]) -> str:
        """The fault that this answer has. Only data has faults, but for those of the list."""
        name, once = self.fault.removesuffix(" once"), self.fault.endswith(" once")
        if query["method"] == "GetData" and query.get("UserID") != self.key:
            return "error 1"
        if name.startswith("list:") == (query["method"] == "GetData"):
            return ""
        self.bad += 1
        return "" if once and self.bad > (2 if name == "updated in between" else 1) else name

    def _results(self, query: dict[str, str], fault: str) -> dict[str, Any]:
        where, _, code = fault.partition("error ")
        if code:
            error = {"APIErrorCode": code, "APIErrorDescription": f"{TEXTS[code]} ({query.get('UserID')})"}
            forms: dict[str, dict[str, Any]] = {
                "": {"Results": {"Error": error}},
                "top ": {"Error": error},
                "listed ": {"Results": [{"Error": error}]},
                "many ": {"Results": {"Error": [error]}},
            }
            return forms[where]
        if query["method"] == "GetParameterValues":
            return {"Results": {"ParamValue": self._listing(query["ParameterName"], fault)}}
        results = self._data(query, fault)
        if fault == "results as list":
            return {"Results": [results]}
        return {**results} if fault == "data at the top" else {"Results": results}

    def _listing(self, parameter: str, fault: str) -> Any:
        prefix = "ExpServ" if parameter == "Indicator" else ""
        found = listed(parameter)
        if fault == "list: new type":
            found.append(f"{prefix}CipIndProcess")
        if fault == "list: type gone":
            found.remove(f"{prefix}CipLicensesAudVis")
        entries = [entry(code) for code in found]
        forms = {"list: one": entries[0], "list: without keys": [{"Desc": "x"}]}
        return forms.get(fault, entries)

    def _data(self, query: dict[str, str], fault: str) -> dict[str, Any]:
        rows = rows_of(self.world, query)
        stamp = self.world.stamp(query["datasetname"])
        if fault == "updated in between" and self.bad % 2 == 0:
            stamp = stamp.replace("08:30", "09:45")
        told = {"no stamp": None, "a stamp that is none": "today"}.get(fault, stamp)
        found = data(rows, told, f"2026-01-01T00:00:{len(self.requests):06.3f}")
        change = ROWS.get(fault)
        served = change(rows) if change else rows
        return {**found, "Data": served[0] if fault == "data as an object" else served}
