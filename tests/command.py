"""Fixtures of the command line: a real Prefect server, one a session, with a database of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.runtime import prepare


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[str]:
    """The address of a running server, which flows run in this process use too."""
    prepare()
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield str(PREFECT_API_URL.value())


@dataclass(frozen=True)
class Ran:
    """What a command said and ended with."""

    code: int
    out: str
    err: str


@pytest.fixture
def techtrade(
    prefect_api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """Runs the command line in this process, on a store of its own unless ``TECHTRADE_STORE`` is set otherwise."""
    monkeypatch.setenv("TECHTRADE_STORE", str(tmp_path / "store"))

    def run(*arguments: str) -> Ran:
        from flows.cli import main

        monkeypatch.setattr("sys.argv", ["techtrade", *arguments])
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as e:
            code = e.code if isinstance(e.code, int) else 1
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return run


@pytest.fixture
def environment(prefect_api: str, tmp_path: Path) -> dict[str, str]:
    """The environment for a command run as a process of its own, with the session's Prefect server."""
    return {**os.environ, "TECHTRADE_STORE": str(tmp_path / "store"), "PREFECT_API_URL": prefect_api}
