"""Reading pages of the World Bank's "WDI Database Archives" (source 57), which speaks another dialect of API v2.

An object instead of a pair; each cell names its concepts in any order; and a series that a version does not hold is
answered with an error body, as a rule XML although JSON was asked for: message 160, "not valid or data not found".
Pure: bytes in, tables out. (Shapes as several public clients read them; to be confirmed on the first live run.)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import polars as pl

from configs.errors import IncompleteResponseError, SourceError, SourceLayoutError, SourceResponseError
from configs.operations import Series
from configs.source_series import series_of_source
from tasks.extract.json_answers import MOST_PAGES, is_figure, shown
from tasks.extract.world_bank.indicators_parse import MOST_ROWS, fail, json_of, message_of, node
from tasks.raw.documents import RawDocument

SOURCE = "world_bank_archives"
VERSION = re.compile(r"(19|20)[0-9]{2}(0[1-9]|1[0-2])")
TIME, CODE = re.compile(r"YR[0-9]{4}"), re.compile(r"[A-Z0-9]{3}")
CONCEPTS = {"country", "series", "time", "version"}
NOT_FOUND = re.compile(r'<wb:message id="(160)" key="([^"]*)"[^>]*>([^<]*)')
LONGEST_EXCUSE = 10_000  # bytes: what says only that there is no data is short, and data are megabytes
# Codes from before the World Bank took over those of ISO. Both forms have been seen side by side in one version.
LEGACY = {"ZAR": "COD", "ROM": "ROU", "TMP": "TLS", "ADO": "AND", "KSV": "XKX", "WBG": "PSE"}
SCHEMA: dict[str, type[pl.DataType]] = {
    "vintage": pl.String,
    "economy_code": pl.String,
    "indicator": pl.String,
    "year": pl.Int32,
    "value_usd": pl.Float64,
}
KEY = ["vintage", "economy_code", "indicator", "year"]


def series() -> dict[str, Series]:
    """Return the series that are archived: those of every dataset that takes older vintages from here."""
    return series_of_source(SOURCE)


@dataclass(frozen=True)
class Page:
    """A page of items (versions, or cells), with what it says of itself."""

    number: int
    pages: int
    total: int
    items: list[Any]


def read_versions(document: RawDocument) -> Page:
    """A page of the list of versions; the items are their ids, ``YYYYMM``.

    Raises:
        SourceResponseError: an error message, XML, HTML. IncompleteResponseError: JSON cut short, versions missing.
        SourceLayoutError: JSON of another shape, an id that is no month.
    """
    content = _content(document)
    concept = node(document, content, SOURCE).at("source").only().at("concept").only()
    found = [entry.at("id").text() for entry in concept.at("variable").items()]
    wrong = [v for v in found if not VERSION.fullmatch(v)]
    if wrong or not found:
        told = f"lists the version {shown(wrong[0])}, which is not YYYYMM" if wrong else "lists no version"
        raise fail(SourceLayoutError, document, told, SOURCE)
    return _page(document, content, found)


def versions(documents: Sequence[RawDocument]) -> tuple[str, ...]:
    """Every version listed, oldest first.

    Raises:
        SourceError: as ``read_versions``; pages are missing, or a version stands there twice.
    """
    found: list[str] = _together([(d, read_versions(d)) for d in documents], "the list of versions")
    if len(set(found)) != len(found):
        twice = next(v for v in found if found.count(v) > 1)
        raise fail(SourceLayoutError, documents[0], f"lists the version {twice} twice", SOURCE)
    return tuple(sorted(found))


def absent(document: RawDocument) -> str | None:
    """Why there is no data, in the publisher's words, if the answer says only that; else None.

    The same message would come for an address that is wrong. So it is an answer, not proof: see
    ``tasks.extract.world_bank.archive_inventory`` for when it is believed.
    """
    if document.size > LONGEST_EXCUSE:
        return None
    if found := NOT_FOUND.search(document.body.decode("utf-8", "replace")):
        return " ".join(" ".join(found.groups()).split())[:500]
    try:
        content = json_of(document, SOURCE)
    except SourceError:
        return None
    if (message := message_of(content)) and message.startswith("160 "):
        return message
    if isinstance(content, dict) and content.get("total") in (0, "0") and content.get("total") is not False:
        source = content.get("source")
        if not (source.get("data") if isinstance(source, dict) else source):
            return "total 0"
    return None


def read_cells(document: RawDocument) -> Page:
    """A page of one series in one version, as its role (``201407/receipts/1``) says; the items are (code, year, value),
    value None where there is none.

    Raises:
        SourceResponseError: an error message, XML, HTML. IncompleteResponseError: JSON cut short, cells missing.
        SourceLayoutError: JSON of another shape; unknown or missing concepts; cells of another version or series; a
            value that is no number, or of a year after the version's.
    """
    vintage, indicator, _ = document.role.split("/")
    content = _content(document)
    data = node(document, content, SOURCE).at("source").at("data").listed()
    code = series()[indicator].code
    return _page(document, content, [_cell(document, number, row, vintage, code) for number, row in enumerate(data)])


def table(documents: Sequence[RawDocument]) -> pl.DataFrame:
    """The cells with a value: vintage (``YYYYMM``), economy_code, indicator (``receipts``, ``payments``), year,
    value_usd (current US dollars), sorted by the first four.

    Rule: an old code becomes the present one. Where both stand in one version, one may have what the other lacks;
    that they contradict each other is an error.

    Raises:
        SourceError: as ``read_cells``; pages are missing, a cell stands there twice.
    """

    def of(document: RawDocument) -> tuple[str, str]:
        vintage, indicator, _ = document.role.split("/")
        return vintage, indicator

    parts = [
        _series(list(group), vintage, indicator)
        for (vintage, indicator), group in groupby(sorted(documents, key=of), key=of)
    ]
    return pl.concat([pl.DataFrame(schema=SCHEMA), *parts]).sort(KEY)


def _series(documents: list[RawDocument], vintage: str, indicator: str) -> pl.DataFrame:
    if len(documents) == 1 and absent(documents[0]):
        return pl.DataFrame(schema=SCHEMA)
    cells = _together([(d, read_cells(d)) for d in documents], f"{indicator} in version {vintage}")
    schema: dict[str, type[pl.DataType]] = {"code": pl.String, "year": pl.Int32, "value_usd": pl.Float64}
    frame = pl.DataFrame(cells, schema=schema, orient="row")
    if not (twice := frame.filter(pl.struct("code", "year").is_duplicated())).is_empty():
        told = f"gives {indicator} of {twice['code'][0]} {twice['year'][0]} twice"
        raise fail(SourceLayoutError, documents[0], told, SOURCE)
    mapped = frame.drop_nulls("value_usd").with_columns(economy_code=pl.col("code").replace(LEGACY))
    once = mapped.unique(["economy_code", "year", "value_usd"])
    if not (against := once.filter(pl.struct("economy_code", "year").is_duplicated())).is_empty():
        code, year = against.select("economy_code", "year").row(0)
        old = next(o for o, new in LEGACY.items() if new == code)
        told = f"gives {indicator} of {year} under {old} and under {code}, which are one economy, with two values"
        raise fail(SourceLayoutError, documents[0], told, SOURCE)
    return once.with_columns(vintage=pl.lit(vintage), indicator=pl.lit(indicator)).select(*SCHEMA)


def _content(document: RawDocument) -> dict[str, Any]:
    content = json_of(document, SOURCE)
    message = message_of(content)
    if message:
        raise fail(SourceResponseError, document, f"answered with an error instead of data: {message}", SOURCE)
    if not isinstance(content, dict):
        raise fail(SourceLayoutError, document, f"is not the object that the archives give: {shown(content)}", SOURCE)
    return content


def _page(document: RawDocument, content: dict[str, Any], items: list[Any]) -> Page:
    """Holds the items against what the page says of itself, so that each page is known to be whole by itself."""
    top = node(document, content, SOURCE)
    number, pages = top.at("page").count(MOST_PAGES, 1), top.at("pages").count(MOST_PAGES)
    size, total = top.at("per_page").count(MOST_ROWS, 1), top.at("total").count(MOST_ROWS)
    due = min(size, total - (number - 1) * size)
    if max(pages, 1) != max(-(-total // size), 1):
        told = f"says {pages} pages of {size:,} for {total:,} items, which cannot be"
        raise fail(SourceLayoutError, document, told, SOURCE)
    if len(items) != due:
        told = f"has {len(items):,} items; page {number} of {pages} should have {due:,} of {total:,}; run again"
        raise fail(IncompleteResponseError, document, told, SOURCE)
    return Page(number, pages, total, items)


def _together(read: list[tuple[RawDocument, Page]], what: str) -> list[Any]:
    """The items of all pages, which must be all there are."""
    items = [i for _, page in read for i in page.items]
    numbers, totals = sorted(p.number for _, p in read), {p.total for _, p in read}
    if numbers != list(range(1, read[0][1].pages + 1)) or totals != {len(items)}:
        raise IncompleteResponseError(
            SOURCE,
            f"{what}: {len(items):,} items on pages {numbers}, but the API says {sorted(totals)} items on "
            f"{read[0][1].pages} pages; a page is missing, or was served twice; run again",
            raw_keys=tuple(d.raw_key for d, _ in read),
        )
    return items


def _cell(document: RawDocument, number: int, row: Any, vintage: str, series: str) -> tuple[str, int, float | None]:
    def wrong(told: str) -> SourceError:
        return fail(SourceLayoutError, document, f"{told} (source.data[{number}])", SOURCE)

    try:
        named = [(v["concept"].casefold(), v["id"]) for v in row["variable"]]
        value = row["value"]
    except (KeyError, TypeError, AttributeError):
        raise wrong(f"has a cell without variable or value: {shown(row)}") from None
    of = dict(named)
    if set(of) != CONCEPTS or len(named) != len(CONCEPTS):
        raise wrong(f"has a cell with the concepts {shown(sorted(c for c, _ in named))}, not {sorted(CONCEPTS)}")
    if (of["version"], of["series"]) != (vintage, series):
        found = f"{shown(of['series'])} in version {shown(of['version'])}"
        raise wrong(f"has a cell of {found}, asked was {series} in {vintage}")
    country, time = of["country"], of["time"]
    if not (isinstance(time, str) and TIME.fullmatch(time) and isinstance(country, str) and CODE.fullmatch(country)):
        raise wrong(f"has a cell of {shown(country)} in {shown(time)}")
    year = int(time[2:])
    if value is None:
        return country, year, None
    if not is_figure(value):
        raise wrong(f"has the value {shown(value)} for {country} {year}")
    if year > int(vintage[:4]):
        raise wrong(f"has a value of {country} for {year}, which is after the version {vintage}")
    return country, year, float(value)
