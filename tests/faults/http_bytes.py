"""Whatever a server does to the bytes of an answer, each way of asking it ends: with the whole answer, or with an error
of the source, after no more time and bytes than the source's settings say."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from configs.errors import ConfigError, SourceError
from configs.settings import SourceSettings, source_settings
from tasks.extract.http import refusals, wire
from tasks.extract.http.client import Client
from tasks.extract.http.responses import Answer, RemoteFile
from tasks.extract.source import Meter
from tests.doubles.misbehaviour import BODY, TRANSPORT
from tests.doubles.publishers import Double
from tests.faults.harness import Fault, Ground, Row

# Seconds after which a request hangs: far beyond the budget of one, so that a busy machine decides nothing.
HANGS = 20.0
# Bytes that a server may get rid of in all attempts: a bound of some 300 KB each, and what the buffers of sockets take.
TAKEN = 32_000_000
SOURCE = "census_balance"
Ask = Callable[[Client, str, Path], Any]
WAYS: dict[str, Ask] = {
    "get": lambda client, url, _: client.get(url, None, lambda answer: answer),
    "head": lambda client, url, _: client.head(url),
    "download": lambda client, url, to: client.download(url, to),
    "tail": lambda client, url, _: client.tail(url, len(BODY), lambda answer: answer),
}


class _Server(Double):
    def document(self, path: str) -> tuple[bytes, str]:
        return BODY, "application/json"


def _settings() -> SourceSettings:
    bounds = {"attempts": 2, "backoff": 0.01, "backoff_max": 0.02, "retry_after_max": 0.05, "max_bytes": 200_000}
    times = {"total_budget": 1.0, "read_timeout": 0.5, "connect_timeout": 0.5}
    return source_settings(SOURCE).model_copy(update=bounds | times)


def _attempt(kind: str, way: str) -> Callable[[Ground], str]:
    def attempt(where: Ground) -> str:
        file, came = where.folder() / "download", []

        def ask(url: str) -> None:
            try:
                came.append(WAYS[way](Client(SOURCE, _settings(), "s3cret", Meter()), url, file))
            except BaseException as e:  # noqa: BLE001 - which it was is judged below
                came.append(e)

        with _Server() as server:
            server.fault = kind
            thread = threading.Thread(target=ask, args=(server.url + "/x",), daemon=True)
            thread.start()
            thread.join(HANGS)
            if thread.is_alive():
                return f"hangs: no end after {HANGS:.0f} s with a budget of 1 s"
            if server.sent > TAKEN:
                return f"took {server.sent:,} bytes with a bound of 200,000"
        return _judged(came[0], kind, way, file)

    return attempt


def _judged(came: Any, kind: str, way: str, file: Path) -> str:
    right = TRANSPORT[kind].right
    if isinstance(came, BaseException):
        if not isinstance(came, SourceError | ConfigError):
            return f"came out as {type(came).__name__}: {came}"
        if "s3cret" in str(came):
            return f"shows a key: {came}"
        if len(str(came)) > 2000:
            return f"has a message of {len(str(came)):,} characters"
        return f"a harmless answer was refused: {came}" if right == "value" and way != "tail" else ""
    if came is None:
        return "" if way == "head" and kind.split(" ")[1] == "404" or kind.startswith("404") else "is taken for absent"
    if right == "error" or (right == "body" and way != "head"):
        return f"was taken for an answer: {came}"
    body = came.body if isinstance(came, Answer) else file.read_bytes() if way == "download" else BODY
    assert isinstance(came, Answer | RemoteFile)
    return "" if body == BODY else f"gave {len(body):,} bytes that are not the answer"


def _faults() -> Sequence[Fault]:
    return [Fault(f"{kind}, {way}", _attempt(kind, way)) for kind in TRANSPORT for way in WAYS]


def _seed(patch: pytest.MonkeyPatch) -> None:
    """As it was: time-outs of each read alone, bodies unpacked as they come, error bodies read whole."""

    def read(self: Any, max_bytes: int, timeout: float | None = None) -> bytes:
        data: bytes = self._inner.read(max_bytes, timeout)
        return data

    patch.setattr(wire._Stream, "read", read)
    patch.setattr(wire.Bounds, "capped", lambda self, seconds, late: seconds)
    patch.setattr(refusals, "_error_body", lambda response, bounds: (b"".join(response.iter_raw()), True))


ROW = Row(
    name="http_bytes",
    title="answers that drip, never end, break or contradict themselves at every byte of HTTP, for get, head, download and tail",
    right="ends within the source's limits of time and bytes, with the whole answer or a source error",
    faults=_faults,
    seed=_seed,
    seeded=("dripped header, get", "endless 404 body, get", "endless gzip of nothing, get"),
    at_once=16,
)
