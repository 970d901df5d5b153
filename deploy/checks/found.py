"""What a check found, and how a tool is run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy import ROOT

DEPLOY = ROOT / "deploy"
TOOLS = ROOT / ".venv-deploy" / "bin"


@dataclass(frozen=True)
class Found:
    """``problems``: a line each. ``told``: what there is to say of a check that went well, or that was not run."""

    problems: tuple[str, ...] = ()
    told: str = ""
    skipped: bool = False


def run(
    command: Sequence[str | Path], cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a tool to its end; its output as text."""
    words = [str(c) for c in command]
    return subprocess.run(words, cwd=cwd, env=dict(env) if env else None, capture_output=True, text=True, check=False)


def problems(done: subprocess.CompletedProcess[str]) -> tuple[str, ...]:
    """The lines that a tool which failed has printed; none if it went well."""
    if done.returncode == 0:
        return ()
    lines = [line for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
    return tuple(lines) or (f"ended with {done.returncode} and said nothing",)


def plain_environment(**more: str) -> dict[str, str]:
    """What a tool needs of this process's environment, and nothing that configures it."""
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **more}
