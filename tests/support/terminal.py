"""Run a command on a pseudo-terminal, as a person does, and stop it as a person does: a key, or a signal."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.paths import ROOT

# Only ends what hangs.
PATIENCE = 240
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Terminal:
    """A running command in the foreground of its own terminal; what it prints is in ``shown``."""

    process: subprocess.Popen[bytes]
    descriptor: int
    shown: str = ""
    family: list[psutil.Process] = field(default_factory=list)

    def wait_for(self, condition: Callable[[], Any]) -> Any:
        """Read on until ``condition`` gives something true.

        Raises:
            AssertionError: the command ended, or took too long.
        """
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            found = condition()
            if found:
                return found
            assert self._read(0.02), f"ended before that:\n{self.text}"
        raise AssertionError(f"waited in vain:\n{self.text}")

    def wait_for_text(self, text: str) -> None:
        """Read on until the command has printed ``text``."""
        self.wait_for(lambda: text in self.text)

    def wait_until_it_can_stop(self) -> None:
        """Return when the command has taken the signals: what Python does before that is not ours."""
        status = Path(f"/proc/{self.process.pid}/status")
        bit = 1 << (signal.SIGHUP - 1)
        self.wait_for(lambda: int(re.search(r"SigCgt:\s*(\w+)", status.read_text())[1], 16) & bit)  # type: ignore[index]

    def hang_up(self) -> None:
        """Close the terminal, as one who closes the window."""
        self._remember_family()
        os.close(self.descriptor)

    def press_ctrl_c(self) -> None:
        """Let the terminal send SIGINT to the whole foreground process group."""
        self._remember_family()
        os.write(self.descriptor, b"\x03")

    def send(self, how: signal.Signals) -> None:
        """Send a signal to the command alone, as ``kill`` does."""
        self._remember_family()
        self.process.send_signal(how)

    def end(self) -> int:
        """Read to the end; return the exit code."""
        until = time.monotonic() + PATIENCE
        while self._read(0.1) and time.monotonic() < until:
            pass
        return self.process.wait(PATIENCE)

    @property
    def text(self) -> str:
        """What was printed, without escape sequences."""
        return ESCAPES.sub("", self.shown)

    @property
    def last_lines(self) -> list[str]:
        """The lines after the echo of Ctrl-C, progress lines that were wiped not among them."""
        kept: list[str] = []
        for line in re.split(r"\r?\n", self.shown.rpartition("^C")[2]):
            if "\x1b[1A" in line and kept:  # the cursor goes up, and wipes the line before
                kept.pop()
            kept.append(ESCAPES.sub("", line.rpartition("\x1b[2K")[2]).strip())
        return [line for line in kept if line]

    def left_behind(self) -> list[psutil.Process]:
        """The processes that it had started and that do not end."""
        _, alive = psutil.wait_procs(self.family, timeout=60)
        return [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]

    def _remember_family(self) -> None:
        with suppress(psutil.NoSuchProcess):  # it may have ended in this moment
            self.family = psutil.Process(self.process.pid).children(recursive=True)

    def _read(self, seconds: float) -> bool:
        """Whether there may be more to come."""
        poll = select.poll()  # select knows 1,024 files at most
        poll.register(self.descriptor, select.POLLIN)
        if not poll.poll(seconds * 1000):
            return self.process.poll() is None
        try:
            read = os.read(self.descriptor, 65536)
        except OSError:  # the other side is closed
            return False
        self.shown += read.decode(errors="replace")
        return bool(read)


def start(
    command: Sequence[str], environment: Mapping[str, str], *, columns: int = 120, folder: Path = ROOT
) -> Terminal:
    """Start a command in the foreground of a new terminal."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))

    def take_terminal() -> None:
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        command,
        env=dict(environment),
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=take_terminal,  # noqa: PLW1509 - one call of the system's
    )
    os.close(theirs)
    return Terminal(process, ours)


@contextmanager
def silent_server() -> Iterator[tuple[str, socket.socket]]:
    """A server that takes connections and never says a word: its address, and its listening socket."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        listening.settimeout(PATIENCE)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", listening
