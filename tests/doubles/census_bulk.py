"""A double of the Census Bureau's monthly files: ``/2025/Merch/ex_m/EXDB2503.ZIP``, with ``Last-Modified`` and ranges.

Serves made-up months in the publisher's layout, and misbehaves as the publisher does: 404 for a month that is not there,
502 under load, connections that end in the middle, a file that is replaced while it is fetched, a page instead of a file.
"""

from __future__ import annotations

import io
import re
import socket
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from email.utils import formatdate
from functools import cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from benchmarks.bulk_months import Year, write_month
from tasks.extract.census.merchandise.source import FLOWS, File, every
from tests.doubles.publishers import HTML, Double

PACKED, RELISTED = 99, 98
CUT_ONCE = ("replaced", "no ranges", "another range")
SIZES = {"exports": 1500, "imports": 2500}


@cache
def month(flow: str, month: date, revision: int = 0) -> bytes:
    """The ZIP of a month; ``revision``: another state of it."""
    year = Year("exports" if flow == "exports" else "imports", month.year, SIZES[flow], 7 + revision, other_codes=300)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "month.zip"
        write_month(year, month.month, file)
        return file.read_bytes()


@cache
def packed_again(flow: str, of: date) -> bytes:
    """The same records in another ZIP."""
    whole = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(month(flow, of))) as old, zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return whole.getvalue()


def _state(file: File, revision: int) -> bytes:
    if revision == PACKED:
        return packed_again(file.flow, file.month)
    return relisted(file.flow, file.month)[0] if revision == RELISTED else month(file.flow, file.month, revision)


# A code leaves the list, one enters it, one moves to another group: three of the first of each.
LEFT, ENTERED, MOVED = "left", "entered", "moved"


@cache
def relisted(flow: str, of: date) -> tuple[bytes, dict[str, str]]:
    """The same records with another list of products; what became of which code."""
    changed: dict[str, str] = {}
    whole = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(month(flow, of, 0))) as old, zipfile.ZipFile(whole, "w") as new:
        detail = old.read(next(n for n in old.namelist() if "DETL" in n.upper())).decode("latin-1")
        at, value = (1, slice(68, 83)) if flow == "exports" else (0, slice(178, 193))
        traded = {line[at : at + 10] for line in detail.splitlines() if int(line[value])}
        for name in old.namelist():
            body = old.read(name)
            if name.upper().endswith("CONCORD.TXT"):
                lines = body.decode("latin-1").splitlines()
                for n, line in enumerate(lines):
                    code, group = line[:10], line[233:235]
                    if code not in traded:
                        continue
                    counts = group.strip() not in ("", "0", "00")
                    what = next((w for w in (LEFT, MOVED) if counts and w not in changed.values()), None)
                    what = ENTERED if not counts and ENTERED not in changed.values() else what
                    if what:
                        changed[code] = what
                        now = {LEFT: "  ", ENTERED: "05", MOVED: "09" if group != "09" else "05"}[what]
                        lines[n] = line[:233] + now + line[235:]
                body = ("\r\n".join(lines) + "\r\n").encode("latin-1")
            new.writestr(name, body)
    return whole.getvalue(), changed


class CensusBulk(Double):
    """Serves the months from ``first`` to ``last``. ``revised``: the months that stand in another state now, by the
    number of that state (``PACKED``: the same records in another ZIP,
    ``RELISTED``: by another list of products); ``gone``: addresses that answer 404;
    ``meanwhile``: what happens once when a file is asked for, by its role."""

    def __init__(self, first: str = "2025-01", last: str = "2026-09") -> None:
        super().__init__()
        self.first, self.last = (date.fromisoformat(f"{m}-01") for m in (first, last))
        self.revised: dict[date, int] = {}
        self.gone: set[str] = set()
        self.methods: list[str] = []
        # Headers that are left out: Last-Modified, and Content-Length and Accept-Ranges too.
        self.bare: tuple[str, ...] = ()
        self.whole: list[str] = []  # files sent so, but for parts that were asked for
        self.stop_after: int | None = None
        self.meanwhile: dict[str, Callable[[], None]] = {}

    def asked(self, method: str = "GET") -> list[str]:
        """``exports/2025-03`` for each request of a kind, in order."""
        of = [path for path, m in zip(self.requests, self.methods, strict=True) if m == method]
        return [f.role for path in of for f in self._files() if f.url("") == path]

    def forget(self) -> None:
        self.requests.clear()
        self.methods.clear()
        self.whole.clear()

    def _files(self) -> Iterator[File]:
        for m in every(self.first, self.last):
            yield from (File(flow, m) for flow in FLOWS)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.methods.append(request.command)
        ranged = request.headers.get("Range", "")
        if self.stop_after is not None and len(self.requests) > self.stop_after:
            return self.send(request, HTML, status=403)
        if self.fault in ("503", "redirect", "blocked", "blocked once"):
            return super().answer(request)
        if self.fault == "502 now and then" and len(self.requests) % 3 == 0:
            return self.send(request, HTML, status=502)
        file = next((f for f in self._files() if f.url("") == request.path), None)
        if file is None or file.role in self.gone:
            return self.send(request, HTML, status=404)
        revision = self.revised.get(file.month, 0)
        if self.fault == "replaced" and ranged:
            revision += 1
        if request.command == "GET":
            self.meanwhile.pop(file.role, lambda: None)()
        body = _state(file, revision)
        if self.bare:
            return self._bare(request, body, ranged)
        modified = formatdate(1_750_000_000 + 86_400 * revision, usegmt=True)
        headers = {"Last-Modified": modified, "Accept-Ranges": "bytes"}
        if request.command == "GET":
            if self.fault == "html":
                return self.send(request, HTML, headers=headers)
            if self.fault == "half":
                body = body[: len(body) // 2]
            first = self.asked().count(file.role) == 1
            if not ranged and (self.fault == "cut" or (self.fault in CUT_ONCE and first)):
                return self._cut(request, body, headers)
        if ranged and request.headers.get("If-Range") == modified and self.fault != "no ranges":
            return self._part(request, body, ranged, headers)
        return self.send(request, body, "application/zip", headers=headers)

    def _bare(self, request: BaseHTTPRequestHandler, body: bytes, ranged: str) -> None:
        """An answer without the time, and without what else is left out; its end is that of the connection."""
        tail = re.fullmatch(r"bytes=-(\d+)", ranged)
        part = tail if "Accept-Ranges" not in self.bare else None
        sent = body[-int(part[1]) :] if part else body
        request.send_response(206 if part else 200)
        request.send_header("Content-Type", "application/zip")
        if part:
            request.send_header("Content-Range", f"bytes {len(body) - len(sent)}-{len(body) - 1}/{len(body)}")
        if "Content-Length" not in self.bare:
            request.send_header("Content-Length", str(len(sent)))
        request.end_headers()
        request.close_connection = True
        if request.command != "HEAD":
            if not ranged:
                self.whole.append(f"GET {request.path}")
            request.wfile.write(sent)

    def _cut(self, request: BaseHTTPRequestHandler, body: bytes, headers: dict[str, str]) -> None:
        request.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body[: len(body) // 3])
        request.wfile.flush()
        request.close_connection = True
        request.connection.shutdown(socket.SHUT_RDWR)

    def _part(self, request: BaseHTTPRequestHandler, body: bytes, ranged: str, headers: dict[str, str]) -> None:
        found = re.fullmatch(r"bytes=(\d+)-", ranged)
        assert found is not None
        at = int(found[1])
        if at >= len(body):
            return self.send(request, b"", status=416)
        told = at + 1 if self.fault == "another range" else at
        where = {"Content-Range": f"bytes {told}-{len(body) - 1}/{len(body)}"}
        # As long as what was asked for, so that only the header tells.
        part = body[told:] + b" " * (told - at)
        return self.send(request, part, "application/zip", status=206, headers={**headers, **where})
