"""Run a module as a child that ends with its parent, however the parent ends.

``python -m flows.prefect_setup.tether MODULE [ARGUMENT ...]``, started by ``start`` with a pipe as standard input. The
kernel closes the parent's end of the pipe when the parent is gone, also after SIGKILL; the child then ends its whole
process group. The child has its own session, so that Ctrl-C at the terminal reaches the parent only, which decides
what to do.

A parent-death signal (``prctl``) was tried first: it exists on Linux only, and fires when the *thread* that started the
child ends.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO

# How long the group may take to end by itself when its parent is gone.
GRACE_SECONDS = 5.0
POLL_SECONDS = 0.05


def start(
    module: str, arguments: Sequence[str], environment: Mapping[str, str], output: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start a module as a tethered child; what it prints goes to ``output``. Close its ``stdin`` to end it."""
    return subprocess.Popen(
        [sys.executable, "-m", "flows.prefect_setup.tether", module, *arguments],
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def release(child: subprocess.Popen[bytes]) -> None:
    """Let the child end by itself, without waiting for it."""
    if child.stdin:
        child.stdin.close()


def end(child: subprocess.Popen[bytes], how: signal.Signals, seconds: float) -> None:
    """End the child and all it started: by ``how`` first, and by SIGKILL what is left after ``seconds``."""
    deadline = time.monotonic() + seconds
    _signal_group(child.pid, how)
    # What it started may take longer than the child itself.
    while _signal_group(child.pid, 0) and time.monotonic() < deadline:
        child.poll()
        time.sleep(POLL_SECONDS)
    _signal_group(child.pid, signal.SIGKILL)
    child.wait()
    release(child)


def _signal_group(group: int, how: int) -> bool:
    """Send a signal (0: none) to a process group; return whether there is one."""
    try:
        os.killpg(group, how)
    except ProcessLookupError:
        return False
    return True


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    _signal_group(os.getpgrp(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    _signal_group(os.getpgrp(), signal.SIGKILL)


def main() -> None:
    """Run the module that the arguments name, tethered to whoever holds the other end of standard input."""
    # What its parent ignores, as a command in the background of a script does, must end the child all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
