"""Census balance workbook: US trade in advanced technology products with the world, monthly from 1989-01.

One sheet ``country``, a row a partner and year, twelve import and twelve export columns and the year totals, in
millions of US dollars. The row of ``CTY_CODE`` 7 (also written ``0007``) is ATP. Months not yet published are 0
(measured on two real vintages), and may be blank; a year that has not begun may have a row of them. The sheet carries
no date: the vintage is the last month with figures. Case and spaces of the header mean nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from configs.errors import SourceError, SourceLayoutError, VintageUnavailableError
from tasks.extract.census.ft900_beside import TABLE, fetch_beside, known_beside, read_beside
from tasks.extract.http.session import Session
from tasks.extract.source import Extraction, FetchRequest, extracted
from tasks.extract.workbook import open_workbook
from tasks.raw.documents import Archive, RawDocument

SOURCE = "census_balance"
SHEET = "country"
FIRST_YEAR = 1989
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
FLOWS = {"exports_musd": "E", "imports_musd": "I"}
VALUES = [f"{letter}{m}" for letter in FLOWS.values() for m in (*MONTHS, "YR")]


def vintages(dataset: str) -> Sequence[str]:
    """None by name: the workbook is always the current one."""
    return ()


def fetch(ask: FetchRequest, archive: Archive) -> tuple[RawDocument, ...]:
    """Gets and archives the workbook, and FT-900 of its newest month where that can be had."""
    with Session(SOURCE, ask, archive) as session:
        workbook = session.get("workbook", session.settings.url, suffix=".xlsx")
    return (workbook, *_exhibit(ask, archive, workbook))


def _exhibit(ask: FetchRequest, archive: Archive, workbook: RawDocument) -> tuple[RawDocument, ...]:
    """FT-900 of the workbook's newest month. Of the workbook that readers have it is not asked for again."""
    known = ask.known.get("workbook")
    if ask.refresh == "auto" and known is not None and known.sha256 == workbook.sha256:
        return known_beside(ask)
    try:
        newest = _published(_atp_rows(workbook), workbook)["period"][-1]
    except SourceError:
        return ()  # ``parse`` says what is wrong with it
    return fetch_beside(SOURCE, ask, archive, newest)


def parse(dataset: str, documents: tuple[RawDocument, ...], vintage: str | None) -> Extraction:
    """Reads the workbook.

    Returns:
        Tables ``monthly`` (period, exports_musd, imports_musd: published months only) and ``annual`` (year,
        exports_musd, imports_musd: the publisher's own year column), in millions of US dollars; and ``ft900``
        (``ft900_beside.SCHEMA``; no rows where it could not be had).

    Raises:
        SourceResponseError: not a workbook. IncompleteResponseError: a workbook cut short.
        SourceLayoutError: sheet, columns, rows or months are not as expected.
        VintageUnavailableError: another vintage was asked for.
    """
    document = next(d for d in documents if not d.role.startswith("ft900/"))
    rows = _atp_rows(document)
    monthly = _published(rows, document)
    found = monthly["period"][-1].strftime("%Y-%m")
    if vintage is not None and vintage != found:
        raise VintageUnavailableError(
            SOURCE,
            f"vintage {vintage} was asked for, the workbook covers {found}; ask for that one or for none",
            raw_keys=(document.raw_key,),
        )
    begun = rows.filter(pl.col("year") <= monthly["period"][-1].year).drop_nulls(["EYR", "IYR"])
    annual = begun.select("year", pl.col("EYR").alias("exports_musd"), pl.col("IYR").alias("imports_musd"))
    exhibit, missing = read_beside(documents)
    tables = {"monthly": monthly.lazy(), "annual": annual.lazy(), TABLE: exhibit}
    return extracted(SOURCE, dataset, found, documents, tables, unavailable=missing)


def _sheet(document: RawDocument) -> pl.DataFrame:
    workbook = open_workbook(SOURCE, document)
    if SHEET not in workbook.sheet_names:
        raise SourceLayoutError(
            SOURCE,
            f"no sheet {SHEET!r}; there are {workbook.sheet_names}. Has the layout changed?",
            raw_keys=(document.raw_key,),
        )
    # As text: codes come as numbers or as text, and a stray word among the figures must be seen, not made null.
    sheet = workbook.sheet(SHEET, dtypes="string")
    wanted = {name.upper(): name for name in ("year", "CTY_CODE", *VALUES)}
    found = {c: wanted[c.strip().upper()] for c in sheet.columns if c.strip().upper() in wanted}
    return sheet.rename(found) if len(set(found.values())) == len(found) else sheet


def _atp_rows(document: RawDocument) -> pl.DataFrame:
    """The ATP rows, one a year: year and VALUES as numbers, null where the cell is blank."""
    sheet = _sheet(document)
    if missing := [c for c in ("year", "CTY_CODE", *VALUES) if c not in sheet.columns]:
        raise _layout(f"column {', '.join(missing)} missing from sheet {SHEET!r}; there are {sheet.columns}", document)
    atp = sheet.filter(pl.col("CTY_CODE").str.strip_chars().str.replace(r"\.0$", "").str.strip_chars_start("0") == "7")
    if atp.is_empty():
        raise _layout(f"no row with CTY_CODE 7 (ATP) in sheet {SHEET!r}", document)
    numbers = atp.select(
        pl.col("year").cast(pl.Float64, strict=False).cast(pl.Int32, strict=False),
        *[pl.col(c).cast(pl.Float64, strict=False) for c in VALUES],
    )
    for column in numbers.columns:
        blank = atp[column].fill_null("").str.strip_chars() == "" if column != "year" else pl.lit(False)
        if not (bad := atp.filter((numbers[column].is_null() & ~blank) | numbers[column].is_nan())).is_empty():
            raise _layout(f"{column} of year {bad['year'][0]} is {bad[column][0]!r}, not a number", document)
    years = numbers.sort("year")["year"].to_list()
    if len(set(years)) != len(years):
        twice = sorted({y for y in years if years.count(y) > 1})
        raise _layout(f"year {', '.join(map(str, twice))} stands in the ATP rows more than once", document)
    if years != list(range(FIRST_YEAR, FIRST_YEAR + len(years))):
        raise _layout(
            f"the ATP years are {years[0]} to {years[-1]} with gaps, or do not begin in {FIRST_YEAR}", document
        )
    return numbers.sort("year")


def _published(rows: pl.DataFrame, document: RawDocument) -> pl.DataFrame:
    """The months up to the last one with figures.

    Rule: 0, or a blank cell, after the last published month is not data. Either before it, or in one flow only,
    contradicts that rule, and then nothing is known about which months are real.
    """
    months = pl.DataFrame(
        [
            (date(row["year"], number, 1), row[f"E{name}"], row[f"I{name}"])
            for row in rows.iter_rows(named=True)
            for number, name in enumerate(MONTHS, start=1)
        ],
        schema={"period": pl.Date, "exports_musd": pl.Float64, "imports_musd": pl.Float64},
        orient="row",
    )
    has_exports, has_imports = (pl.col(flow).fill_null(0) != 0 for flow in FLOWS)
    if not (half := months.filter(has_exports != has_imports)).is_empty():
        raise _layout(
            f"{half['period'][0]:%Y-%m} has one of exports and imports only, the other is 0 or blank", document
        )
    last = months.filter(has_exports)["period"].max()
    if not isinstance(last, date):
        raise _layout("every month of ATP is 0", document)
    published = months.filter(pl.col("period") <= last)
    if not (hole := published.filter(~has_exports)).is_empty():
        raise _layout(f"{hole['period'][0]:%Y-%m} is 0 or blank but later months up to {last:%Y-%m} are not", document)
    return published


def _layout(message: str, document: RawDocument) -> SourceLayoutError:
    return SourceLayoutError(
        SOURCE,
        f"{message}. Look at the workbook; if its layout has changed, tasks/extract/{SOURCE}.py has to follow",
        raw_keys=(document.raw_key,),
    )
