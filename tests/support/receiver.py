"""A subscriber: a real HTTP server on loopback that keeps what it is told, and misbehaves on demand."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "T0KEN-canary-73b1"


class Receiver:
    """``answers``: statuses of the next requests, 200 after them; 0 hangs up without a word."""

    def __init__(self, *answers: int) -> None:
        self.answers, self.requests, self.told = list(answers), 0, []  # type: ignore[var-annotated]
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.requests += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.answers.pop(0) if receiver.answers else 200
                if status == 0:
                    self.close_connection = True
                    return
                if status == 200:
                    assert self.path == f"/{SECRET}?key={SECRET}" and self.headers["Content-Type"] == "application/json"
                    receiver.told.append(json.loads(body))
                self.send_response(status)
                if status in (301, 307):
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/{SECRET}?key={SECRET}"

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
