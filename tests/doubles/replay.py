"""A double that replays a bundle of ``techtrade sources probe``: every publisher as it answered on that day.

Each source has a folder of its name, so that publishers with equal paths do not meet. What the bundle does not have is
answered 404, with a text that says so. By hand: ``python -m tests.doubles.replay BUNDLE``.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from configs.settings import source_settings
from tasks.common.redact import REDACTED
from tasks.extract.probe import bundle
from tasks.extract.probe.exchanges import Exchange
from tests.doubles.publishers import Double

# Said of the body as it came over the wire, and not of what is sent here.
DROPPED = {"content-length", "content-encoding", "transfer-encoding", "date", "server"}
Asked = tuple[str, str, str, tuple[tuple[str, str], ...], str]


class Replay(Double):
    """Serves the bundle at a path."""

    def __init__(self, at: Path) -> None:
        super().__init__()
        content = bundle.read(at)
        self.report: dict[str, Any] = json.loads(content["report.json"])
        self.exchanges = list(bundle.exchanges(content))
        self._by = {_asked(x.source, x.method, x.url, x.range): x for x in self.exchanges if x.status is not None}

    @property
    def variables(self) -> dict[str, str]:
        """What points ``techtrade`` at this double: addresses, and keys that look like some."""
        return dict(self._variables())

    def _variables(self) -> Iterator[tuple[str, str]]:
        for source, told in self.report["sources"].items():
            prefix = f"TECHTRADE_SOURCES__{source.upper()}__"
            if told["url"]:
                yield f"{prefix}URL", self._here(source, told["url"])
            for setting in ("documents", "yearly"):
                if told[setting]:
                    named = {name: self._here(source, url) for name, url in told[setting].items()}
                    yield f"{prefix}{setting.upper()}", json.dumps(named)
            if (key := source_settings(source).key) is not None:
                digits = {"CENSUS_API_KEY": "0" * 40, "BEA_API_KEY": "00000000-0000-0000-0000-000000000000"}
                yield key.variable, digits[key.variable]

    def _here(self, source: str, url: str) -> str:
        return f"{self.url}/{source}{urlsplit(url).path}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        source, _, rest = request.path.lstrip("/").partition("/")
        asked = _asked(source, request.command, f"/{rest}", request.headers.get("Range", ""))
        found = self._by.get(asked)
        if found is None:
            told = f"the bundle has no answer to {request.command} {urlsplit(request.path).path}".encode()
            return self.send(request, told, "text/plain", status=404)
        return self._again(request, found)

    def _again(self, request: BaseHTTPRequestHandler, found: Exchange) -> None:
        assert found.status is not None
        request.send_response(found.status)
        for name, value in found.headers.items():
            if name not in DROPPED:
                request.send_header(name.title(), value)
        if request.command == "HEAD":
            size = found.headers.get("content-length")
        else:
            size = None if found.status == 204 else str(len(found.body))
        if size is not None:
            request.send_header("Content-Length", size)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(found.body)


def _asked(source: str, method: str, url: str, ranged: str) -> Asked:
    """What makes two requests the same: keys do not."""
    parts = urlsplit(url)
    query = [(k, v) for k, v in parse_qsl(parts.query) if v != REDACTED and k.lower() not in ("key", "userid")]
    return source, method, parts.path, tuple(sorted(query)), ranged


def main(path: str) -> int:
    """Serve until stopped; print the variables that point ``techtrade`` here."""
    stop = threading.Event()
    for which in (signal.SIGINT, signal.SIGTERM):
        signal.signal(which, lambda *_: stop.set())
    with Replay(Path(path)) as double:
        for name, value in double.variables.items():
            print(f"export {name}='{value}'")
        print("# serving until Ctrl-C", flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
