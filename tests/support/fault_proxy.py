"""A proxy before a real S3 server that breaks chosen answers, in all the ways in which connections and servers do.

A request goes on byte for byte, the ``Host`` header included, because that is what was signed. Which requests are
broken, and how, is said by a ``Plan`` for a prefix of keys, so that many stores can share one proxy and one client.
"""

from __future__ import annotations

import http.client
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.lossy_proxy import serving

DRIP_SECONDS = 0.05
LONGEST_DRIP = 600  # bytes: what is dripped for longer than any client waits
DRIPPING_HEAD = "dripping head"
STATUSES = {
    "AccessDenied": 403,
    "ExpiredToken": 400,
    "RequestTimeTooSkewed": 403,
    "ConditionalRequestConflict": 409,
    "PreconditionFailed": 412,
    "SlowDown": 503,
    "InternalError": 500,
    "PermanentRedirect": 301,
}
MODES = (
    *STATUSES,
    "404 of a load balancer",
    "reset before the request is passed on",
    "reset after it was applied",
    "reset in the body",
    "short body",
    "dripping body",
    "length too large",
    "length too small",
    "empty answer",
    "delivered twice",
    "delivered late",
)


Answer = tuple[int, list[tuple[str, str]], bytes]


@dataclass(frozen=True)
class Request:
    """What the proxy knows of a request: ``key`` within the bucket, ``asked`` the operation."""

    method: str
    key: str
    asked: str


@dataclass
class Plan:
    """Break the first ``times`` requests that are ``chosen``."""

    chosen: Callable[[Request], bool]
    mode: str
    times: int = 1
    done: list[Request] = field(default_factory=list)
    again: threading.Event = field(default_factory=threading.Event)
    """Set when a chosen request came after the broken ones."""


def operation(method: str, target: str, headers: dict[str, str]) -> Request:
    """Which operation of S3 a request is."""
    parts = urlsplit(target)
    query = parse_qs(parts.query, keep_blank_values=True)
    key = unquote(parts.path).lstrip("/").partition("/")[2] or query.get("prefix", [""])[0]
    return Request(method, key, _asked(method, set(query), headers))


def _asked(method: str, query: set[str], headers: dict[str, str]) -> str:
    if method == "GET":
        if "uploads" in query:
            return "list uploads"
        if "list-type" in query:
            return "folders" if "delimiter" in query else "entries"
        return "range" if "range" in headers else "get"
    if method == "PUT":
        if "partNumber" in query:
            return "upload part"
        if "x-amz-copy-source" in headers:
            return "copy"
        return "replace" if "if-match" in headers else "create"
    if method == "POST":
        return "begin upload" if "uploads" in query else "complete upload"
    return {"HEAD": "head", "DELETE": "abort upload" if "uploadId" in query else "delete"}[method]


class FaultProxy:
    """``plans`` by prefix of keys."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.endpoint = ""
        self._plans: dict[str, Plan] = {}
        self._lock = threading.Lock()
        self._busy: dict[str, int] = {}

    @contextmanager
    def breaking(self, prefix: str, plan: Plan) -> Iterator[Plan]:
        """Break requests for keys below a prefix, and wait until all of them have been delivered."""
        with self._lock:
            self._plans[prefix] = plan
        try:
            yield plan
        finally:
            plan.again.set()
            while self._busy.get(prefix):
                time.sleep(0.01)
            with self._lock:
                del self._plans[prefix]

    @contextmanager
    def handled(self, request: Request) -> Iterator[tuple[Plan | None, bool]]:
        """The plan for a request, and whether it is to be broken."""
        with self._lock:
            prefix = next((p for p in self._plans if request.key.startswith(p)), "")
            plan = self._plans.get(prefix)
            broken = plan is not None and plan.chosen(request)
            if plan is not None and broken:
                broken = len(plan.done) < plan.times
                plan.done.append(request)
                if not broken:
                    plan.again.set()
            self._busy[prefix] = self._busy.get(prefix, 0) + 1
        try:
            yield plan, broken
        finally:
            with self._lock:
                self._busy[prefix] -= 1


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: ClassVar[FaultProxy]

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = operation(self.command, self.path, {k.lower(): v for k, v in self.headers.items()})
        with self.proxy.handled(request) as (plan, broken), suppress(ConnectionError):
            if plan is not None and broken:
                self._broken(plan, body)
            else:
                self._answer(*self.upstream(body))

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on

    def upstream(self, body: bytes) -> Answer:
        return self.sent([(k, v) for k, v in self.headers.items() if k.lower() not in ("expect", "connection")], body)

    def sent(self, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        upstream = http.client.HTTPConnection(self.proxy.upstream, timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                upstream.putheader(name, value)
            if "content-length" not in {name.lower() for name, _ in headers} and body:
                upstream.putheader("Content-Length", str(len(body)))
            upstream.endheaders(body)
            response = upstream.getresponse()
            answer = response.read()
            kept = [(k, v) for k, v in response.getheaders() if k.lower() not in ("connection", "transfer-encoding")]
            return response.status, kept, answer
        finally:
            upstream.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, *, length: int | None = None) -> None:
        self.send_response_only(status)
        given = dict(headers).get("Content-Length", "0") if self.command == "HEAD" else str(len(body))
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", given if length is None else str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    # ------------------------------------------------------------------ faults

    def _broken(self, plan: Plan, body: bytes) -> None:
        mode = plan.mode
        if mode in STATUSES:
            return self._refuse(mode)
        if mode == "404 of a load balancer":
            return self._answer(404, [("Content-Type", "text/html")], b"<html><h1>404</h1><hr></html>")
        if mode == "reset before the request is passed on":
            return self._reset()
        if mode == DRIPPING_HEAD:
            return self._drip(b"HTTP/1.1 200 OK\r\nX-Drip: " + b"." * LONGEST_DRIP)
        if mode == "delivered late":
            plan.again.wait(30)
            time.sleep(0.2)  # behind the client's own retry
        answer = self.upstream(body)
        if mode == "delivered twice":
            return self._answer(*self.upstream(body))
        if mode == "reset after it was applied":
            return self._reset()
        if mode == "empty answer":
            status, headers, _ = answer
            told = headers if self.command in ("GET", "HEAD") and status < 300 else []
            return self._answer(status, told, b"", length=0)
        return self._body(mode, *answer)

    def _body(self, mode: str, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        promised = len(body) if self.command != "HEAD" else int(dict(headers).get("Content-Length", 0))
        if mode == "length too small":
            return self._answer(status, headers, body[: max(0, promised - 7)], length=max(0, promised - 7))
        # What has no body is promised one.
        half, promised = (body[: len(body) // 2], promised) if body else (b"", promised + 100)
        if mode == "length too large":
            self._answer(status, headers, body, length=promised + 100)
            time.sleep(3)  # open, and nothing comes
            return self._hang_up()
        if mode == "dripping body":
            self._answer(status, headers, b"", length=promised + LONGEST_DRIP)
            return self._drip(body + b" " * LONGEST_DRIP)
        self._answer(status, headers, half, length=promised)
        return self._reset() if mode == "reset in the body" else self._hang_up()

    def _drip(self, what: bytes) -> None:
        for n in range(len(what)):
            self.wfile.write(what[n : n + 1])
            time.sleep(DRIP_SECONDS)
        self._hang_up()

    def _refuse(self, code: str) -> None:
        xml = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>broken</Message></Error>"
        status, body = STATUSES[code], xml.encode()
        self._answer(status, [("Content-Type", "application/xml")], b"" if self.command == "HEAD" else body)

    def _reset(self) -> None:
        with suppress(OSError):
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())  # its files hold the socket open otherwise, and it ends in peace
        self.close_connection = True

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up on purpose here."""


@contextmanager
def running(upstream: str, kind: type[Handler] = Handler) -> Iterator[FaultProxy]:
    proxy = FaultProxy(upstream)
    with serving(type("Handler", (kind,), {"proxy": proxy}), Server) as proxy.endpoint:
        yield proxy
