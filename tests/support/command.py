"""Fixtures of the command line: a real Prefect server, one a session, with a database of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.prefect_setup import embedded, tether
from flows.prefect_setup.ports import free_ports
from tests.support.plain import Ran, plain

__all__ = ["Ran", "environment", "prefect_api", "techtrade"]
# No test reads task runs. Their recorder still writes those of one run when the next one begins: on SQLite the new run
# then meets a locked database (503), and the client waits two seconds before it tries again.
SERVER = {
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": "sqlite+aiosqlite:///{folder}/prefect.db",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED": "false",
}


# Prefect's own harness imports the whole server into this process too, which takes five seconds of it.
@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running server, which flows run in this process use too."""
    from prefect.context import _temporary_global_settings_context, get_settings_context
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    folder = tmp_path_factory.mktemp("prefect")
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}/api"
    with (folder / "server.log").open("w+b") as output:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in SERVER.items():
                patch.setenv(name, value.format(folder=folder))
            child = embedded.start_uvicorn(port, output)
        # At the end of a run Prefect waits for its heartbeat, which sleeps a second at a time: minutes, over all tests.
        settings = {PREFECT_API_URL: address, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
        try:
            embedded.wait_until_up(address, child, output, print)
            with temporary_settings(settings), _temporary_global_settings_context(get_settings_context()):
                yield address
        finally:
            tether.end(child, signal.SIGTERM, 10)


@pytest.fixture
def techtrade(
    prefect_api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """Runs the command line in this process, on a store of its own unless ``TECHTRADE_STORE`` is set otherwise."""
    return plain(monkeypatch, capfd, str(tmp_path / "store"))


def run_without_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let flows and tasks be what they are written as: functions, without Prefect's states, retries and requests."""
    from prefect import Flow, Task

    from flows.prefect_setup import artifacts

    monkeypatch.setattr(artifacts, "create_markdown_artifact", lambda *given, **named: None)  # there is no run for it
    for kind in (Flow, Task):
        monkeypatch.setattr(kind, "__call__", lambda self, *given, **named: self.fn(*given, **named))


@pytest.fixture
def environment(prefect_api: str, tmp_path: Path) -> dict[str, str]:
    """The environment for a command run as a process of its own, with the session's Prefect server."""
    return {**os.environ, "TECHTRADE_STORE": str(tmp_path / "store"), "PREFECT_API_URL": prefect_api}
