"""Tables and text that fit the terminal.

On a terminal nothing is wider than it: a table first cuts its text columns (with an ellipsis), then moves the columns
that may stand below their row, then leaves out the ones it can spare, and says so. ``--wide`` shows all of it. Where
standard output is no terminal the width is ``COLUMNS`` if that is set, else unlimited, so that a pipe loses nothing.

rich draws the tables; which column gives way is decided here, because rich shortens all columns alike, names and
versions among them. Commands and addresses, which people copy, are never cut nor broken over two lines.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap

from configs.words import COMMAND, visible

WIDE = "techtrade.wide"
GAP = 2
INDENT = "    "
SMALLEST = 8
Cells = Sequence[Sequence[object]]


def width() -> int | None:
    """Return how wide output may be; None for no limit."""
    import click

    context = click.get_current_context(silent=True)
    if context is not None and context.meta.get(WIDE):
        return None
    if sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdigit() and int(given) else None


@dataclass(frozen=True)
class Shape:
    """How the columns of a table give way where it does not fit.

    ``right`` are aligned to the right. ``text`` may be cut down to a width each. ``below`` go on a line under their
    row. ``spare`` are left out, first to last.
    """

    right: Sequence[str] = ()
    text: Mapping[str, int] = field(default_factory=dict)
    below: Sequence[str] = ()
    spare: Sequence[str] = ()


@dataclass(frozen=True)
class Fitted:
    """The columns beside each other with their widths; those below the row; those that were left out; whether a cell
    is cut."""

    widths: Mapping[str, int]
    below: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    cut: bool = False


def fit(natural: Mapping[str, int], shape: Shape, limit: int | None) -> Fitted:
    """Decide which columns of those natural widths are shown how within ``limit``."""
    if limit is None or _total(natural) <= limit:
        return Fitted(natural)
    beside, below, spared = dict(natural), list[str](), list[str]()
    least = {c: min(w, max(shape.text[c], len(c))) if c in shape.text else w for c, w in natural.items()}
    for step in (None, *shape.below, *shape.spare):
        if step is not None and step in beside and len(beside) > 1:
            del beside[step]
            (below if step in shape.below else spared).append(step)
        if _total({c: least[c] for c in beside}) <= limit:
            break
    else:  # narrower than anything was made for: the widest give way
        least |= {c: min(w, SMALLEST) for c, w in least.items()}
    widths = dict(beside)
    while _total(widths) > limit:
        loose = [c for c in widths if widths[c] > least[c]]
        if not loose:
            break
        widths[max(loose, key=lambda c: widths[c])] -= 1
    return Fitted(widths, tuple(below), tuple(spared), widths != beside)


def _total(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + GAP * (len(widths) - 1)


def lines(
    columns: Sequence[str],
    rows: Cells,
    shape: Shape,
    limit: int | None,
    style: Callable[[int, str], str] | None = None,
) -> tuple[list[str], Fitted]:
    """Return a table as lines within ``limit``, and how it was fitted.

    Args:
        style: of a cell, by the number of its row and its column, in words of rich; only a terminal shows it.
    """
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [dict(zip(columns, (visible(" ".join(str(c).split())) for c in row), strict=True)) for row in rows]
    natural = {c: max(cell_len(c), *(cell_len(row[c]) for row in cells), 0) for c in columns}
    fitted = fit(natural, shape, limit)
    terminal = sys.stdout.isatty()
    drawn = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=False)
    for column, size in fitted.widths.items():
        drawn.add_column(
            justify="right" if column in shape.right else "left", width=size, no_wrap=True, overflow="ellipsis"
        )
    drawn.add_row(*map(Text, fitted.widths), style="bold")
    drawn.add_row(*("-" * size for size in fitted.widths.values()))
    for number, row in enumerate(cells):
        drawn.add_row(*(Text(row[c], style=style(number, c) if style else "") for c in fitted.widths))
    size = max(_total(fitted.widths), 1)
    console = Console(width=size, force_terminal=terminal, highlight=False, legacy_windows=False)
    with console.capture() as captured:
        console.print(drawn)
    shown = captured.get().splitlines()
    told = shown[:2]
    for row, line in zip(cells, shown[2:], strict=True):
        told.append(line)
        for column in fitted.below:
            if row[column]:
                told += wrapped(row[column], limit, first=INDENT, rest=INDENT)
    return [line.rstrip() for line in told], fitted


def left_out(fitted: Fitted, limit: int | None) -> str:
    """Return a line on what a table does not show; empty if it shows all."""
    if not fitted.left_out and not fitted.cut:
        return ""
    named = f"left out: {', '.join(fitted.left_out)}" if fitted.left_out else "shortened"
    return f"({named}, to fit {limit} columns; --wide shows all)"


def wrapped(text: str, limit: int | None, *, first: str = "", rest: str = INDENT) -> list[str]:
    """Return a text as lines of at most ``limit``, its commands and addresses whole.

    Args:
        text: one paragraph.
        first: what the first line begins with.
        rest: what the others begin with.
    """
    text = visible(text)
    if limit is None:
        return [first + text]
    bound = COMMAND.sub(lambda found: found.group().replace(" ", "\0"), text)
    told = wrap(
        bound,
        max(limit, 20),
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return [line.replace("\0", " ") for line in told]
