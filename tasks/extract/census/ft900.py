"""FT-900 Exhibits 16 and 16a: trade in advanced technology products by technology group and by country and area.

The monthly release without a key: millions of US dollars, not seasonally adjusted, not revised from month to month.
It is not the source of a dataset but an independent check of one. The publisher's form is a ZIP of one workbook an
exhibit (``exh16a.xlsx``); a workbook with one exhibit or all is read too: the sheet is found by its title, a table by
its heading, a column by the year, period and flow above it. (Layout of a real workbook, August 2021.) ``(-)`` is
printed for zero or less than half a million: read as 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from urllib.parse import urlsplit

import polars as pl

from configs.errors import SourceLayoutError, SourceResponseError
from configs.settings import source_settings
from tasks.common.redact import without_secrets
from tasks.extract.census.ft900_parse import SCHEMA, LayoutError, Row, notes_of, tables_of
from tasks.extract.containers import BUNDLE, WORKBOOK, Origin, opened
from tasks.extract.http.responses import StatusError
from tasks.extract.http.session import Session
from tasks.extract.workbook import Workbook, open_workbook
from tasks.raw.documents import RawDocument

SOURCE = "census_ft900"
TITLE = re.compile(r"^\s*Exhibit\s+(16a?)\b.*Advanced Technology Products", re.IGNORECASE | re.DOTALL)
EXHIBIT_FILE = re.compile(r"exh[a-z]*[ _-]?16a?\.xlsx$", re.IGNORECASE)
CONTENT_TYPES = "[content_types].xml"  # every workbook has it
# The countries of Exhibit 16a, by the name printed, and the European Union. Areas are left out: "Other" stands under
# several of them, and whom the others contain is printed nowhere.
PARTNERS = {
    "Australia": "6021", "Brazil": "3510", "Canada": "1220", "China": "5700", "European Union": "0003",
    "France": "4279",
    "Germany": "4280", "Hong Kong": "5820", "India": "5330", "Indonesia": "5600", "Ireland": "4190", "Israel": "5081",
    "Italy": "4759", "Japan": "5880", "Korea, South": "5800", "Malaysia": "5570", "Mexico": "2010",
    "Philippines": "5650", "Singapore": "5590", "Taiwan": "5830", "Thailand": "5490", "United Kingdom": "4120",
}  # fmt: skip
TITLE_ROWS = 10  # a title stands at the top; further down a table of contents would match


def fetch(session: Session, month: date) -> RawDocument | None:
    """The workbooks of a month's release, role ``ft900/YYYY-MM``; None where the publisher has none (404).

    Args:
        session: of the source ``census_ft900``.

    Raises:
        SourceError: every other failure; what came is read before it is believed.
    """
    url = _address(session.settings.url, month)

    def judge(document: RawDocument) -> None:
        months = parse_exhibits(document).filter(pl.col("span") == "month")
        if (covered := months.select(pl.col("period").max().dt.strftime("%Y-%m")).item()) != f"{month:%Y-%m}":
            told = f"{document.url} covers {covered}, not {month:%Y-%m}; check the address"
            raise SourceResponseError(SOURCE, told, raw_keys=(document.raw_key,))

    suffix = ".zip" if urlsplit(url).path.lower().endswith(".zip") else ".xlsx"
    try:
        return session.get(f"ft900/{month:%Y-%m}", url, judge=judge, suffix=suffix)
    except StatusError as e:
        if e.status == 404:
            return None
        raise


def told(month: date) -> str:
    """The address of a month's release, for a person."""
    return without_secrets(_address(source_settings(SOURCE).url, month))


def _address(url: str, month: date) -> str:
    return url.replace("{yymm}", f"{month:%y%m}")


def parse_exhibits(document: RawDocument) -> pl.DataFrame:
    """Every figure of both exhibits.

    Returns:
        exhibit (``16``, ``16a``), section (``technology_group``, ``partner``), line (order within the section: an item
        such as "Other" stands there under several areas), item as printed, note_ref (number of a footnote or null),
        technology_group (``01``..``10``, null for the total and for partners), period (first of the month; of a year to
        date its last month), span (``month``, ``ytd``), flow (``exports``, ``imports``, ``balance``), value_musd
        (millions of US dollars).

    Raises:
        SourceResponseError: not a workbook. IncompleteResponseError: a workbook cut short.
        SourceLayoutError: no such exhibit, other headings, a group missing, a figure that is no number, or figures
            that do not add up.
    """
    found = []
    sheets = _sheets(document)
    for exhibit, rows in sheets:
        try:
            table = tables_of(rows)
        except LayoutError as e:
            raise _layout(f"Exhibit {exhibit}: {e}", document) from e
        found.append(table.select(pl.lit(exhibit).alias("exhibit"), *SCHEMA))
    figures = pl.concat(found) if found else pl.DataFrame()
    if figures.is_empty():
        told = "none has a table by technology group or by country" if sheets else "no sheet has it in its title"
        raise _layout(f"no Exhibit 16 or 16a on advanced technology products ({told})", document)
    return figures


def notes(document: RawDocument) -> tuple[str, ...]:
    """The notes below the exhibits, each as one text, in the order printed, none twice.

    Raises:
        SourceError: as ``parse_exhibits``.
    """
    return tuple(dict.fromkeys(note for _, rows in _sheets(document) for note in notes_of(rows)))


def groups(document: RawDocument) -> pl.DataFrame:
    """The newest month by technology group: technology_group (``01``..``10`` and ``total``), flow (``exports``,
    ``imports``), period, value_musd; 22 rows.

    Raises:
        SourceError: as ``parse_exhibits``; ``SourceLayoutError`` where no table is by technology group, or two differ.
    """
    figures = parse_exhibits(document).filter(
        (pl.col("section") == "technology_group") & (pl.col("span") == "month") & (pl.col("flow") != "balance")
    )
    newest = figures.filter(pl.col("period") == pl.col("period").max())
    named = newest.select(pl.col("technology_group").fill_null("total"), "flow", "period", "value_musd").unique()
    if named.is_empty():
        raise _layout("no table by technology group", document)
    if not (twice := named.filter(pl.struct("technology_group", "flow").is_duplicated())).is_empty():
        raise _layout(f"Exhibits 16 and 16a differ in group {twice['technology_group'][0]}", document)
    return named.sort("technology_group", "flow")


def partners(document: RawDocument) -> pl.DataFrame:
    """The newest month by partner, of those in ``PARTNERS``: partner_code (Schedule C), flow (``exports``,
    ``imports``), period, value_musd. No rows where the release has no table by country.

    Raises:
        SourceError: as ``parse_exhibits``.
    """
    figures = parse_exhibits(document).filter(
        (pl.col("section") == "partner") & (pl.col("span") == "month") & (pl.col("flow") != "balance")
    )
    newest = figures.filter(pl.col("period") == pl.col("period").max(), pl.col("item").is_in(list(PARTNERS)))
    code = pl.col("item").replace_strict(PARTNERS, return_dtype=pl.String).alias("partner_code")
    return newest.select(code, "flow", "period", "value_musd").unique().sort("partner_code", "flow")


def _sheets(document: RawDocument) -> list[tuple[str, list[Row]]]:
    """Exhibit and rows of each sheet with the title of one, all cells as text."""
    found = []
    for part in _workbooks(document):
        workbook = open_workbook(SOURCE, part)
        for name in workbook.sheet_names:
            exhibit = next(
                (m[1].lower() for row in _rows(workbook, name, TITLE_ROWS) for c in row if c and (m := TITLE.match(c))),
                None,
            )
            if exhibit:
                found.append((exhibit, _rows(workbook, name, None)))
    return found


def _workbooks(document: RawDocument) -> Iterator[RawDocument]:
    """The document itself, or of a bundle the workbooks of the exhibits: those named so, else all."""
    origin = Origin(SOURCE, document.url, (document.raw_key,))
    if not document.body.startswith(b"PK") or _is_workbook(document, origin):
        yield document  # or ``open_workbook`` says what it is instead
        return
    with opened(document.body, origin, BUNDLE) as bundle:
        workbooks = [m for m in bundle.members if m.filename.lower().endswith(BUNDLE.holds)]
        if not workbooks:
            raise _layout("a ZIP without any workbook", document)
        named = [m for m in workbooks if EXHIBIT_FILE.search(m.filename)]
        for member in named or workbooks:
            at = f"{document.url}#{member.filename}"
            yield RawDocument.of(document.role, at, bundle.read(member), raw_key=document.raw_key)


def _is_workbook(document: RawDocument, origin: Origin) -> bool:
    with opened(document.body, origin, WORKBOOK) as container:
        return any(m.filename.casefold() == CONTENT_TYPES for m in container.members)


def _rows(workbook: Workbook, sheet: str, limit: int | None) -> list[Row]:
    # As text: a stray word among the figures must be seen, not made null.
    table = workbook.sheet(sheet, header_row=None, n_rows=limit, dtypes="string")
    return [tuple(c.strip() or None if c else None for c in row) for row in table.iter_rows()]


def _layout(message: str, document: RawDocument) -> SourceLayoutError:
    return SourceLayoutError(
        SOURCE,
        f"{document.url}: {message}. Look at the workbook; if its layout has changed,"
        f" tasks/extract/census/ft900_parse.py "
        "has to follow",
        raw_keys=(document.raw_key,),
    )
