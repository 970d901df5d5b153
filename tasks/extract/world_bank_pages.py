"""Reading pages of the World Bank API v2, in all the forms in which it answers. Pure: bytes in, tables out.

Shapes and error bodies as recorded from the real API (see docs/sources.md).
"""

from __future__ import annotations

import json
import math
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
from tasks.extract.base import RawDocument

SOURCE = "world_bank"
BUSY = {"105", "199"}  # "service currently unavailable" and its like; other messages stay as they are
DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")
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


def read_page(document: RawDocument) -> Page:
    """Reads one page.

    Raises:
        SourceResponseError: an error message, XML, HTML or no rows at all.
        IncompleteResponseError: JSON cut short.
        SourceLayoutError: JSON of another shape.
    """
    content = json_of(document)
    message = message_of(content)
    if message:
        raise fail(SourceResponseError, document, f"answered with an error instead of data: {message}")
    if not (isinstance(content, list) and len(content) == 2 and isinstance(content[0], dict)):
        raise fail(SourceLayoutError, document, "is not the [page, rows] that the API gives")
    head, rows = content
    try:
        number, pages, total = (int(head[k]) for k in ("page", "pages", "total"))
    except (KeyError, TypeError, ValueError) as e:
        raise fail(SourceLayoutError, document, f"has no page, pages and total ({e})") from e
    if rows is None or total == 0:
        raise fail(SourceResponseError, document, "has no data at all (total 0); has the series been renamed?")
    if not (isinstance(rows, list) and all(isinstance(r, dict) for r in rows)):
        raise fail(SourceLayoutError, document, "has rows that are no objects")
    return Page(number, pages, total, str(head.get("lastupdated") or ""), rows)


def refuse_busy(document: RawDocument, source: str = SOURCE) -> None:
    """A page that only says that the service is busy is worth asking again, like a 503, which it is in all but status.

    Raises:
        PassingAnswerError: it is one.
    """
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
    text = document.body.decode("utf-8-sig", "replace").strip()
    if text.startswith("<"):
        error = re.search(r'<wb:message id="(\d+)"[^>]*>([^<]*)', text)
        what = f"XML: {error[1]} {error[2]}" if error else " ".join(text[:120].split())
        raise fail(SourceResponseError, document, f"answered with markup instead of JSON ({what})", source)
    if not text:
        raise fail(SourceResponseError, document, "answered with an empty body", source)
    try:
        return json.loads(text)
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
        f"{m.get('id', '?')} {m.get('key', '')}: {m.get('value', '')}" if isinstance(m, dict) else str(m)
        for m in messages
    ]
    return "; ".join(parts)


def vintage(documents: Sequence[RawDocument]) -> str:
    """``lastupdated``, which all pages of the series must share.

    Raises:
        InconsistentVintageError: they do not.
        SourceLayoutError: it is no date.
    """
    series = [d for d in documents if not d.role.startswith("country/")]
    found = {d.role: read_page(d).updated for d in series}
    if len(set(found.values())) > 1:
        told = ", ".join(f"{role} {updated}" for role, updated in found.items())
        raise InconsistentVintageError(
            SOURCE,
            f"pages of one extraction are of different dates ({told}): an update landed in between; run again",
            raw_keys=tuple(d.raw_key for d in series),
        )
    value = next(iter(found.values()), "")
    if not DATE.match(value):
        raise fail(SourceLayoutError, series[0], f"says lastupdated {value!r}, which is no date")
    return value


def _all_rows(documents: Sequence[RawDocument], what: str) -> list[tuple[RawDocument, dict[str, Any]]]:
    read = [(d, read_page(d)) for d in documents]
    rows = [(d, r) for d, page in read for r in page.rows]
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
    for document, row in _all_rows(documents, "the country list"):
        region = (row.get("region") or {}).get("value")
        if not (row.get("id") and row.get("name") and region):
            raise fail(SourceLayoutError, document, f"has a country without id, name or region: {row}")
        # "Aggregates " with a trailing space has been recorded.
        found.append((row["id"], row["name"].strip(), region.strip() == "Aggregates", row.get("iso2Code", "")))
    table = pl.DataFrame(
        found,
        schema={"economy_code": pl.String, "economy_name": pl.String, "is_aggregate": pl.Boolean, "iso2": pl.String},
        orient="row",
    )
    twice = table.filter(pl.col("economy_code").is_duplicated())
    if not twice.is_empty():
        raise fail(SourceLayoutError, documents[0], f"lists {twice['economy_code'][0]} twice")
    return table


def observations(documents: Sequence[RawDocument], name: str, series: str, known: pl.DataFrame) -> pl.DataFrame:
    """One series: economy_code, indicator, year, value_usd. Cells without a value are left out.

    The code is ``countryiso3code``; where that is empty, the entry of the country list with the row's ISO2 code.
    """
    codes = set(known["economy_code"])
    by_iso2 = dict(zip(known["iso2"], known["economy_code"], strict=True))
    found = []
    for document, row in _all_rows(documents, series):
        country = row.get("country") or {}
        code = row.get("countryiso3code") or by_iso2.get(country.get("id", ""), "")
        if code not in codes:
            raise fail(
                SourceLayoutError, document, f"has an economy that is not in the country list: {code or country}"
            )
        if (row.get("indicator") or {}).get("id") != series:
            raise fail(SourceLayoutError, document, f"has a row of another series: {row.get('indicator')}")
        value = row.get("value")
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise fail(SourceLayoutError, document, f"has the value {value!r} for {code} {row.get('date')}")
        if not re.fullmatch(r"\d{4}", str(row.get("date"))):
            raise fail(SourceLayoutError, document, f"has the year {row.get('date')!r} for {code}")
        found.append((code, name, int(row["date"]), float(value)))
    table = pl.DataFrame(
        found,
        schema={"economy_code": pl.String, "indicator": pl.String, "year": pl.Int32, "value_usd": pl.Float64},
        orient="row",
    )
    twice = table.filter(pl.struct("economy_code", "year").is_duplicated())
    if not twice.is_empty():
        code, year = twice.row(0)[0], twice.row(0)[2]
        raise fail(SourceLayoutError, documents[0], f"gives {series} of {code} {year} twice")
    return table


def fail(kind: type[SourceError], document: RawDocument, message: str, source: str = SOURCE) -> SourceError:
    """An error of that kind which names the document and says what to do."""
    advice = ADVICE.get(kind, "nothing was published; run again later")
    return kind(source, f"{document.url} {message}; {advice}", raw_keys=(document.raw_key,))
