"""``make stack`` itself: what it says, what it refuses, and that nothing of it stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from deploy.stack.processes import marked
from deploy.stack.trial import throwaway_folder
from tests.drills.ground import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
PARTS = ("postgres", "prefect", "s3", "publishers", "worker")


@contextmanager
def up(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """``make stack`` on a folder, and the file that it says its lines into; ended if it is still there."""
    said = folder / "said"
    with said.open("wb") as out:
        process = subprocess.Popen(command(folder), stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: "Ctrl-C ends" in said.read_text() or process.poll() is not None, "it is up")
        assert process.poll() is None, said.read_text()
        yield process, said
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=240)


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "deploy.stack", "up", "--folder", str(folder / "stack")]


def test_it_says_each_part_refuses_a_second_and_ends_as_a_whole_when_a_part_is_lost() -> None:
    with throwaway_folder() as folder:
        with up(folder) as (process, said):
            state = json.loads((folder / "stack" / "state.json").read_text())
            lines = said.read_text().splitlines()
            assert [line.split()[0] for line in lines if " up after " in line] == list(PARTS)
            environment = folder / "stack" / "environment"
            assert environment.stat().st_mode & 0o077 == 0, "it holds keys"
            assert f"http://127.0.0.1:{state['ports']['prefect']}" in said.read_text()
            second = subprocess.run(command(folder), capture_output=True, text=True, timeout=60)
            assert second.returncode == 1 and "already" in second.stderr
            (worker,) = [p for p in psutil.Process(process.pid).children() if "worker" in p.cmdline()]
            os.kill(worker.pid, signal.SIGKILL)
            assert process.wait(timeout=240) == 1
            assert "worker was killed by SIGKILL" in said.read_text()
            assert marked(state["mark"]) == [], "nothing is left"
        for secret in ("database_password", "s3_secret", "s3_admin_secret"):
            assert state[secret] not in said.read_text()
            logs = (folder / "stack" / "logs").glob("*.log")
            assert [path.name for path in logs if state[secret] in path.read_text(errors="replace")] == []
