"""Conditions: what is typed selects what it says, in the types of the contract, and a mistake is said in a line."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.columns import Column
from configs.contracts import load_contract
from configs.errors import UsageError
from configs.words import closest
from tasks.read.conditions import parse, unmatched

IP = load_contract("ip_trade_annual")
COLUMNS = [
    Column(name="code", type="string", role="key", unit="code", description=""),
    Column(name="period", type="date", role="key", unit="month", description=""),
    Column(name="rank", type="int16", role="measure", unit="1", description="", nullable=True),
    Column(name="value", type="float64", role="measure", unit="1", description="", nullable=True),
    Column(name="flag", type="boolean", role="attribute", unit="flag", description="", nullable=True),
    Column(name="flow", type="string", role="key", unit="flow", description="", allowed=("exports", "imports")),
]
KNOWN = {c.name: c for c in COLUMNS}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "code": st.sampled_from(["USA", "CHN", "a,b", "null?", "5700"]),
    "period": st.dates(date(2019, 11, 1), date(2021, 2, 1)),
    "rank": st.integers(-3, 3),
    "value": st.sampled_from([-1.5, 0.0, 2.0, 1e12]),
    "flag": st.booleans(),
}
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def rows(name: str, values: list[Any]) -> pl.DataFrame:
    return pl.DataFrame({name: values}, schema={name: KNOWN[name].polars})


def selected(text: str, frame: pl.DataFrame) -> list[Any]:
    (condition,) = parse([text], COLUMNS, "x")
    return frame.filter(condition.expression).to_series().to_list()


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, list[Any], str, Any]:
    name = draw(st.sampled_from(list(VALUES)))
    sign = draw(st.sampled_from(["=", "!="] if name == "flag" else list(COMPARE)))
    had = draw(st.lists(st.none() | VALUES[name], max_size=12))
    return name, had, sign, draw(VALUES[name])


@given(cases())
def test_a_condition_selects_what_python_would(case: tuple[str, list[Any], str, Any]) -> None:
    name, had, sign, value = case
    typed = f'"{value}"' if name == "code" else str(value)
    found = selected(f"{name}{sign}{typed}", rows(name, had))
    # Only != selects a null: it is the opposite of =.
    assert found == [v for v in had if (sign == "!=" if v is None else COMPARE[sign](v, value))]


@given(st.lists(st.none() | VALUES["rank"], max_size=12), st.lists(st.none() | VALUES["rank"], min_size=1, max_size=3))
def test_equal_and_unequal_split_the_rows_in_two(had: list[int | None], wanted: list[int | None]) -> None:
    text = ",".join("null" if w is None else str(w) for w in wanted)
    frame = rows("rank", had)
    same, other = selected(f"rank={text}", frame), selected(f"rank!={text}", frame)
    assert same == [v for v in had if v in wanted]
    assert other == [v for v in had if v not in wanted]


@given(st.lists(VALUES["period"], min_size=1, max_size=8), st.sampled_from(list(COMPARE)), st.sampled_from([4, 7]))
def test_a_year_or_a_month_is_all_of_its_days(had: list[date], sign: str, length: int) -> None:
    typed = had[0].isoformat()[:length]
    found = selected(f"period{sign}{typed}", rows("period", had))
    # As text of that length dates compare as the spans do.
    assert found == [d for d in had if COMPARE[sign](d.isoformat()[:length], typed)]


@given(cases(), st.dates(date(2019, 1, 1), date(2021, 12, 31)), st.integers(0, 500))
def test_a_partition_is_left_out_only_if_none_of_its_rows_can_be_wanted(
    case: tuple[str, list[Any], str, Any], first: date, days: int
) -> None:
    last = first + timedelta(days=days)
    for sign in COMPARE:
        for typed in (
            str(first),
            str(first)[:7],
            str(first)[:4],
            str(case[3]) if case[0] == "period" else "2020-01-31",
        ):
            (condition,) = parse([f"period{sign}{typed}"], COLUMNS, "x")
            every = [first + timedelta(days=d) for d in range(days + 1)]
            wanted = rows("period", every).filter(condition.expression).height > 0
            assert condition.may_hold(first, last) == wanted, (sign, typed)


def test_a_value_with_a_comma_is_quoted() -> None:
    frame = rows("code", ["a,b", "a", "b"])
    assert selected('code="a,b"', frame) == ["a,b"]
    assert selected("code=a, b", frame) == ["a", "b"]
    assert selected("code == a", frame) == ["a"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "yaer=2020",
            "ip_trade_annual has no column 'yaer'; did you mean year? Its columns: economy_code, economy_name",
        ),
        ("YEAR=2020", "did you mean year?"),
        ("zzz=1", "has no column 'zzz'; its columns: economy_code"),
        ("year=twenty", "year is a whole number (int32); for example: year=2020"),
        ("year=2020.5", "year is a whole number (int32)"),
        ("year=99999999999", "year is a whole number (int32)"),
        ("receipts_usd>=many", "receipts_usd is a number (float64); for example: receipts_usd=1000"),
        ("receipts_usd=nan", "receipts_usd is a number (float64)"),
        ("is_aggregate=perhaps", "is_aggregate is true or false (boolean); for example: is_aggregate=true"),
        ("is_aggregate>=true", "use = or !="),
        ("year>=2015,2016", ">= takes one value"),
        ("year>null", "use year=null or year!=null"),
        ("year=", "has no value; for example: year=2020, or year=null"),
        ("year", "quote < and >, which the shell takes for itself: 'year>=VALUE'"),
        ("=2020", "write COLUMN=VALUE"),
    ],
)
def test_a_mistake_names_column_type_and_example(text: str, told: str) -> None:
    with pytest.raises(UsageError) as e:
        parse([text], IP.columns, IP.name)
    assert told in str(e.value) and "\n" not in str(e.value)


def test_a_date_that_is_none_names_the_forms_it_takes() -> None:
    for text in ("period=2024-13", "period=2024-02-30", "period=May", "period=20240601"):
        with pytest.raises(UsageError, match=r"period is a date \(date\).*2024-06-01 \(or 2024-06, or 2024\)"):
            parse([text], COLUMNS, "x")


def test_a_value_that_the_contract_does_not_know_is_told_with_those_it_does() -> None:
    with pytest.raises(UsageError, match="flow=export; did you mean exports\\? It is one of: exports, imports"):
        parse(["flow=export"], COLUMNS, "x")


def test_two_values_of_one_column_are_a_list_and_two_bounds_are_not() -> None:
    with pytest.raises(UsageError, match="list the values"):
        parse(["rank=1", "rank=2"], COLUMNS, "x")
    assert len(parse(["rank>=1", "rank<=2", "rank!=3", "rank!=4"], COLUMNS, "x")) == 4


def test_what_no_row_has_is_told_with_what_it_is_like() -> None:
    (condition,) = parse(["code=usa,CHN"], COLUMNS, "x")
    assert unmatched(condition, pl.Series(["USA", "CHN", None])) == "no row has code=usa; did you mean USA?"
    (condition,) = parse(["code=CHN"], COLUMNS, "x")
    assert unmatched(condition, pl.Series(["USA", "CHN"])) is None
    assert closest("x", ["year"]) is None
