"""A part of the stack: a process with a log, that is up when it says so, and that is ended with all it started."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from configs.errors import TechtradeError
from deploy import ROOT

MARK = "TECHTRADE_STACK"
POLL_SECONDS = 0.2
TAIL_LINES = 15


class StackError(TechtradeError):
    """The stack, or a part of it, cannot be started or has ended by itself."""


@dataclass(frozen=True)
class Program:
    """What runs as a part: how it is started, how it says that it is up, and which signal ends it cleanly.

    ``user``: the system's user it runs as; None for whoever starts it. ``seconds``: how long it may take to come up;
    ``grace``: how long to end.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    is_up: Callable[[], bool]
    user: str | None = None
    ends_by: signal.Signals = signal.SIGTERM
    seconds: float = 120
    grace: float = 20


class Part:
    """A running program."""

    def __init__(self, program: Program, log: Path) -> None:
        self.program, self.log = program, log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                program.arguments,
                env=dict(program.environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=ROOT if program.user is None else "/",
                start_new_session=True,
                user=program.user,
                extra_groups=None if program.user is None else [],
                # One call of the system's, made ready beforehand: safe also where threads run (the drills' doubles).
                preexec_fn=_end_with_parent(program.ends_by),  # noqa: PLW1509
            )

    @property
    def name(self) -> str:
        return self.program.name

    def wait_until_up(self) -> None:
        """Returns when the part answers.

        Raises:
            StackError: it ended, or did not answer in time; with the end of its log.
        """
        until = time.monotonic() + self.program.seconds
        while time.monotonic() < until:
            self.check()
            if self.program.is_up():
                return
            time.sleep(POLL_SECONDS)
        raise StackError(f"{self.name} was not up after {self.program.seconds:.0f} s{self._said()}")

    def check(self) -> None:
        """Raises:
        StackError: the part has ended by itself.
        """
        code = self.process.poll()
        if code is not None:
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
            raise StackError(f"{self.name} {how}{self._said()}")

    def kill(self) -> None:
        """Ends the part and what it started at once, as a machine does that loses its power."""
        family = _family(self.process.pid)
        self.process.kill()
        _end(family, signal.SIGKILL, 0)
        self.process.wait()

    def ask_to_end(self) -> None:
        """Send the signal that ends the part cleanly."""
        if self.process.poll() is None:
            self.process.send_signal(self.program.ends_by)

    def stop(self, deadline: float | None = None) -> None:
        """End the part cleanly, and at once what is left of it at ``deadline``.

        Args:
            deadline: a moment of ``time.monotonic``; None for the program's grace from now.
        """
        family = _family(self.process.pid)
        self.ask_to_end()
        try:
            self.process.wait(self.program.grace if deadline is None else max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        _end(family, signal.SIGKILL, 0)

    def _said(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
        return f"; see {self.log}, which ends with:\n" + "\n".join(f"    {line}" for line in lines)


def marked(mark: str) -> list[psutil.Process]:
    """The processes of a stack, whoever their parent is by now."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:  # it ended meanwhile, or is another user's
            continue
    return found


def end_marked(mark: str) -> None:
    """End at once whatever is left of a stack: its parts had their time."""
    _end(marked(mark), signal.SIGKILL, 0)


def _family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _end(processes: list[psutil.Process], how: signal.Signals, grace: float) -> None:
    for process in processes:
        _send(process, how)
    _, alive = psutil.wait_procs(processes, timeout=grace)
    for process in alive:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=10)


def _send(process: psutil.Process, how: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(how)


def _end_with_parent(how: signal.Signals) -> Callable[[], None] | None:
    """Linux ends a part when who started it is gone, however that came; elsewhere only a clean end does."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(1, int(how))


def environment(mark: str, **variables: str) -> dict[str, str]:
    """This process's environment without settings of another server or store, and with the mark.

    Addresses of alerts stay: who has set them wants to see alerts.
    """
    kept = {k: v for k, v in os.environ.items() if not _is_setting(k) or k.startswith("TECHTRADE_ALERT")}
    return {**kept, MARK: mark, "PYTHONUNBUFFERED": "1", **variables}


def _is_setting(name: str) -> bool:
    return name.startswith(("PREFECT_", "TECHTRADE_", "AWS_")) or name in ("CENSUS_API_KEY", "BEA_API_KEY")
