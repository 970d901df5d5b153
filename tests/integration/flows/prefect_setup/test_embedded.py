"""The server that a command starts for itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT

TWICE = """
from flows.prefect_setup import embedded
from flows.prefect_setup.defaults import is_embedded

for turn in range(2):
    with embedded.server(print) as wait_for_server:
        assert wait_for_server() is None
        from prefect import flow

        @flow
        def answer():
            return 42

        assert answer() == 42
        assert is_embedded()
"""


def test_one_process_can_start_a_server_twice(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_API")}
    environment |= {"PREFECT_HOME": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", TWICE], cwd=ROOT, env=environment).returncode == 0
