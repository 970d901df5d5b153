"""Exhibits 16 and 16a of FT-900, from a workbook made here in the layout of the real one."""

from __future__ import annotations

from datetime import date
from functools import cache

import polars as pl
import pytest

from configs.errors import IncompleteResponseError, SourceError, SourceLayoutError, SourceResponseError
from tasks.extract.census import ft900
from tasks.raw.documents import RawDocument
from tests.doubles.ft900_workbook import AREAS, GROUPS, TITLE, Cell, bundle, exhibit, figures, head, workbook

GOOD = workbook(exhibit())
TABLE_1, TOTAL, FIRST_GROUP, TABLE_2 = 3, 6, 7, 18


def document(body: bytes) -> RawDocument:
    return RawDocument.of("ft900/2021-08", "https://example.org/ft900_2108.xlsx", body, raw_key="x/kept")


@cache
def good() -> pl.DataFrame:
    return ft900.parse_exhibits(document(workbook(exhibit())))


def test_every_figure_comes_out_under_its_period_flow_and_item() -> None:
    assert good().height == 12 * (11 + len(AREAS))
    first = good().filter((pl.col("section") == "technology_group") & (pl.col("item") == "Aerospace"))
    assert set(first["technology_group"]) == {"08"} and set(first["note_ref"]) == {"1"}
    assert first.select("period", "span", "flow", "value_musd").rows() == [
        (period, span, flow, value)
        for period, span in (
            (date(2021, 8, 1), "month"), (date(2021, 7, 1), "month"), (date(2021, 8, 1), "ytd"), (date(2020, 8, 1), "ytd"),
        )
        for flow, value in (("balance", 51.0), ("exports", 101.0), ("imports", 50.0))
    ]  # fmt: skip


def test_items_of_one_name_are_told_apart_by_their_line() -> None:
    other = good().filter((pl.col("item") == "Other") & (pl.col("span") == "month") & (pl.col("flow") == "exports"))
    assert sorted(set(other.select("line", "value_musd").rows())) == [(4, 30.0), (6, 50.0)]
    assert other["technology_group"].null_count() == other.height


def test_groups_are_the_newest_month_with_the_total() -> None:
    got = ft900.groups(document(workbook(exhibit())))
    assert got.columns == ["technology_group", "flow", "period", "value_musd"]
    assert got.height == 22 and set(got["period"]) == {date(2021, 8, 1)}
    exports = dict(got.filter(pl.col("flow") == "exports").select("technology_group", "value_musd").iter_rows())
    assert exports == {"total": 1045.0} | {code: 100.0 + n for n, code in enumerate(GROUPS.values())}


def test_notes_are_whole_sentences() -> None:
    assert ft900.notes(document(workbook(exhibit()))) == (
        "(1) Figures of aircraft are put together, to keep what is confidential.",
        "NOTE: Not on a balance of payments basis.",
    )


def test_a_dash_is_zero_and_figures_may_be_text() -> None:
    rows = exhibit()
    rows[TABLE_2 + 4] = ["North America", "(-)", "1,234.0", "1,234.4", *figures(2.0, 2.0)[:9]]
    got = ft900.parse_exhibits(document(workbook(rows)))
    area = got.filter((pl.col("item") == "North America") & (pl.col("period") == date(2021, 8, 1)))
    assert area.filter(pl.col("span") == "month")["value_musd"].to_list() == [0.0, 1234.0, 1234.4]


def test_january_stands_beside_december_of_the_year_before() -> None:
    rows = exhibit()
    turn = (("2022", "January"), ("2021", "December"), ("2022", "Year-to-Date"), ("2021", "Year-to-Date"))
    rows[TABLE_1 : TABLE_1 + 3] = head("Technology Group", turn)
    rows[TABLE_2 : TABLE_2 + 3] = head("Selected Countries and Areas", turn)
    got = ft900.parse_exhibits(document(workbook(rows)))
    assert set(got.select("period", "span").rows()) == {
        (date(2022, 1, 1), "month"), (date(2021, 12, 1), "month"), (date(2022, 1, 1), "ytd"), (date(2021, 1, 1), "ytd"),
    }  # fmt: skip


def test_the_exhibits_may_stand_on_two_sheets_of_any_name() -> None:
    rows = exhibit()
    one = [[TITLE.replace("16a", "16")], *rows[TABLE_1 : TABLE_2 - 1]]
    two = [[TITLE], *rows[TABLE_2:]]
    got = ft900.parse_exhibits(document(workbook(two, "Sheet 9", before=one)))
    assert dict(got.select("section", "exhibit").unique().iter_rows()) == {"technology_group": "16", "partner": "16a"}
    assert ft900.groups(document(workbook(two, "Sheet 9", before=one))).height == 22


def test_a_table_of_contents_is_no_exhibit() -> None:
    rows = workbook(exhibit(), before=[["Contents"], [TITLE, 41.0]])
    assert ft900.parse_exhibits(document(rows)).equals(good())


def changed(row: int, column: int, value: Cell) -> list[list[Cell]]:
    rows = exhibit()
    rows[row][column] = value
    return rows


def without(row: int) -> list[list[Cell]]:
    return [r for n, r in enumerate(exhibit()) if n != row]


FAULTS: dict[str, tuple[bytes, type[SourceError], str]] = {
    "html": (b"<html>Sorry</html>", SourceResponseError, "not a workbook"),
    "nothing": (b"", SourceResponseError, "not a workbook"),
    "truncated": (workbook(exhibit())[:4000], IncompleteResponseError, "cut short"),
    "no such sheet": (workbook([["Exhibit 15. U.S. Trade"]]), SourceLayoutError, "no sheet has it in its title"),
    "title changed": (workbook(changed(1, 0, "Exhibit 16a. Trade in Goods")), SourceLayoutError, "in its title"),
    "no table": (workbook(exhibit()[:3]), SourceLayoutError, "by technology group or by country"),
    "heading changed": (workbook(changed(TABLE_1, 0, "Technologies")), SourceLayoutError, "no known heading"),
    "flow renamed": (workbook(changed(TABLE_1 + 2, 2, "Shipments")), SourceLayoutError, "Shipments"),
    "flows swapped": (
        workbook([[None, *["Balance", "Imports", "Exports"] * 4] if n == TABLE_1 + 2 else r for n, r in enumerate(exhibit())]),
        SourceLayoutError,
        "is not the balance",
    ),
    "a flow twice": (workbook(changed(TABLE_1 + 2, 2, "Imports")), SourceLayoutError, "two months and two years"),
    "a period without a name": (workbook(changed(TABLE_1 + 1, 1, None)), SourceLayoutError, "column 2 is headed"),
    "a quarter": (workbook(changed(TABLE_1 + 1, 4, "Second Quarter")), SourceLayoutError, "Second Quarter"),
    "months that are no neighbours": (workbook(changed(TABLE_1 + 1, 4, "June")), SourceLayoutError, "the month before it"),
    "the year before missing": (workbook(changed(TABLE_1, 10, None)), SourceLayoutError, "two years to date"),
    "another year before": (workbook(changed(TABLE_1, 10, "2019")), SourceLayoutError, "two years to date"),
    "a group missing": (workbook(without(FIRST_GROUP + 3)), SourceLayoutError, "missing: 05"),
    "a group twice": (
        workbook([*exhibit()[: TABLE_2 - 1], exhibit()[FIRST_GROUP], *exhibit()[TABLE_2 - 1 :]]),
        SourceLayoutError,
        "once each",
    ),
    "a group unknown": (workbook(changed(FIRST_GROUP, 0, "Quantum")), SourceLayoutError, "'Quantum'"),
    "the total missing": (workbook(without(TOTAL)), SourceLayoutError, "their total"),
    "a figure that is a word": (workbook(changed(FIRST_GROUP, 2, "(D)")), SourceLayoutError, "'(D)'"),
    "a figure missing": (workbook(changed(FIRST_GROUP, 2, None)), SourceLayoutError, "not a number"),
    "a balance that is none": (workbook(changed(FIRST_GROUP, 1, 999.0)), SourceLayoutError, "is not the balance"),
    "groups that do not add up": (
        workbook([["Weapons", *figures(999.0, 50.0)] if r[:1] == ["Weapons"] else r for r in exhibit()]),
        SourceLayoutError,
        "do not add up",
    ),
    "a bundle without a workbook": (bundle({"readme.txt": b"x", "exh16a.xls": b"x"}), SourceLayoutError, "without any"),
    "a bundle without the exhibit": (
        bundle({"exh1.xlsx": workbook([["Exhibit 1"]])}), SourceLayoutError, "no Exhibit 16 or 16a",
    ),
    "a bundle with a page": (bundle({"exh16a.xlsx": b"<html>"}), SourceResponseError, "#exh16a.xlsx is not a workbook"),
    "a bundle in a bundle": (
        bundle({"exh16a.xlsx": bundle({"exh16a.xlsx": GOOD})}), SourceResponseError, "has a container within it",
    ),
    "a bundle cut short": (bundle({"exh16a.xlsx": GOOD})[:-40], IncompleteResponseError, "cut short"),
    "a table twice": (
        workbook([*exhibit(), *head("Technology Group"), ["Total", *figures(1.0, 1.0)]]), SourceLayoutError, "two tables",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_workbook_is_a_named_error_with_what_was_kept(fault: str) -> None:
    body, kind, told = FAULTS[fault]
    with pytest.raises(SourceError) as e:
        ft900.parse_exhibits(document(body))
    assert type(e.value) is kind and told in str(e.value)
    assert e.value.raw_keys == ("x/kept",)


def test_exhibits_that_differ_are_not_chosen_from() -> None:
    other = [[TITLE.replace("16a", "16")], *exhibit()[TABLE_1:]]
    assert ft900.groups(document(workbook(exhibit(), before=other))).height == 22, "alike is one"
    other[TOTAL - TABLE_1 + 1] = ["Total", *figures(1046.0, 500.0)]
    with pytest.raises(SourceLayoutError, match="differ in group total"):
        ft900.groups(document(workbook(exhibit(), before=other)))


def test_groups_need_the_table_by_group() -> None:
    rows = [[TITLE], *exhibit()[TABLE_2:]]
    with pytest.raises(SourceLayoutError, match="no table by technology group"):
        ft900.groups(document(workbook(rows)))


@pytest.mark.parametrize("name", ["exh16a.xlsx", "ft900xlsx/Exh16A.xlsx", "Exhibit 16a.xlsx", "sixteen.xlsx"])
def test_the_exhibit_is_found_in_a_bundle(name: str) -> None:
    others = {} if name == "sixteen.xlsx" else {"exh1.xlsx": b"PK no workbook", "ft900.pdf": b"%PDF"}
    assert ft900.parse_exhibits(document(bundle({**others, name: GOOD}))).equals(good())
