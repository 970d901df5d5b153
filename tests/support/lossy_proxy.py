"""A proxy that loses replies: it hands a write to S3, waits until it was applied, and then hangs up.

The client cannot tell that from a write that never arrived. The request goes on byte for byte, the ``Host`` header
included, because that is what was signed.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import urlsplit

WRITES = ("PUT", "POST", "DELETE")


class LossyProxy:
    """``first`` is the number of the write whose reply gets lost, ``times`` how many in a row from there on."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.endpoint = ""
        self._lock = threading.Lock()
        self.lose(0, 0)

    def lose(self, first: int, times: int) -> None:
        """Counts from here."""
        with self._lock:
            self.first, self.times, self.writes = first, times, 0
            self.lost: list[str] = []

    def loses(self, request: str, status: int) -> bool:
        """Whether the reply to this write gets lost. ``lost`` tells what the server had answered."""
        with self._lock:
            self.writes += 1
            chosen = self.first <= self.writes < self.first + self.times
            if chosen:
                self.lost.append(f"{request} {status}")
            return chosen


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: ClassVar[LossyProxy]

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        upstream = http.client.HTTPConnection(self.proxy.upstream, timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("expect", "connection"):
                    upstream.putheader(name, value)
            upstream.endheaders(body)
            response = upstream.getresponse()
            answer = response.read()
        finally:
            upstream.close()
        if self.command in WRITES and self.proxy.loses(f"{self.command} {urlsplit(self.path).path}", response.status):
            self.close_connection = True
            return
        self._answer(response, answer)

    def _answer(self, response: http.client.HTTPResponse, answer: bytes) -> None:
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = response.getheader("Content-Length") if self.command == "HEAD" else str(len(answer))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(
    handler: type[BaseHTTPRequestHandler], kind: type[ThreadingHTTPServer] = ThreadingHTTPServer
) -> Iterator[str]:
    """Run a server on loopback; yield its address."""
    server = kind(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def running(upstream: str) -> Iterator[LossyProxy]:
    proxy = LossyProxy(upstream)
    with serving(type("Handler", (Handler,), {"proxy": proxy})) as proxy.endpoint:
        yield proxy
