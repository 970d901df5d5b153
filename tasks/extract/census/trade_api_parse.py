"""Reading answers of the Census Bureau's international trade API. Pure: bytes in, tables out.

An answer is an array of arrays of strings, the first the header. The API answers trouble with status 200 as well: a
page that asks for a key, a page about maintenance, an array that was cut off. Rules, each from the API's behaviour:

- A column that is both asked for and a predicate comes twice; the two must agree, and one is dropped.
- The total over partners or groups is ``-``, and was an empty text in 2018; both are read as ``-``.
- A partner's name can be null; names are taken from the table of partners, and from here for codes it does not have.
- Rows come in any order, and a row is there from the month of a partner's first trade of the calendar year on, with
  0 in months without; an absent row means that there was none.
"""

from __future__ import annotations

import json
import re
from datetime import date

import polars as pl

from configs.errors import (
    CredentialError,
    IncompleteResponseError,
    PassingAnswerError,
    SourceError,
    SourceLayoutError,
    SourceResponseError,
)
from tasks.extract.json_answers import Node, OddJsonError, loads, shown
from tasks.raw.documents import RawDocument

SOURCE = "census_hitech"
HALF = re.compile(rb"\\u[dD][89a-fA-F]")  # of a surrogate pair: polars makes NUL of one without the other
TOTAL = "-"
GROUPS = {
    "00": "NOT ADVANCED TECHNOLOGY",
    "01": "BIOTECHNOLOGY",
    "02": "LIFE SCIENCE",
    "03": "OPTO-ELECTRONICS",
    "04": "INFORMATION & COMMUNICATIONS",
    "05": "ELECTRONICS",
    "06": "FLEXIBLE MANUFACTURING",
    "07": "ADVANCED MATERIALS",
    "08": "AEROSPACE",
    "09": "WEAPONS",
    "10": "NUCLEAR TECHNOLOGY",
}
VALUES = {"exports": ("ALL_VAL_MO", "ALL_VAL_YR"), "imports": ("GEN_VAL_MO", "GEN_VAL_YR")}
MAINTENANCE = "currently undergoing maintenance"
SCHEMA = {
    "flow": pl.String,
    "hitech": pl.String,
    "partner_code": pl.String,
    "period": pl.Date,
    "value_usd": pl.Int64,
    "value_ytd_usd": pl.Int64,
}
NAMES = {"partner_code": pl.String, "publisher_name": pl.String}


def asked_columns(flow: str) -> tuple[str, ...]:
    """The variables that are asked for."""
    return ("CTY_CODE", "CTY_NAME", "HITECH", "HITECH_DESC", *VALUES[flow])


def validate(document: RawDocument) -> None:
    """Whether a body can be an answer at all; cheap, before anything is decoded. An empty body is one (status 204).

    Raises:
        CredentialError: a page that asks for a key, or refuses the one in use.
        PassingAnswerError: maintenance, or an array cut short: worth asking again.
        SourceResponseError: something else that is no array.
    """
    _judge(document, document.body)


def _judge(document: RawDocument, body: bytes) -> None:
    head, tail = body[:4000].lstrip(), body[-100:].rstrip()
    text = head.decode("utf-8", "replace")
    if not body:
        return
    if MAINTENANCE in text:
        raise PassingAnswerError(SOURCE, "the publisher's system is under maintenance", raw_keys=(document.raw_key,))
    title = re.search(r"<title>\s*(Missing|Invalid) Key\s*</title>", text, re.IGNORECASE)
    if title or "You included a key with this request" in text:
        raise key_refused(document.url, missing=bool(title and title[1].lower() == "missing"), document=document)
    if not head.startswith(b"["):
        told = " ".join(text[:160].split())
        raise _fail(SourceResponseError, document, f"is not the array that the API gives but begins with {told!r}")
    if not tail.endswith(b"]"):
        raise PassingAnswerError(
            SOURCE, f"{document.url} was cut short: it ends with {tail[-40:]!r}", raw_keys=(document.raw_key,)
        )


def key_refused(url: str, *, missing: bool, document: RawDocument | None = None) -> CredentialError:
    """The publisher wants another key."""
    what = "got no key with" if missing else "does not accept the key in CENSUS_API_KEY for"
    return CredentialError(
        SOURCE,
        f"the publisher {what} {url}; check that it is activated, or get one at "
        "https://api.census.gov/data/key_signup.html",
        raw_keys=(document.raw_key,) if document else (),
    )


def rows(document: RawDocument) -> pl.DataFrame:
    """The rows of one answer; see ``rows_and_names``."""
    return rows_and_names(document)[0]


def rows_and_names(document: RawDocument) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of one answer, and its partners' names: partner_code and publisher_name, null where it gives none.

    Args:
        document: role ``<flow>/<YYYY-MM>:<YYYY-MM>``, the months that were asked for.

    Returns:
        Columns as in SCHEMA; ``hitech`` ``00``..``10`` or ``-``, ``partner_code`` as in Schedule C, a group's code, or
        ``-``; US dollars.

    Raises:
        IncompleteResponseError: the array cannot be decoded.
        SourceLayoutError: columns, codes, months or values are not as they should be.
    """
    flow, _, window = document.role.partition("/")
    body = document.body
    _judge(document, body)
    if not body:
        return pl.DataFrame(schema=SCHEMA), pl.DataFrame(schema=NAMES)
    table = _table(document, body, (*asked_columns(flow)[:1], "HITECH", "HITECH_DESC", *VALUES[flow]))
    _descriptions(document, table)
    month, year_to_date = VALUES[flow]
    read = table.select(
        pl.lit(flow).alias("flow"),
        _total("HITECH").alias("hitech"),
        _total("CTY_CODE").alias("partner_code"),
        (pl.col("time") + "-01").str.to_date("%Y-%m-%d", strict=False).alias("period"),
        pl.col(month).cast(pl.Int64, strict=False).alias("value_usd"),
        pl.col(year_to_date).cast(pl.Int64, strict=False).alias("value_ytd_usd"),
    )
    _sound(document, table, read, window)
    name = pl.col("CTY_NAME") if "CTY_NAME" in table.columns else pl.lit(None, dtype=pl.String)
    named = table.select(_total("CTY_CODE").alias("partner_code"), name.alias("publisher_name"))
    return read, named.unique()


def _table(document: RawDocument, body: bytes, needed: tuple[str, ...]) -> pl.DataFrame:
    """Header and rows as text columns, each once; ``time`` made of YEAR and MONTH where these were the predicates."""
    try:
        decoded = pl.Series([body]).cast(pl.String).str.json_decode(pl.List(pl.List(pl.String)))
    except pl.exceptions.PolarsError as e:
        told = " ".join(str(e).split())[:160]
        raise _odd(document, body) or _fail(IncompleteResponseError, document, f"is not whole JSON ({told})") from e
    lines = decoded.explode()
    header = list(lines[0]) if len(lines) and lines[0] is not None else []
    # What polars takes for a text or a row, and is none, is found by the strict reader.
    if HALF.search(body) and (odd := _odd(document, body)):
        raise odd
    if lines.list.len().n_unique() != 1 or not all(header):
        told = "has rows that are not as long as its header" if all(header) else "has a column without a name"
        told = f"{told}: {shown(header)}"
        raise _odd(document, body) or _fail(SourceLayoutError, document, told)
    columns: dict[str, pl.Series] = {}
    for number, name in enumerate(header):
        values = lines.slice(1).list.get(number)
        if name in columns and not columns[name].equals(values, null_equal=True):
            raise _fail(SourceLayoutError, document, f"has {name} twice, with different values")
        columns[name] = values
    table = pl.DataFrame(columns)
    if {"YEAR", "MONTH"} <= set(header) and "time" not in header:
        table = table.with_columns(time=pl.col("YEAR") + "-" + pl.col("MONTH"))
    if missing := [c for c in (*needed, "time") if c not in table.columns]:
        told = f"has no {', '.join(missing)}; its header is {shown(header)}"
        raise _odd(document, body) or _fail(SourceLayoutError, document, told)
    return table


def _odd(document: RawDocument, body: bytes) -> SourceError | None:
    """What is wrong with an answer that is not rows of texts, by its place; None if it is no whole JSON, or all right.

    Polars decodes six times as fast as Python does, but does not say where it stumbled.
    """
    try:
        top = Node(loads(body.decode("utf-8")), "", lambda told: _fail(SourceLayoutError, document, told))
        for row in top.items():
            for cell in row.items():
                if cell.value is not None:
                    cell.text()
    except UnicodeDecodeError as e:
        return _fail(SourceLayoutError, document, f"is not UTF-8: byte {body[e.start]:#04x} at {e.start:,}")
    except OddJsonError as e:
        return _fail(SourceLayoutError, document, str(e))
    except json.JSONDecodeError:
        return None
    except SourceError as e:
        return e
    return None


def _total(column: str) -> pl.Expr:
    return pl.when(pl.col(column) == "").then(pl.lit(TOTAL)).otherwise(pl.col(column))


def _descriptions(document: RawDocument, table: pl.DataFrame) -> None:
    """Codes mean what they meant: a permuted code would move trade from one group to another in silence."""
    for code, told in table.select("HITECH", "HITECH_DESC").unique().sort("HITECH").iter_rows():
        if code in (TOTAL, ""):
            continue
        known = GROUPS.get(code)
        if known is None or not str(told or "").upper().replace(" AND ", " & ").startswith(known):
            raise _fail(
                SourceLayoutError,
                document,
                f"says that HITECH {shown(code)} is {shown(told)}; it was {known or 'no such code'!r}",
            )


def _sound(document: RawDocument, table: pl.DataFrame, read: pl.DataFrame, window: str) -> None:
    first, _, last = window.partition(":")
    for name in read.columns:
        if read[name].null_count():
            number = int(read[name].is_null().arg_true()[0])
            told = f"has a row whose {name} cannot be read, at [{number + 1}]: {_told(table.row(number, named=True))}"
            raise _fail(SourceLayoutError, document, told)
    odd = ~read["partner_code"].str.contains(r"^([0-9A-Z]{1,6}|-)$")
    if odd.any():
        number = int(odd.arg_true()[0])
        told = f"has the partner {shown(read['partner_code'][number])} at [{number + 1}], which is no code"
        raise _fail(SourceLayoutError, document, told)
    for month in (read["period"].min(), read["period"].max()):
        if isinstance(month, date) and not first <= f"{month:%Y-%m}" <= last:
            raise _fail(SourceLayoutError, document, f"has {month:%Y-%m}, asked for was {first} to {last}")
    if not (twice := read.filter(pl.struct("hitech", "partner_code", "period").is_duplicated())).is_empty():
        group, partner, period = twice.select("hitech", "partner_code", "period").row(0)
        raise _fail(SourceLayoutError, document, f"has group {group} of partner {partner} in {period:%Y-%m} twice")


def _told(row: dict[str, object]) -> str:
    return ", ".join(f"{name} {shown(value)}" for name, value in row.items())


def _fail(kind: type[SourceError], document: RawDocument, message: str) -> SourceError:
    hint = "; if the API has changed, tasks/extract/census/trade_api_parse.py has to follow"
    return kind(
        SOURCE, f"{document.url} {message}{hint if kind is SourceLayoutError else ''}", raw_keys=(document.raw_key,)
    )
