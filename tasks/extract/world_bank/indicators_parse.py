"""Reading pages of the World Bank API v2, in all the forms in which it answers. Pure: bytes in, tables out.

Shapes and error bodies as recorded from the real API (see docs/sources.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from configs.errors import (
    IncompleteResponseError,
    InconsistentVintageError,
    PassingAnswerError,
    SourceError,
    SourceLayoutError,
    SourceResponseError,
)
from configs.words import plural
from tasks.extract.json_answers import MOST_PAGES, Node, OddJsonError, is_date, is_figure, loads, shown
from tasks.raw.documents import RawDocument

SOURCE = "world_bank"
BUSY = {"105", "199"}  # "service currently unavailable" and its like; other messages stay as they are
YEAR = re.compile(r"[0-9]{4}")
STATUS = re.compile(r"[A-Z]{1,3}")
DOLLARS = {"", "$", "us$", "usd", "usdollar", "usdollars", "currentus$", "currentusd", "currentusdollars", "us$current"}
OBSERVATION: dict[str, type[pl.DataType]] = {
    "economy_code": pl.String,
    "indicator": pl.String,
    "year": pl.Int32,
    "value_usd": pl.Float64,
    "observation_status": pl.String,
}
LONGEST_MESSAGE = 10_000  # bytes
MOST_ROWS = 10_000_000  # of a list; the longest has some 17,000
ADVICE: dict[type[SourceError], str] = {
    SourceResponseError: "nothing was published; run again later, and if it stays so check the source's address",
    IncompleteResponseError: "nothing was published; run again",
    SourceLayoutError: "nothing was published; compare what was kept with docs/sources.md, and mend the reader if the "
    "publisher has changed its form",
}


@dataclass(frozen=True)
class Page:
    """A page of rows, with what it says of itself. ``updated`` is empty for the country list."""

    number: int
    pages: int
    total: int
    updated: str
    rows: list[dict[str, Any]]


def read_page(document: RawDocument, most_pages: int = MOST_PAGES) -> Page:
    """Reads one page, of a list of ``most_pages`` at the most: each is asked for.

    Raises:
        SourceResponseError: an error message, XML, HTML or no rows at all.
        IncompleteResponseError: JSON cut short.
        SourceLayoutError: JSON of another shape.
    """
    content = json_of(document)
    if message := message_of(content):
        raise fail(SourceResponseError, document, f"answered with an error instead of data: {message}")
    if not (isinstance(content, list) and len(content) == 2 and isinstance(content[0], dict)):
        raise fail(SourceLayoutError, document, f"is not the [page, rows] that the API gives: {shown(content)}")
    head, rows = node(document, content).items()
    number = head.at("page").count(most_pages, 1)
    pages, total = head.at("pages").count(most_pages), head.at("total").count(MOST_ROWS)
    if rows.value is None or total == 0:
        raise fail(SourceResponseError, document, "has no data at all (total 0); has the series been renamed?")
    updated = head.at("lastupdated")
    said = updated.text() if updated.value is not None else ""
    _remember(document, said)
    return Page(number, pages, total, said, rows.objects())


# By the hash of an answer: when it was updated, so that megabytes are not decoded again for it.
_UPDATED: dict[str, str] = {}


def _remember(document: RawDocument, updated: str) -> None:
    if len(_UPDATED) > 1000:
        _UPDATED.clear()
    _UPDATED[document.sha256] = updated


def _updated(document: RawDocument) -> str:
    found = _UPDATED.get(document.sha256)
    return read_page(document).updated if found is None else found


def node(document: RawDocument, content: Any, source: str = SOURCE) -> Node:
    """The content of an answer, for a reader that names what is wrong by its place."""
    return Node(content, "", lambda told: fail(SourceLayoutError, document, told, source))


def refuse_busy(document: RawDocument, source: str = SOURCE) -> None:
    """A page that only says that the service is busy is worth asking again, like a 503, which it is in all but status.

    Raises:
        PassingAnswerError: it is one.
    """
    if document.size > LONGEST_MESSAGE:
        return  # data are megabytes, and are decoded once
    try:
        message = message_of(json_of(document, source))
    except SourceError:
        return  # whoever reads the page will say what is wrong with it
    if message and message.split(" ")[0] in BUSY:
        raise PassingAnswerError(source, f"{document.url} says {message!r}", raw_keys=(document.raw_key,))


def json_of(document: RawDocument, source: str = SOURCE) -> Any:
    """The JSON of an answer.

    Raises:
        SourceResponseError: markup, text or nothing. IncompleteResponseError: JSON cut short.
    """
    try:
        text = document.body.decode("utf-8-sig").strip()
    except UnicodeDecodeError as e:
        told = f"is not UTF-8: byte {document.body[e.start]:#04x} at {e.start:,}"
        raise fail(SourceLayoutError, document, told, source) from e
    if text.startswith("<"):
        error = re.search(r'<wb:message id="(\d+)"[^>]*>([^<]*)', text)
        what = f"XML: {error[1]} {error[2][:200]}" if error else " ".join(text[:120].split())
        raise fail(SourceResponseError, document, f"answered with markup instead of JSON ({what})", source)
    if not text:
        raise fail(SourceResponseError, document, "answered with an empty body", source)
    try:
        return loads(text)
    except OddJsonError as e:
        raise fail(SourceLayoutError, document, str(e), source) from e
    except ValueError as e:
        kind: type[SourceError] = IncompleteResponseError if text[0] in "[{" else SourceResponseError
        raise fail(kind, document, f"is not whole JSON ({e}); it ends with {text[-40:]!r}", source) from e


def message_of(content: Any) -> str | None:
    """The text of an error body, ``120 Invalid value: The provided ...``; None for anything else."""
    first = content[0] if isinstance(content, list) and content else content
    if not (isinstance(first, dict) and "message" in first):
        return None
    messages = first["message"] if isinstance(first["message"], list) else [first["message"]]
    parts = [
        f"{m.get('id', '?')} {m.get('key', '')}: {m.get('value', '')}" if isinstance(m, dict) else shown(m)
        for m in messages[:3]
    ]
    return "; ".join(part if len(part) <= 300 else f"{part[:300]}…" for part in parts) or "no reason"


def vintage(documents: Sequence[RawDocument]) -> str:
    """``lastupdated``, which all pages of the series must share.

    Raises:
        InconsistentVintageError: they do not.
        SourceLayoutError: it is no date.
    """
    series = [d for d in documents if not d.role.startswith("country/")]
    found = {d.role: _updated(d) for d in series}
    for document in series:
        if not is_date(value := found[document.role]):
            raise fail(SourceLayoutError, document, f"says lastupdated {shown(value)} at [0], which is no date")
    if len(set(found.values())) > 1:
        told = ", ".join(f"{role} {updated[:40]}" for role, updated in found.items())
        raise InconsistentVintageError(
            SOURCE,
            f"pages of one extraction are of different dates ({told}): an update landed in between; run again",
            raw_keys=tuple(d.raw_key for d in series),
        )
    if not found:
        raise IncompleteResponseError(SOURCE, "there is no page of a series; run again")
    return next(iter(found.values()))


def _all_rows(documents: Sequence[RawDocument], what: str) -> list[tuple[RawDocument, int, dict[str, Any]]]:
    """Every row of a list, with its document and its number there."""
    read = [(d, read_page(d)) for d in documents]
    rows = [(d, n, r) for d, page in read for n, r in enumerate(page.rows)]
    totals = {page.total for _, page in read}
    numbers = sorted(page.number for _, page in read)
    expected = list(range(1, read[0][1].pages + 1)) if read else [1]
    if totals != {len(rows)} or numbers != expected:
        raise IncompleteResponseError(
            SOURCE,
            f"{what}: {plural(len(rows), 'row')} on pages {numbers}, but the API says {sorted(totals)} rows on "
            f"{len(expected)} pages; a page is missing or was served twice, run again",
            raw_keys=tuple(d.raw_key for d in documents),
        )
    return rows


def economies(documents: Sequence[RawDocument]) -> pl.DataFrame:
    """The country list: economy_code, economy_name, is_aggregate, iso2.

    Rule: an entry of region "Aggregates" is an aggregate (48 of 265 in 2021).
    """
    found = []
    for document, number, row in _all_rows(documents, "the country list"):
        region = row.get("region")
        region = region.get("value") if isinstance(region, dict) else None
        named = (row.get("id"), row.get("name"), region, row.get("iso2Code", ""))
        if not all(isinstance(text, str) for text in named) or not all(named[:3]):
            told = f"has a country without id, name or region at [1][{number}]: {shown(row)}"
            raise fail(SourceLayoutError, document, told)
        code, name, within, iso2 = map(str, named)
        # "Aggregates " with a trailing space has been recorded.
        found.append((code, name.strip(), within.strip() == "Aggregates", iso2))
    table = pl.DataFrame(
        found,
        schema={"economy_code": pl.String, "economy_name": pl.String, "is_aggregate": pl.Boolean, "iso2": pl.String},
        orient="row",
    )
    if not (twice := table.filter(pl.col("economy_code").is_duplicated())).is_empty():
        raise fail(SourceLayoutError, documents[0], f"lists {twice['economy_code'][0]} twice")
    return table


def observations(documents: Sequence[RawDocument], name: str, series: str, known: pl.DataFrame) -> pl.DataFrame:
    """One series: economy_code, indicator, year, value_usd, observation_status (null if none is given). Cells without
    a value are left out.

    The code is ``countryiso3code``; where that is empty, the entry of the country list with the row's ISO2 code.
    """
    codes = set(known["economy_code"])
    by_iso2 = dict(zip(known["iso2"], known["economy_code"], strict=True))
    found = []
    for document, number, row in _all_rows(documents, series):
        code, year, value = row.get("countryiso3code"), row.get("date"), row.get("value")
        if not code:
            code = by_iso2.get(_id(row, "country"), "")
        if not isinstance(code, str) or code not in codes:
            told = f"has an economy that is not in the country list at [1][{number}]"
            country = row.get("country")
            raise fail(SourceLayoutError, document, f"{told}: {shown(code or country)}")
        if _id(row, "indicator") != series:
            told = f"has a row of another series at [1][{number}]: {shown(row.get('indicator'))}"
            raise fail(SourceLayoutError, document, told)
        if value is None:
            continue
        if not is_figure(value):
            told = f"has the value {shown(value)} at [1][{number}].value, for {code} {shown(year)}"
            raise fail(SourceLayoutError, document, told)
        if not isinstance(year, str) or not YEAR.fullmatch(year):
            raise fail(SourceLayoutError, document, f"has the year {shown(year)} at [1][{number}].date, for {code}")
        _refuse_unit(document, number, row.get("unit"))
        status = _status(document, number, row.get("obs_status"))
        found.append((code, name, int(year), float(value), status))
    table = pl.DataFrame(found, schema=OBSERVATION, orient="row")
    if not (twice := table.filter(pl.struct("economy_code", "year").is_duplicated())).is_empty():
        code, year = twice.row(0)[0], twice.row(0)[2]
        raise fail(SourceLayoutError, documents[0], f"gives {series} of {code} {year} twice")
    return table


def _refuse_unit(document: RawDocument, number: int, unit: Any) -> None:
    """Refuse a unit that is not current US dollars; the API leaves it empty as a rule.

    Raises:
        SourceLayoutError: it is another one.
    """
    if unit is None or (isinstance(unit, str) and re.sub(r"[^a-z$]", "", unit.casefold()) in DOLLARS):
        return
    told = f"has the unit {shown(unit)} at [1][{number}].unit, which is not current US dollars"
    raise fail(SourceLayoutError, document, told)


def _status(document: RawDocument, number: int, status: Any) -> str | None:
    """Return the publisher's mark of a figure, F for a forecast; None if there is none."""
    if status is None or status == "":
        return None
    if not isinstance(status, str) or not STATUS.fullmatch(status):
        told = f"has the mark {shown(status)} at [1][{number}].obs_status, which is no code of letters"
        raise fail(SourceLayoutError, document, told)
    return status


def _id(row: dict[str, Any], key: str) -> str:
    """The id of what a row names; empty where there is none."""
    of = row.get(key)
    found = of.get("id") if isinstance(of, dict) else None
    return found if isinstance(found, str) else ""


def fail(kind: type[SourceError], document: RawDocument, message: str, source: str = SOURCE) -> SourceError:
    """An error of that kind which names the document and says what to do."""
    advice = ADVICE.get(kind, "nothing was published; run again later")
    return kind(source, f"{document.url} {message}; {advice}", raw_keys=(document.raw_key,))
