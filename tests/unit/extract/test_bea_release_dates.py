"""BEA's list of release days: which forms are read, and which are refused."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from configs.errors import SourceError, SourceLayoutError, SourceResponseError
from tasks.extract.bea import release_dates
from tasks.raw.documents import RawDocument
from tests.doubles.release_dates import FT900, RELEASES


def read(content: Any) -> Any:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return release_dates.read(RawDocument.of("release_dates", "https://example.org/r.json", body, raw_key="x/kept"))


def test_days_are_those_in_washington() -> None:
    found = read(RELEASES).of(FT900)
    assert found.days[:2] == (date(2026, 9, 3), date(2026, 10, 6))
    assert found.open == (date(2026, 11, 4),)
    assert read({"X": {"release_dates": ["2026-10-06T02:30:00+00:00", "2026-11-04"]}}).of("x").days == (
        date(2026, 10, 5), date(2026, 11, 4),
    )  # fmt: skip


@pytest.mark.parametrize("mark", [None, False, "", []])
def test_an_empty_mark_is_no_day(mark: Any) -> None:
    assert read({"X": {"release_dates": ["2026-11-04"], "to_be_rescheduled": mark}}).of("X").open == ()


BAD: dict[str, tuple[Any, type[SourceError], str]] = {
    "a page": (b"<html></html>", SourceResponseError, "is not JSON"),
    "a list": ([1], SourceLayoutError, "an object"),
    "nothing": ({}, SourceLayoutError, "names no release"),
    "no days": ({"X": {"release_dates": []}}, SourceLayoutError, "names no release"),
    "a word": ({"X": {"release_dates": ["soon"]}}, SourceLayoutError, "'soon'"),
    "a number": ({"X": {"release_dates": [20261104]}}, SourceLayoutError, "a text"),
    "a mark": ({"X": {"release_dates": ["2026-11-04"], "to_be_rescheduled": True}}, SourceLayoutError, "a list"),
}


@pytest.mark.parametrize("fault", BAD)
def test_another_form_is_a_named_error(fault: str) -> None:
    body, kind, told = BAD[fault]
    with pytest.raises(SourceError) as e:
        read(body)
    assert type(e.value) is kind and told in str(e.value) and e.value.raw_keys == ("x/kept",)
