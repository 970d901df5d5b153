"""How commands speak: figures on standard output, progress and remarks on standard error.

On a terminal progress is one line that changes; elsewhere (a log, a pipe) it is plain lines, or JSON lines where
``TECHTRADE_LOG_FORMAT`` says so.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from flows import logs

log = logging.getLogger("techtrade")


def print_json(value: Any) -> None:
    """One JSON document."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def remark(text: str) -> None:
    """A line for the person at the terminal that is not part of the answer."""
    if logs.as_json():
        logs.say(text, logging.ERROR if text.startswith("error: ") else logging.INFO)
    else:
        print(text, file=sys.stderr)


def one_line(error: BaseException) -> str:
    """The message of an error without line breaks."""
    return " ".join(str(error).split())


# Whether ``--debug`` was given.
debugging = ContextVar("debugging", default=False)


def show_traceback(error: BaseException) -> None:
    """The traceback of an error that was told of in one line, with ``--debug`` only."""
    if debugging.get():
        traceback.print_exception(error, file=sys.stderr)


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print(f"  {record.getMessage()}", file=sys.stderr, flush=True)


@contextmanager
def progress(first: str) -> Iterator[None]:
    """Shows what the ``techtrade`` logger says while the block runs."""
    level, before = log.level, log.propagate
    with _handler(first) as handler:
        log.setLevel(logging.INFO)
        log.propagate = False
        log.addHandler(handler)
        try:
            yield
        finally:
            log.removeHandler(handler)
            log.setLevel(level)
            log.propagate = before


@contextmanager
def _handler(first: str) -> Iterator[logging.Handler]:
    if logs.as_json():
        logs.say(first)
        yield logs.json_handler()
        return
    if not sys.stderr.isatty():
        print(f"  {first}", file=sys.stderr, flush=True)
        yield _Lines()
        return
    from rich.console import Console

    with Console(stderr=True).status(first) as status:

        class _Status(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if record.levelno >= logging.WARNING:
                    status.console.print(record.getMessage(), markup=False)
                else:
                    status.update(record.getMessage())

        yield _Status()


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Prints a table: aligned columns, no frames, so that it also reads well in a log or an e-mail.

    Nothing is cut or wrapped; ``right`` names the columns with numbers.
    """
    cells = [[str(c) for c in row] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in cells), 0) for i, name in enumerate(columns)]
    for row in [list(columns), ["-" * w for w in widths], *cells]:
        line = "  ".join(
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(row, widths, columns, strict=True)
        )
        print(line.rstrip())
