"""How Prefect's server is asked without Prefect's library: with the login that the library would use."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from flows.prefect_setup import run_status

PAIR, KEY = "user:canary-pair", "canary-key"


class Refusing(ThreadingHTTPServer):
    """Answers everything with ``status``; knows the login that it was last asked with."""

    status = 401
    login: str | None = None


class Handler(BaseHTTPRequestHandler):
    server: Refusing

    def do_POST(self) -> None:
        self.server.login = self.headers["Authorization"]
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def server() -> Iterator[Refusing]:
    server = Refusing(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("userinfo", ["", "us%21er:canary%40url@"])
@pytest.mark.parametrize("pair", ["", PAIR])
@pytest.mark.parametrize("key", ["", KEY])
def test_the_login_is_the_one_that_the_library_prefers(
    server: Refusing, monkeypatch: pytest.MonkeyPatch, userinfo: str, pair: str, key: str
) -> None:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.exceptions import PrefectHTTPStatusError

    url = f"http://{userinfo}127.0.0.1:{server.server_port}/api"
    with pytest.raises(PrefectHTTPStatusError):
        SyncPrefectClient(url, auth_string=pair or None, api_key=key or None).read_flow_runs()
    theirs, server.login = server.login, None
    monkeypatch.setenv("PREFECT_API_URL", url)
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", pair)
    monkeypatch.setenv("PREFECT_API_KEY", key)
    with pytest.raises(run_status.PrefectSilentError):
        run_status.runs()
    assert server.login == theirs
    assert (theirs is None) == (not (userinfo or pair or key))


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "refuses the login"), (403, "refuses the login"), (404, "answers with status 404")],
)
def test_a_login_that_is_refused_is_told_apart(
    server: Refusing, monkeypatch: pytest.MonkeyPatch, status: int, words: str
) -> None:
    server.status = status
    monkeypatch.setenv("PREFECT_API_URL", f"http://user:canary@127.0.0.1:{server.server_port}/api")
    with pytest.raises(run_status.PrefectSilentError) as told:
        run_status.runs()
    assert words in str(told.value) and "canary" not in str(told.value)
