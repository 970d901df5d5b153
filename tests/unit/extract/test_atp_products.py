"""Lists of advanced technology products: read in every form and turned into intervals of validity."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.synthetic.memory import Memory
from configs.contracts import load_contract
from configs.errors import (
    IncompleteResponseError,
    SourceError,
    SourceLayoutError,
    SourceResponseError,
    VintageUnavailableError,
)
from tasks.build.parquet import conform
from tasks.extract.bundled import atp_lists
from tasks.extract.census import atp_list_parse
from tasks.extract.census import atp_lists as census_atp_lists
from tasks.extract.source import FetchRequest
from tasks.raw.documents import RawDocument
from tasks.transform import atp_products
from tests.doubles.atp_lists import CODES, all_codes, atp_list
from tests.support.atp_products import DATASET, bundled, products


def own_form(codes: dict[str, str]) -> bytes:
    return ("hs10,technology_group\n" + "".join(f"{c},{g}\n" for c, g in codes.items())).encode()


def read(body: bytes, role: str = "imports/2021-01") -> pl.DataFrame:
    return atp_list_parse.read_list("x", RawDocument.of(role, "https://example.org/list", body, raw_key="x/kept"))


# ----------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("role", "body"),
    [
        ("imports/2020-01", atp_list(CODES)),
        ("imports/2021-01", atp_list(CODES, 165)),
        ("imports/2021-07", atp_list(CODES, end="\r\n")),
        ("imports/2021-01", atp_list(CODES)[:-1]),
        ("imports/2021-01", atp_list(CODES) + b"\x1a"),
        ("exports/2022-01", atp_list(CODES)),
        ("exports/2019-01", all_codes(CODES)),
        ("imports/2022-01", all_codes(CODES, "imports")),
        ("imports/2022-01", all_codes(CODES)),  # with chapter 98
        ("exports/2019-01", own_form(CODES)),
    ],
)
def test_every_form_gives_the_same_codes(role: str, body: bytes) -> None:
    got = read(body, role)
    assert dict(got.select("hs10", "technology_group").iter_rows()) == CODES
    flow, month = role.split("/")
    assert got.select("flow", "list_month").unique().rows() == [(flow, date.fromisoformat(f"{month}-01"))]


CODE = next(iter(CODES))
BAD: dict[str, tuple[bytes, str, type[SourceError], str]] = {
    "nothing": (b"", "imports/2021-01", SourceResponseError, "is empty"),
    "blank lines": (b"\r\n\r\n", "imports/2021-01", SourceResponseError, "is empty"),
    "html": (b"<!DOCTYPE html><title>Sorry</title>", "imports/2021-01", SourceResponseError, "DOCTYPE"),
    "json": (b'{"error": 404}', "imports/2021-01", SourceResponseError, "404"),
    "prose": (b"Service is unavailable\n", "imports/2021-01", SourceLayoutError, "22 columns"),
    "cut in a record": (atp_list(CODES)[:-70], "imports/2021-01", IncompleteResponseError, "cut short"),
    "cut in a record of Schedule B": (all_codes(CODES)[:-70], "exports/2021-01", IncompleteResponseError, "cut short"),
    "cut after a record": (
        atp_list(dict(sorted(CODES.items(), key=lambda c: c[1])))[: 165 * 265],
        "imports/2021-01", IncompleteResponseError, "group 10",
    ),
    "Schedule B cut after a record": (
        all_codes(CODES)[: -280 * 3], "exports/2021-01", IncompleteResponseError, "chapter 96, 97, 98",
    ),
    "a handful": (atp_list(dict(list(CODES.items())[:20])), "imports/2021-01", IncompleteResponseError, "20 codes"),
    "a short record within": (
        atp_list(CODES).replace(b"8400000010 NUCLEAR", b"8400000010 NEW", 1),
        "imports/2021-01", SourceLayoutError, "columns in record",
    ),
    "another width": (atp_list(CODES, 170), "imports/2021-01", SourceLayoutError, "170 columns"),
    "columns shifted": (
        atp_list(CODES).replace(b" 84", b"  8", 1), "imports/2021-01", SourceLayoutError, "another form: '01  8",
    ),
    "a column shifted further down": (
        atp_list(CODES).replace(b"02 8400000010 ", b"02  8400000010", 1),
        "imports/2021-01", SourceLayoutError, "record of another form",
    ),
    "group 11": (atp_list(CODES | {CODE: "11"}), "imports/2021-01", SourceLayoutError, "group '11'"),
    "group 00 in letters": (all_codes(CODES | {CODE: "OO"}), "exports/2021-01", SourceLayoutError, "group 'OO'"),
    "a code with a letter": (
        atp_list({**CODES, "84O0000000": "01"}), "imports/2021-01", SourceLayoutError, "'84O0000000'",
    ),
    "digits that are none": (
        atp_list({**CODES, "84²0000000": "01"}), "imports/2021-01", SourceLayoutError, "not ten digits",
    ),
    "a code twice": (atp_list(CODES) * 2, "imports/2021-01", SourceLayoutError, "lists 8400000000 twice"),
    "the HTS without a chapter": (
        all_codes(CODES, "imports")[: -280 * 2], "imports/2022-01", IncompleteResponseError, "chapter 96, 97",
    ),
    "own form cut": (own_form(CODES)[:-1], "imports/2021-01", IncompleteResponseError, "cut short"),
    "own form of eight digits": (
        own_form({c[:8]: g for c, g in CODES.items()}), "imports/2021-01", SourceLayoutError, "ten digits",
    ),
    "own form with a column more": (
        own_form(CODES).replace(b",01\n", b",01,x\n", 1), "imports/2021-01", SourceLayoutError, "ten digits",
    ),
    "a month that does not exist": (atp_list(CODES), "imports/2021-13", SourceLayoutError, "2021-13"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_list_is_a_named_error_with_what_was_kept(fault: str) -> None:
    body, role, kind, told = BAD[fault]
    with pytest.raises(SourceError) as e:
        read(body, role)
    assert type(e.value) is kind
    assert told in str(e.value) and "https://example.org/list" in str(e.value)
    assert e.value.raw_keys == ("x/kept",)


@given(st.integers(1, len(atp_list(CODES)) - 2))
def test_a_list_cut_anywhere_never_passes_for_a_whole_one(length: int) -> None:
    by_group = dict(sorted(CODES.items(), key=lambda c: c[1]))  # as the publisher sorts
    body = atp_list(by_group)[:length]
    whole_records = length % 165 in (0, 164) and length // 165 > 270  # within the last group: cannot be seen
    if not whole_records:
        with pytest.raises((IncompleteResponseError, SourceLayoutError)):
            read(body)


# --------------------------------------------------------------------- transform

Lists = dict[tuple[str, date], dict[str, str]]


def table(lists: Lists) -> pl.LazyFrame:
    schema = {"flow": pl.String, "list_month": pl.Date, "hs10": pl.String, "technology_group": pl.String}
    rows = [(flow, month, code, group) for (flow, month), codes in lists.items() for code, group in codes.items()]
    return pl.LazyFrame(rows, schema=schema, orient="row")


def intervals(lists: Lists) -> list[tuple[object, ...]]:
    return atp_products.transform({"lists": table(lists)}).drop("flow", "source_vintage").collect().rows()


def january(year: int) -> tuple[str, date]:
    return ("imports", date(year, 1, 1))


def test_the_result_is_lazy_and_what_the_contract_declares() -> None:
    conform(atp_products.transform({"lists": table({january(2020): {"1": "01"}})}), load_contract(DATASET))


def test_what_entered_left_and_changed_group_is_told() -> None:
    got = intervals({
        january(2019): {"a": "01", "b": "02", "c": "03"},
        january(2020): {"a": "01", "c": "04", "d": "05"},
        january(2021): {"a": "01", "c": "04", "b": "02"},
    })  # fmt: skip
    assert got == [
        ("a", "01", date(2019, 1, 1), date(2021, 12, 1), "coverage_begins", "newest_list"),
        ("b", "02", date(2019, 1, 1), date(2019, 12, 1), "coverage_begins", "left"),
        ("b", "02", date(2021, 1, 1), date(2021, 12, 1), "entered", "newest_list"),
        ("c", "03", date(2019, 1, 1), date(2019, 12, 1), "coverage_begins", "changed_group"),
        ("c", "04", date(2020, 1, 1), date(2021, 12, 1), "changed_group", "newest_list"),
        ("d", "05", date(2020, 1, 1), date(2020, 12, 1), "entered", "left"),
    ]


def test_of_a_year_without_a_list_nothing_is_claimed() -> None:
    got = intervals({january(2018): {"a": "01", "b": "02"}, january(2020): {"a": "01", "c": "03"}})
    assert got == [
        ("a", "01", date(2018, 1, 1), date(2018, 12, 1), "coverage_begins", "coverage_gap"),
        ("a", "01", date(2020, 1, 1), date(2020, 12, 1), "coverage_begins", "newest_list"),
        ("b", "02", date(2018, 1, 1), date(2018, 12, 1), "coverage_begins", "coverage_gap"),
        ("c", "03", date(2020, 1, 1), date(2020, 12, 1), "coverage_begins", "newest_list"),
    ]


def test_a_list_of_july_holds_from_july_on() -> None:
    got = intervals({january(2020): {"a": "01", "b": "02"}, ("imports", date(2020, 7, 1)): {"a": "01", "c": "03"}})
    assert got == [
        ("a", "01", date(2020, 1, 1), date(2020, 12, 1), "coverage_begins", "newest_list"),
        ("b", "02", date(2020, 1, 1), date(2020, 6, 1), "coverage_begins", "left"),
        ("c", "03", date(2020, 7, 1), date(2020, 12, 1), "entered", "newest_list"),
    ]


def test_flows_have_lists_of_their_own() -> None:
    lists = {january(2020): {"a": "01"}, january(2021): {"a": "01"}, ("exports", date(2019, 1, 1)): {"a": "02"}}
    got = atp_products.transform({"lists": table(lists)}).collect()
    assert got.select("flow", "valid_from", "valid_to", "source_vintage").rows() == [
        ("exports", date(2019, 1, 1), date(2019, 12, 1), "2019-01"),
        ("imports", date(2020, 1, 1), date(2021, 12, 1), "2021-01"),
    ]


MONTHS = [date(year, month, 1) for year in range(2015, 2020) for month in (1, 4, 7)]
SOME_LISTS = st.dictionaries(
    st.tuples(st.sampled_from(["exports", "imports"]), st.sampled_from(MONTHS)),
    st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["01", "02"]), min_size=1),
    min_size=1,
)


@settings(max_examples=60)
@given(SOME_LISTS)
def test_month_by_month_the_intervals_say_what_the_list_of_that_month_says(lists: Lists) -> None:
    """An oracle of another kind: for each month the newest list of that year, if there is one."""
    got = atp_products.transform({"lists": table(lists)}).collect()
    flows = {flow for flow, _ in lists}
    claimed: dict[tuple[str, date, str], str] = {}
    for row in got.iter_rows(named=True):
        for month in pl.date_range(row["valid_from"], row["valid_to"], "1mo", eager=True):
            assert (row["flow"], month, row["hs10"]) not in claimed, "two intervals of one code overlap"
            claimed[row["flow"], month, row["hs10"]] = row["technology_group"]
    expected = {
        (flow, month, code): group
        for flow in flows
        for month in pl.date_range(date(2015, 1, 1), date(2019, 12, 1), "1mo", eager=True)
        if (known := [m for f, m in lists if f == flow and m <= month and m.year == month.year])
        for code, group in lists[flow, max(known)].items()
    }
    assert claimed == expected


@given(SOME_LISTS)
def test_the_order_of_lists_and_codes_does_not_matter(lists: Lists) -> None:
    backwards = {k: dict(reversed(v.items())) for k, v in reversed(lists.items())}
    assert intervals(lists) == intervals(backwards)


def test_movements_are_what_the_lists_differ_in() -> None:
    lists = {
        january(2019): {"a": "01", "b": "02"},
        january(2020): {"a": "03", "c": "01"},
        january(2022): {"d": "01"},
    }  # fmt: skip
    got = atp_products.movements(atp_products.transform({"lists": table(lists)})).collect()
    assert got.rows() == [
        ("imports", date(2020, 1, 1), "a", "changed_group", "01", "03"),
        ("imports", date(2020, 1, 1), "c", "entered", None, "01"),
        ("imports", date(2020, 1, 1), "b", "left", "02", None),
    ], "nothing is known to have moved over the year without a list"


# ---------------------------------------------------------------------- bundled


def test_each_bundled_vintage_holds_the_lists_up_to_it() -> None:
    have = atp_lists.vintages(DATASET)
    assert list(have) == ["2017-01", "2018-01", "2019-01", "2020-01", "2021-01", "2022-01"]
    for vintage in have:
        months = bundled(vintage).tables["lists"].collect()["list_month"]
        assert max(months) == date.fromisoformat(f"{vintage}-01") and bundled(vintage).vintage == vintage
    assert bundled().vintage == "2022-01" and bundled().vintage_may_go_back
    with pytest.raises(VintageUnavailableError, match="2017-01"):
        atp_lists.fetch(FetchRequest(DATASET, "2016-01"), Memory())


def test_the_bundled_history_is_the_known_one() -> None:
    moved = atp_products.movements(products().lazy()).group_by("flow", "month", "event").len().collect()
    counts = {(month.year, event): n for flow, month, event, n in moved.iter_rows() if flow == "imports"}
    assert counts == {
        (2018, "entered"): 6,
        (2019, "entered"): 2, (2019, "left"): 3,
        (2020, "entered"): 3, (2020, "left"): 2,
        (2021, "entered"): 8, (2021, "left"): 4,
        (2022, "entered"): 163, (2022, "left"): 75,
    }  # fmt: skip
    assert set(moved["flow"]) == {"imports"}, "of exports there are no two lists of neighbouring years"


@pytest.mark.parametrize(
    ("month", "imports", "exports"),
    [("2021-12-01", 556, 0), ("2022-01-01", 644, 494), ("2022-12-01", 644, 494), ("2023-01-01", 0, 0)],
)
def test_the_guides_expression_gives_the_list_of_its_year(month: str, imports: int, exports: int) -> None:
    in_force = products().filter(pl.lit(month).str.to_date().is_between("valid_from", "valid_to"))
    counts = dict(in_force.group_by("flow").len().iter_rows())
    assert (counts.get("imports", 0), counts.get("exports", 0)) == (imports, exports)


def test_the_newest_list_ends_in_december_of_its_year() -> None:
    newest = products().filter(pl.col("ended") == "newest_list")
    assert dict(newest.group_by("flow").len().iter_rows()) == {"imports": 644, "exports": 494}
    assert newest["valid_to"].unique().to_list() == [date(2022, 12, 1)]


def test_the_live_source_takes_another_vintage_for_unavailable() -> None:
    with pytest.raises(VintageUnavailableError, match="2022-01"):
        census_atp_lists.parse(DATASET, bundled().documents, "2023-01")
    assert census_atp_lists.parse(DATASET, bundled().documents, "2022-01").vintage_may_go_back is False
