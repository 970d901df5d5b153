"""The health command of an image, asked of Prefect's own worker."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows import health
from flows.prefect_setup.ports import free_ports
from tests.paths import ROOT


def ask(port: int) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1", "PREFECT_WORKER_WEBSERVER_PORT": str(port)}
    return subprocess.run(
        [sys.executable, "-m", "flows.health"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )


@contextmanager
def answering(status: int) -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_no_worker_is_not_well() -> None:
    (port,) = free_ports(1)
    asked = ask(port)
    assert asked.returncode == 1
    assert asked.stderr == (
        f"no worker answers at 127.0.0.1:{port} (ConnectionRefusedError); was it started with --with-healthcheck?\n"
    )


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_worker_itself_is_asked(status: int, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(status) as port:
        monkeypatch.setenv("PREFECT_WORKER_WEBSERVER_HOST", "0.0.0.0")
        monkeypatch.setenv("PREFECT_WORKER_WEBSERVER_PORT", str(port))
        assert health.main() == code


@pytest.mark.slow
def test_a_worker_is_well_while_it_asks_for_work_and_not_when_it_is_gone(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    command = ["worker", "start", "--pool", "techtrade-health", "--type", "process", "--with-healthcheck"]
    env = environment | {"PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1", "PREFECT_WORKER_WEBSERVER_PORT": str(port)}
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "prefect", *command, "--install-policy", "never"], env=env, stdout=log, stderr=log
        )
        try:
            until = time.monotonic() + 120
            while ask(port).returncode and time.monotonic() < until:
                assert worker.poll() is None, (tmp_path / "worker.log").read_text()
            assert ask(port).returncode == 0
        finally:
            worker.terminate()
            worker.wait(timeout=240)
    assert ask(port).returncode == 1
