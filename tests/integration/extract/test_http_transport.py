"""Bounds on what is asked of a publisher: time, bytes and files. Every fault of the transport: ``tests/faults``."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from benchmarks.synthetic.memory import Memory
from configs.errors import BlockedError, ConfigError, SourceError, SourceResponseError, SourceUnavailableError
from configs.settings import SourceSettings, source_settings
from tasks.extract.http import wire
from tasks.extract.http.client import Client
from tasks.extract.http.responses import StatusError, retry_after
from tasks.extract.http.session import Session
from tasks.extract.source import FetchRequest, Meter
from tasks.news import webhooks
from tests.doubles.misbehaviour import BODY, _gzip
from tests.doubles.publishers import BLOCKED, REQUEST_ERROR, CensusDouble, Double
from tests.support.cases import quick
from tests.support.plain import Ran

SOURCE = "census_balance"


def settings(**changes: Any) -> SourceSettings:
    bounds: dict[str, Any] = {"attempts": 2, "backoff": 0.0, "total_budget": 1.0, "read_timeout": 0.5}
    return source_settings(SOURCE).model_copy(update=bounds | changes)


def ask(url: str, meter: Meter | None = None, **changes: Any) -> bytes:
    return Client(SOURCE, settings(**changes), None, meter or Meter()).get(url, None, lambda answer: answer.body)


class Compressed(Double):
    authorization = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.authorization = request.headers.get("Authorization", "")
        super().answer(request)

    def document(self, path: str) -> tuple[bytes, str]:
        return BODY, "application/json"


class Refusing(Double):
    """Answers with ``status``, ``body`` and ``kind``."""

    status, body, kind = 403, b"", "text/html"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.send(request, self.body, self.kind, status=self.status)


PLAIN_PAGE = b"<html><head><title>403 Forbidden</title></head><body>nginx</body></html>"


@pytest.mark.parametrize(
    ("source", "status", "body", "kind", "error", "told"),
    [
        ("census_balance", 403, BLOCKED, "text/html", BlockedError, "'Attention Required! | Cloudflare', in 2 attempts"),
        ("census_balance", 403, PLAIN_PAGE, "text/html", BlockedError, "run again later, or from another network"),
        ("census_balance", 403, BLOCKED, "", BlockedError, "a filter shuts this client"),
        ("census_hitech", 403, BLOCKED, "text/html", BlockedError, "Neither key nor address is wrong"),
        ("census_hitech", 403, PLAIN_PAGE, "text/html", StatusError, "'403 Forbidden'; check the key and the address"),
        ("census_hitech", 403, b"bad key", "text/plain", StatusError, "bad key; check the key and the address"),
        ("world_bank", 403, b"not for you", "text/plain", StatusError, "not for you; check the address"),
        ("world_bank", 400, REQUEST_ERROR, "text/html", SourceUnavailableError, "a page titled 'Request Error'"),
        ("world_bank", 400, PLAIN_PAGE, "text/html", StatusError, "and what was asked for"),
        ("census_balance", 400, REQUEST_ERROR, "text/html", StatusError, "and what was asked for"),
        ("world_bank", 404, PLAIN_PAGE, "text/html", StatusError, "a page titled '403 Forbidden'; the publisher may"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_do(
    source: str, status: int, body: bytes, kind: str, error: type[SourceError], told: str
) -> None:
    settings_of = source_settings(source).model_copy(update={"attempts": 2, "backoff": 0.0})
    with Refusing() as server:
        server.status, server.body, server.kind = status, body, kind
        with pytest.raises(SourceError) as e:
            Client(source, settings_of, None, Meter()).get(server.url, None, lambda answer: answer.body)
        assert type(e.value) is error and told in str(e.value), str(e.value)
        assert len(server.requests) == (2 if isinstance(e.value, SourceUnavailableError) else 1)
    assert "<" not in str(e.value) and (source == "census_hitech" or "check the key" not in str(e.value))


def test_meter_counts_bytes_as_they_come() -> None:
    meter = Meter()
    with Compressed() as server:
        server.fault = "gzip"
        assert ask(server.url, meter) == BODY
        assert meter.bytes == server.sent
        assert len(_gzip(BODY)) < meter.bytes < len(BODY)


def test_failed_attempts_are_counted_too() -> None:
    meter = Meter()
    with Compressed() as server:
        server.fault = "cut in the body"
        with pytest.raises(SourceUnavailableError):
            ask(server.url, meter)
        assert (meter.requests, meter.bytes) == (2, server.sent)


KEY = "abcdefgh-1234-5678"


class Telling(Double):
    """Answers with ``body``, of which it says that it has ``more`` bytes; or with ``raw``, as it is."""

    body, headers, status, more, raw = b"", dict[str, str](), 400, 0, b""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if self.raw:
            request.close_connection = True
            request.wfile.write(self.raw)
        else:
            length = len(self.body) + self.more if self.more else None
            self.send(request, self.body, status=self.status, headers=self.headers, length=length)


@pytest.mark.parametrize(
    "told",
    [
        {"body": b"x" * 190 + KEY.encode()},
        {"body": b" " * 4090 + KEY.encode()},
        {"body": b"no: " + KEY[:12].encode(), "more": 6},
        {"status": 302, "headers": {"Location": "/" + "x" * 490 + KEY}},
        {"status": 302, "headers": {"Location": f"/{KEY}/x"}},
        *({"raw": b"HTTP/1.1 200 OK\r\n" + b"x" * n + KEY.encode() + b"\r\n\r\n"} for n in (430, 440)),
    ],
)
def test_no_part_of_a_key_is_told(told: dict[str, Any]) -> None:
    with Telling() as server:
        for name, value in told.items():
            setattr(server, name, value)
        with pytest.raises(SourceError) as e:
            Client(SOURCE, settings(attempts=1), KEY, Meter()).get(server.url, None, lambda answer: answer)
    assert KEY[:5] not in str(e.value)


@pytest.mark.parametrize("size", [len(BODY), len(BODY) - 1])
def test_size_is_bounded_to_the_byte(size: int) -> None:
    for fault in ("", "gzip"):
        with Compressed() as server:
            server.fault = fault
            if size == len(BODY):
                assert ask(server.url, max_bytes=size) == BODY
            else:
                with pytest.raises(SourceResponseError, match="larger than"):
                    ask(server.url, max_bytes=size)


def test_budget_of_a_run_is_one_over_all_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    with Compressed() as server:
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", server.url)
        spent = FetchRequest("atp_world_monthly", began=time.monotonic() - source_settings(SOURCE).run_budget)
        with Session(SOURCE, spent, Memory()) as session, pytest.raises(SourceUnavailableError, match="run_budget"):
            session.get("workbook", server.url)
        assert server.requests == []


def test_resolver_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: never.wait(30) and [])
    with pytest.raises(SourceUnavailableError, match="ConnectTimeout"):
        ask("https://slow.example/", connect_timeout=0.2)
    never.set()


def test_every_address_of_a_host_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def two(host: str, port: int, *rest: Any, **more: Any) -> Any:
        found = real("127.0.0.1", port, *rest, **more)
        return (
            [(*found[0][:4], ("127.0.0.2", port)), *found] if host == "localhost" else real(host, port, *rest, **more)
        )

    monkeypatch.setattr(socket, "getaddrinfo", two)
    with Compressed() as server:
        assert ask(server.url.replace("127.0.0.1", "localhost")) == BODY


@pytest.mark.parametrize(
    ("environment", "used"),
    [
        ({}, False),
        ({"http_proxy": "{}"}, True),
        ({"all_proxy": "{}"}, True),
        ({"http_proxy": "{}", "no_proxy": "*"}, False),
    ],
)
def test_proxy_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], used: bool
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with Compressed() as proxy, Compressed() as server:
        for name, value in environment.items():
            monkeypatch.setenv(name, value.format(proxy.url))
        assert ask(server.url + "/x") == BODY
        assert proxy.requests == ([server.url + "/x"] if used else [])


@pytest.mark.parametrize("scheme", ["gopher", "socks5", "SOCKS5h"])
def test_proxy_that_cannot_be_used_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("http_proxy", f"{scheme}://user:s3cret@proxy")
    monkeypatch.delenv("no_proxy", raising=False)
    with Compressed() as server, pytest.raises(ConfigError, match="proxy") as e:
        ask(server.url)
    assert "s3cret" not in str(e.value)


@pytest.mark.parametrize("url", ["http://[", "https://a:99999999/", "https://" + "a" * 300 + "/", "https://\u2028/"])
def test_address_that_is_none_is_a_named_error(url: str) -> None:
    with pytest.raises((ConfigError, SourceError)):
        ask(url)


@pytest.fixture
def odd_files(tmp_path: Path) -> dict[str, str]:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(bytes(2000))
    names = {"pipe": tmp_path / "pipe", "folder": tmp_path, "large": tmp_path / "large", "missing": tmp_path / "none"}
    special = {"device": "file:///dev/zero", "memory": "file:///proc/self/pagemap", "NUL": "file:///tmp/a%00b"}
    return {n: p.as_uri() for n, p in names.items()} | special


WAYS: dict[str, Callable[[Client, str, Path], Any]] = {
    "get": lambda client, url, to: client.get(url, None, lambda answer: answer),
    "download": lambda client, url, to: client.download(url, to),
    "tail": lambda client, url, to: client.tail(url, 2000, lambda answer: answer),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["pipe", "folder", "large", "missing", "device", "memory", "NUL"])
def test_odd_file_is_a_named_error(odd_files: dict[str, str], kind: str, way: str, tmp_path: Path) -> None:
    client = Client(SOURCE, settings(max_bytes=1000), None, Meter())
    with pytest.raises(SourceError, match=r"check the path|cannot be read"):
        WAYS[way](client, odd_files[kind], tmp_path / "to")


def test_tail_of_a_file_is_its_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"beginning and end")
    client = Client(SOURCE, settings(), None, Meter())
    assert client.tail((tmp_path / "file").as_uri(), 3, lambda answer: answer.body) == b"end"
    assert client.tail((tmp_path / "file").as_uri(), 99, lambda answer: answer.body) == b"beginning and end"


@pytest.mark.parametrize("value", ["\u00b2", "1e400", "-5", "nan", "inf", "", "Mon, 99 Foo 99999 99:99:99 GMT", "0x10"])
def test_wait_that_makes_no_sense_is_none(value: str) -> None:
    assert retry_after(value) is None


def test_wait_is_a_month_at_the_most() -> None:
    assert retry_after("9" * 5000) == retry_after("Fri, 31 Dec 9999 23:59:59 GMT") == 30 * 86_400
    assert retry_after("120") == 120


FAULTS = {
    "dripped header": ("SourceUnavailableError", "still sending after 1 s"),
    "dripped 404 body": ("StatusError", "status 404"),
    "endless 404 body": ("StatusError", "status 404"),
    "endless 1xx answers": ("SourceResponseError", "no answer yet"),
    "endless gzip of nothing": ("SourceResponseError", "larger than"),
    "gzip with a wrong sum": ("SourceUnavailableError", "no whole gzip"),
    "Location: no address": ("RedirectedError", "redirects to http://["),
    "Retry-After: a superscript": ("SourceUnavailableError", "status 503"),
}


@pytest.mark.parametrize("fault", quick(FAULTS, 4))
def test_fault_of_the_transport_publishes_nothing(
    techtrade: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: str
) -> None:
    bounds = {"BACKOFF": "0.01", "TOTAL_BUDGET": "1", "ATTEMPTS": "2", "MAX_BYTES": "1000000"}
    with CensusDouble() as census:
        census.fault = fault
        for name, value in {"URL": census.url + "/country.xlsx", **bounds}.items():
            monkeypatch.setenv(f"TECHTRADE_SOURCES__CENSUS_BALANCE__{name}", value)
        ran = techtrade("publish", "atp_world_monthly", "--json")
    assert ran.code == 1
    (result,) = json.loads(ran.out)
    kind, told = FAULTS[fault]
    assert (result["kind"], told in result["error"]) == (kind, True), result["error"]
    assert not (tmp_path / "store" / "atp_world_monthly" / "latest.json").exists()


@pytest.mark.parametrize("fault", ["dripped header", "endless 1xx answers", "dripped 404 body", "endless 500 body"])
def test_subscriber_that_never_ends_is_given_up(fault: str) -> None:
    with Compressed() as subscriber:
        subscriber.fault = fault
        with pytest.raises(webhooks._RefusedError, match=r"Timeout|TooMuchError|status 404|status 500"):
            webhooks._post_once(subscriber.url, {"id": "x"}, 0.5)
        assert subscriber.sent < 16_000_000


def test_subscriber_gets_name_and_password_of_its_address() -> None:
    with Compressed() as subscriber:
        webhooks._post_once(subscriber.url.replace("//", "//user:word@"), {"id": "x"}, 5)
        assert subscriber.authorization == "Basic dXNlcjp3b3Jk"


def test_bytes_of_a_request_are_bounded() -> None:
    bounds = wire.Bounds(time.monotonic() + 60)
    bounds.came = 10
    bounds.allow(5)
    assert bounds.most == 15
    assert wire.Bounds(time.monotonic() - 1).left() == 0
