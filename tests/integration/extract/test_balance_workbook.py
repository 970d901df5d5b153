"""Forms of the balance workbook in which nothing is wrong, made of the publisher's own file."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import openpyxl
import pytest

from benchmarks.synthetic.memory import Memory
from configs.errors import SourceLayoutError
from tasks.extract.census import balance_workbook
from tasks.extract.source import Extraction
from tests.paths import SOURCES

pytestmark = pytest.mark.skipif(not SOURCES.is_dir(), reason="the publishers' own files are not beside this checkout")
FILE = SOURCES / "census_balance" / "country_2025-02.xlsx"


def atp_rows(sheet: Any) -> dict[str, Any]:
    """The rows of ATP by year."""
    return {str(r[0].value): r for r in sheet.iter_rows(min_row=2) if str(r[1].value).lstrip("0") == "7"}


def another_year(value: int | None) -> Callable[[Any], None]:
    return lambda sheet: sheet.append([2026, 7, "Advanced Technology Products", *[value] * 26])


def blank_unpublished(sheet: Any) -> None:
    for cell in atp_rows(sheet)["2025"][3:]:
        cell.value = cell.value or None


def blank_total_of_the_year_under_way(sheet: Any) -> None:
    row = atp_rows(sheet)["2025"]
    row[15].value = row[28].value = None


def header(**names: str) -> Callable[[Any], None]:
    def write(sheet: Any) -> None:
        for cell in sheet[1]:
            cell.value = names.get(str(cell.value), cell.value)

    return write


def parsed(change: Callable[[Any], None]) -> Extraction:
    book = openpyxl.load_workbook(FILE)
    change(book["country"])
    out = BytesIO()
    book.save(out)
    document = Memory().keep("x", "workbook", "https://example/x", out.getvalue(), "")
    return balance_workbook.parse("atp_world_monthly", (document,), None)


@pytest.mark.parametrize(
    "change",
    [
        another_year(0),
        another_year(None),
        blank_unpublished,
        blank_total_of_the_year_under_way,
        header(year="Year", CTY_CODE="cty_code", IJAN=" IJan "),
    ],
    ids=["zeros of a year to come", "blanks of a year to come", "blank months", "blank total", "header"],
)
def test_other_forms_of_the_workbook_give_the_same_figures(change: Callable[[Any], None]) -> None:
    found, usual = parsed(change), parsed(lambda sheet: None)
    assert found.vintage == "2025-02"
    assert found.tables["monthly"].collect().equals(usual.tables["monthly"].collect())
    annual, every = found.tables["annual"].collect(), usual.tables["annual"].collect()
    assert annual.equals(every if change is not blank_total_of_the_year_under_way else every.head(-1))


def hole(sheet: Any) -> None:
    row = atp_rows(sheet)["2015"]
    row[7].value = row[20].value = None


def one_flow(sheet: Any) -> None:
    atp_rows(sheet)["2025"][4].value = None


def word(sheet: Any) -> None:
    atp_rows(sheet)["2015"][7].value = "(D)"


@pytest.mark.parametrize(("change", "told"), [(hole, "is 0 or blank but"), (one_flow, "the other is"), (word, "(D)")])
def test_a_blank_month_before_the_last_is_an_error(change: Callable[[Any], None], told: str) -> None:
    with pytest.raises(SourceLayoutError) as e:
        parsed(change)
    assert told in str(e.value)
