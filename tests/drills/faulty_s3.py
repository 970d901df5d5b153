"""A proxy before S3 that is told how S3 fails: with 503, or slowly. The request goes on as it was signed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from threading import Thread

from tests.support import lossy_proxy

BUSY = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code>'
    b"<Message>Please reduce your request rate.</Message></Error>"
)


class FaultyS3(lossy_proxy.LossyProxy):
    """``busy``: every request is answered 503, ``refused`` counts them; ``delay``: seconds before each is passed on."""

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream)
        self.mend()

    def mend(self) -> None:
        self.busy, self.delay, self.refused = False, 0.0, 0


class _Handler(lossy_proxy.Handler):
    proxy: FaultyS3  # type: ignore[misc]

    def pass_on(self) -> None:
        time.sleep(self.proxy.delay)
        if not self.proxy.busy:
            super().pass_on()
            return
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.proxy.refused += 1
        self.send_response_only(503)
        self.send_header("Content-Length", "0" if self.command == "HEAD" else str(len(BUSY)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(BUSY)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on


@contextmanager
def in_front_of(upstream: str, port: int) -> Iterator[FaultyS3]:
    """The proxy on that port: runs know where S3 is before there is one."""
    proxy = FaultyS3(upstream)
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (_Handler,), {"proxy": proxy}))
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
