"""The doubles of the publishers, as ``make demo-sources`` starts them, and the variables that point runs at them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from deploy.stack.processes import Program, environment
from deploy.stack.state import State

NAME = "publishers"
SERVING = "# serving until"


def program(state: State, log: Path) -> Program:
    """They take ports of their own, and say in ``log`` which: it begins anew, or an earlier start would speak in it."""
    log.unlink(missing_ok=True)
    return Program(
        name=NAME,
        arguments=[sys.executable, "-m", "tests.doubles.demo"],
        environment=environment(state.mark),
        is_up=lambda: SERVING in log.read_text(),
    )


def variables(log: Path) -> dict[str, str]:
    """Addresses and keys, as the doubles have written them into their log."""
    return dict(re.findall(r"^export (\w+)='(.*)'$", log.read_text(), flags=re.MULTILINE))
