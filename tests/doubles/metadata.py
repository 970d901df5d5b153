"""A publisher's metadata as frozen in ``configs/drift``, served over HTTP, and changed as a test wants it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from configs.source_series import series_of_source
from tasks.extract.drift import check
from tests.doubles import census_bulk
from tests.doubles.publishers import HTML, Double, workbook

Answer = Callable[[str, dict[str, str]], Any]


class Metadata(Double):
    """Serves what ``say`` gives for a path and query: bytes as they are, the rest as JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.say: Answer = lambda path, query: {}
        self.gone: set[str] = set()  # addresses that end so are not there

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        if parts.path.endswith(tuple(self.gone)):
            return self.send(request, HTML, status=404)
        said = self.say(parts.path, {k: v[0] for k, v in parse_qs(parts.query).items()})
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        tail = re.fullmatch(r"bytes=-(\d+)", request.headers.get("Range", ""))
        if tail and self.fault != "no ranges":
            first = max(0, len(body) - int(tail[1]))
            told = {"Content-Range": f"bytes {first}-{len(body) - 1}/{len(body)}"}
            self.send(request, body[first:], "application/zip", status=206, headers=told)
        else:
            self.send(request, body, "application/json")
        return None


def census(flow: str) -> dict[str, str]:
    """The variables of a flow as frozen, and some of those that may be there."""
    probe = next(p for p in check.expectation("census_hitech").probes if p.name == flow)
    return probe.expect | {"LAST_UPDATE": "string", "for": "fips-for"}


def bea(parameter: str) -> list[dict[str, str]]:
    probe = next(p for p in check.expectation("bea").probes if p.name == parameter)
    others = {"AccountAuditBookkeep": "Accounting", "BalGds": "Balance on goods", "ExpServTravel": "Travel"}
    return [{"Key": k, "Desc": v} for k, v in (others | probe.expect).items()]


def cell(series: str) -> list[Any]:
    head = {"page": 1, "pages": 17160, "per_page": 1, "total": 17160, "sourceid": "2", "lastupdated": "2026-10-01"}
    row = {
        "indicator": {"id": series, "value": "Charges"},
        "country": {"id": "ZH", "value": "Africa Eastern and Southern"},
        "countryiso3code": "AFE",
        "date": "2025",
        "value": None,
        "unit": "",
        "obs_status": "",
        "decimal": 0,
    }
    return [head, [row]]


def about(series: str) -> list[Any]:
    title = next(s.title for s in series_of_source("world_bank").values() if s.code == series)
    row = {
        "id": series,
        "name": title,
        "unit": "",
        "source": {"id": "2", "value": "World Development Indicators"},
        "topics": [],
    }
    return [{"page": 1, "pages": 1, "per_page": "50", "total": 1}, [row]]


def bulk(path: str) -> bytes:
    """A month's file, or what would be its end: the members and their sizes are those of a small made-up month."""
    found = re.fullmatch(r"\d{4}/Merch/(?:ex_m/EXDB|im_m/IMDB)(\d{2})(\d{2})\.ZIP", path)
    assert found, path
    flow = "exports" if "EXDB" in path else "imports"
    return census_bulk.month(flow, date(2000 + int(found[1]), int(found[2]), 1))


def as_frozen(path: str, query: dict[str, str]) -> Any:
    source, _, rest = path.strip("/").partition("/")
    if source == "census_hitech":
        return {"variables": {n: {"label": "x", "predicateType": k} for n, k in census(rest.split("/")[0]).items()}}
    if source == "bea":
        echo = [{"ParameterName": "USERID", "ParameterValue": query["UserID"]}]
        values = {"ParamValue": bea(query["ParameterName"])}
        return {"BEAAPI": {"Request": {"RequestParam": echo}, "Results": values}}
    if source == "world_bank":
        series = rest.rsplit("/", 1)[-1]
        return about(series) if rest.startswith("indicator/") else cell(series)
    if source == "world_bank_archives":
        concept = {"id": "Version", "name": "Version", "variable": [{"id": "201304", "value": "2013 Apr"}]}
        listed = [{"id": "57", "name": "WDI Database Archives", "concept": [concept]}]
        return {"page": 1, "pages": 1, "per_page": "300", "total": 1, "source": listed}
    if source == "census_bulk":
        return bulk(rest)
    assert source == "census_balance", path
    return workbook("2023-01")


def changed(source: str, change: Callable[[Any], Any]) -> Answer:
    """As frozen, but for what one source says."""

    def say(path: str, query: dict[str, str]) -> Any:
        said = as_frozen(path, query)
        return change(said) if path.startswith(f"/{source}/") or path == f"/{source}" else said

    return say
