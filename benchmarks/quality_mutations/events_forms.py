"""Releases whose form is unusual and whose figures are right: what the parsers make of them goes to the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import cache
from io import BytesIO
from typing import Any

import polars as pl

from benchmarks.quality_mutations.event import Event
from benchmarks.quality_mutations.grounds import atp_world, hitech_live
from benchmarks.quality_mutations.grounds.ground import ATP, TRADE, Ground
from benchmarks.quality_mutations.operations import as_it_is
from benchmarks.synthetic.memory import Memory
from benchmarks.synthetic.trade import atp
from benchmarks.synthetic.trade_api import as_json
from configs.contracts import load_contract
from tasks.extract.census import balance_workbook, trade_api_parse
from tasks.transform.registry import load_transform

MONTHS = balance_workbook.MONTHS
HEAD = ["year", "CTY_CODE", "CTYNAME", *[f"I{m}" for m in MONTHS], "IYR", *[f"E{m}" for m in MONTHS], "EYR"]
Sheet = list[list[Any]]


def _sheet() -> Sheet:
    """The rows of the balance workbook of 2025-02."""
    figures = atp("2025-02")
    rows: Sheet = [list(HEAD)]
    for year in range(1989, 2026):
        exports, imports = ([figures.get(date(year, m, 1), (0.0, 0.0))[i] for m in range(1, 13)] for i in (0, 1))
        flows = [*imports, round(sum(imports), 6), *exports, round(sum(exports), 6)]
        rows.append([str(year), "0007", "Advanced Technology Products", *flows])
    return rows


def zeros_of_next_year(rows: Sheet) -> Sheet:
    return [*rows, ["2026", *rows[-1][1:3], *[0.0] * 26]]


def blanks_of_next_year(rows: Sheet) -> Sheet:
    return [*rows, ["2026", *rows[-1][1:3], *[None] * 26]]


def blank_months(rows: Sheet) -> Sheet:
    return [*rows[:-1], [None if cell == 0.0 else cell for cell in rows[-1]]]


def year_in_capitals(rows: Sheet) -> Sheet:
    return [["Year", *rows[0][1:]], *rows[1:]]


def _workbook(change: Callable[[Sheet], Sheet]) -> Callable[[], Ground]:
    @cache
    def ground() -> Ground:
        import openpyxl

        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.title = balance_workbook.SHEET
        for row in change(_sheet()):
            sheet.append(row)
        out = BytesIO()
        book.save(out)
        document = Memory().keep(
            balance_workbook.SOURCE, "workbook", "https://example/country.xlsx", out.getvalue(), ""
        )
        found = balance_workbook.parse(ATP, (document,), None)
        return _parsed(atp_world(), found.vintage, dict(found.tables))

    return ground


def _parsed(like: Ground, vintage: str, tables: dict[str, pl.LazyFrame]) -> Ground:
    """Return the candidate that the transform makes of parsed tables, beside the parent of another ground."""
    every = {**like.tables, **tables}
    data = load_transform(load_contract(like.dataset)).transform(every).collect()
    return replace(like, vintage=vintage, data=data.sort(load_contract(like.dataset).sort_by), tables=every)


def _with_and() -> Ground:
    """The API's answer for the newest month, whose groups are described with "AND" for "&"."""
    like = hitech_live()
    trade, month, parts = like.tables["trade"].collect(), pl.col("period").dt.strftime("%Y-%m"), []
    described = {"-": "TOTAL", **{c: f"{text} [{c}]".replace("&", "AND") for c, text in trade_api_parse.GROUPS.items()}}
    for flow, (value, to_date) in trade_api_parse.VALUES.items():
        rows = trade.filter((pl.col("flow") == flow) & (month == like.vintage)).select(
            CTY_CODE="partner_code",
            CTY_NAME="partner_code",
            HITECH="hitech",
            HITECH_DESC=pl.col("hitech").replace_strict(described),
            **{value: pl.col("value_usd").cast(pl.String), to_date: pl.col("value_ytd_usd").cast(pl.String)},
            time=month,
        )
        role = f"{flow}/{like.vintage}:{like.vintage}"
        document = Memory().keep("census_trade", role, "https://example/hitech", as_json(rows.columns, rows), ".json")
        parts.append(trade_api_parse.rows(document))
    read = pl.concat(parts)
    before = trade.filter(month < like.vintage)
    return _parsed(like, like.vintage, {"trade": pl.concat([before, read.select(before.columns)]).lazy()})


def _form(dataset: str, what: str, size: str, ground: Callable[[], Ground]) -> Event:
    return Event(dataset, what, size, as_it_is, "table", of="named", ground=ground)


EVENTS = (
    _form(ATP, "a row for a year that has not begun", "all zeros", _workbook(zeros_of_next_year)),
    _form(ATP, "a row for a year that has not begun, blank", "no cells", _workbook(blanks_of_next_year)),
    _form(ATP, "unpublished months are blank", "ten months", _workbook(blank_months)),
    _form(ATP, "a column is called Year", "for year", _workbook(year_in_capitals)),
    _form(TRADE, "groups are described otherwise", '"AND" for "&"', _with_and),
)
