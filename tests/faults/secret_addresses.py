"""Passwords and signatures in every setting that takes an address: none is in anything that is written.

Each fault has a secret of its own. Its commands run with every log on and with tracebacks, with a real Prefect server,
and then every byte below the folder is looked at: stores, raw archive, ledgers, output, Prefect's database.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from urllib.parse import unquote

import pytest

from tests.doubles import publishers
from tests.faults.commands import Commands
from tests.faults.harness import Fault, Ground, Row
from tests.support.processes import prefect_server, said

BALANCE = "TECHTRADE_SOURCES__CENSUS_BALANCE__URL"
LISTS = "TECHTRADE_SOURCES__CENSUS_ATP_LISTS__DOCUMENTS"
PUBLISH = ("publish", "atp_world_monthly")
_old = False


class _Publisher(BaseHTTPRequestHandler):
    """Answers by the first part of the path, and says back what it was asked for."""

    def do_GET(self) -> None:
        kind = self.path.split("/")[1]
        body = (
            publishers.workbook() if kind == "good" else f"<html>asked for {self.path}, {unquote(self.path)}".encode()
        )
        self.send_response({"moved": 302, "moved_here": 302, "gone": 404, "refused": 403, "busy": 503}.get(kind, 200))
        if kind.startswith("moved"):
            host = "" if kind == "moved_here" else f"https://u:{self.path.rpartition('=')[2]}@example.org"
            self.send_header("Location", f"{host}/other{self.path}#{self.path.rpartition('=')[2]}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Grounds:
    """A folder with everything in it, a publisher, a Prefect server, and a process that runs commands."""

    def __init__(self, *, old: bool) -> None:
        stack = ExitStack()
        atexit.register(stack.close)
        self.folder = Path(stack.enter_context(TemporaryDirectory(prefix="techtrade-secrets-")))
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Publisher)
        Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        self.publisher = f"127.0.0.1:{server.server_port}"
        self.environment = {
            k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "TECHTRADE_", "AWS_"))
        } | {
            "HOME": str(self.folder / "home"),
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_LOGGING_LEVEL": "DEBUG",
            "PREFECT_LOGGING_ROOT_LEVEL": "DEBUG",
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "DEBUG",
            "PREFECT_LOGGING_EXTRA_LOGGERS": "techtrade,httpx2,httpcore2,stamina,botocore",
            "TECHTRADE_FOLLOW": "false",
            "TECHTRADE_SOURCES__CENSUS_BALANCE__BACKOFF": "0.01",
            "TECHTRADE_SOURCES__CENSUS_BALANCE__ATTEMPTS": "2",
            "TECHTRADE_SOURCES__CENSUS_ATP_LISTS__ATTEMPTS": "1",
        }
        (self.folder / "home").mkdir()
        self.environment["PREFECT_API_URL"] = stack.enter_context(prefect_server(self.environment, self.folder))
        self._commands = Commands(self.environment, *(["addresses"] if old else []))
        stack.callback(self._commands.close)

    def run(self, environment: Mapping[str, str], *arguments: str) -> int:
        whole = {**self.environment, **environment}
        if any(name.startswith("PREFECT_") for name in environment):  # its settings are read once a process
            with said(self.folder).open("wb") as out:
                command = [sys.executable, "-m", "flows.cli", *arguments]
                return subprocess.run(command, env=whole, stdout=out, stderr=out, timeout=240).returncode
        return self._commands.run(said(self.folder), whole, *arguments)

    def having(self, secret: str) -> list[str]:
        """The files that have the secret, however it is written."""
        forms = [form.lower().encode() for form in (secret, _percent(secret), _percent(secret[:1]) + secret[1:])]
        files = [p for p in self.folder.rglob("*") if p.is_file()]
        return [str(p.relative_to(self.folder)) for p in files if any(f in p.read_bytes().lower() for f in forms)]


_grounds: dict[bool, _Grounds] = {}


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


@dataclass(frozen=True)
class _Try:
    """``setting``: from the secret and the publisher's host to the environment. ``code``: that every command ends with
    (None: any but success of what could not work)."""

    setting: Callable[[str, str], Mapping[str, str]]
    commands: Sequence[Sequence[str]]
    code: int


def _of_source(variable: str, form: str, *commands: Sequence[str], code: int = 1) -> _Try:
    def setting(secret: str, host: str) -> Mapping[str, str]:
        return {variable: form.replace("HOST", host).replace("PCT", _percent(secret)).replace("SECRET", secret)}

    return _Try(setting, commands, code)


def _tries() -> Mapping[str, _Try]:
    url, check = BALANCE, ("sources", "check", "census_balance")
    lists = '{"import/2022": "%s"}'
    of_publisher = {
        f"source, {form}, {kind}": _of_source(url, f"http://HOST/{kind}/x.xlsx{form}", PUBLISH, code=int(kind != "good"))
        for kind, form in (
            ("good", "?sig=SECRET"), ("good", "?sig=PCT"), ("good", "?SECRET"), ("good", "#SECRET"),
            ("good", "?X-Amz-Signature=SECRET&b=2#SECRET"), ("gone", "?sig=SECRET"), ("gone", "?sig=PCT"),
            ("refused", "?token=SECRET"), ("busy", "?sig=SECRET"), ("page", "?sig=SECRET"), ("page", "?SECRET"),
            ("page", "?other=SECRET"), ("moved", "?sig=SECRET"),
            ("moved_here", "?sig=SECRET"), ("moved", "?sig=PCT"),
        )
    }  # fmt: skip
    logins = {
        f"source, login as {form}": _of_source(url, form, PUBLISH, check, ("status",))
        for form in (
            "http://u:SECRET@HOST/good/x.xlsx", "http://SECRET@HOST/good/x.xlsx", "http://u:PCT@HOST/good/x.xlsx",
            r"http:\\u:SECRET@HOST\good", "http:/u:SECRET@HOST/good", " HTTP://u:SECRET@HOST/good",
            "http://u:SECRET@[HOST/good", "file://u:SECRET@localhost/x.xlsx", "http://u:SECRET@ho℀st/x",
        )
    }  # fmt: skip
    others = {
        "source, no port": _of_source(url, "https://:SECRET/x?SECRET", PUBLISH, check),
        "source, unknown scheme": _of_source(url, "gopher://HOST/x?sig=SECRET", PUBLISH, check),
        "source, file with a query": _of_source(url, "file:///no/such/file?sig=SECRET", PUBLISH),
        "source, checked": _of_source(url, "http://HOST/gone/x.xlsx?sig=SECRET", check),
        "source, checked where it moved": _of_source(url, "http://HOST/moved/x.xlsx?sig=SECRET", check),
        "documents, login": _of_source(LISTS, lists % "http://u:SECRET@HOST/good/a.txt", ("publish", "atp_products")),
        "documents, query": _of_source(LISTS, lists % "http://HOST/gone/a.txt?sig=SECRET", ("publish", "atp_products")),
        "documents, not JSON": _of_source(LISTS, '{"a": "http://u:SECRET@HOST', ("publish", "atp_products")),
        "documents, a list": _of_source(LISTS, '["http://u:SECRET@HOST/"]', ("publish", "atp_products")),
        "store, login": _of_source("TECHTRADE_STORE", "s3://u:SECRET@bucket/x", PUBLISH, ("status",), ("datasets",)),
        "store, query": _of_source("TECHTRADE_STORE", "s3://bucket/x?sig=SECRET", PUBLISH, ("verify",)),
        "store, login of a file": _of_source("TECHTRADE_STORE", "file://u:SECRET@host/x", ("gc",)),
        "store, no such kind": _of_source("TECHTRADE_STORE", "https://u:SECRET@HOST/x?SECRET", ("versions", "partners")),
        "endpoint": _Try(
            lambda secret, host: {"TECHTRADE_STORE": "s3://b/x", "AWS_ENDPOINT_URL": f"http://u:{secret}@{host}"},
            [("verify",), ("raw", "list")], 1,
        ),
        "dask": _of_source("TECHTRADE_DASK_ADDRESS", "tcp://u:SECRET@HOST", PUBLISH),
        "runbooks": _of_source("TECHTRADE_RUNBOOKS_URL", "https://u:SECRET@example.org", ("alerts", "list")),
        "runbooks, query": _of_source("TECHTRADE_RUNBOOKS_URL", "https://example.org/?SECRET", ("alerts", "list")),
        "evidence": _of_source("TECHTRADE_EVIDENCE_URL", "https://u:SECRET@example.org", ("alerts", "list")),
        "proxy": _Try(
            lambda secret, host: {BALANCE: "https://example.org/x.xlsx", "HTTPS_PROXY": f"http://u:{secret}@{host}/"},
            [PUBLISH], 1,
        ),
        "a secret as a number": _of_source("TECHTRADE_SOURCES__CENSUS_BALANCE__ATTEMPTS", "SECRET", PUBLISH, check),
        "a secret as a count": _of_source("TECHTRADE_WORKERS", "SECRET", PUBLISH),
        "a secret as a choice": _of_source("TECHTRADE_TASK_RUNNER", "SECRET", PUBLISH),
        "sources, not JSON": _of_source("TECHTRADE_SOURCES", '{"a": "http://u:SECRET@HOST', PUBLISH),
        "Prefect, login": _of_source("PREFECT_API_URL", "http://u:SECRET@HOST/gone/api", ("status",)),
    }  # fmt: skip
    return {**of_publisher, **logins, **others}


def _tried(name: str, one: _Try, number: int) -> str:
    if _old not in _grounds:
        _grounds[_old] = _Grounds(old=_old)
    grounds = _grounds[_old]
    secret = f"canary{number:02}xs3cretx"
    store = {"TECHTRADE_STORE": str(grounds.folder / f"store-{number:02}")}
    codes = [grounds.run({**store, **one.setting(secret, grounds.publisher)}, "--debug", *c) for c in one.commands]
    found = grounds.having(secret)
    if found:
        return f"is in {', '.join(found[:5])}"
    # What does not need the setting may work.
    return "" if one.code in codes else f"{name} ended with {codes}"


def _options(number: int) -> str:
    """Addresses that are arguments."""
    if _old not in _grounds:
        _grounds[_old] = _Grounds(old=_old)
    grounds, secret = _grounds[_old], f"canary{number:02}xs3cretx"
    login, query = f"s3://u:{secret}@bucket/x", f"s3://bucket/x?sig={secret}"
    here = {"TECHTRADE_STORE": str(grounds.folder / "store-options")}
    codes = [
        grounds.run(here, *debug, *command)
        for debug in ((), ("--debug",))
        for address in (login, query)
        for command in (
            (*PUBLISH, "--store", address), ("status", "--store", address), ("restore", "--from", address),
        )
    ]  # fmt: skip
    found = grounds.having(secret)
    return f"is in {', '.join(found[:5])}" if found else "" if 0 not in codes else f"ended with {codes}"


def faults() -> Sequence[Fault]:
    def fault(number: int, name: str, one: _Try) -> Fault:
        return Fault(name, lambda _: _tried(name, one, number))

    of_settings = [fault(n, name, one) for n, (name, one) in enumerate(_tries().items())]

    def options(_: Ground) -> str:
        return _options(90)

    return [*of_settings, Fault("options", options)]


def seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "_old", True)


ROW = Row(
    name="secret_addresses",
    title="passwords and signatures in every setting that takes an address",
    right="in no file of the store, output, traceback, debug log or Prefect database",
    faults=faults,
    seed=seed,
    seeded=("source, ?sig=SECRET, good", "source, ?sig=SECRET, gone"),
    slow=True,
)
