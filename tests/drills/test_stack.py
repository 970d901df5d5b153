"""``make stack`` itself: what it says, what it refuses, and that nothing of it stays behind."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from deploy.stack.processes import marked
from deploy.stack.trial import throwaway_folder
from tests.support import terminal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
PARTS = ("postgres", "prefect", "s3", "publishers", "worker")


@contextmanager
def up(folder: Path) -> Iterator[terminal.Terminal]:
    """``make stack`` on a folder, up; ended if it is still there."""
    stack = terminal.start(command(folder), os.environ)
    try:
        stack.wait_for_text("Ctrl-C ends")
        yield stack
    finally:
        stack.process.kill()
        stack.process.wait()


def command(folder: Path) -> list[str]:
    doubles = shlex.join([sys.executable, "-m", "tests.doubles.demo"])
    return [sys.executable, "-m", "deploy.stack", "up", "--doubles", doubles, "--folder", str(folder / "stack")]


def test_it_says_each_part_refuses_a_second_and_ends_as_a_whole() -> None:
    with throwaway_folder() as folder:
        with up(folder) as stack:
            state = json.loads((folder / "stack" / "state.json").read_text())
            lines = stack.text.splitlines()
            assert [line.split()[0] for line in lines if " up after " in line] == list(PARTS)
            environment = folder / "stack" / "environment"
            assert environment.stat().st_mode & 0o077 == 0, "it holds keys"
            prefect = f"http://127.0.0.1:{state['ports']['prefect']}"
            assert prefect in stack.text
            with urlopen(f"{prefect}/ui-settings", timeout=30) as response:
                assert json.load(response)["api_url"] == f"{prefect}/api", "what the page asks, from the browser"
            second = subprocess.run(command(folder), capture_output=True, text=True, timeout=60)
            assert second.returncode == 1 and "already" in second.stderr
            stack.press_ctrl_c()
            assert stack.end() == 130
            assert stack.last_lines == ["stopped"]
            assert marked(state["mark"]) == [], "nothing is left"
        said = stack.text
        with up(folder) as stack:
            (worker,) = [p for p in psutil.Process(stack.process.pid).children() if "worker" in p.cmdline()]
            os.kill(worker.pid, signal.SIGKILL)
            assert stack.end() == 1
            assert "worker was killed by SIGKILL" in stack.text
            assert marked(state["mark"]) == [], "nothing is left"
        said += stack.text
        for secret in ("database_password", "s3_secret", "s3_admin_secret"):
            assert state[secret] not in said
            logs = (folder / "stack" / "logs").glob("*.log")
            assert [path.name for path in logs if state[secret] in path.read_text(errors="replace")] == []
