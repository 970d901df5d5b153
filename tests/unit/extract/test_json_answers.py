"""Strict JSON: what is odd is named with its place, what is good is what ``json.loads`` gives."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import SourceError, SourceLayoutError
from tasks.extract.json_answers import DEPTH, Node, OddJsonError, all_of, is_date, is_figure, loads, shown
from tasks.extract.world_bank import indicators_parse
from tasks.raw.documents import RawDocument
from tests.doubles.good_answers import GOOD, document
from tests.doubles.hostile_json import places, put

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXT)
ANY = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))


@given(ANY)
def test_good_json_is_read_as_the_library_does(value: Any) -> None:
    text = json.dumps(value)
    assert loads(text) == json.loads(text)


@pytest.mark.parametrize("name", GOOD)
@given(data=st.data())
def test_any_value_anywhere_is_read_or_a_named_error(name: str, data: st.DataObject) -> None:
    good = GOOD[name]
    path = data.draw(st.sampled_from(places(good.content)))
    body = put(good.content, path, json.dumps(data.draw(ANY)))
    try:
        good.read(document(good.role, body))
    except SourceError as e:
        assert "kept" in e.raw_keys and len(str(e)) < 3000


@pytest.mark.parametrize("name", GOOD)
@given(body=st.binary(max_size=200) | TEXT.map(str.encode))
def test_any_bytes_are_a_named_error(name: str, body: bytes) -> None:
    good = GOOD[name]
    if not body and good.role.startswith("exports/"):
        return  # no content is an answer of this publisher
    try:
        read = good.read(document(good.role, body))
    except SourceError:
        return
    assert good.drifts, f"was read as {read}"


ODD = {
    '{"a": [1, {"b": NaN}]}': "has NaN at a[1].b",
    "[Infinity]": "has Infinity at [0]",
    '{"x": {"k": 1, "k": 1}}': "has 'k' twice in the object at x",
    '[{"k": 1, "k": 2}]': "has 'k' twice in the object at [0]",
    '{"a b": ["\\ud800"]}': "at ['a b'][0]: '\\ud800'",
    '{"\\udfff": 1}': "half a character",
    '{"n": ' + "1" * 5000 + "}": "more than 4,300 digits at character 6",
    "[" * (DEPTH + 1) + "]" * (DEPTH + 1): f"deeper than {DEPTH} levels",
    "[" * 100_000 + "]" * 100_000: f"deeper than {DEPTH} levels",
    '{"a":' * 900 + "1" + "}" * 900: f"deeper than {DEPTH} levels",
}


@pytest.mark.parametrize("text", ODD)
def test_odd_json_is_named_with_its_place(text: str) -> None:
    with pytest.raises(OddJsonError) as e:
        loads(text)
    assert ODD[text] in str(e.value)
    assert len(str(e.value)) < 300


@pytest.mark.parametrize("text", ["[" * DEPTH + "]" * DEPTH, '"\\ud83d\\ude00"', '"\\\\ud800"', "[1e400]"])
def test_unusual_json_is_read(text: str) -> None:
    assert loads(text) == json.loads(text)


@pytest.mark.parametrize("text", ["", "[", '{"a"', "[1] x", "nul", "'a'", "[1,]"])
def test_broken_json_is_no_odd_json(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        loads(text)


def node(value: Any) -> Node:
    return Node(value, "a[3]", ValueError)


WRONG: dict[str, tuple[Any, str]] = {
    "object": ([], "has [] at a[3], where an object should be"),
    "listed": ({}, "has {} at a[3], where a list should be"),
    "text": (None, "has null at a[3], where a text should be"),
    "only": ([1, 2], "has [1, 2] at a[3], where a list of one should be"),
    "objects": ([{}, True], "has true at a[3][1], where an object should be"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_value_of_another_type_is_named_with_its_place(kind: str) -> None:
    value, told = WRONG[kind]
    with pytest.raises(ValueError) as e:
        getattr(node(value), kind)()
    assert str(e.value) == told


@pytest.mark.parametrize("value", [30_000_000, -1, 1.0, True, None, "1.0", "-1", "\u0661", "", 10**400, math.nan, [1]])
def test_count_that_cannot_be_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"at a\[3\], where a whole number from 0 to 1,000 should be"):
        node(value).count(1000)


@pytest.mark.parametrize("value", [7, "7", "007"])
def test_count_may_be_digits(value: Any) -> None:
    assert node(value).count(1000) == 7


def test_first_wrong_value_of_a_column_is_named() -> None:
    rows = Node([{"k": "a"}, {}, {"k": 1}], "Data", ValueError)
    assert all_of(rows, "k", {str, int, type(None)}, "a text") == ["a", None, 1]
    with pytest.raises(ValueError, match=r"has null at Data\[1\]\.k, where a text should be"):
        all_of(rows, "k", {str}, "a text")


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e301, 10**400, True, "1", None])
def test_what_is_no_figure_is_none(value: Any) -> None:
    assert not is_figure(value)
    assert is_figure(1) and is_figure(-1.5)


@pytest.mark.parametrize("text", ["2024-02-30", "2024-2-1", "20240201", "\u0662024-02-01", "2024-02-01\n", ""])
def test_what_is_no_day_is_no_date(text: str) -> None:
    assert not is_date(text)
    assert is_date("2024-02-29")


@given(ANY)
def test_shown_value_is_short_and_printable(value: Any) -> None:
    assert len(shown(value)) < 6000
    assert shown("\x1b[31m\ud800") == "'\\x1b[31m\\ud800'"


def test_huge_count_of_pages_builds_no_list() -> None:
    head = {"page": 1, "pages": 30_000_000, "total": 30_000_000, "lastupdated": "2025-01-28"}
    body = json.dumps([head, [{}]]).encode()
    with pytest.raises(SourceLayoutError, match=r"has 30000000 at \[0\]\.pages"):
        indicators_parse.read_page(RawDocument.of("receipts/1", "https://example/1", body))
