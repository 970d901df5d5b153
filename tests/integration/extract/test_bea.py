"""What BEA's API does wrong, one test each, through the whole command: a retry that succeeds or a named error.

Whatever the fault: ``latest.json`` is what it was, nothing is asked for longer than it helps, and the key, which BEA
repeats in its answers, is nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.synthetic.bea_api import answers
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import layout
from tests.doubles.bea import KEY, BeaDouble
from tests.support.cases import quick
from tests.support.plain import Ran
from tests.support.sources import assert_nothing_published, point_at

Run = Callable[..., Ran]
ANNUAL, QUARTERLY = "us_ip_trade_annual", "us_ip_trade_quarterly"
ASKED = {ANNUAL: 1 + 11, QUARTERLY: 1 + 10 * 2}


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def bea(monkeypatch: pytest.MonkeyPatch) -> Iterator[BeaDouble]:
    with BeaDouble() as double:
        point(monkeypatch, double.url)
        yield double


def point(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    point_at(monkeypatch, "BEA", url)
    for limit in ("REQUESTS", "MEGABYTES", "ERRORS"):
        monkeypatch.setenv(f"TECHTRADE_SOURCES__BEA__{limit}_PER_MINUTE", "100000")
    monkeypatch.setenv("BEA_API_KEY", KEY)


def published(techtrade: Run, dataset: str, *more: str) -> dict[str, Any]:
    ran = techtrade("publish", dataset, "--json", *more)
    assert ran.code == 0, ran.err
    (result,) = json.loads(ran.out)
    return dict(result)


def refused(techtrade: Run, store: ObjectStore, dataset: str, code: int = 1) -> dict[str, Any]:
    """Runs a publish that must not get through; the error is for a person, without the key."""
    ran = techtrade("publish", dataset, "--json")
    assert ran.code == code, ran.out + ran.err
    assert "Traceback" not in ran.err
    assert KEY.lower() not in (ran.out + ran.err).lower()
    (result,) = json.loads(ran.out)
    return dict(result)


# -------------------------------------------------------------------- what gets through


@pytest.mark.parametrize("dataset", [ANNUAL, QUARTERLY])
def test_a_good_answer_is_published_in_as_few_requests_as_there_are_series(
    techtrade: Run, bea: BeaDouble, store: ObjectStore, dataset: str
) -> None:
    result = published(techtrade, dataset)
    assert result["vintage"] == bea.world.stamp("ITA" if dataset == QUARTERLY else "IntlServTrade")[:10]
    assert len(bea.requests) == ASKED[dataset]
    assert bea.asked[0]["method"] == "GetParameterValues"
    shown = json.loads(techtrade("show", dataset, "--json").out)
    assert shown["manifest"]["cost"]["requests"] == ASKED[dataset]
    failed = {q["check_id"] for q in shown["quality"] if q["outcome"] == "failed"} - {"fresh_enough"}
    assert failed == ({"areas_complete"} if dataset == ANNUAL else set()), "twelve areas are served"
    assert_no_key(store)


def assert_no_key(store: ObjectStore) -> None:
    for entry in store.entries(""):
        body = store.get(entry.key).body.lower()
        assert KEY.lower().encode() not in body, entry.key


def test_each_request_asks_for_exactly_one_type_or_indicator(techtrade: Run, bea: BeaDouble) -> None:
    published(techtrade, ANNUAL)
    data = [q for q in bea.asked if q["method"] == "GetData"]
    assert len({q["TypeOfService"] for q in data}) == len(data) == 11
    assert {(q["AreaOrCountry"], q["Year"], q["datasetname"]) for q in data} == {("All", "ALL", "IntlServTrade")}
    bea.requests.clear()
    published(techtrade, QUARTERLY)
    data = [q for q in bea.asked if q["method"] == "GetData"]
    assert len({(q["Indicator"], q["Frequency"]) for q in data}) == len(data) == 20
    assert {q["AreaOrCountry"] for q in data} == {"AllCountries"}


@pytest.mark.parametrize("dataset", [ANNUAL, QUARTERLY])
def test_a_run_that_finds_nothing_new_asks_for_the_list_and_the_total_only(
    techtrade: Run, bea: BeaDouble, store: ObjectStore, dataset: str
) -> None:
    published(techtrade, dataset)
    before = store.get(layout.latest(dataset)).body
    bea.requests.clear()
    assert published(techtrade, dataset)["outcome"] == "unchanged"
    assert len(bea.requests) == 2
    assert published(techtrade, dataset, "--refresh", "all")["outcome"] == "unchanged"
    assert len(bea.requests) == 2 + ASKED[dataset]
    assert store.get(layout.latest(dataset)).body == before


@pytest.mark.parametrize("dataset", [ANNUAL, QUARTERLY])
def test_an_update_brings_the_next_period_and_revisions(techtrade: Run, bea: BeaDouble, dataset: str) -> None:
    first = published(techtrade, dataset)
    bea.world = type(bea.world)("small", 2025)
    second = published(techtrade, dataset)
    assert second["vintage"] > first["vintage"]
    assert second["changes"]["rows"]["revised"] > 0 and second["changes"]["rows"]["new"] > 0
    bea.world = type(bea.world)("small", 2024)
    ran = techtrade("publish", dataset, "--json")
    assert ran.code == 1
    assert json.loads(ran.out)[0]["kind"] == "VintageRegressedError"


SHAPES = ["results as list", "data at the top", "byte order mark", "in thousands"]


@pytest.mark.parametrize("fault", SHAPES)
def test_another_shape_of_the_same_answer_gives_the_same_figures(
    techtrade: Run, bea: BeaDouble, store: ObjectStore, fault: str
) -> None:
    published(techtrade, QUARTERLY)
    plain = techtrade("read", QUARTERLY, "--format", "csv").out
    bea.fault = fault
    published(techtrade, QUARTERLY, "--refresh", "all")
    again = techtrade("read", QUARTERLY, "--format", "csv").out
    assert again.replace(",1000,", ",1000000,") == plain


PASSING = [
    "error 201 once",
    "empty once",
    "page once",
    "json then page once",
    "truncated once",
    "updated in between once",
]
PASSING += ["502 twice", "cut short once"]


@pytest.mark.parametrize("fault", quick(PASSING, 3))
def test_a_passing_fault_is_asked_again(techtrade: Run, bea: BeaDouble, store: ObjectStore, fault: str) -> None:
    bea.fault = fault
    published(techtrade, ANNUAL)
    assert len(bea.requests) > ASKED[ANNUAL]
    clean = techtrade("read", ANNUAL, "--format", "csv").out
    bea.fault = ""
    published(techtrade, ANNUAL, "--refresh", "all")
    assert techtrade("read", ANNUAL, "--format", "csv").out == clean


def test_a_run_that_was_cut_off_goes_on_where_it_was(techtrade: Run, bea: BeaDouble, store: ObjectStore) -> None:
    bea.key = "another"  # data is refused, the list is not
    assert refused(techtrade, store, ANNUAL)["kind"] == "CredentialError"
    bea.key, bea.requests = KEY, []
    good, bea.document = bea.document, lambda path: (b"", "") if len(bea.requests) > 6 else good(path)  # type: ignore[method-assign]
    assert refused(techtrade, store, ANNUAL)["kind"] == "SourceUnavailableError"
    bea.document, bea.requests = good, []  # type: ignore[method-assign]
    published(techtrade, ANNUAL)
    assert len(bea.requests) == ASKED[ANNUAL] - 5, "the list is asked for anew, five answers are there"


def test_what_an_older_run_got_before_an_update_is_not_put_together_with_what_came_after(
    techtrade: Run, bea: BeaDouble, store: ObjectStore
) -> None:
    good, bea.document = bea.document, lambda path: (b"", "") if len(bea.requests) > 6 else good(path)  # type: ignore[method-assign]
    refused(techtrade, store, ANNUAL)
    bea.document, bea.requests, bea.world = good, [], type(bea.world)("small", 2025)  # type: ignore[method-assign]
    assert published(techtrade, ANNUAL)["vintage"] == "2025-07-03"
    assert len(bea.requests) == ASKED[ANNUAL] - 5 + ASKED[ANNUAL], "begun once more, with nothing resumed"


def test_a_folder_of_saved_answers_needs_no_key(
    techtrade: Run, bea: BeaDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file, body in answers(lambda path: bea.document(path)[0], ANNUAL).values():
        (tmp_path / file).write_bytes(body)
    point(monkeypatch, tmp_path.as_uri())
    monkeypatch.delenv("BEA_API_KEY")
    assert published(techtrade, ANNUAL)["outcome"] == "published"
    assert not bea.requests


# ---------------------------------------------------------------------- what is refused

LISTS = {
    "list: new type": ("SourceLayoutError", "CipIndProcess"),
    "list: type gone": ("SourceLayoutError", "CipLicensesAudVis"),
    "list: one": ("SourceLayoutError", "no longer lists"),
    "list: without keys": ("SourceLayoutError", "ParamValue"),
}
BOTH = {
    "error 4": ("SourceResponseError", "4: Invalid parameter value"),
    "top error 20": ("SourceResponseError", "20: The dataset"),
    "listed error 31": ("SourceResponseError", "31: The parameter"),
    "many error 204": ("SourceResponseError", "204: Invalid value"),
    "top error 301": ("SourceResponseError", "301"),
    "error 331": ("SourceResponseError", "331"),
    "error 201": ("SourceUnavailableError", "Error retrieving"),
    "empty": ("SourceUnavailableError", "empty body"),
    "page": ("SourceUnavailableError", "executing the application"),
    "other page": ("SourceResponseError", "page instead of JSON"),
    "json then page": ("SourceUnavailableError", "goes on after its JSON"),
    "truncated": ("SourceUnavailableError", "not whole JSON"),
    "not the api": ("SourceLayoutError", "BEAAPI"),
    "no data": ("SourceResponseError", "no data at all"),
    "no stamp": ("SourceLayoutError", "TsLastUpdated null"),
    "a stamp that is none": ("SourceLayoutError", "TsLastUpdated 'today'"),
    "updated in between": ("InconsistentVintageError", "an update landed in between"),
    "duplicate row": ("SourceLayoutError", "a row twice"),
    "other currency": ("SourceLayoutError", "CL_UNIT 'EUR'"),
    "other multiplier": ("SourceLayoutError", "UNIT_MULT 'six'"),
    "word among figures": ("SourceLayoutError", "'about 12'"),
    "empty without a reason": ("SourceLayoutError", "known reason"),
    "null without a reason": ("SourceLayoutError", "known reason"),
    "figure beside (D)": ("SourceLayoutError", "NoteRef '(D)'"),
    "misplaced comma": ("SourceLayoutError", "'12,34'"),
    "a row without a year": ("SourceLayoutError", "Data[0].Year"),
    "a preliminary year": ("SourceLayoutError", "2023p"),
    "row of another type": ("SourceLayoutError", "Telecom"),
    "404": ("StatusError", "status 404"),
    "redirect": ("RedirectedError", "redirects to"),
    "503": ("SourceUnavailableError", "status 503"),
} | LISTS
ANNUAL_ONLY = {
    "unknown affiliation": ("SourceLayoutError", "Cousins"),
    "unknown direction": ("SourceLayoutError", "Transit"),
    "no imports": ("IncompleteResponseError", "no Imports"),
    "data as an object": ("IncompleteResponseError", "no Exports"),
}
QUARTERLY_ONLY = {
    "row of another adjustment": ("SourceLayoutError", "Frequency A"),
    "row of another area": ("SourceLayoutError", "AreaOrCountry Canada"),
}
FAULTS = [(ANNUAL, f, *v) for f, v in (BOTH | ANNUAL_ONLY).items()]
FAULTS += [(QUARTERLY, f, *v) for f, v in (LISTS | QUARTERLY_ONLY).items() if f != "list: one"]


@pytest.mark.parametrize(("dataset", "fault", "kind", "told"), FAULTS)
def test_a_bad_answer_is_a_named_error_and_kept(
    techtrade: Run, bea: BeaDouble, store: ObjectStore, dataset: str, fault: str, kind: str, told: str
) -> None:
    bea.fault = fault
    result = refused(techtrade, store, dataset)
    assert (result["kind"], told in result["error"]) == (kind, True), result["error"]
    assert_nothing_published(store, dataset, None, [])
    if fault not in ("404", "redirect", "503"):
        named = [e.key for e in store.entries("_raw/bea/") if e.key in result["error"]]
        assert named, "the line names what was kept"
    assert len(bea.requests) <= 2 * ASKED[dataset] + 4
    assert_no_key(store)


@pytest.mark.parametrize("fault", ["thousands for millions", "dollars for millions", "flows swapped"])
def test_figures_of_another_unit_or_flow_are_rejected_with_evidence(
    techtrade: Run, bea: BeaDouble, store: ObjectStore, fault: str
) -> None:
    bea.fault = fault
    result = refused(techtrade, store, ANNUAL, code=3)
    assert result["outcome"] == "rejected"
    shown = json.loads(techtrade("show", f"{ANNUAL}@{result['version']}", "--json").out)
    assert "unit" in {q["check_id"] for q in shown["quality"] if q["outcome"] == "failed"}
    assert store.size(layout.latest(ANNUAL)) is None


def test_a_bad_update_leaves_the_published_version(techtrade: Run, bea: BeaDouble, store: ObjectStore) -> None:
    published(techtrade, ANNUAL)
    before, numbers = store.get(layout.latest(ANNUAL)).body, store.folders(layout.versions(ANNUAL))
    bea.world, bea.fault = type(bea.world)("small", 2025), "unknown affiliation"
    refused(techtrade, store, ANNUAL)
    assert_nothing_published(store, ANNUAL, before, numbers)


def test_an_area_that_is_new_is_published_with_a_warning(techtrade: Run, bea: BeaDouble) -> None:
    """BEA listed 237 areas in September 2025, and 90 before."""
    bea.world = type(bea.world)("recent", 2025, ("Kazakhstan",))
    published(techtrade, ANNUAL)
    shown = json.loads(techtrade("show", ANNUAL, "--json").out)
    failed = {q["check_id"]: q["severity"] for q in shown["quality"] if q["outcome"] == "failed"}
    failed.pop("fresh_enough", None)  # the double's update is of a year that passes
    assert failed == {"unknown_partner_code": "warning"}


# --------------------------------------------------------------------- key and lockout


def test_without_a_key_nothing_is_asked(
    techtrade: Run, bea: BeaDouble, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BEA_API_KEY")
    result = refused(techtrade, store, ANNUAL)
    assert result["kind"] == "MissingKeyError"
    assert "BEA_API_KEY" in result["error"] and "https://apps.bea.gov/API/signup" in result["error"]
    assert not bea.requests


def test_what_does_not_look_like_a_key_is_not_sent(
    techtrade: Run, bea: BeaDouble, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEA_API_KEY", KEY[:-1])
    ran = techtrade("publish", ANNUAL)
    assert ran.code == 1
    assert "BEA_API_KEY is not a key" in ran.err and "36 characters" in ran.err
    assert KEY[:-1] not in ran.out + ran.err
    assert not bea.requests


def test_a_key_that_is_not_accepted_is_told_at_once(techtrade: Run, bea: BeaDouble, store: ObjectStore) -> None:
    bea.key = "another"
    result = refused(techtrade, store, ANNUAL)
    assert result["kind"] == "CredentialError"
    assert "BEA_API_KEY" in result["error"]
    assert len(bea.requests) == 2, "the list, and the first question for data"
    assert_no_key(store)


@pytest.mark.engine
def test_a_lockout_is_asked_again_once_after_its_time_and_then_told(
    techtrade: Run, bea: BeaDouble, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHTRADE_SOURCES__BEA__LOCKOUT_SECONDS", "1")
    bea.fault = "429"
    result = refused(techtrade, store, ANNUAL)
    assert result["kind"] == "LockedOutError"
    assert len(bea.requests) == 2, "one request, and one by the retry of the flow"
    assert_nothing_published(store, ANNUAL, None, [])


@pytest.mark.engine
def test_a_lockout_that_is_over_ends_in_a_version(
    techtrade: Run, bea: BeaDouble, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHTRADE_SOURCES__BEA__LOCKOUT_SECONDS", "1")
    bea.fault = "429 once"
    assert published(techtrade, ANNUAL)["outcome"] == "published"
    assert len(bea.requests) == 1 + ASKED[ANNUAL]


@pytest.mark.slow
def test_the_full_size_is_published(techtrade: Run, store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with BeaDouble("full") as double:
        point(monkeypatch, double.url)
        result = published(techtrade, ANNUAL)
    assert result["rows"] == 195_206
    assert all("fresh_enough" in w for w in result["warnings"]), "the double's update is of 2024"
