"""Fixtures of the command line: a real Prefect server, one a session, with a database of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from flows.prefect_setup.defaults import prepare
from flows.prefect_setup.ports import free_ports
from tests.support.plain import Ran, plain

__all__ = ["Ran", "environment", "prefect_api", "techtrade"]


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[str]:
    """The address of a running server, which flows run in this process use too."""
    prepare()
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED,
        temporary_settings,
    )
    from prefect.testing import utilities

    quick = {
        # At the end of a run Prefect waits for its heartbeat, which sleeps a second at a time: minutes, over all tests.
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        # No test reads task runs. The recorder still writes those of one run when the next one begins: on SQLite the
        # new run then meets a locked database (503), and the client waits two seconds before it tries again.
        PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED: False,
    }
    # Its own choice can be another's by the time it listens: a double answered in its place.
    with (
        patch.object(utilities, "_find_available_port", lambda: free_ports(1)[0]),
        temporary_settings(quick),
        utilities.prefect_test_harness(server_startup_timeout=180),
    ):
        yield str(PREFECT_API_URL.value())


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
