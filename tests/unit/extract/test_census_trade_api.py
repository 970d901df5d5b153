"""Reading the Census Bureau's answers: the form in which figures come must not change them."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import SourceError
from configs.release_calendar import load_calendar, month_after
from tasks.extract.census import trade_api_parse as answers
from tasks.extract.census.trade_api import Window, _whole
from tasks.extract.source import FetchRequest
from tasks.raw.documents import RawDocument

Row = tuple[str, str, str, int]
ROLE = "exports/2024-01:2024-12"


@st.composite
def tables(draw: st.DrawFn) -> list[Row]:
    """Rows of group, partner and month, each once."""
    keys = st.tuples(
        st.sampled_from(["-", *answers.GROUPS]),
        st.sampled_from(["-", "0003", "5XXX", "5700", "8220", "4120"]),
        st.integers(1, 12).map(lambda m: f"2024-{m:02d}"),
    )
    found = draw(st.lists(keys, min_size=1, max_size=30, unique=True))
    return [(*k, draw(st.integers(0, 10**13))) for k in found]


def body(
    rows: list[Row], *, order: int | None = None, blank: bool = False, predicates: bool = False, twice: bool = False
) -> bytes:
    header = ["CTY_CODE", "CTY_NAME", "HITECH", "HITECH_DESC", "ALL_VAL_MO", "ALL_VAL_YR"]
    header += ["YEAR", "MONTH"] if predicates else ["time"]
    lines: list[list[str | None]] = []
    for group, partner, month, value in rows:
        told = f"{answers.GROUPS[group]} [{group}]" if group in answers.GROUPS else "TOTAL FOR ALL COMMODITIES"
        codes = [("" if blank and c == "-" else c) for c in (partner, group)]
        line: list[str | None] = [codes[0], None, codes[1], told, str(value), str(value)]
        lines.append(line + (month.split("-") if predicates else [month]))
    if twice:
        header = [*header, "HITECH"]
        lines = [[*line, line[2]] for line in lines]
    if order is not None:
        random.Random(order).shuffle(lines)
    return json.dumps([header, *lines]).encode()


def read(content: bytes, role: str = ROLE) -> pl.DataFrame:
    return answers.rows(RawDocument.of(role, "https://example.org", content, raw_key="kept")).sort(pl.all())


@given(tables(), st.integers(0, 99), st.booleans(), st.booleans(), st.booleans())
def test_order_blank_totals_predicates_and_double_columns_change_nothing(
    rows: list[Row], order: int, blank: bool, predicates: bool, twice: bool
) -> None:
    plain = read(body(rows))
    assert read(body(rows, order=order, blank=blank, predicates=predicates, twice=twice)).equals(plain)
    assert sorted(plain.select("hitech", "partner_code", "value_usd").rows()) == sorted(
        (g, p, v) for g, p, _, v in rows
    )


@given(tables(), st.data())
def test_an_answer_cut_anywhere_is_never_taken_for_a_whole_one(rows: list[Row], data: st.DataObject) -> None:
    whole = body(rows)
    cut = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(SourceError):
        read(whole[:cut])


@given(tables())
def test_a_row_twice_is_an_error_whatever_its_value(rows: list[Row]) -> None:
    group, partner, month, value = rows[0]
    with pytest.raises(SourceError, match="twice"):
        read(body([*rows, (group, partner, month, value + 1)]))


@given(st.binary(min_size=1, max_size=200))
def test_garbage_is_a_named_error_with_what_was_kept(garbage: bytes) -> None:
    with pytest.raises(SourceError) as e:
        read(garbage)
    assert e.value.raw_keys == ("kept",)


@pytest.mark.parametrize(("name", "odd"), [("\U0001f600", False), ("\ud83d", True), ("\ude00", True)])
def test_half_a_character_is_refused_and_a_whole_one_read(name: str, odd: bool) -> None:
    rows = [["CTY_CODE", "CTY_NAME", "HITECH", "HITECH_DESC", "ALL_VAL_MO", "ALL_VAL_YR", "time"]]
    content = json.dumps([*rows, ["5700", name, "01", f"{answers.GROUPS['01']} [01]", "1", "1", "2024-01"]]).encode()
    assert b"\\ud" in content
    if odd:
        with pytest.raises(SourceError, match="half a character"):
            read(content)
    else:
        assert read(content).height == 1


def test_no_content_is_no_rows() -> None:
    assert read(b"").is_empty()


@given(st.integers(1, 12))
def test_a_window_is_halved_without_losing_or_doubling_a_month(months: int) -> None:
    window = Window("exports", date(2024, 1, 1), date(2024, months, 1))
    assert window.months == months
    if months > 1:
        one, other = window.halves()
        assert (one.first, other.last) == (window.first, window.last)
        assert month_after(one.last) == other.first
        assert abs(one.months - other.months) <= 1


def known(*windows: str) -> FetchRequest:
    documents = {f"{f}/{w}": RawDocument.of(f"{f}/{w}", "x", b"[]") for f in ("exports", "imports") for w in windows}
    return FetchRequest("atp_trade_monthly", known=documents, known_vintage="2024-09")


def test_what_is_known_counts_only_if_it_covers_every_month() -> None:
    assert len(_whole(known("2023-01:2023-12", "2024-01:2024-09"))) == 4
    assert len(_whole(known("2023-01:2023-06", "2023-07:2023-12", "2024-01:2024-10"))) == 4
    assert _whole(known("2023-01:2023-06", "2023-08:2023-12", "2024-01:2024-09")) == {}
    assert _whole(known("2023-01:2023-12", "2024-01:2024-08")) == {}
    assert _whole(known()) == {}


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        ("2026-11-04T13:29", "2026-08"),  # a minute before 8:30 Eastern
        ("2026-11-04T13:31", "2026-09"),
        ("2026-12-08T13:29", "2026-09"),  # not announced for the usual day
        ("2026-12-08T13:31", "2026-10"),
        ("2024-03-31T12:00", "2024-01"),  # by the rule
    ],
)
def test_the_newest_month_that_can_be_expected(now: str, newest: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert f"{load_calendar('ft900').newest(moment):%Y-%m}" == newest


@given(st.dates(date(2010, 1, 1), date(2035, 1, 1)), st.integers(0, 40))
def test_the_annual_revision_lies_between_two_months_if_an_april_does(first: date, months: int) -> None:
    start = first.replace(day=1)
    end = month_after(start, months)
    aprils = any(month_after(start, n).month == 4 for n in range(1, months + 1))
    assert load_calendar("ft900").revised_between(start, end) == aprils
