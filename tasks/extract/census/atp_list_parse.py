"""Reading lists of advanced technology products, in every form in which they come. Pure: bytes in, tables out.

Three forms, told apart by what stands in them and never by the address, latin-1 all of them:

- the ATP list of a flow, one record a code: group in columns 1-2, code in 4-13, description in 15-164. The records of
  2017 to 2020 have 164 columns, those of 2021 one blank more.
- all codes of a flow, Schedule B for exports and the HTS for imports, 278 columns: code in 1-10, group in 277-278,
  ``00`` for what is not ATP.
- the project's own: a table ``hs10,technology_group``.

A list that was cut at the end of a record looks whole by its form. It shows in what must be in any list: codes of all
ten groups (ATP lists are sorted by group), and in a file of all codes those of all chapters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

import polars as pl

from configs.errors import IncompleteResponseError, SourceError, SourceLayoutError, SourceResponseError
from configs.words import plural
from tasks.raw.documents import RawDocument

GROUPS = tuple(f"{n:02d}" for n in range(1, 11))
NOT_ATP = "00"
ROLE = re.compile(r"^(exports|imports)/(\d{4})-(0[1-9]|1[0-2])$")
OWN_FORM = "hs10,technology_group"
ATP_LIST_WIDTHS, ALL_CODES_WIDTH = (164, 165), 278
# 77 is reserved. 98 and 99 are special provisions: 99 is not used for exports, and no list of imports was seen whole.
CHAPTERS = {"exports": tuple(f"{n:02d}" for n in range(1, 99) if n != 77)}
CHAPTERS["imports"] = CHAPTERS["exports"][:-1]
# The shortest real list has 407 codes. Half of that is no list.
FEWEST_CODES = 200


def lists(source: str, documents: Sequence[RawDocument]) -> pl.DataFrame:
    """All lists: flow, list_month (the first month of validity), hs10, technology_group.

    Raises:
        SourceError: see ``read_list``; ``IncompleteResponseError`` where there is no list at all.
    """
    if not documents:
        raise IncompleteResponseError(source, "not one list was read; name at least one")
    return pl.concat([read_list(source, d) for d in documents]).sort("flow", "list_month", "hs10")


def newest(lists: pl.DataFrame) -> str:
    """The month of the newest list, YYYY-MM: the vintage."""
    return str(lists.select(pl.col("list_month").max().dt.strftime("%Y-%m")).item())


def read_list(source: str, document: RawDocument) -> pl.DataFrame:
    """One list; its flow and month are in the document's role, ``imports/2021-01``. Columns as in ``lists``.

    Raises:
        SourceResponseError: markup or nothing instead of a list.
        IncompleteResponseError: cut short: in the last record, groups or chapters without a code, too few codes.
        SourceLayoutError: records, codes or groups are not of the form, or a code stands there twice.
    """
    if not (found := ROLE.match(document.role)):
        raise _fail(SourceLayoutError, source, document, f"has the role {document.role!r}, not flow/YYYY-MM")
    flow, month = found[1], date(int(found[2]), int(found[3]), 1)
    # DOS end-of-file mark: older files of the publisher end with one.
    text = document.body.decode("latin-1").rstrip("\x1a")
    if not text.strip():
        raise _fail(SourceResponseError, source, document, "is empty")
    if text.lstrip()[0] in "<{[":
        raise _fail(
            SourceResponseError, source, document, f"is no list but begins with {' '.join(text[:120].split())!r}"
        )
    codes = _records(source, document, text, flow)
    if codes.height < FEWEST_CODES:
        few = f"has {plural(codes.height, 'code')} of advanced technology products, fewer than {FEWEST_CODES}"
        raise _fail(IncompleteResponseError, source, document, f"{few}; is it whole?")
    if missing := sorted(set(GROUPS) - set(codes["technology_group"])):
        raise _fail(
            IncompleteResponseError, source, document, f"has no code of group {', '.join(missing)}; is it whole?"
        )
    return codes.select(pl.lit(flow).alias("flow"), pl.lit(month).alias("list_month"), "hs10", "technology_group")


def _records(source: str, document: RawDocument, text: str, flow: str) -> pl.DataFrame:
    """hs10 and technology_group of the ATP codes, whatever the form."""
    lines = [line.rstrip("\r") for line in text.rstrip("\r\n").split("\n")]
    if lines[0] == OWN_FORM:
        table = _own_form(source, document, lines, whole=text.endswith("\n"))
    else:
        table = _fixed_width(source, document, lines, flow)
    off = table.filter(~pl.col("hs10").str.contains(r"^[0-9]{10}$").fill_null(False))
    if not off.is_empty():
        raise _fail(SourceLayoutError, source, document, f"has the code {off['hs10'][0]!r}, which is not ten digits")
    if not (off := table.filter(~pl.col("technology_group").is_in([*GROUPS, NOT_ATP]).fill_null(False))).is_empty():
        told = f"puts {off['hs10'][0]} into group {off['technology_group'][0]!r}, which is none of 01 to 10"
        raise _fail(SourceLayoutError, source, document, told)
    if not (twice := table.filter(pl.col("hs10").is_duplicated())).is_empty():
        raise _fail(SourceLayoutError, source, document, f"lists {twice['hs10'][0]} twice")
    return table.filter(pl.col("technology_group") != NOT_ATP).sort("hs10")


def _own_form(source: str, document: RawDocument, lines: list[str], *, whole: bool) -> pl.DataFrame:
    if not whole:
        raise _cut(source, document, lines[-1])
    line = pl.col("line")
    return pl.DataFrame({"line": lines[1:]}, schema={"line": pl.String}).select(
        hs10=line.str.extract(r"^([^,]*),[^,]*$"), technology_group=line.str.extract(r"^[^,]*,([^,]*)$")
    )


def _fixed_width(source: str, document: RawDocument, lines: list[str], flow: str) -> pl.DataFrame:
    width = len(lines[0])
    is_list = width in ATP_LIST_WIDTHS
    if not is_list and width != ALL_CODES_WIDTH:
        of = "an ATP list (164 or 165 columns) or of all codes (278)"
        told = f"begins with a record of {width} columns, {lines[0][:40]!r}, which is not of {of}"
        raise _fail(SourceLayoutError, source, document, told)
    odd = [(n, len(line)) for n, line in enumerate(lines, start=1) if len(line) != width]
    if odd and odd[0][0] == len(lines) and odd[0][1] < width:
        raise _cut(source, document, lines[-1])
    if odd:
        told = f"has {odd[0][1]} columns in record {odd[0][0]} and {width} in the first"
        raise _fail(SourceLayoutError, source, document, told)
    line, table = pl.col("line"), pl.DataFrame({"line": lines})
    if is_list:
        if not (off := table.filter(~line.str.contains(r"^\S\S \S{10} .{150} ?$"))).is_empty():
            raise _fail(SourceLayoutError, source, document, f"has a record of another form: {off['line'][0][:40]!r}")
        return table.select(hs10=line.str.slice(3, 10), technology_group=line.str.slice(0, 2))
    if gone := sorted(set(CHAPTERS[flow]) - set(table.select(line.str.slice(0, 2))["line"])):
        told = f"has no code of chapter {', '.join(gone[:5])}; is it whole?"
        raise _fail(IncompleteResponseError, source, document, told)
    return table.select(hs10=line.str.slice(0, 10), technology_group=line.str.slice(276, 2))


def _cut(source: str, document: RawDocument, last: str) -> SourceError:
    told = f"is cut short in its last record, {last[:40]!r}; run again"
    return _fail(IncompleteResponseError, source, document, told)


def _fail(kind: type[SourceError], source: str, document: RawDocument, message: str) -> SourceError:
    hint = (
        "; if the layout has changed, tasks/extract/census/atp_list_parse.py has to follow"
        if kind is SourceLayoutError
        else ""
    )
    return kind(source, f"{document.role}: {document.url} {message}{hint}", raw_keys=(document.raw_key,))
