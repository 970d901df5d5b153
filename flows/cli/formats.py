"""The formats that ``read`` writes: which one is meant, and rows in it, to a file or to standard output."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from configs.columns import Column
from configs.contract import Contract
from configs.errors import TechtradeError, UsageError
from flows.cli.output import say, table
from flows.cli.tables import Shape, lines
from tasks.build.parquet import write

EXTENSIONS = {
    ".csv": "csv",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".txt": "table",
}


class OutputError(TechtradeError):
    """The file that was named for the output cannot be written."""


def format_of(form: str | None, output: str | None) -> str:
    """The format that ``--format`` names, or else the name of the file; a table where there is no file.

    Raises:
        UsageError: the two contradict each other, or the name of the file says nothing.
    """
    if output is None:
        return form or "table"
    extension = Path(output).suffix.lower()
    known = EXTENSIONS.get(extension)
    if form is None and known is None:
        what = f"its extension {extension} is not known" if extension else "it has no extension"
        names = ", ".join(EXTENSIONS)
        raise UsageError(f"--output {output}: {what}; name the file with one of {names}, or give --format")
    if form is not None and known is not None and form != known:
        raise UsageError(
            f"--format {form} contradicts --output {output}, which is {known} by its extension; leave out --format, or "
            f"name the file {Path(output).with_suffix(_extension(form)).name}"
        )
    return form or str(known)


def _extension(form: str) -> str:
    return next(extension for extension, known in EXTENSIONS.items() if known == form)


def write_rows(frame: pl.DataFrame, contract: Contract, form: str, output: str | None) -> None:
    """Rows as CSV, JSON or parquet.

    Args:
        contract: with the columns of the frame; its units and licence go into parquet.
        output: the file; None for standard output.

    Raises:
        OutputError: the file cannot be written.
        UsageError: parquet is to go to a terminal.
    """
    if form == "parquet" and output is None and sys.stdout.isatty():
        raise UsageError("parquet is not for a terminal; name a file with --output")
    body = _parquet(frame, contract) if form == "parquet" else _text(frame, form).encode()
    with _output_errors(output):
        if output:
            Path(output).write_bytes(body)
        else:
            sys.stdout.buffer.write(body)
            sys.stdout.buffer.flush()


def write_table(head: str, parts: Sequence[pl.DataFrame], contract: Contract, output: str | None) -> None:
    """Rows as a table under a line that says what they are; between two parts rows are left out, which a row of ``…``
    shows."""
    frame = pl.concat(parts)
    cells = [[*column] for column in zip(*(_cells(frame[c.name], c) for c in contract.columns), strict=True)]
    if len(parts) > 1:
        cells.insert(parts[0].height, ["…"] * len(contract.columns))
    numbers = [c.name for c in contract.columns if c.polars.is_numeric()]
    if output is not None:
        told, _ = lines(contract.names, cells, Shape(right=numbers), None)
        with _output_errors(output):
            Path(output).write_text("\n".join([head, *told, ""]), encoding="utf-8")
        return
    say(head)
    # Where they do not fit, attributes give way before measures.
    roles = {c.name: c.role for c in contract.columns}
    spare = sorted(contract.names[:0:-1], key=lambda c: ("attribute", "vintage", "measure", "key").index(roles[c]))
    text = {c.name: 15 for c in contract.columns if c.type == "string"}
    table(contract.names, cells, right=numbers, text=text, spare=spare)


def _cells(values: pl.Series, column: Column) -> list[str]:
    """Values as a person reads them: thousands apart in figures, not in years and codes."""
    form: Callable[[object], str] = str
    if column.type == "float64":
        # Shares and indices; a dollar has no use for digits behind the point.
        largest = values.abs().max()
        small = isinstance(largest, float) and largest < 1000 and bool((values != values.round(0)).any())
        form = ("{:,.6f}" if small else "{:,.0f}").format
    elif column.polars.is_integer() and column.role == "measure":
        form = "{:,}".format
    elif column.type == "boolean":
        form = _lower
    return ["null" if v is None else v.isoformat() if isinstance(v, date) else form(v) for v in values]


def _lower(value: object) -> str:
    return str(value).lower()


def _text(frame: pl.DataFrame, form: str) -> str:
    return frame.write_csv() if form == "csv" else frame.write_json() + "\n"


def _parquet(frame: pl.DataFrame, contract: Contract) -> bytes:
    """As the data files of the version are: with units, descriptions and bases, licence and citation."""
    with TemporaryDirectory(prefix="techtrade-") as folder:
        file = Path(folder) / "out.parquet"
        write(frame.select(contract.names), contract, file)
        return file.read_bytes()


@contextmanager
def _output_errors(output: str | None) -> Iterator[None]:
    """Reports a file that cannot be written; errors of standard output are the caller's."""
    try:
        yield
    except OSError as e:
        if output is None:
            raise
        todo = "name a file in a folder that exists and that you may write to"
        raise OutputError(f"{output} cannot be written: {e.strerror or e}; {todo}") from e
