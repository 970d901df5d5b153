"""What is committed is of use on any machine."""

from __future__ import annotations

import subprocess

from tests.paths import ROOT

LINK = "120000"


def test_no_link_is_committed() -> None:
    """A link leads somewhere else on another machine: one to a folder of a temporary store was committed once."""
    listed = subprocess.run(["git", "ls-files", "--stage"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line for line in listed.stdout.splitlines() if line.startswith(LINK)] == []
