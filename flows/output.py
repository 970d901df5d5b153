"""How commands speak: figures on standard output, progress and remarks on standard error.

On a terminal progress is one line that changes; elsewhere (a log, a pipe) it is plain lines, or JSON lines where
``TECHTRADE_LOG_FORMAT`` says so.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from flows import logs, tables

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


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Sequence[str] = (),
    text: Mapping[str, int] | None = None,
    below: Sequence[str] = (),
    spare: Sequence[str] = (),
    style: Callable[[int, str], str] | None = None,
) -> None:
    """Print a table that fits the terminal: aligned columns, no frames, so that it also reads well in a log.

    Args:
        columns: their names.
        rows: their cells, in the same order.
        right: columns that are aligned to the right.
        text: columns that may be cut, each with the width that is always left to it.
        below: columns that go on a line under their row where the table does not fit.
        spare: columns that are left out where it still does not fit, first to last.
        style: of a cell, by the number of its row and its column; only a terminal shows it.
    """
    limit = tables.width()
    shape = tables.Shape(right, text or {}, below, spare)
    told, fitted = tables.lines(columns, rows, shape, limit, style)
    for line in told:
        print(line)
    missing = tables.left_out(fitted, limit)
    if missing:
        sys.stdout.flush()
        for line in tables.wrapped(missing, limit, rest=" "):
            remark(line)


def say(text: str, *, first: str = "", rest: str = tables.INDENT) -> None:
    """Print paragraphs, wrapped to the terminal; commands and addresses are never broken.

    Args:
        text: a paragraph a line.
        first: what the first line of each begins with.
        rest: what its other lines begin with.
    """
    limit = tables.width()
    for paragraph in text.split("\n"):
        for line in tables.wrapped(paragraph, limit, first=first, rest=rest) or [""]:
            print(line)
