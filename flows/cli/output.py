"""How commands speak: figures on standard output, progress and remarks on standard error.

On a terminal progress is one line that changes; elsewhere (a log, a pipe) it is plain lines, or JSON lines where
``TECHTRADE_LOG_FORMAT`` says so.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import IO, Any, TextIO, cast

from configs.words import escaped, visible
from flows.cli import tables
from flows.prefect_setup import json_logs
from flows.prefect_setup.remarks import is_animated, remark, unguarded

log = logging.getLogger("techtrade")


def print_json(value: Any) -> None:
    """One JSON document; what would act on a terminal is escaped as JSON does it."""
    print(escaped(json.dumps(value, indent=2, ensure_ascii=False, default=str)))


class _Edge:
    """Standard output or error, on which text from outside is shown and does not act. ``unguarded``: the stream, for
    what moves the cursor or sets colours on purpose."""

    def __init__(self, stream: IO[str]) -> None:
        self.unguarded = stream

    def write(self, text: str) -> int:
        self.unguarded.write(visible(text))
        return len(text)

    def writelines(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unguarded, name)


@contextmanager
def guarded() -> Iterator[None]:
    """Everything that is printed in this block is shown as text, tracebacks included.

    One place at the edge, because texts come from everywhere: publishers, file names, reasons that a person typed. An
    error leaves it in force for the interpreter, which prints the traceback.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, s if isinstance(s, _Edge) else _Edge(s)) for s in before)
    try:
        yield
    except SystemExit:
        sys.stdout, sys.stderr = before
        raise
    sys.stdout, sys.stderr = before


# Whether ``--debug`` was given.
debugging = ContextVar("debugging", default=False)


def show_traceback(error: BaseException) -> None:
    """The traceback of an error that was told of in one line, with ``--debug`` only."""
    if debugging.get():
        traceback.print_exception(error, file=sys.stderr)


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _line(record.getMessage())


Say = Callable[[str], None]


@contextmanager
def progress(first: str, *, terse: bool = False) -> Iterator[Say]:
    """Show what the ``techtrade`` logger says while the block runs; yield a function that shows a line too.

    On a terminal it is one line that changes, with the seconds since the last change. Elsewhere each is a line;
    with ``terse`` only warnings and what the block itself says.
    """
    level, before = log.level, log.propagate
    with _handler(first) as (handler, say):
        if terse and not is_animated():
            handler.setLevel(logging.WARNING)
        log.setLevel(logging.INFO)
        log.propagate = False
        log.addHandler(handler)
        try:
            yield say
        finally:
            log.removeHandler(handler)
            log.setLevel(level)
            log.propagate = before


@contextmanager
def _handler(first: str) -> Iterator[tuple[logging.Handler, Say]]:
    if json_logs.as_json():
        json_logs.say(first)
        yield json_logs.json_handler(), json_logs.say
        return
    if not is_animated():
        _line(first)
        yield _Lines(), _line
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    # Leaves nothing behind, and shows how long the present step has taken.
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=_console(), transient=True) as shown:
        step = shown.add_task(first, total=None)

        def say(text: str) -> None:
            shown.reset(step, description=visible(text))

        class _Status(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if record.levelno >= logging.WARNING:
                    shown.console.print(visible(record.getMessage()), markup=False, highlight=False)
                else:
                    say(record.getMessage())

        yield _Status(), say


def _console() -> Any:
    from rich.console import Console

    return Console(file=unguarded(sys.stderr))


def _line(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


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
    told, fitted = tables.lines(columns, rows, tables.Shape(right, text or {}, below, spare), limit, style)
    for line in told:
        print(line, file=unguarded(sys.stdout))  # with styles; its cells are made visible one by one
    if missing := tables.left_out(fitted, limit):
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
