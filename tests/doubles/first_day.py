"""All publishers as a first live day finds them if everything is as believed: doubles with their metadata beside their
data, at one moment. A test alters what one of them sends.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from benchmarks.synthetic.bea import codes
from benchmarks.synthetic.bea_api import KEY as BEA_KEY
from tests.doubles import census_api, metadata
from tests.doubles.atp_lists import bundled_as_published
from tests.doubles.bea import BeaDouble
from tests.doubles.census_api import CensusApi
from tests.doubles.census_bulk import CensusBulk, month
from tests.doubles.publishers import HTML, CensusDouble, Double
from tests.doubles.world_bank_archives import WorldBankArchiveDouble
from tests.support.newcomer import NewerBank, patient

# The newest month that the doubles have, and a moment after its release.
MONTH, NOW = "2025-02", datetime(2025, 4, 10, 14, 0, tzinfo=UTC)
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class Sent:
    """An answer before it is sent."""

    body: bytes
    content_type: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Alter = Callable[[str, Sent], Sent]


class Altered(Double):
    """A double whose answers pass ``alter``, with the path that was asked for."""

    alter: Alter = staticmethod(lambda path, sent: sent)

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
        own = {".xlsx": WORKBOOK, ".zip": "application/zip"}.get(urlsplit(request.path).path[-5:].lstrip("0123456789"))
        given = Sent(body, own if own and status == 200 else content_type, status, headers or {})
        sent = self.alter(request.path, given)
        told = {"Content-Type": sent.content_type, "Content-Length": str(len(sent.body)), **sent.headers}
        request.send_response(sent.status)
        for name, value in told.items():
            if value:
                request.send_header(name, value)
        request.end_headers()
        if not told["Content-Length"]:
            request.close_connection = True
        if request.command != "HEAD":
            request.wfile.write(sent.body)


class Workbook(Altered, CensusDouble):
    """The workbook, and nothing else: leads are not there."""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if not request.path.endswith("/country.xlsx"):
            return self.send(request, HTML, status=404)
        return super().answer(request)


class TradeApi(Altered, CensusApi):
    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = urlsplit(request.path).path
        if path.endswith("/variables.json"):
            names = metadata.census(path.split("/")[1])
            said = {"variables": {n: {"label": "x", "predicateType": k} for n, k in names.items()}}
            return self.send(request, json.dumps(said).encode(), census_api.JSON)
        return super().answer(request)


class Bank(Altered, NewerBank):
    def document(self, path: str) -> tuple[bytes, str]:
        parts = urlsplit(path).path
        if parts.startswith("/indicator/"):
            return json.dumps(metadata.about(parts.rsplit("/", 1)[-1])).encode(), census_api.JSON
        return super().document(path)


class Archives(Altered, WorldBankArchiveDouble):
    """As many cells a page as are asked for."""

    def document(self, path: str) -> tuple[bytes, str]:
        asked = re.search(r"per_page=(\d+)", path)
        self.per_page = int(asked[1]) if asked else 100
        return super().document(path)


class Bea(Altered, BeaDouble):
    areas: tuple[str, ...] = ()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if "/signup/" in request.path:
            return self.send(request, HTML, status=404)
        return super().answer(request)

    def _listing(self, parameter: str, fault: str) -> Any:
        if parameter == "AreaOrCountry":
            return [{"Key": c, "Desc": c} for c in (*(r["code"] for r in codes("areas")), *self.areas)]
        if fault:
            return super()._listing(parameter, fault)
        return metadata.bea(parameter)


class Bulk(Altered, CensusBulk):
    """Serves any range that is asked for. ``change``: what is made of a file before; ``whole_only``: whether ranges are ignored."""

    whole_only = False
    change: Callable[[bytes], bytes] = staticmethod(lambda whole: whole)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        found = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("Range", ""))
        if found is None or self.whole_only:
            return super().answer(request)
        self.methods.append(request.command)
        file = next((f for f in self._files() if f.url("") == request.path), None)
        if file is None:
            return self.send(request, HTML, status=404)
        body = self.change(month(file.flow, file.month))
        first = int(found[1]) if found[1] else max(0, len(body) - int(found[2]))
        last = min(len(body) - 1, int(found[2])) if found[1] and found[2] else len(body) - 1
        told = {"Content-Range": f"bytes {first}-{last}/{len(body)}"}
        return self.send(request, body[first : last + 1], "application/zip", status=206, headers=told)


class Lists(Altered, Double):
    """``there``: the lists that are out."""

    there: tuple[str, ...] = ("/impatp21.txt", "/expatp19.txt")

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if request.path not in self.there:
            return self.send(request, HTML, status=404)
        return super().answer(request)

    def document(self, path: str) -> tuple[bytes, str]:
        return bundled_as_published("imports/2021-01" if path.startswith("/imp") else "exports/2019-01"), "text/plain"


@dataclass(frozen=True)
class Publishers:
    """The doubles by their sources. ``variables``: what points ``techtrade`` at them."""

    doubles: dict[str, Altered]
    variables: dict[str, str]

    def __getitem__(self, source: str) -> Any:
        return self.doubles[source]

    def as_believed(self) -> None:
        """Take back every alteration."""
        for double in self.doubles.values():
            double.fault, double.alter = "", Altered.alter
            double.requests.clear()
        self["census_bulk"].forget()
        self["census_atp_lists"].there = Lists.there
        self["bea"].areas = ()
        self["census_hitech"].newest = MONTH
        self["census_bulk"].last = date.fromisoformat(f"{MONTH}-01")
        self["census_bulk"].change, self["census_bulk"].whole_only = Bulk.change, False


@contextmanager
def publishers() -> Iterator[Publishers]:
    """Serve all of them."""
    with ExitStack() as stack:
        made: dict[str, Altered] = {
            "census_balance": Workbook(MONTH),
            "census_hitech": TradeApi(MONTH),
            "census_bulk": Bulk("2024-11", MONTH),
            "census_atp_lists": Lists(),
            "world_bank": Bank(),
            "world_bank_archives": Archives(),
            "bea": Bea("small"),
        }
        for double in made.values():
            stack.enter_context(double)
        urls = {source: double.url for source, double in made.items()}
        urls["census_balance"] += "/country.xlsx"
        urls["bea"] += "/api/data"
        urls["census_ft900"] = made["census_hitech"].ft900  # type: ignore[attr-defined]
        given = {"CENSUS_API_KEY": census_api.KEY, "BEA_API_KEY": BEA_KEY}
        for source, url in urls.items():
            given |= patient(source.upper(), url)
        lists = made["census_atp_lists"].url
        named = {"imports/2021-01": f"{lists}/impatp21.txt", "exports/2019-01": f"{lists}/expatp19.txt"}
        given["TECHTRADE_SOURCES__CENSUS_ATP_LISTS__DOCUMENTS"] = json.dumps(named)
        given["TECHTRADE_SOURCES__CENSUS_ATP_LISTS__YEARLY"] = json.dumps({"imports": f"{lists}/impatp{{yy}}.txt"})
        yield Publishers(made, given)


def wider_records(whole: bytes) -> bytes:
    """Make every record of the detail a character longer."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, text.replace(b"\r\n", b" \r\n") if "DETL" in name.upper() else text)
    return made.getvalue()


def body(change: Callable[[bytes], bytes], within: str = "") -> Alter:
    """Alter bodies of good answers to addresses that have ``within`` in them."""

    def alter(path: str, sent: Sent) -> Sent:
        return replace(sent, body=change(sent.body)) if sent.status == 200 and within in path else sent

    return alter


def answer(within: str = "", **changes: Any) -> Alter:
    """Alter status, type, headers or body of answers to addresses that have ``within`` in them."""
    return lambda path, sent: replace(sent, **changes) if within in path else sent
