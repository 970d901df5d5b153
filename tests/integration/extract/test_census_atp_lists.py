"""Lists of advanced technology products over HTTP and from files: a named error or a true history, nothing between."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import polars as pl
import pytest

from benchmarks.synthetic.memory import Memory
from configs.errors import (
    ConfigError,
    IncompleteResponseError,
    NoAddressError,
    SourceError,
    SourceLayoutError,
    SourceResponseError,
    SourceUnavailableError,
)
from tasks.extract.bundled import atp_lists
from tasks.extract.census import atp_lists as census_atp_lists
from tasks.extract.census import ft900
from tasks.extract.http.session import Session
from tasks.extract.source import FetchRequest
from tasks.raw.documents import RawDocument
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import layout
from tests.doubles import ft900_workbook
from tests.doubles.atp_lists import CODES, all_codes, atp_list, bundled_as_published
from tests.doubles.publishers import HTML, Double
from tests.support.plain import Ran

DATASET = "atp_products"
PREFIX = "TECHTRADE_SOURCES__CENSUS_ATP_LISTS__"
Run = Callable[..., Ran]


class ListsDouble(Double):
    """Serves a list under each path of ``files``; another path is not found."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if request.path not in self.files:
            return self.send(request, HTML, status=404)
        if self.fault == "403":
            return self.send(request, HTML, status=403)
        return super().answer(request)

    def document(self, path: str) -> tuple[bytes, str]:
        return self.files[path], "text/plain"


@pytest.fixture
def census(monkeypatch: pytest.MonkeyPatch) -> Iterator[ListsDouble]:
    monkeypatch.setenv(PREFIX + "BACKOFF", "0.01")
    monkeypatch.setenv(PREFIX + "BACKOFF_MAX", "0.05")
    monkeypatch.setenv(PREFIX + "REQUESTS_PER_MINUTE", "6000")
    with ListsDouble() as double:
        yield double


def name(monkeypatch: pytest.MonkeyPatch, lists: dict[str, str]) -> None:
    monkeypatch.setenv(PREFIX + "DOCUMENTS", json.dumps(lists))


def serve(monkeypatch: pytest.MonkeyPatch, census: ListsDouble, lists: dict[str, bytes]) -> None:
    """Serves each list and names its address in the settings."""
    census.files = {f"/{role}.txt": body for role, body in lists.items()}
    name(monkeypatch, {role: f"{census.url}/{role}.txt" for role in lists})


ALL = {
    "imports/2020-01": atp_list(CODES),
    "imports/2021-01": atp_list(CODES, 165),
    "exports/2019-01": all_codes(CODES),
}


def test_lists_are_archived_verbatim_and_read(census: ListsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, census, ALL)
    archive, ask = Memory(), FetchRequest(DATASET)
    documents = census_atp_lists.fetch(ask, archive)
    assert {d.role: d.body for d in documents} == ALL
    assert set(archive.kept.values()) == set(ALL.values()) and ask.meter.requests == 3
    extraction = census_atp_lists.parse(DATASET, documents, None)
    assert extraction.vintage == "2021-01"
    assert extraction.tables["lists"].collect().height == 3 * len(CODES)


def asked(census: ListsDouble, ask: FetchRequest) -> set[str]:
    """The roles that a fetch asks for; every named list must come back whatever is asked for."""
    census.requests.clear()
    documents = census_atp_lists.fetch(ask, Memory())
    assert {d.role for d in documents} >= set(ALL)
    return {path.strip("/").removesuffix(".txt") for path in census.requests}


def test_only_what_may_have_changed_is_asked_for_again(census: ListsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, census, ALL)
    known = {d.role: d for d in census_atp_lists.fetch(FetchRequest(DATASET), Memory())}
    ask = FetchRequest(DATASET, known=known)
    assert asked(census, ask) == {"imports/2021-01", "exports/2019-01"}, "the newest of each flow may be corrected"
    assert asked(census, replace(ask, refresh="all")) == set(ALL)
    moved = known | {"imports/2020-01": replace(known["imports/2020-01"], url="https://example.org/elsewhere")}
    assert asked(census, replace(ask, known=moved)) == set(ALL)


def test_another_query_of_an_address_is_asked_for(census: ListsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    census.files.update({f"/{role}.txt?list={n}": body for role, body in ALL.items() for n in "12"})
    name(monkeypatch, {role: f"{census.url}/{role}.txt?list=1" for role in ALL})
    known = {d.role: d for d in census_atp_lists.fetch(FetchRequest(DATASET), Memory())}
    name(monkeypatch, {role: f"{census.url}/{role}.txt?list=2" for role in ALL})
    census.requests.clear()
    census_atp_lists.fetch(FetchRequest(DATASET, known=known), Memory())
    assert sorted(census.requests) == sorted(f"/{role}.txt?list=2" for role in ALL)


def test_the_lists_of_the_version_before_are_taken_over(census: ListsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {d.role: d for d in atp_lists.fetch(FetchRequest(DATASET), Memory())}
    serve(monkeypatch, census, {"imports/2022-01": atp_list(CODES)})
    documents = census_atp_lists.fetch(FetchRequest(DATASET, known=known), Memory())
    assert {d.role for d in documents} == {*known, "imports/2022-01"}
    lists = census_atp_lists.parse(DATASET, documents, None).tables["lists"].collect()
    assert lists.filter(pl.col("list_month") == date(2018, 1, 1)).height == 552
    assert census.requests == ["/imports/2022-01.txt"]


def test_an_interrupted_fetch_goes_on_where_it_was(census: ListsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, census, ALL)
    archive = Memory()
    last = census.files.pop("/imports/2021-01.txt")
    with pytest.raises(SourceResponseError, match="404"):
        census_atp_lists.fetch(FetchRequest(DATASET), archive)
    census.requests.clear()
    census.files["/imports/2021-01.txt"] = last
    assert len(census_atp_lists.fetch(FetchRequest(DATASET), archive)) == 3
    assert census.requests == ["/imports/2021-01.txt"]


def of_years(monkeypatch: pytest.MonkeyPatch, census: ListsDouble, newest: int) -> dict[str, RawDocument]:
    """Nothing is named; the double has import lists up to a year. Returns what was published before."""
    monkeypatch.setenv(PREFIX + "YEARLY", json.dumps({"imports": census.url + "/impatp{yy}.txt"}))
    census.files = {f"/impatp{y}.txt": atp_list(CODES) for y in range(20, newest % 100 + 1)}
    return {d.role: d for d in atp_lists.fetch(FetchRequest(DATASET), Memory())}


def test_lists_of_later_years_are_asked_for(census: ListsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    known = of_years(monkeypatch, census, 2025)
    newest = max(int(role[8:12]) for role in known if role.startswith("imports"))
    ask = FetchRequest(DATASET, known=known, now=datetime(2026, 11, 1, tzinfo=UTC))
    found = {d.role: d for d in census_atp_lists.fetch(ask, Memory())}
    later = [f"imports/{y}-01" for y in range(newest + 1, 2026)]
    assert set(found) == {*known, *later}, "that of 2026 is not out yet"
    assert census.requests == [f"/impatp{y % 100}.txt" for y in range(newest + 1, 2027)]
    census.requests.clear()
    census_atp_lists.fetch(replace(ask, known=found), Memory())
    assert census.requests == ["/impatp25.txt", "/impatp26.txt"], "the newest may be corrected"


def test_a_later_list_that_fails_is_an_error(census: ListsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = FetchRequest(DATASET, known=of_years(monkeypatch, census, 2026), now=datetime(2026, 11, 1, tzinfo=UTC))
    census.fault = "503"
    with pytest.raises(SourceUnavailableError):
        census_atp_lists.fetch(ask, Memory())


def test_yearly_lists_are_added_to_known_ones_only(census: ListsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    of_years(monkeypatch, census, 2026)
    with pytest.raises(NoAddressError, match="publish what is bundled first"):
        census_atp_lists.fetch(FetchRequest(DATASET), Memory())
    assert census.requests == []


BAD = {
    "html": (HTML, SourceResponseError, "begins with '<html>"),
    "empty": (b"", SourceResponseError, "is empty"),
    "cut": (atp_list(CODES)[:-30], IncompleteResponseError, "cut short"),
    "group": (atp_list({**CODES, "8400000000": "12"}), SourceLayoutError, "group '12'"),
    "twice": (atp_list(CODES) * 2, SourceLayoutError, "twice"),
    "another form": (all_codes(CODES).replace(b"\r", b" "), SourceLayoutError, "279 columns"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_list_is_a_named_error_and_kept(census: ListsDouble, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    body, kind, told = BAD[fault]
    serve(monkeypatch, census, ALL | {"imports/2021-01": body})
    archive = Memory()
    with pytest.raises(SourceError) as e:
        census_atp_lists.fetch(FetchRequest(DATASET), archive)
    assert type(e.value) is kind and told in str(e.value) and "imports/2021-01" in str(e.value)
    (kept,) = e.value.raw_keys
    assert archive.kept[kept] == body, "verbatim"


@pytest.mark.parametrize("fault", ["502 twice", "429 once", "cut short once"])
def test_a_passing_fault_is_retried(census: ListsDouble, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    serve(monkeypatch, census, ALL)
    census.fault = fault
    assert {d.role: d.body for d in census_atp_lists.fetch(FetchRequest(DATASET), Memory())} == ALL
    assert len(census.requests) > 3


@pytest.mark.parametrize(
    ("fault", "kind", "told"),
    [
        ("503", SourceUnavailableError, "status 503"),
        ("cut short", SourceUnavailableError, "attempts"),
        ("redirect", SourceResponseError, "redirects to"),
        ("404", SourceResponseError, "404"),
    ],
)
def test_a_lasting_fault_is_a_named_error(
    census: ListsDouble, monkeypatch: pytest.MonkeyPatch, fault: str, kind: type[SourceError], told: str
) -> None:
    serve(monkeypatch, census, ALL)
    census.fault = fault
    with pytest.raises(kind, match=told) as e:
        census_atp_lists.fetch(FetchRequest(DATASET), Memory())
    assert "s3cret" not in str(e.value)


def test_no_list_named_is_told_with_how_to_name_one() -> None:
    with pytest.raises(NoAddressError, match=f"{PREFIX}DOCUMENTS"):
        census_atp_lists.fetch(FetchRequest(DATASET), Memory())


@pytest.mark.parametrize(
    ("lists", "told"),
    [
        ({"import/2021-01": "https://example.org/x"}, "import/2021-01"),
        ({"imports/2021": "https://example.org/x"}, "imports/2021"),
        ({"imports/2021-01": "http://example.org/x"}, "not https"),
    ],
)
def test_a_list_named_wrongly_is_told(monkeypatch: pytest.MonkeyPatch, lists: dict[str, str], told: str) -> None:
    name(monkeypatch, lists)
    with pytest.raises(ConfigError, match=told):
        census_atp_lists.fetch(FetchRequest(DATASET), Memory())


def test_lists_may_be_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "my list.txt"
    file.write_bytes(ALL["imports/2021-01"])
    name(monkeypatch, {"imports/2021-01": file.as_uri()})
    (document,) = census_atp_lists.fetch(FetchRequest(DATASET), Memory())
    assert document.body == ALL["imports/2021-01"]
    file.unlink()
    with pytest.raises(SourceUnavailableError, match="check the path"):
        census_atp_lists.fetch(FetchRequest(DATASET), Memory())


# ------------------------------------------------------------------ whole command


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(str(tmp_path / "store"))


def test_a_new_list_is_published_after_the_bundled_ones_and_a_bad_one_is_not(
    techtrade: Run, census: ListsDouble, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert techtrade("publish", DATASET, "--source", "snapshot", "--vintage", "2020-01").code == 0
    before = store.get(layout.latest(DATASET)).body
    whole = bundled_as_published("imports/2021-01")
    serve(monkeypatch, census, {"imports/2021-01": whole[: len(whole) // 2 + 7]})
    ran = techtrade("publish", DATASET, "--json")
    assert (ran.code, json.loads(ran.out)[0]["kind"]) == (1, "IncompleteResponseError")
    assert store.get(layout.latest(DATASET)).body == before
    serve(monkeypatch, census, {"imports/2021-01": whole})
    ran = techtrade("publish", DATASET, "--json")
    assert ran.code == 0, ran.err
    (result,) = json.loads(ran.out)
    assert (result["vintage"], result["rows"]) == ("2021-01", 972), "as from the bundled lists alone"
    assert census.requests[-1] == "/imports/2021-01.txt"
    assert result["changes"]["rows"]["new"] == 8 and result["changes"]["rows"]["removed"] == 0


# ---------------------------------------------------------------- FT-900 workbook


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Iterator[ListsDouble]:
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_FT900__BACKOFF", "0.01")
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_FT900__BACKOFF_MAX", "0.05")
    with ListsDouble() as double:
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_FT900__URL", double.url + "/ft900_{yymm}.xlsx")
        yield double


def fetched(month: date) -> RawDocument | None:
    with Session(ft900.SOURCE, FetchRequest("atp_trade_monthly"), Memory()) as session:
        return ft900.fetch(session, month)


def test_a_release_is_fetched_by_its_month_and_one_that_is_not_there_is_none(release: ListsDouble) -> None:
    release.files["/ft900_2108.xlsx"] = ft900_workbook.workbook(ft900_workbook.exhibit())
    document = fetched(date(2021, 8, 1))
    assert document is not None and document.role == "ft900/2021-08"
    assert ft900.groups(document).height == 22
    assert fetched(date(2021, 9, 1)) is None
    assert release.requests == ["/ft900_2108.xlsx", "/ft900_2109.xlsx"]


def test_a_release_that_fails_is_an_error_and_not_one_that_is_not_there(release: ListsDouble) -> None:
    whole = ft900_workbook.workbook(ft900_workbook.exhibit())
    month = date(2021, 8, 1)
    for body, kind in ((HTML, SourceResponseError), (whole[:3000], IncompleteResponseError)):
        release.files["/ft900_2108.xlsx"] = body
        with pytest.raises(kind):
            fetched(month)
    release.files["/ft900_2107.xlsx"] = whole
    with pytest.raises(SourceResponseError, match="covers 2021-08, not 2021-07"):
        fetched(date(2021, 7, 1))
    for fault, told in (("503", "status 503"), ("403", "status 403"), ("redirect", "redirects to")):
        release.fault = fault
        with pytest.raises(SourceError, match=told):
            fetched(month)
