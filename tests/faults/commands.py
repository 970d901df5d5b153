"""A process that runs commands one after the other, see ``commands_child``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.paths import ROOT


class Commands:
    """``seed``: names a bug to put into the process."""

    def __init__(self, environment: Mapping[str, str], *seed: str) -> None:
        command = [sys.executable, "-m", "tests.faults.commands_child", *seed]
        self._process = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=ROOT,
            text=True,
            bufsize=1,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(self, output: Path, environment: Mapping[str, str], *arguments: str) -> int:
        """The exit code of one command, whose output goes to a file."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(output), dict(environment), arguments]) + "\n")
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
