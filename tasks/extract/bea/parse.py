"""Reading the answers of BEA's data API, in all the forms in which it answers. Pure: bytes in, tables out.

Errors come with status 200, in three places, as an object or as a list; ``Results`` may be a list of one, ``Data`` and
``ParamValue`` an object where there is one row, ``Data`` may stand one level higher. A failing server sends an empty
body, an HTML page, or an HTML page after the JSON: none of that JSON is believed, and it is asked again (CONTRACTS C).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from configs.errors import (
    CredentialError,
    InconsistentVintageError,
    PassingAnswerError,
    SourceError,
    SourceLayoutError,
    SourceResponseError,
)
from configs.words import few
from tasks.extract.json_answers import Node, OddJsonError, all_of, begin, is_date, shown
from tasks.raw.documents import RawDocument

SOURCE = "bea"
PASSING_CODES = {"201"}  # "Error retrieving NIPA data."; others stay as they are
FAILED_INSIDE = "executing the application"  # the page that also says "Please try again"
VOLATILE = "UTCProductionTime"  # when the answer was made: different in each
NUMBER = r"^-?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)$"
_OF_THE_KEY = re.compile(r"\buser ?id\b(?!=)", re.IGNORECASE)  # whatever the code: 1 is seen, others are possible
_STAMP = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T][0-9]{2}:[0-9]{2}")


def results(document: RawDocument) -> dict[str, Any]:
    """What an answer has to say, whatever form it is in; never an error.

    Raises:
        PassingAnswerError: nothing, half of it, or a page that says to try again.
        CredentialError: the key is not accepted.
        SourceResponseError: BEA says what is wrong, or answers with a page.
        SourceLayoutError: JSON of another shape.
    """
    return _results(document)[0]


def _results(document: RawDocument) -> tuple[dict[str, Any], str]:
    """The results, and their place in the answer."""
    content = _json(document)
    top = content.get("BEAAPI") if isinstance(content, dict) else None
    if not isinstance(top, dict):
        raise fail(SourceLayoutError, document, f"is not the BEAAPI object that the API gives: {shown(content)}")
    _refuse_error(document, top.get("Error"))
    found, place = top.get("Results"), "BEAAPI.Results"
    if isinstance(found, list):
        for entry in found:
            _refuse_error(document, entry.get("Error") if isinstance(entry, dict) else None)
        if len(found) == 1:
            found, place = found[0], f"{place}[0]"
    if found is None and "Data" in top:
        found, place = {k: v for k, v in top.items() if k != "Request"}, "BEAAPI"
    if not isinstance(found, dict):
        raise fail(SourceLayoutError, document, f"has no Results, or several: {shown(found)} at {place}")
    _refuse_error(document, found.get("Error"))
    if len(_STAMPS) > 1000:
        _STAMPS.clear()
    _STAMPS[document.sha256] = found.get("TsLastUpdated")
    return found, place


# By the hash of an answer: its stamp, so that megabytes are not decoded again for it.
_STAMPS: dict[str, Any] = {}


def _stamp(document: RawDocument) -> Any:
    return _STAMPS[document.sha256] if document.sha256 in _STAMPS else results(document).get("TsLastUpdated")


def _listed(document: RawDocument, name: str) -> Node:
    """The rows under a name of the results, each an object; one row may stand there without a list."""
    found, place = _results(document)
    here = Node(found.get(name), f"{place}.{name}", lambda told: fail(SourceLayoutError, document, told))
    if isinstance(here.value, dict):
        return Node([here.value], here.place, here.refuse)
    if here.value is not None:
        here.objects()
    return Node(here.value or [], here.place, here.refuse)


def _json(document: RawDocument) -> Any:
    if not (text := document.body.removeprefix(b"\xef\xbb\xbf").decode("iso-8859-1").strip()):
        raise fail(PassingAnswerError, document, "answered with an empty body")
    if text[0] not in "{[":
        kind = PassingAnswerError if FAILED_INSIDE in text else SourceResponseError
        raise fail(kind, document, f"answered with a page instead of JSON: {_words(text)!r}")
    try:
        content, end = begin(text)
    except OddJsonError as e:
        raise fail(SourceLayoutError, document, str(e)) from e
    except ValueError as e:
        raise fail(PassingAnswerError, document, f"is not whole JSON ({e}); it ends with {text[-40:]!r}") from e
    if text[end:].strip():
        raise fail(PassingAnswerError, document, f"goes on after its JSON: {_words(text[end:])!r}")
    return content


def _words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())[:120]


def _refuse_error(document: RawDocument, error: Any) -> None:
    if error is None:
        return
    first = error[0] if isinstance(error, list) and error else error
    told = first if isinstance(first, dict) else {}
    code, text = (
        v[:500] if isinstance(v, str) else shown(v)
        for v in (told.get("APIErrorCode", "?"), told.get("APIErrorDescription", first))
    )
    if _OF_THE_KEY.search(text):
        raise fail(CredentialError, document, f"says {code} {text!r}: check BEA_API_KEY, and whether it is activated")
    kind = PassingAnswerError if code in PASSING_CODES else SourceResponseError
    raise fail(kind, document, f"answered with error {code}: {text}")


def refuse_no_data(document: RawDocument) -> None:
    """An answer of data has rows.

    Raises:
        SourceError: see ``results``; SourceResponseError: there is no row.
    """
    _data(document)


def _data(document: RawDocument) -> Node:
    rows = _listed(document, "Data")
    if not rows.value:
        raise fail(SourceResponseError, document, "has no data at all; has the series been renamed?")
    return rows


def listed(document: RawDocument) -> list[str]:
    """The codes that a parameter can have.

    Raises:
        SourceError: see ``results``; SourceLayoutError: it is no such list.
    """
    keys = all_of(_listed(document, "ParamValue"), "Key", {str}, "a code")
    if not keys or not all(keys):
        raise fail(SourceLayoutError, document, "is not the list of ParamValue with a Key each that the API gives")
    return keys


def same(one: RawDocument, other: RawDocument) -> bool:
    """Whether two answers say the same, apart from when they were made."""
    said = [{k: v for k, v in results(d).items() if k != VOLATILE} for d in (one, other)]
    return said[0] == said[1]


def vintage(documents: Sequence[RawDocument]) -> str:
    """The date of ``TsLastUpdated``, which all answers of data must share to the second.

    Raises:
        InconsistentVintageError: they do not.
        SourceLayoutError: it is no time.
    """
    stamps = {d.role: _stamp(d) for d in documents}
    found = {role: stamp if isinstance(stamp, str) else "" for role, stamp in stamps.items()}
    if len(set(found.values())) > 1:
        told = ", ".join(f"{role} {stamp[:40]}" for role, stamp in found.items())
        raise InconsistentVintageError(
            SOURCE,
            f"answers of one extraction are of different states ({told}): an update landed in between; run again",
            raw_keys=tuple(d.raw_key for d in documents),
        )
    stamp = next(iter(found.values()), "")
    match = _STAMP.match(stamp)
    if match is None or not is_date(match[1]):
        told = f"says TsLastUpdated {shown(stamps[documents[0].role])}, which is no time"
        raise fail(SourceLayoutError, documents[0], told)
    return match[1]


def rows(document: RawDocument, fields: Sequence[str]) -> pl.DataFrame:
    """The rows of an answer as text: the fields, CL_UNIT, UNIT_MULT, DataValue and NoteRef (empty if there is none);
    and the number of each in it, ``row``.

    Raises:
        SourceError: see ``results``; SourceLayoutError: a row has not these fields.
    """
    data = _data(document)
    text = {f: [str(v) for v in all_of(data, f, {str, int}, "a text")] for f in (*fields, "CL_UNIT", "UNIT_MULT")}
    for name in ("DataValue", "NoteRef"):
        values = all_of(data, name, {str, int, type(None)}, "a text")
        text[name] = ["" if v is None else str(v).strip() for v in values]
    return pl.DataFrame(text, schema=dict.fromkeys(text, pl.String)).with_columns(row=pl.int_range(pl.len()))


def with_values(frame: pl.DataFrame, document: RawDocument, fields: Sequence[str]) -> pl.DataFrame:
    """Adds value_usd (whole US dollars, null unless it is given), observation_status and reported_precision_usd.

    A reason stands as the value itself, or in ``NoteRef`` beside an empty one. ``reported``: a figure. ``suppressed``:
    (D). ``near_zero``: (*), between zero and 500,000 dollars up or down. ``not_available``: n.a. or dots. Anything else
    is an error, an empty value without a reason too: whether it is withheld or unknown cannot be told.

    Raises:
        SourceLayoutError: another unit, or a value that is neither a figure nor a known reason; names the row.
    """
    value, note = pl.col("DataValue"), pl.col("NoteRef")
    empty, number = value == "", value.str.contains(NUMBER)
    digits = value.str.replace_all(",", "").cast(pl.Int64, strict=False)
    scale = pl.lit(10, dtype=pl.Int64).pow(pl.col("UNIT_MULT").cast(pl.Int64, strict=False).clip(0, 9))

    def told(*reasons: str) -> pl.Expr:
        noted = note.str.split(",").list.eval(pl.element().str.strip_chars().is_in(reasons)).list.any()
        return value.is_in(reasons) | (noted & (empty | number))

    near_zero, withheld, unknown = told("(*)"), told("(D)"), told("n.a.", ".....")
    status = (
        # Beyond what a column holds, a product would come out as another figure.
        pl.when(number & ~near_zero & ~withheld & ~unknown & (digits.abs() <= (2**63 - 1) // scale))
        .then(pl.lit("reported"))
        # A zero beside (*) is one that was rounded; any other figure beside a reason contradicts itself.
        .when(near_zero & (~number | (digits == 0)))
        .then(pl.lit("near_zero"))
        .when(withheld & ~number)
        .then(pl.lit("suppressed"))
        .when(unknown & ~number)
        .then(pl.lit("not_available"))
    )
    read = frame.with_columns(observation_status=status, reported_precision_usd=scale.cast(pl.Int64)).with_columns(
        value_usd=pl.when(pl.col("observation_status") == "reported").then(digits * pl.col("reported_precision_usd"))
    )
    _refuse(document, read.filter(pl.col("CL_UNIT") != "USD"), fields, "CL_UNIT", "which is not US dollars")
    odd = ~pl.col("UNIT_MULT").str.contains(r"^\d$")
    _refuse(document, read.filter(odd), fields, "UNIT_MULT", "which is no power of ten")
    neither = read.filter(pl.col("observation_status").is_null())
    _refuse(document, neither, fields, "DataValue", "which is neither a figure nor a known reason for there being none")
    return read


def _refuse(document: RawDocument, off: pl.DataFrame, fields: Sequence[str], name: str, why: str) -> None:
    if off.is_empty():
        return
    row = off.row(0, named=True)
    where = ", ".join(row[f][:80] for f in fields)
    beside = f" (NoteRef {shown(row['NoteRef'])})" if name == "DataValue" else ""
    told = f"has {name} {shown(row[name])}{beside} at Data[{row['row']}] for {where}, {why}"
    raise fail(SourceLayoutError, document, told)


def expect(document: RawDocument, frame: pl.DataFrame, field: str, known: Iterable[str]) -> None:
    """Every value of a field is a known one.

    Raises:
        SourceLayoutError: one is not; names all that are not.
    """
    if other := sorted(set(frame[field].unique()) - set(known)):
        row = frame.filter(pl.col(field) == other[0])["row"][0]
        told = few([code[:80] for code in other], most=10)
        told = f"has {field} {told} (first at Data[{row}]), which is not known or not asked for"
        raise fail(SourceLayoutError, document, told)


def fail(kind: type[SourceError], document: RawDocument, message: str) -> SourceError:
    """Return the error that an answer stands for."""
    return kind(SOURCE, f"{document.url} {message}", raw_keys=(document.raw_key,))
