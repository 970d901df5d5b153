"""Commands and Prefect servers as processes, with their output in files."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.stack.prefect_parts import answers
from flows.prefect_setup.ports import free_ports


def said(place: Path) -> Path:
    """Return the file for the next command's output."""
    return place / f"said-{len(list(place.glob('said-*'))):02d}.txt"


def run(environment: dict[str, str], place: Path, *arguments: str) -> int:
    """Run one command as a process, and keep its output as a file among the others."""
    with said(place).open("wb") as out:
        command = [sys.executable, "-m", "flows.cli", *arguments]
        return subprocess.run(command, env=environment, stdout=out, stderr=subprocess.STDOUT, timeout=240).returncode


@contextmanager
def prefect_server(environment: dict[str, str], place: Path) -> Iterator[str]:
    """Start a Prefect server on the database of that environment, as talkative as the commands; yield its address."""
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}/api"
    with said(place).open("wb") as out:
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        silent = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
        server = subprocess.Popen(command, env=environment | silent, stdout=out, stderr=subprocess.STDOUT)
        try:
            until = time.monotonic() + 240
            while not answers(f"{address}/health"):
                assert server.poll() is None and time.monotonic() < until, "the server starts"
                time.sleep(0.2)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=240)
