"""The tables of an FT-900 exhibit, from the cells of its sheet. Pure: rows of text in, figures out.

A table has its heading in the first column with the years beside it, below that the periods, below that the flows; a
year or a period holds for the columns up to the next one. Nothing is believed that does not fit together: months must
be neighbours, a balance is exports less imports, and the ten groups add up to their total, all within rounding.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

Row = tuple[str | None, ...]
SECTIONS = {"technologygroup": "technology_group", "selectedcountriesandareas": "partner"}
GROUPS = {
    "biotechnology": "01",
    "lifescience": "02",
    "optoelectronics": "03",
    "informationandcommunications": "04",
    "electronics": "05",
    "flexiblemanufacturing": "06",
    "advancedmaterials": "07",
    "aerospace": "08",
    "weapons": "09",
    "nucleartechnology": "10",
}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
FLOWS = ("balance", "exports", "imports")
SCHEMA = {
    "section": pl.String,
    "line": pl.Int32,
    "item": pl.String,
    "note_ref": pl.String,
    "technology_group": pl.String,
    "period": pl.Date,
    "span": pl.String,
    "flow": pl.String,
    "value_musd": pl.Float64,
}
NOTE_REF = re.compile(r"\s*\((\d+)\)$")
ZERO = {"-", "(-)"}
# Figures are rounded to 1 million, each by half of it at most.
ROUNDED_BALANCE, ROUNDED_TOTAL = 1.5, 5.5


class LayoutError(Exception):
    """A table is not as expected; the message says where."""


@dataclass(frozen=True)
class ExhibitColumn:
    """Where a figure stands and what it is."""

    index: int
    period: date
    span: str
    flow: str


def tables_of(rows: Sequence[Row]) -> pl.DataFrame:
    """The figures of all tables of one sheet, columns as SCHEMA; no rows where it has no table by group or country.

    Raises:
        LayoutError: a table is not as expected, or figures stand outside of any.
    """
    if not (heads := {n: section for n, row in enumerate(rows) if (section := _section(row))}):
        return pl.DataFrame(schema=SCHEMA)
    found: list[pl.DataFrame] = []
    read: set[int] = set()
    for head, section in heads.items():
        if section in {s for n, s in heads.items() if n < head}:
            raise LayoutError(f"two tables are headed {rows[head][0]!r}")
        columns = _columns(rows, head)
        items = [n for n in range(head + 3, _end(rows, head + 3)) if n not in heads]
        read.update(range(head, head + 3), items)
        figures = [_figure(rows[n], n - head - 2, section, c) for n in items for c in columns]
        found.append(pl.DataFrame(figures, schema=SCHEMA, orient="row"))
    stray = next((row for n, row in enumerate(rows) if n not in read and sum(map(_is_number, row[1:])) >= 3), None)
    if stray:
        raise LayoutError(f"figures of {stray[0]!r} stand under no known heading")
    figures_ = pl.concat(found)
    _adds_up(figures_)
    return figures_


def notes_of(rows: Sequence[Row]) -> list[str]:
    """The text below the last table; a line that begins neither with a number in brackets nor with NOTE goes on."""
    if not (heads := [n for n, row in enumerate(rows) if _section(row)]):
        return []
    found: list[str] = []
    for row in rows[_end(rows, heads[-1] + 3) :]:
        if (text := row[0]) and not any(row[1:]):
            if re.match(r"\(\d+\)|NOTE", text) or not found:
                found.append(text)
            else:
                found[-1] += f" {text}"
    return found


def _letters(text: str | None) -> str:
    return re.sub(r"[^a-z]", "", NOTE_REF.sub("", text or "").lower().replace("&", "and"))


def _section(row: Row) -> str | None:
    years = any(c and re.fullmatch(r"(19|20)\d\d", c) for c in row[1:])
    return SECTIONS.get(_letters(row[0])) if row and years else None


def _end(rows: Sequence[Row], first: int) -> int:
    """The row after the last item: items have a name and figures."""
    return next((n for n in range(first, len(rows)) if not rows[n][0] or not any(rows[n][1:])), len(rows))


def _columns(rows: Sequence[Row], head: int) -> list[ExhibitColumn]:
    if len(rows) < head + 4:
        raise LayoutError(f"nothing stands below {rows[head][0]!r}")
    raw: list[tuple[int, int, str, str]] = []
    year = period = None
    for n in range(1, len(rows[head])):
        year, period = rows[head][n] or year, rows[head + 1][n] or period
        if not (label := (rows[head + 2][n] or "").lower()):
            continue
        if label not in FLOWS or not year or not re.fullmatch(r"(19|20)\d\d", year) or not period:
            raise LayoutError(f"column {n + 1} is headed {year!r}, {period!r}, {rows[head + 2][n]!r}")
        raw.append((n, int(year), period, label))
    months = sorted({(y, m) for _, y, p, _ in raw if (m := _month(p))}, reverse=True)
    if len(months) != 2 or months[0][0] * 12 + months[0][1] - months[1][0] * 12 - months[1][1] != 1:
        raise LayoutError(f"the months {months} are not one and the month before it")
    (now_year, now_month), _ = months
    columns = [
        ExhibitColumn(n, date(y, _month(p) or now_month, 1), "month" if _month(p) else "ytd", flow)
        for n, y, p, flow in raw
    ]
    ytd = {c.period.year for c in columns if c.span == "ytd"}
    if (
        len({(c.period, c.span, c.flow) for c in columns}) != 12
        or len(columns) != 12
        or ytd != {now_year, now_year - 1}
    ):
        raise LayoutError(
            "the columns are not two months and two years to date, each with balance, exports and imports"
        )
    return columns


def _month(text: str) -> int | None:
    """1 to 12, None for a year to date."""
    letters = _letters(text)
    if letters == "yeartodate":
        return None
    if letters[:3] not in MONTHS or len(letters) < 3:
        raise LayoutError(f"the period {text!r} is neither a month nor a year to date")
    return MONTHS.index(letters[:3]) + 1


def _figure(row: Row, line: int, section: str, column: ExhibitColumn) -> tuple[object, ...]:
    printed = row[0] or ""
    ref = NOTE_REF.search(printed)
    item = NOTE_REF.sub("", printed)
    group = GROUPS.get(_letters(item)) if section == "technology_group" else None
    if section == "technology_group" and group is None and _letters(item) != "total":
        raise LayoutError(f"{printed!r} is not a technology group")
    text = row[column.index] or ""
    if not _is_number(text):
        raise LayoutError(f"{column.flow} of {printed!r} in {column.period:%Y-%m} is {text!r}, not a number")
    value = 0.0 if text in ZERO else float(text.replace(",", ""))
    return (section, line, item, ref[1] if ref else None, group, column.period, column.span, column.flow, value)


def _is_number(text: str | None) -> bool:
    return bool(text) and (text in ZERO or bool(re.fullmatch(r"-?[\d,]+(\.\d+)?(e-?\d+)?", text or "")))


def _adds_up(figures: pl.DataFrame) -> None:
    where = ["section", "line", "item", "period", "span"]
    flow, value = pl.col("flow"), pl.col("value_musd")
    of = {f: value.filter(flow == f).first() for f in FLOWS}
    off = figures.group_by(where, maintain_order=True).agg(off=of["exports"] - of["imports"] - of["balance"])
    wrong = off.filter(pl.col("off").abs() > ROUNDED_BALANCE)
    if not wrong.is_empty():
        row = wrong.row(0, named=True)
        raise LayoutError(f"exports less imports of {row['item']!r} in {row['period']:%Y-%m} is not the balance")
    groups = figures.filter(pl.col("section") == "technology_group")
    if groups.is_empty():
        return
    counts = groups.group_by("item").len()
    expected = len(GROUPS) + 1
    named = set(groups["technology_group"].drop_nulls())
    if len(named) != len(GROUPS) or counts.height != expected or groups.height != expected * 12:
        gone = sorted(set(GROUPS.values()) - named)
        raise LayoutError(
            f"the groups are not 01 to 10 and their total, once each (missing: {', '.join(gone) or 'none'})"
        )
    is_group = pl.col("technology_group").is_not_null()
    sums = groups.group_by("period", "span", "flow").agg(
        off=value.filter(is_group).sum() - value.filter(~is_group).sum()
    )
    if not (wrong := sums.filter(pl.col("off").abs() > ROUNDED_TOTAL)).is_empty():
        row = wrong.row(0, named=True)
        raise LayoutError(f"{row['flow']} of the ten groups in {row['period']:%Y-%m} do not add up to their total")
