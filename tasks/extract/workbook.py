"""Opening a workbook that a publisher sent: is it one, is it whole, can it be read, does it fit into memory.

Its reader (calamine) lays a sheet out in full, from the first cell to the last, and copies a shared string into each
cell that names it: two cells at opposite corners are 800 GB, and it then ends the process. So the extent of each sheet
and the text of its cells are bounded here before it sees them; both are computed from above, with real sheets exact.
The reader gets what the guard unpacked, packed again without compression: no size that it could believe, no second
directory that it could find.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import fastexcel
import polars as pl

from configs.errors import SourceLayoutError, SourceResponseError
from configs.words import plural
from tasks.extract.containers import WORKBOOK, Container, Origin, opened
from tasks.raw.documents import RawDocument

# The balance workbook has 260,000 cells; a cell costs 50 bytes.
SHEET_CELLS = 4_000_000
SHEET_TEXT = 256 * 2**20
STRINGS = 2_000_000
SHEETS = 256
# Two patterns each, with and without a prefix: one for both takes ten times as long.
_CELL = (re.compile(rb"<c[\s/>]"), re.compile(rb":c[\s/>]"))
_ROW = (re.compile(rb"<row[\s/>]"), re.compile(rb":row[\s/>]"))
_STRING = (re.compile(rb"<si[\s/>]"), re.compile(rb":si[\s/>]"))
# Not at the end of another name (firstPageNumber="4294967295"); a quote may come right before, for the reader as well.
_COLUMN_OF = re.compile(rb"(?<![\w:.-])r\s*=\s*[\"']\$?([A-Za-z]+)\$?\d")
_ROW_OF = re.compile(rb"(?<![\w:.-])r\s*=\s*[\"']\$?[A-Za-z]*\$?(\d+)")
# What the reader lays out nothing for: cells with no more than a style, cells of external links, and rows without any
# other. Attributes of the plainest form only: a value with ``>`` or a quote could hide where the tag ends.
_ATTRIBUTES = rb'(?:\s+[\w:]+="[\w:.+-]*")*\s*'
_EMPTY = tuple(
    re.compile(form % _ATTRIBUTES) for form in (rb"<c%b(?:/>|></c>)", rb"<cell%b/?>", rb"<row%b(?:/>|>\s*</row>)")
)


class Workbook:
    """A workbook whose sheets can be read."""

    def __init__(self, reader: fastexcel.ExcelReader, origin: Origin) -> None:
        self._reader, self._origin = reader, origin
        self.sheet_names: list[str] = reader.sheet_names

    def sheet(self, name: str, **options: Any) -> pl.DataFrame:
        """One sheet; ``options`` as of ``fastexcel.ExcelReader.load_sheet``.

        Raises:
            SourceLayoutError: it cannot be read.
        """
        with _readable(self._origin, f"sheet {name!r}"):
            frame: pl.DataFrame = self._reader.load_sheet(name, **options).to_polars()
            return frame


def open_workbook(source: str, document: RawDocument) -> Workbook:
    """A reader of its sheets.

    Raises:
        SourceResponseError: not a workbook, or more than the bound. IncompleteResponseError: cut short or damaged.
        SourceLayoutError: a workbook that cannot be read.
    """
    body, origin = document.body, Origin(source, document.url, (document.raw_key,))
    if not body.startswith(b"PK"):
        head = " ".join(body[:120].decode("latin-1").split())
        raise origin.refusal(f"is not a workbook but begins with {head!r}; check the address")
    with opened(body, origin, WORKBOOK) as container:
        packed = _unpacked(container)
    with _readable(origin, "it"):
        reader = fastexcel.read_excel(packed)
    if len(reader.sheet_names) > SHEETS:
        raise _over(origin, f"has {plural(len(reader.sheet_names), 'sheet')}", f"{SHEETS} (SHEETS")
    return Workbook(reader, origin)


def _unpacked(container: Container) -> bytes:
    """The members without compression, each checked."""
    out = BytesIO()
    shared, longest = dict[str, int](), 0
    with zipfile.ZipFile(out, "w") as archive:
        for member in container.members:
            body = container.read(member)
            if b"<!DOCTYPE" in body:
                raise container.origin.refusal(f"has a document type in {member.filename}, which no workbook may have")
            archive.writestr(member.filename, body)
            if b"sheetData" in body:
                shared[member.filename] = _sheet(container.origin, member.filename, body)
            longest = max(longest, _longest_string(container.origin, member.filename, body))
    for name, cells in shared.items():
        if cells * longest > SHEET_TEXT:
            told = f"has {plural(cells, 'cell')} of text in {name}, with strings of up to {longest:,} bytes"
            raise _over(container.origin, told, f"{plural(SHEET_TEXT, 'byte')} (SHEET_TEXT")
    return out.getvalue()


def _sheet(origin: Origin, name: str, body: bytes) -> int:
    """The number of cells that may hold a shared string."""
    if (most := max(body.count(b"<c") + body.count(b":c"), body.count(b"<row") + body.count(b":row"))) > SHEET_CELLS:
        raise _over(origin, f"has {plural(most, 'cell')} in {name}", f"{SHEET_CELLS:,} (SHEET_CELLS")
    width, height = _extent(body)
    if width * height > SHEET_CELLS and body.count(b'<c r="') == _count(_CELL, body):  # none is named by its place
        width, height = _extent(_laid_out(body))
    if width * height > SHEET_CELLS:
        told = f"has cells in {plural(height, 'row')} and {plural(width, 'column')} in {name}"
        raise _over(origin, told, f"{plural(SHEET_CELLS, 'cell')} (SHEET_CELLS")
    return body.count(b'"s"') + body.count(b"'s'")


def _laid_out(body: bytes) -> bytes:
    """A sheet whose cells are all named, without what is empty in it."""
    for pattern in _EMPTY:
        body = pattern.sub(b"", body)
    return body


def _extent(body: bytes) -> tuple[int, int]:
    """Columns and rows, from above."""
    rows = _count(_ROW, body)
    width = max(map(_number, set(_COLUMN_OF.findall(body))), default=0)
    height = max(map(_row, set(_ROW_OF.findall(body))), default=0)
    # A cell or row without a name comes after the one before it. One with its name elsewhere than in the first
    # attribute counts as both.
    if body.count(b'<c r="') < _count(_CELL, body):
        width += max(_count(_CELL, row) for part in _ROW[0].split(body) for row in _ROW[1].split(part))
    if body.count(b'<row r="') < rows:
        height += rows
    return width, height


def _longest_string(origin: Origin, name: str, body: bytes) -> int:
    strings = body.count(b"<si") + body.count(b":si")
    if strings > STRINGS:
        raise _over(origin, f"has {plural(strings, 'string')} in {name}", f"{STRINGS:,} (STRINGS")
    if not strings:
        return 0
    return max((len(string) for of in _STRING for string in of.split(body)[1:]), default=0)


def _count(of: tuple[re.Pattern[bytes], re.Pattern[bytes]], body: bytes) -> int:
    return sum(len(pattern.findall(body)) for pattern in of)


def _number(letters: bytes) -> int:
    """1 for A, 27 for AA; of more letters than a sheet can have, more than any bound."""
    if len(letters) > 8:
        return SHEET_CELLS + 1
    number = 0
    for letter in letters.upper():
        number = 26 * number + letter - 64
    return number


def _row(digits: bytes) -> int:
    return int(digits) if len(digits) <= 12 else SHEET_CELLS + 1


def _over(origin: Origin, what: str, most: str) -> SourceResponseError:
    return origin.refusal(
        f"{what}; the bound is {most} in tasks/extract/workbook.py). Check the address; raise it only if the file is "
        "real"
    )


@contextmanager
def _readable(origin: Origin, what: str) -> Iterator[None]:
    try:
        yield
    except BaseException as e:
        # What panics in the reader is no Exception, and of a class that cannot be imported.
        if not isinstance(e, fastexcel.FastExcelError) and type(e).__name__ != "PanicException":
            raise
        told = " ".join(str(e).split())[:500]
        message = f"{origin.told}: {what} cannot be read ({told}). Check the address; has the layout changed?"
        raise SourceLayoutError(origin.source, message, raw_keys=origin.raw_keys) from e
