"""What a publisher's metadata says, each as a flat mapping of name to kind that an expectation can be held against.

Pure: bytes in, mapping out. An answer that is no metadata is the same ``SourceError`` as in an extraction, whose
readers are used where there are some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from configs.errors import SourceLayoutError, SourceResponseError
from tasks.extract.bea import parse
from tasks.extract.census import atp_list_parse, ft900
from tasks.extract.containers import MONTH, Origin, opened
from tasks.extract.json_answers import shown
from tasks.extract.workbook import open_workbook
from tasks.extract.world_bank import archives_parse, indicators_parse
from tasks.extract.world_bank.indicators_parse import fail, json_of, message_of, node
from tasks.raw.documents import RawDocument

Kinds = Mapping[str, str]
TYPES: dict[type, str] = {type(None): "null", bool: "flag", int: "integer", float: "number", str: "text"}


def census_variables(document: RawDocument, source: str) -> Kinds:
    """``variables.json``: each variable with its predicateType."""
    found = node(document, json_of(document, source), source).at("variables")
    kinds = {name: found.at(name).at("predicateType") for name in found.object()}
    return {name: "none" if kind.value is None else kind.text() for name, kind in kinds.items()}


def bea_values(document: RawDocument, source: str) -> Kinds:
    """``GetParameterValues``: each code with its description."""
    codes = parse.listed(document)
    values = parse.results(document)["ParamValue"]
    rows = [values] if isinstance(values, dict) else values
    return {code: " ".join(_words(row.get("Desc", "")).split()) for code, row in zip(codes, rows, strict=True)}


def world_bank_pair(document: RawDocument, source: str) -> Kinds:
    """A page of cells: the keys and types of its head and of its first cell."""
    indicators_parse.refuse_busy(document, source)
    indicators_parse.read_page(document, indicators_parse.MOST_ROWS)
    head, rows = json_of(document, source)
    if not rows:
        raise fail(SourceLayoutError, document, "has no row to look at", source)
    return _shape(head, "head") | _shape(rows[0], "row")


def world_bank_indicator(document: RawDocument, source: str) -> Kinds:
    """What a series is: its id, name and source."""
    indicators_parse.refuse_busy(document, source)
    about = node(document, indicators_parse.read_page(document).rows, source).only()
    told = {name: _words(about.at(name).value) for name in ("id", "name")}
    of = about.at("source")
    return told | {"source": f"{_words(of.at('id').value)} {_words(of.at('value').value)}"}


def world_bank_versions(document: RawDocument, source: str) -> Kinds:
    """The list of archived versions: its keys and types; the ids have to be months."""
    indicators_parse.refuse_busy(document, source)
    content = json_of(document, source)
    if message := message_of(content):
        raise fail(SourceResponseError, document, f"answered with an error instead of a list: {message}", source)
    shape = _shape(content, "")
    if "source[].concept[].variable[].id" in shape:
        archives_parse.read_versions(document)
    return shape


def balance_workbook(document: RawDocument, source: str) -> Kinds:
    """Sheets, and the columns of the first that is named ``country``."""
    workbook = open_workbook(source, document)
    sheets = {f"sheet {name}": "sheet" for name in workbook.sheet_names}
    if "sheet country" not in sheets:
        return sheets
    return sheets | dict.fromkeys(workbook.sheet("country", n_rows=0).columns, "column")


def ft900_exhibits(document: RawDocument, source: str) -> Kinds:
    """The sections that Exhibits 16 and 16a have figures of."""
    return dict.fromkeys(ft900.parse_exhibits(document)["section"].unique().sort(), "table")


def atp_lists(document: RawDocument, source: str) -> Kinds:
    """Whether a list of codes can be read."""
    atp_list_parse.read_list(source, document)
    return {"layout": "list of codes"}


def bulk_members(document: RawDocument, source: str) -> Kinds:
    """The members of a ZIP, by the names of its directory, of which the end of the file is enough."""
    with opened(document.body, Origin(source, document.url), MONTH) as container:
        names = [info.filename for info in container.members if not info.is_dir()]
    return {PurePosixPath(name).name.upper(): "member" for name in names}


READERS: Mapping[str, Callable[[RawDocument, str], Kinds]] = {
    f.__name__: f
    for f in (
        census_variables,
        bea_values,
        world_bank_pair,
        world_bank_indicator,
        world_bank_versions,
        balance_workbook,
        ft900_exhibits,
        atp_lists,
        bulk_members,
    )
}


def _words(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)


def _shape(value: Any, name: str) -> dict[str, str]:
    """Keys as ``a.b[].c``, with the types that were seen under each, as ``integer|null``."""
    seen: dict[str, set[str]] = {}
    for key, kind in _walk(value, name):
        seen.setdefault(key, set()).add(kind)
    return {key: "|".join(sorted(kinds)) for key, kinds in seen.items()}


def _walk(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner, f"{name}[]")
    else:
        yield name, TYPES[type(value)]
