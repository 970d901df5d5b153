"""A workbook in the layout of FT-900's Exhibit 16a, and a release of several, made here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import openpyxl

TITLE = "Exhibit 16a. U.S. Trade in Advanced Technology Products by Technology Group and Selected Countries and Areas"
GROUPS = {
    "Advanced Materials": "07",
    "Aerospace (1)": "08",
    "Biotechnology": "01",
    "Electronics": "05",
    "Flexible Manufacturing": "06",
    "Information and Communications (1)": "04",
    "Life Science": "02",
    "Nuclear Technology": "10",
    "Opto-Electronics": "03",
    "Weapons": "09",
}
AREAS = ("Total", "North America", "Canada", "Other", "European Union", "Other")
Cell = str | float | None
PERIODS = (("2021", "August"), (None, "July"), (None, "Year-to-Date"), ("2020", "Year-to-Date"))


def head(name: str, periods: Iterable[tuple[Cell, Cell]] = PERIODS) -> list[list[Cell]]:
    years: list[Cell] = [name]
    labels: list[Cell] = [None]
    for year, period in periods:
        years += [year, None, None]
        labels += [period, None, None]
    return [years, labels, [None, *["Balance", "Exports", "Imports"] * 4]]


def workbook(
    rows: Sequence[Sequence[Cell]], sheet: str = "16a", *, before: Sequence[Sequence[Cell]] | None = None
) -> bytes:
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.title = "Contents"
    for row in before or [["Exhibit 1. U.S. International Trade"], ["1", 2.0, 3.0, 4.0]]:
        first.append(list(row))
    other = book.create_sheet(sheet)
    for row in rows:
        other.append(list(row))
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def figures(exports: float, imports: float) -> list[Cell]:
    return [exports - imports, exports, imports] * 4


def exhibit() -> list[list[Cell]]:
    by_group: list[list[Cell]] = [[name, *figures(100.0 + n, 50.0)] for n, name in enumerate(GROUPS)]
    total: list[Cell] = ["Total", *figures(1045.0, 500.0)]
    by_area: list[list[Cell]] = [[name, *figures(10.0 * n, 5.0)] for n, name in enumerate(AREAS)]
    return [
        ["Part B: NOT Seasonally Adjusted"],
        [TITLE],
        ["In millions of dollars. (-) Represents zero or less than one-half of measurement shown."],
        *head("Technology Group"), total, *by_group, [],
        *head("Selected Countries and Areas"), *by_area,
        ["(1) Figures of aircraft are put together, to keep"],
        ["what is confidential."],
        ["NOTE: Not on a balance of payments basis."],
    ]  # fmt: skip


def bundle(exhibits: Mapping[str, bytes]) -> bytes:
    """A release as the publisher has it: a ZIP of one workbook an exhibit, by name."""
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        for name, body in exhibits.items():
            archive.writestr(ZipInfo(name), body, ZIP_DEFLATED)  # without the time of day: the same bytes each time
    return out.getvalue()
