"""Doubles of the publishers, which a command given by whoever starts the stack serves (``make stack`` gives that of
``make demo-sources``): it prints ``export NAME='value'`` for each variable that points runs at them, then ``SERVING``.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from deploy.stack.processes import Program, environment
from deploy.stack.state import State

NAME = "publishers"
SERVING = "# serving until"


def program(state: State, command: str, log: Path) -> Program:
    """They take ports of their own, and say in ``log`` which: it begins anew, or an earlier start would speak in it."""
    log.unlink(missing_ok=True)
    return Program(
        name=NAME,
        arguments=shlex.split(command),
        environment=environment(state.mark),
        is_up=lambda: SERVING in log.read_text(),
    )


def variables(log: Path) -> dict[str, str]:
    """Addresses and keys, as the doubles have written them into their log."""
    return dict(re.findall(r"^export (\w+)='(.*)'$", log.read_text(), flags=re.MULTILINE))
