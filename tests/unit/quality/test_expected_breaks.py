"""Expected breaks: what an entry exempts, and that nothing outside of it is. Without Great Expectations."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs import breaks as config
from configs.breaks import ExpectedBreak, load_breaks, parse_breaks
from configs.contract import Span
from configs.contracts import dataset_names, load_contract
from configs.errors import ConfigError
from tasks.quality.expected_breaks import covering

MONTHLY, YEARLY, HITECH = "atp_world_monthly", "ip_trade_annual", "atp_trade_monthly"


def entry(where: dict[str, Any], **more: Any) -> ExpectedBreak:
    spans = {name: Span(first=first, last=last) for name, (first, last) in where.items()}
    given = {
        "id": "a_break", "checks": ("jumps",), "where": spans, "reason": "announced long before", "source": "they",
        "since": date(2026, 1, 1), "expires": date(2026, 12, 31),
    }  # fmt: skip
    return ExpectedBreak(**(given | more))


months = st.integers(2015, 2026).flatmap(lambda y: st.integers(1, 12).map(lambda m: date(y, m, 1)))
spans = st.tuples(st.none() | months, st.none() | months).filter(any)


def inside(day: date, span: tuple[date | None, date | None]) -> bool:
    return (span[0] is None or span[0] <= day) and (span[1] is None or day <= span[1])


@given(st.lists(months, min_size=1, max_size=8), st.lists(spans, min_size=1, max_size=3))
def test_a_failure_is_expected_only_if_every_failing_row_is(rows: list[date], wheres: list[Any]) -> None:
    entries = [entry({"period": span}, id=f"break_{i}") for i, span in enumerate(wheres)]
    frame = pl.DataFrame({"period": rows, "exports_usd": range(len(rows))}, schema_overrides={"period": pl.Date})
    came = covering(frame, entries, load_contract(MONTHLY))
    explained = all(any(inside(day, span) for span in wheres) for day in rows)
    assert bool(came) is explained
    if explained:
        assert [b.id for b in came] == [
            f"break_{i}" for i, span in enumerate(wheres) if any(inside(day, span) for day in rows)
        ]


@given(st.lists(months, min_size=1, max_size=8), spans, months)
def test_one_row_outside_and_the_whole_failure_blocks(rows: list[date], span: Any, one: date) -> None:
    good = [day for day in rows if inside(day, span)]
    if inside(one, span):
        return
    frame = pl.DataFrame({"period": [*good, one]}, schema={"period": pl.Date})
    assert covering(frame, [entry({"period": span})], load_contract(MONTHLY)) == ()


@given(st.lists(st.integers(2014, 2027), min_size=1, max_size=6), spans)
def test_a_year_is_expected_to_break_only_if_all_its_months_are(years: list[int], span: Any) -> None:
    """Many checks sum up by year; their rows have a year and no month."""
    frame = pl.DataFrame({"year": years}, schema={"year": pl.Int32})
    came = covering(frame, [entry({"period": span})], load_contract(MONTHLY))
    explained = all(inside(date(y, m, 1), span) for y in years for m in range(1, 13))
    assert bool(came) is explained


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (pl.DataFrame({"rows": [1]}), "sums up over the column"),
        (pl.DataFrame({"period": ["2026-05-01"]}), "has the column as text"),
        (pl.DataFrame({"period": [None]}, schema={"period": pl.Date}), "has a null in it"),
        (pl.DataFrame({"period": [date(2026, 5, 1), None]}), "has a null in one row"),
        (pl.DataFrame({"year": ["2026"]}), "has a year as text"),
        (pl.DataFrame({"period": []}, schema={"period": pl.Date}), "is empty"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_a_row_that_cannot_be_placed_is_not_expected(frame: pl.DataFrame, why: str) -> None:
    whole = entry({"period": (date(1900, 1, 1), date(2100, 1, 1))})
    assert covering(frame, [whole], load_contract(MONTHLY)) == (), why


def test_all_spans_must_hold() -> None:
    where = {"flow": ("exports", "exports"), "technology_group": ("08", "08"), "period": (date(2021, 8, 1), None)}
    rows = [
        ("exports", "08", date(2021, 8, 1)),
        ("imports", "08", date(2021, 8, 1)),
        ("exports", "05", date(2021, 8, 1)),
    ]
    for row, expected in zip(rows, (True, False, False), strict=True):
        frame = pl.DataFrame([row], schema=["flow", "technology_group", "period"], orient="row")
        assert bool(covering(frame, [entry(where)], load_contract(HITECH))) is expected
    without_flow = pl.DataFrame([("08", date(2021, 8, 1))], schema=["technology_group", "period"], orient="row")
    assert covering(without_flow, [entry(where)], load_contract(HITECH)) == ()


# -------------------------------------------------------------------------- entries

GOOD = """
- id: january_2027
  checks: [jumps]
  where: {period: {first: 2027-01-01, last: 2027-03-01}}
  reason: The list of products changes in January.
  source: US Census Bureau, notice of the change
  since: 2026-12-01
  expires: 2027-06-30
"""


def test_an_entry_holds_from_its_first_day_to_its_last() -> None:
    (found,) = parse_breaks(GOOD, load_contract(MONTHLY), "x")
    days = {date(2026, 11, 30): False, date(2026, 12, 1): True, date(2027, 6, 30): True, date(2027, 7, 1): False}
    assert {d: found.holds(d) for d in days} == days
    assert [d for d in days if found.expired(d)] == [date(2027, 7, 1)]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[jumps]", "[]", "at least 1"),
        ("[jumps]", "[range_exports_usd]", "what the contract promises"),
        ("[jumps]", "[key_unique]", "what the contract promises"),
        ("[jumps]", "[yanked_content]", "what the contract promises"),
        ("[jumps]", "[expected_breaks]", "what the contract promises"),
        ("{first: 2027-01-01, last: 2027-03-01}", "{first: null, last: null}", "open on both sides"),
        ("{period: {first: 2027-01-01, last: 2027-03-01}}", "{}", "at least 1"),
        ("period:", "exports_usd:", "not a column of the key"),
        ("{first: 2027-01-01, last: 2027-03-01}", "{first: 2027, last: 2027}", "2027 is no date"),
        ("{first: 2027-01-01, last: 2027-03-01}", '{first: "2027-01"}', "'2027-01' is no date"),
        ("expires: 2027-06-30", "expires: 2026-06-30", "expires before it holds"),
        ("  expires: 2027-06-30\n", "", "expires"),
        ("reason: The list of products changes in January.", "reason: so", "reason"),
        ("id: january_2027", "id: january_2027\n  severity: info", "severity"),
        (GOOD, GOOD + GOOD, "an id stands twice"),
        ("- id", "id", "not YAML|entry"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused(old: str, new: str, told: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match=told):
        parse_breaks(GOOD.replace(old, new, 1), load_contract(MONTHLY), "x")


def test_codes_and_years_are_given_as_the_contract_has_them() -> None:
    hitech = GOOD.replace("period: {first: 2027-01-01, last: 2027-03-01}", "technology_group: {first: 5, last: 5}")
    with pytest.raises(ConfigError, match="5 is no string"):
        parse_breaks(hitech, load_contract(HITECH), "x")
    yearly = GOOD.replace("period: {first: 2027-01-01, last: 2027-03-01}", "year: {first: 2027, last: 2027}")
    assert parse_breaks(yearly, load_contract(YEARLY), "x")


@pytest.mark.parametrize("name", dataset_names())
def test_the_entries_in_the_project_are_good(name: str) -> None:
    load_breaks.cache_clear()
    assert all(b.id for b in load_breaks(name))


def test_an_entry_in_the_folder_is_found(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "BREAKS", tmp_path)
    load_breaks.cache_clear()
    (tmp_path / f"{MONTHLY}.yaml").write_text(GOOD)
    assert [b.id for b in load_breaks(MONTHLY)] == ["january_2027"]
    assert load_breaks(YEARLY) == ()
    load_breaks.cache_clear()
