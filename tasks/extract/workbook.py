"""Opening a workbook that a publisher sent: is it one, is it whole, can it be read."""

from __future__ import annotations

import zipfile
from io import BytesIO

import fastexcel

from configs.errors import IncompleteResponseError, SourceLayoutError, SourceResponseError
from configs.words import plural
from tasks.extract.base import RawDocument


def open_workbook(source: str, document: RawDocument) -> fastexcel.ExcelReader:
    """A reader of its sheets.

    Raises:
        SourceResponseError: not a workbook. IncompleteResponseError: cut short or damaged.
        SourceLayoutError: a workbook that cannot be read.
    """
    body, kept = document.body, (document.raw_key,)
    if not body.startswith(b"PK"):
        head = " ".join(body[:120].decode("latin-1").split())
        raise SourceResponseError(
            source, f"{document.url} is not a workbook but begins with {head!r}; check the address", raw_keys=kept
        )
    try:
        with zipfile.ZipFile(BytesIO(body)) as archive:
            broken = archive.testzip()
    except zipfile.BadZipFile as e:
        raise IncompleteResponseError(
            source,
            f"{document.url}, {plural(len(body), 'byte')}, is cut short or damaged ({e}); run again",
            raw_keys=kept,
        ) from e
    if broken:
        raise IncompleteResponseError(source, f"{document.url} is damaged in {broken}; run again", raw_keys=kept)
    try:
        return fastexcel.read_excel(body)
    except fastexcel.FastExcelError as e:
        raise SourceLayoutError(source, f"{document.url} cannot be read ({e})", raw_keys=kept) from e
