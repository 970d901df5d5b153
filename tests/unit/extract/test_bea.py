"""BEA's answers without a network: every shape says the same, every bad one is named, no reason becomes a zero."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.synthetic.memory import Memory
from configs.contracts import load_contract
from configs.errors import (
    CredentialError,
    InconsistentVintageError,
    PassingAnswerError,
    SourceError,
    SourceLayoutError,
    SourceResponseError,
)
from tasks.build.parquet import conform
from tasks.extract.bea import code_tree as codes
from tasks.extract.bea import parse as answers
from tasks.extract.bea import tables
from tasks.raw.documents import RawDocument
from tasks.transform import us_ip_trade_annual, us_ip_trade_quarterly

FIELDS = ("TypeOfService", "Year")
PAGE = "<html><body>An error occurred while executing the application. Please try again.</body></html>"


def document(body: Any, role: str = "data/x") -> RawDocument:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return RawDocument.of(role, "https://example/bea", raw, raw_key="bea/x.json")


def row(value: str | None = "1,234", note: str | None = "", **more: Any) -> dict[str, Any]:
    base = {"TypeOfService": "X", "Year": "2023", "CL_UNIT": "USD", "UNIT_MULT": "6"}
    return {**base, "DataValue": value, "NoteRef": note, **more}


def told(data: Any, stamp: str = "2024-07-03 08:30:00.000") -> dict[str, Any]:
    return {"TsLastUpdated": stamp, "Data": data}


def read(*given_: dict[str, Any]) -> pl.DataFrame:
    found = document({"BEAAPI": {"Results": told(list(given_))}})
    return answers.with_values(answers.rows(found, FIELDS), found, FIELDS)


SHAPES = {
    "a list of rows": {"BEAAPI": {"Results": told([row()])}},
    "a single row as an object": {"BEAAPI": {"Results": told(row())}},
    "results as a list of one": {"BEAAPI": {"Results": [told([row()])]}},
    "data at the top": {"BEAAPI": {"Request": {}, **told([row()])}},
    "both": {"BEAAPI": {"Request": {}, **told(row())}},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_an_answer_says_the_same(shape: str) -> None:
    found = document(SHAPES[shape])
    answers.refuse_no_data(found)
    assert answers.rows(found, FIELDS).rows() == [("X", "2023", "USD", "6", "1,234", "", 0)]
    assert answers.vintage([found]) == "2024-07-03"


@pytest.mark.parametrize("body", [b"\xef\xbb\xbf", b"  \r\n"])
def test_a_mark_or_space_in_front_and_letters_of_latin_1_are_read(body: bytes) -> None:
    text = json.dumps({"BEAAPI": {"Results": {"ParamValue": {"Key": "A", "Desc": "Cura\u00e7ao"}}}}, ensure_ascii=False)
    assert answers.listed(document(body + text.encode("iso-8859-1"))) == ["A"]


def error(code: str, text: str) -> dict[str, str]:
    return {"APIErrorCode": code, "APIErrorDescription": text}


PLACES = [
    lambda e: {"BEAAPI": {"Results": {"Error": e}}},
    lambda e: {"BEAAPI": {"Error": e}},
    lambda e: {"BEAAPI": {"Results": [{"Error": e}]}},
    lambda e: {"BEAAPI": {"Results": {"Error": [e]}}},
    lambda e: {"BEAAPI": {"Error": e, "Results": told([row()])}},
]


@pytest.mark.parametrize("place", range(len(PLACES)))
@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        ("1", "Invalid Request - Invalid API UserId.", CredentialError),
        ("3", "The API UserID provided does not exist.", CredentialError),
        ("1", "Something else", SourceResponseError),
        ("4", "Invalid parameter in UserID=REDACTED&Year=x", SourceResponseError),
        ("201", "Error retrieving NIPA data.", PassingAnswerError),
        ("4", "Invalid parameter value", SourceResponseError),
        ("20", "No such dataset", SourceResponseError),
        ("31", "No such parameter", SourceResponseError),
        ("204", "Invalid value", SourceResponseError),
        ("301", "Several", SourceResponseError),
        ("331", "Several", SourceResponseError),
    ],
)
def test_an_error_is_found_in_every_place_and_says_code_and_text(
    place: int, code: str, text: str, kind: type[SourceError]
) -> None:
    with pytest.raises(SourceError) as e:
        answers.results(document(PLACES[place](error(code, text))))
    assert type(e.value) is kind
    assert code in str(e.value) and text in str(e.value) and "bea/x.json" in str(e.value)


GOOD = json.dumps(SHAPES["a list of rows"])
BROKEN = {
    "nothing": ("", PassingAnswerError),
    "a page": (PAGE, PassingAnswerError),
    "another page": ("<html>Moved</html>", SourceResponseError),
    "plain text": ("Service Unavailable", SourceResponseError),
    "a page after the data": (GOOD + PAGE, PassingAnswerError),
    "half of it": (GOOD[: len(GOOD) // 2], PassingAnswerError),
    "another object": ("{}", SourceLayoutError),
    "a list": ("[1]", SourceLayoutError),
    "no results": ('{"BEAAPI": {"Request": {}}}', SourceLayoutError),
    "several results": ('{"BEAAPI": {"Results": [{}, {}]}}', SourceLayoutError),
    "no data": ('{"BEAAPI": {"Results": {"Data": []}}}', SourceResponseError),
    "null for data": ('{"BEAAPI": {"Results": {"Data": null}}}', SourceResponseError),
}


@pytest.mark.parametrize("body", BROKEN)
def test_what_is_no_data_is_a_named_error(body: str) -> None:
    text, kind = BROKEN[body]
    with pytest.raises(SourceError) as e:
        answers.refuse_no_data(document(text.encode()))
    assert type(e.value) is kind


@given(st.integers(-(10**6), 10**6), st.integers(0, 9))
def test_thousands_and_multiplier_give_whole_dollars(value: int, power: int) -> None:
    for text in (f"{value:,}", str(value)):
        got = read(row(text, UNIT_MULT=str(power))).row(0, named=True)
        assert (got["value_usd"], got["observation_status"]) == (value * 10**power, "reported")
        assert got["reported_precision_usd"] == 10**power


REASONS = [
    ("(D)", "", "suppressed"),
    ("", "(D)", "suppressed"),
    (None, "(D)", "suppressed"),
    ("(*)", "", "near_zero"),
    ("", "(*)", "near_zero"),
    ("0", "(*)", "near_zero"),
    ("n.a.", "", "not_available"),
    ("", "n.a.", "not_available"),
    ("", "1, n.a.", "not_available"),
    (".....", "", "not_available"),
    ("", ".....", "not_available"),
    ("n.a.", "n.a.", "not_available"),
]


@pytest.mark.parametrize(("value", "note", "status"), REASONS)
def test_a_reason_is_kept_beside_a_null_and_is_never_zero(value: str | None, note: str, status: str) -> None:
    got = read(row(value, note)).row(0, named=True)
    assert (got["value_usd"], got["observation_status"]) == (None, status)


@pytest.mark.parametrize("note", ["", "1", None])
def test_a_zero_without_a_reason_is_a_figure(note: str | None) -> None:
    assert read(row("0", note)).select("value_usd", "observation_status").row(0) == (0, "reported")


@pytest.mark.parametrize(
    ("given_", "shown"),
    [
        (row(""), "DataValue ''"),
        (row(None), "DataValue ''"),
        (row("", "1"), "NoteRef '1'"),
        (row("12", "(D)"), "'12'"),
        (row("0", "(D)"), "'0'"),
        (row("12", "(*)"), "'12'"),
        (row("12", "n.a."), "'12'"),
        (row("12,34"), "'12,34'"),
        (row("1.5"), "'1.5'"),
        (row("(12)"), "'(12)'"),
        (row("1" * 25), "'1111"),
        (row("--"), "'--'"),
        (row(CL_UNIT="EUR"), "CL_UNIT 'EUR'"),
        (row(UNIT_MULT="-3"), "UNIT_MULT '-3'"),
        (row(UNIT_MULT="million"), "UNIT_MULT 'million'"),
        (row(Year=None), "null at BEAAPI.Results.Data[1].Year"),
        (row(CL_UNIT=None), "null at BEAAPI.Results.Data[1].CL_UNIT"),
    ],
)
def test_anything_else_is_an_error_that_names_the_row(given_: dict[str, Any], shown: str) -> None:
    with pytest.raises(SourceLayoutError) as e:
        read(row(), given_)
    assert shown in str(e.value)
    assert "X" in str(e.value)


def test_two_states_are_told_apart_to_the_second() -> None:
    pair = [document({"BEAAPI": {"Results": told([row()], f"2024-07-03 08:3{n}:00.000")}}, f"data/{n}") for n in (0, 1)]
    with pytest.raises(InconsistentVintageError, match=r"data/1 2024-07-03 08:31"):
        answers.vintage(pair)
    for stamp in ("", "today", "None"):
        with pytest.raises(SourceLayoutError, match="TsLastUpdated"):
            answers.vintage([document({"BEAAPI": {"Results": told([row()], stamp)}})])


def test_answers_are_the_same_if_only_the_time_of_the_answer_differs() -> None:
    def said(moment: str, value: str) -> RawDocument:
        return document({"BEAAPI": {"Results": told([row(value)]) | {"UTCProductionTime": moment}}})

    assert answers.same(said("1", "5"), said("2", "5"))
    assert not answers.same(said("1", "5"), said("1", "6"))


@pytest.fixture
def nesting() -> dict[str, pl.DataFrame]:
    return codes.tables(codes.documents(Memory()))


@pytest.mark.parametrize("name", codes.NAMES)
def test_every_code_has_a_place_in_the_tree_and_is_marked(nesting: dict[str, pl.DataFrame], name: str) -> None:
    frame = nesting[name]
    beside = set(frame.filter("is_overlap")["code"]) if "is_overlap" in frame.columns else set()
    parents = dict(frame.select("code", "parent").iter_rows())
    (root,) = {c for c, parent in parents.items() if parent is None} - beside
    assert root in {"ChargesForTheUseOfIpNie", "AllAffiliations", "AllCountries"}
    for code in parents:
        seen, at = set(), code
        while at not in seen and at != root and code not in beside:
            seen.add(at)
            at = parents[at]
        assert code in beside or at == root, "no circle, no loose end"
    assert set(frame.filter("is_aggregate")["code"]) == {p for p in parents.values() if p} | beside


def test_a_code_that_only_one_list_has_stops_the_run() -> None:
    one = document({}, "types")
    assert codes.agreed(["b", "a"], ["a", "b"], one) == ("a", "b")
    for listed, known, told in (
        (["a", "CipNew"], ["a"], "lists CipNew, which is not known here; "),
        (["a"], ["a", "CipOld"], " no longer lists CipOld; "),
        (["a", "CipNew"], ["a", "CipOld"], "lists CipNew, which is not known here and no longer lists CipOld; "),
    ):
        with pytest.raises(SourceLayoutError, match=told):
            codes.agreed(listed, known, one)
    assert [c for c in ("ChargesForTheUseOfIpNie", "CipX", "Travel") if codes.is_ip(c)] == [
        "ChargesForTheUseOfIpNie",
        "CipX",
    ]


@pytest.mark.parametrize(
    "body", [b"", b"a,b\n1,2\n", b"code,parent,is_aggregate\nx,y,true\n", b"code,parent,is_aggregate\nx,,maybe\n"]
)
def test_a_garbled_table_of_codes_is_a_named_error(body: bytes) -> None:
    made = [RawDocument.of(f"reference/bea_{n}", f"{n}.csv", body) for n in codes.NAMES]
    with pytest.raises(SourceLayoutError, match=r"types\.csv"):
        codes.tables(made)


PARTNERS = {
    "bea_code": ["AllCountries", "Germany", None],
    "partner_name": ["World", "Germany", "Fiji"],
    "iso3": [None, "DEU", "FJI"],
}
SAID = {
    "value_usd": [5_000_000, None],
    "observation_status": ["reported", "suppressed"],
    "reported_precision_usd": [10**6] * 2,
    "source_vintage": ["2024-07-03"] * 2,
}


def test_each_figure_stands_with_the_place_of_its_codes(nesting: dict[str, pl.DataFrame]) -> None:
    observations = {
        "direction": ["imports", "exports"],
        "ip_type": ["CipCompSoftIct", "CipLicensesMoviesTv"],
        "affiliation": ["UsParents", "AllAffiliations"],
        "partner_code": ["Germany", "AllCountries"],
        "year": pl.Series([2023, 2023], dtype=pl.Int32),
    }
    tables = {n: f.lazy() for n, f in nesting.items()}
    tables |= {"observations": pl.LazyFrame(observations | SAID), "partners": pl.LazyFrame(PARTNERS)}
    made = us_ip_trade_annual.transform(tables)
    assert isinstance(made, pl.LazyFrame)
    got = conform(made, load_contract("us_ip_trade_annual")).collect().to_dicts()
    assert [r["direction"] for r in got] == ["exports", "imports"]
    world, germany = got
    assert (world["ip_type_parent"], world["ip_type_is_aggregate"]) == ("CipLicensesAudVis", False)
    assert (germany["ip_type_parent"], germany["ip_type_is_aggregate"], germany["ip_type_is_overlap"]) == (
        None,
        True,
        True,
    )
    assert (germany["affiliation_parent"], germany["affiliation_is_aggregate"]) == ("Affiliated", False)
    assert (germany["partner_name"], germany["partner_iso3"], germany["partner_parent"]) == ("Germany", "DEU", "Europe")
    assert (world["partner_iso3"], world["partner_parent"], world["is_aggregate"]) == (None, None, True)
    assert (germany["value_usd"], germany["observation_status"]) == (5_000_000, "reported")
    assert (world["value_usd"], world["observation_status"]) == (None, "suppressed")


def test_what_only_the_annual_figures_divide_is_no_aggregate_in_the_quarterly_ones(
    nesting: dict[str, pl.DataFrame],
) -> None:
    observations = {
        "direction": ["exports"] * 2,
        "ip_type": ["ChargesForTheUseOfIpNie", "CipLicensesAudVis"],
        "seasonal_adjustment": ["seasonally_adjusted"] * 2,
        "period": pl.Series(["2024-01-01"] * 2).str.to_date(),
    }
    tables = {"types": nesting["types"].lazy(), "observations": pl.LazyFrame(observations | SAID)}
    got = conform(us_ip_trade_quarterly.transform(tables), load_contract("us_ip_trade_quarterly")).collect()
    assert got.select("ip_type_parent", "ip_type_is_aggregate").rows() == [
        (None, True),
        ("ChargesForTheUseOfIpNie", False),
    ]


@pytest.mark.parametrize("area", ["1" + "0" * 400, "7", "Côte", "A b", "", "x" * 81])
def test_what_is_no_code_of_an_area_is_refused(nesting: dict[str, pl.DataFrame], area: str) -> None:
    said = row(AreaOrCountry=area, TradeDirection="Exports", Affiliation="UsParents")
    both = [said, said | {"TradeDirection": "Imports"}]
    found = document({"BEAAPI": {"Results": told(both)}})
    with pytest.raises(SourceLayoutError, match="no code of an area"):
        tables.annual([(found, "X")], nesting)
    kept = document({"BEAAPI": {"Results": told([r | {"AreaOrCountry": "OthAsiaAndPacExcl15"} for r in both])}})
    assert tables.annual([(kept, "X")], nesting)["observations"].height == 2


def test_a_new_area_has_its_code_as_name_and_stands_beside_the_tree(nesting: dict[str, pl.DataFrame]) -> None:
    observations = {
        "direction": ["exports"] * 2,
        "ip_type": ["CipNew", "CipNew"],
        "affiliation": ["Cousins"] * 2,
        "partner_code": ["Atlantis"] * 2,
        "year": pl.Series([1, 2], dtype=pl.Int32),
    }
    tables = {n: f.lazy() for n, f in nesting.items()}
    tables |= {"observations": pl.LazyFrame(observations | SAID), "partners": pl.LazyFrame(PARTNERS)}
    got = us_ip_trade_annual.transform(tables).collect()
    assert got.height == 2
    assert got.select("ip_type_name", "partner_name", "partner_iso3", "partner_parent").row(0) == (
        None,
        "Atlantis",
        None,
        None,
    )
    assert got.select("is_aggregate", "partner_is_overlap").row(0) == (True, True)
