"""Stop a command when asked: Ctrl-C, SIGTERM and SIGHUP end it within five seconds, with one line and the usual code.

Python runs a signal's handler between two steps of the main thread only, so a main thread that is inside of a library
(a long query, an import, a store that hangs) would not notice. The kernel also writes each signal to a pipe
(``signal.set_wakeup_fd``), which a thread reads: it gives the main thread ``unwind_seconds`` to clean up, then ends the
process itself. Ending so is safe at any point: a run may be killed, and the next one needs no cleaning.

The process ends by ``os._exit``: a clean exit of the interpreter waits for threads that may be in the middle of
something long.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from configs.words import plural
from flows.prefect_setup.remarks import remark, restore_terminal

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# How long the main thread may take to unwind, and the last note to the store after that: below five seconds together.
UNWIND_SECONDS = 2.2
NOTE_SECONDS = 2.0
# How long the terminal may take for the last line.
SAY_SECONDS = 0.5
# Some senders deliver a signal twice. Only later is the second one another wish: to end at once.
REPEAT_SECONDS = 0.5
# So many published versions are named in the last line.
NAMED = 3


class Stopped(KeyboardInterrupt):
    """Somebody asked this process to stop. ``signum``: by which signal."""

    def __init__(self, signum: int) -> None:
        self.signum = signum
        super().__init__(signum)

    def __str__(self) -> str:
        return f"stopped by {signal.Signals(self.signum).name}"


class _Stopping:
    """What this process knows of being asked to stop."""

    def __init__(self) -> None:
        self.signum: int | None = None
        self.raised_at: float | None = None
        self.silent = False
        self.inbox: socket.socket | None = None
        self.unwind_seconds = UNWIND_SECONDS
        self.words: list[Callable[[], str]] = []
        self.published: dict[str, None] = {}
        self.ending = threading.Lock()


_state = _Stopping()


def requested() -> bool:
    """Return whether this process was asked to stop, so that nothing that fails from here on is to be reported."""
    return _state.silent or _state.signum is not None or _seen(_state.inbox) is not None


def be_silent() -> None:
    """Report nothing from here on: what this process looks after is being stopped."""
    _state.silent = True


@contextmanager
def stoppable(*, unwind_seconds: float = UNWIND_SECONDS) -> Iterator[None]:
    """End the process by itself if it is asked to stop while the block runs. Outside of the main thread: do nothing.

    A signal that is ignored stays ignored (``nohup``, jobs in the background of a script).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    global _state  # noqa: PLW0603 - signals are the process's
    _state = _Stopping()
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    _state.inbox = reader
    _state.unwind_seconds = unwind_seconds
    watcher = threading.Thread(target=_watch, args=(_state, reader), daemon=True)
    before = {s: signal.getsignal(s) for s in SIGNALS}
    wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    hook, sys.unraisablehook = sys.unraisablehook, _unraisable
    for signum, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(signum, _handle)
    watcher.start()
    try:
        yield
    except BaseException:
        if requested():
            end()
        raise
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
        signal.set_wakeup_fd(wakeup)
        sys.unraisablehook = hook
        if _state.signum is not None:  # it came at the very end
            end()
        _state.inbox = None
        writer.close()  # ends the watcher
        watcher.join()
        reader.close()


def unwind_within(seconds: float) -> None:
    """Give the main thread so long to clean up, once it is asked to stop."""
    _state.unwind_seconds = seconds


def published(target: str) -> None:
    """Note that ``DATASET@VERSION`` was published, to be said if the process is stopped later."""
    _state.published[target] = None


@contextmanager
def last_words(words: Callable[[], str]) -> Iterator[None]:
    """Let ``words`` write down and say what is going on, if the process is stopped in this block.

    It is called once, in another thread, and is not waited for beyond ``NOTE_SECONDS``. What it returns is said, unless
    it is empty.
    """
    _state.words.append(words)
    try:
        yield
    finally:
        if not requested():  # else it is still to be asked
            _state.words.remove(words)


def end() -> None:
    """Say how far the command came, and end the process with 128 and the signal's number. Never returns, whatever has
    become of the terminal and of the store."""
    signum = _state.signum or _seen(_state.inbox) or signal.SIGINT
    try:
        if not _state.ending.acquire(blocking=False):  # the other thread does it
            threading.Event().wait(NOTE_SECONDS + 1)
            return
        logging.disable(logging.CRITICAL)
        done: list[str] = []
        note = threading.Thread(target=_ask, args=(_state.words, done), daemon=True)
        note.start()
        note.join(NOTE_SECONDS)
        line = ", ".join([*_published(), *done, "then stopped"]) if _state.published or done else "stopped"
        # A terminal that takes nothing (Ctrl-S, a window that hangs) would hold the process for ever.
        last = threading.Thread(target=_say_last, args=(line,), daemon=True)
        last.start()
        last.join(SAY_SECONDS)
    finally:
        os._exit(128 + signum)


def _say_last(line: str) -> None:
    restore_terminal()
    remark(line)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def _published() -> list[str]:
    targets = list(_state.published)
    if not targets:
        return []
    if len(targets) <= NAMED:
        return [f"published {', '.join(targets)}"]
    return [f"published {plural(len(targets), 'version')}, the last one {targets[-1]}"]


def _ask(words: list[Callable[[], str]], done: list[str]) -> None:
    for say in words:
        with suppress(Exception):  # a store that fails now has nothing to say
            if said := say():
                done.append(said)


def _handle(signum: int, frame: FrameType | None) -> None:
    now = time.monotonic()
    if _state.raised_at is not None:  # asked twice: at once
        if now - _state.raised_at < REPEAT_SECONDS:
            return
        try:
            os.write(2, b"\r\x1b[2K\x1b[?25hstopped\n" if os.isatty(2) else b"stopped\n")
        finally:
            os._exit(128 + signum)
    _state.raised_at = now
    _state.signum = _state.signum or signum
    _be_quiet()
    raise Stopped(signum)


def _be_quiet() -> None:
    """What fails from here on fails because of the stop: no traceback says so."""
    threading.excepthook = lambda _: None


def _unraisable(failed: sys.UnraisableHookArgs) -> None:
    """Show what Python cannot raise, unless it comes of the stop: Prefect's handler of SIGTERM raises anywhere."""
    if not requested():
        sys.__unraisablehook__(failed)


def _watch(state: _Stopping, inbox: socket.socket) -> None:
    while True:
        _is_readable(inbox, None)
        seen = inbox.recv(1, socket.MSG_PEEK)
        if not seen:
            return
        if seen[0] in SIGNALS:
            break
        inbox.recv(1)  # another signal's
    state.signum = state.signum or seen[0]
    if not state.ending.locked():
        threading.Event().wait(state.unwind_seconds)
    end()


def _is_readable(inbox: socket.socket, milliseconds: int | None) -> bool:
    """Wait so long, None for ever, until there is something to read. Not ``select``: it knows 1,024 files at most."""
    poll = select.poll()
    poll.register(inbox, select.POLLIN)
    return bool(poll.poll(milliseconds))


def _seen(inbox: socket.socket | None) -> int | None:
    """The signal that waits in the inbox, if it is one that stops; others (an alarm) belong to who has set them."""
    if inbox is None or not _is_readable(inbox, 0):
        return None
    seen = inbox.recv(64, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    return next((signum for signum in seen if signum in SIGNALS), None)
