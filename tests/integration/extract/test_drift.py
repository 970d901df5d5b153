"""Contract drift: what a publisher changed is named, what could not be asked is told, and neither hides the others."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from configs.release_calendar import load_calendar, month_after
from configs.source_series import series_of_source
from tasks.common.clock import utc_now
from tasks.extract.drift import check
from tests.doubles.atp_lists import CODES, atp_list
from tests.doubles.metadata import Metadata, as_frozen, changed
from tests.doubles.publishers import HTML, closed_port, workbook
from tests.support.plain import Run, plain

KEY = "0A1B2C3D-1111-2222-3333-CA4A47000000"


@pytest.fixture(scope="module")
def server() -> Iterator[Metadata]:
    """One for all tests here: a server takes half a second to stop."""
    with Metadata() as double:
        yield double


@pytest.fixture
def publisher(server: Metadata, monkeypatch: pytest.MonkeyPatch) -> Metadata:
    server.requests.clear()
    for source in check.sources():
        point_at(monkeypatch, source, f"{server.url}/{source}")
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_FT900__URL", "")
    monkeypatch.delenv("CENSUS_API_KEY", raising=False)
    monkeypatch.setenv("BEA_API_KEY", KEY)
    return server


def point_at(monkeypatch: pytest.MonkeyPatch, source: str, url: str) -> None:
    prefix = f"TECHTRADE_SOURCES__{source.upper()}__"
    for name, value in {"URL": url, "BACKOFF": "0.01", "BACKOFF_MAX": "0.05", "ATTEMPTS": "2"}.items():
        monkeypatch.setenv(prefix + name, value)
    for name in ("REQUESTS", "MEGABYTES", "ERRORS"):
        monkeypatch.setenv(f"{prefix}{name}_PER_MINUTE", "100000")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    return plain(monkeypatch, capfd)


def told(run: Run, *names: str) -> tuple[int, dict[str, dict[str, Any]]]:
    ran = run("sources", "check", *names, "--json")
    assert "Traceback" not in ran.err
    return ran.code, {c["source"]: c for c in json.loads(ran.out)}


def lines(run: Run, source: str) -> list[str]:
    ran = run("sources", "check", source)
    assert ran.code == 1
    return [line.strip() for line in ran.out.splitlines()[1:]]


# ------------------------------------------------------------------------------------ the check


def test_publishers_that_are_as_frozen_are_no_drift(publisher: Metadata, run: Run) -> None:
    publisher.say = as_frozen
    code, found = told(run)
    without = {"census_atp_lists", "census_ft900"}
    assert {s: c["state"] for s, c in found.items()} == {
        s: "no address" if s in without else "as expected" for s in check.sources()
    }
    assert code == 0
    assert not any(c["differences"] for c in found.values())
    assert len(publisher.requests) == 8 + 2 * len(series_of_source("world_bank")), "one request a list"


def test_census_metadata_are_asked_for_without_a_key(
    publisher: Metadata, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.say = as_frozen
    assert told(run, "census_hitech")[0] == 0
    monkeypatch.setenv("CENSUS_API_KEY", "a" * 40)
    assert told(run, "census_hitech")[0] == 0
    assert not [r for r in publisher.requests if "key=" in r]


def test_what_is_new_gone_or_changed_is_named(publisher: Metadata, run: Run) -> None:
    def change(said: Any) -> Any:
        if "ALL_VAL_MO" in said["variables"]:
            del said["variables"]["ALL_VAL_YR"]
            said["variables"]["ALL_VAL_MO"]["predicateType"] = "string"
            said["variables"]["ALL_VAL_QTR"] = {"label": "Quarterly", "predicateType": "int"}
        return said

    publisher.say = changed("census_hitech", change)
    assert lines(run, "census_hitech") == [
        "gone: exports ALL_VAL_YR (int)",
        "changed: exports ALL_VAL_MO (int -> string)",
        "new: exports ALL_VAL_QTR (int)",
    ]
    seen = told(run, "census_hitech")[1]["census_hitech"]["seen"]
    assert seen["exports"]["ALL_VAL_QTR"] == "int", "what to freeze, if it is right"


def test_a_code_of_bea_that_enters_leaves_or_is_told_otherwise_is_named(
    publisher: Metadata, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(said: Any) -> Any:
        values = said["BEAAPI"]["Results"]["ParamValue"]
        if any(v["Key"] == "CipLicensesMoviesTv" for v in values):
            values[:] = [v for v in values if v["Key"] != "CipLicensesMoviesTv"]
            values.append({"Key": "CipLicensesStreaming", "Desc": "Streaming"})
            next(v for v in values if v["Key"] == "CipLicensesTrademarks")["Desc"] = "Trademarks and brands"
            values.append({"Key": "SpaceTravel", "Desc": "not ours"})
        return said

    publisher.say = changed("bea", change)
    found = lines(run, "bea")
    assert len(found) == 3
    assert found[0].startswith("gone: TypeOfService CipLicensesMoviesTv (")
    assert (
        found[1].startswith("changed: TypeOfService CipLicensesTrademarks (") and "-> Trademarks and brands" in found[1]
    )
    assert found[2] == "new: TypeOfService CipLicensesStreaming (Streaming)"
    monkeypatch.setenv("COLUMNS", "60")
    narrow = run("sources", "check", "bea").out
    assert max(map(len, narrow.splitlines())) <= 60 and " ".join(found) in " ".join(narrow.split())
    assert run("sources", "check", "bea", "--wide").out.splitlines()[1:] == [f"  {line}" for line in found]


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda h, r: h.pop("lastupdated"), "gone: receipts head.lastupdated (text)"),
        (lambda h, r: h.update(total="17160"), "changed: receipts head.total (integer -> text)"),
        (lambda h, r: r.update(value="1.5"), "changed: receipts row.value (number|integer|null -> text)"),
        (lambda h, r: r.update(footnote=""), "new: receipts row.footnote (text)"),
        (lambda h, r: r.update(country="AFE"), "gone: receipts row.country.id (text)"),
    ],
)
def test_a_key_or_type_of_the_world_bank_that_changed_is_named(
    publisher: Metadata, run: Run, change: Callable[[Any, Any], Any], difference: str
) -> None:
    def apply(said: Any) -> Any:
        if said[1][0].get("indicator", {}).get("id") == "BX.GSR.ROYL.CD":
            change(said[0], said[1][0])
        return said

    publisher.say = changed("world_bank", apply)
    assert difference in lines(run, "world_bank")


@pytest.mark.parametrize("allowed", [{"value": 1.5}, {"value": 3}, {"value": None}])
def test_a_type_that_may_be_is_no_drift(publisher: Metadata, run: Run, allowed: dict[str, Any]) -> None:
    publisher.say = changed(
        "world_bank", lambda said: [said[0], [said[1][0] | allowed]] if "date" in said[1][0] else said
    )
    assert told(run, "world_bank")[0] == 0


def test_a_series_that_means_something_else_now_is_named(publisher: Metadata, run: Run) -> None:
    def change(said: Any) -> Any:
        if "name" in said[1][0]:
            said[1][0]["name"] = said[1][0]["name"].replace("current US$", "constant 2015 US$")
        return said

    publisher.say = changed("world_bank", change)
    assert [d.split(" (")[0] for d in lines(run, "world_bank")] == [
        f"changed: about {name} name" for name in series_of_source("world_bank")
    ]


def test_a_version_list_of_another_form_is_named(publisher: Metadata, run: Run) -> None:
    def renamed(said: Any) -> Any:
        (concept,) = said["source"][0]["concept"]
        concept["values"] = concept.pop("variable")
        return said

    publisher.say = changed("world_bank_archives", renamed)
    found = lines(run, "world_bank_archives")
    assert "gone: versions source[].concept[].variable[].id (text)" in found
    assert "new: versions source[].concept[].values[].id (text)" in found

    def no_month(said: Any) -> Any:
        said["source"][0]["concept"][0]["variable"][0]["id"] = "v31"
        return said

    publisher.say = changed("world_bank_archives", no_month)
    (line,) = lines(run, "world_bank_archives")
    assert "'v31', which is not YYYYMM" in line and "kept as" not in line


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("sheet renamed", {"gone: workbook sheet country (sheet)", "new: workbook sheet Country (sheet)"}),
        ("column renamed", {"gone: workbook EMAR (column)", "new: workbook EMRZ (column)"}),
    ],
)
def test_a_sheet_or_column_of_the_workbook_that_changed_is_named(
    publisher: Metadata, run: Run, fault: str, found: set[str]
) -> None:
    publisher.say = changed("census_balance", lambda _: workbook("2023-01", fault))
    assert found <= set(lines(run, "census_balance"))


# --------------------------------------------------------------------- what could not be asked


def test_a_publisher_that_is_down_hides_no_other(
    publisher: Metadata, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.say = changed("bea", lambda said: {"BEAAPI": {"Results": {"ParamValue": []}}})
    with closed_port() as url:
        point_at(monkeypatch, "census_balance", url)
        ran = run("sources", "check")
    assert ran.code == 1
    assert [line for line in ran.out.splitlines() if not line.startswith(" ")] == [
        "bea: drift",
        "census_atp_lists: no address",
        "census_balance: unreachable",
        "census_bulk: as expected",
        "census_ft900: no address",
        "census_hitech: as expected",
        "world_bank: as expected",
        "world_bank_archives: as expected",
    ]
    assert "2 attempts" in ran.err


@pytest.mark.parametrize("said", [HTML, [{"message": [{"id": "120", "key": "Invalid", "value": "no"}]}], b""])
def test_an_answer_that_is_no_metadata_is_unreachable_not_drift(publisher: Metadata, run: Run, said: Any) -> None:
    publisher.say = changed("world_bank", lambda _: said)
    code, found = told(run, "world_bank")
    assert (code, found["world_bank"]["state"], found["world_bank"]["differences"]) == (1, "unreachable", [])
    assert "kept as" not in found["world_bank"]["detail"], "it is not kept"


def test_a_missing_key_is_told_with_where_one_is_had(
    publisher: Metadata, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.say = as_frozen
    monkeypatch.delenv("BEA_API_KEY")
    ran = run("sources", "check")
    assert ran.code == 0 and "bea: no key" in ran.out
    assert "BEA_API_KEY" in ran.err and "https://apps.bea.gov/API/signup" in ran.err
    assert run("sources", "check", "bea").code == 1, "asked for by name, it counts"
    assert not [r for r in publisher.requests if r.startswith("/bea")]


def test_a_key_is_sent_and_never_shown(publisher: Metadata, run: Run) -> None:
    refusal = {"APIErrorCode": "1", "APIErrorDescription": f"Invalid API UserId {KEY}"}
    publisher.say = changed("bea", lambda _: {"BEAAPI": {"Results": {"Error": refusal}}})
    for arguments in (("bea",), ("bea", "--json")):
        ran = run("sources", "check", *arguments)
        assert ran.code == 1 and "unreachable" in ran.out
        assert KEY.lower() not in (ran.out + ran.err).lower()
    assert KEY in publisher.requests[0]


def test_a_key_that_cannot_be_one_is_told_before_anything_is_asked(
    publisher: Metadata, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEA_API_KEY", "mistyped-s3cret")
    code, found = told(run, "bea")
    assert (code, found["bea"]["state"]) == (1, "wrong setting")
    assert "s3cret" not in json.dumps(found) and publisher.requests == []


def test_files_have_no_metadata(publisher: Metadata, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    point_at(monkeypatch, "world_bank", tmp_path.as_uri())
    code, found = told(run, "world_bank")
    assert (code, found["world_bank"]["state"]) == (0, "files")


def test_a_source_that_there_is_not_is_wrong_usage(publisher: Metadata, run: Run) -> None:
    ran = run("sources", "check", "world_bank", "imf")
    assert ran.code == 2 and "'imf'; there are: bea, census_atp_lists" in ran.err
    assert publisher.requests == []


def test_of_a_monthly_file_the_end_is_asked_for_and_its_members_are_named(publisher: Metadata, run: Run) -> None:
    def change(said: Any) -> Any:
        whole = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(said)) as old, zipfile.ZipFile(whole, "w") as new:
            for name in old.namelist():
                if "DETL" in name:
                    new.writestr("reissue/" + name.lower(), b" " * 200_000)
                elif "COMM" not in name:
                    new.writestr(name, old.read(name))
            new.writestr("EXP_PORT.TXT", b"x")
        return whole.getvalue()

    publisher.say = changed("census_bulk", change)
    assert lines(run, "census_bulk") == [
        "gone: exports EXP_COMM.TXT (member)",
        "new: exports EXP_PORT.TXT (member)",
        "gone: imports IMP_COMM.TXT (member)",
        "new: imports EXP_PORT.TXT (member)",
    ]
    assert [r.rsplit("/", 1)[0] for r in publisher.requests] == [
        f"/census_bulk/{load_calendar('ft900').newest(utc_now()):%Y}/Merch/{flow}" for flow in ("ex_m", "im_m")
    ]


def test_a_release_that_is_late_is_no_drift(publisher: Metadata, run: Run) -> None:
    publisher.say = as_frozen
    expected = load_calendar("ft900").newest(utc_now())
    publisher.gone = {f"DB{month_after(expected, -n):%y%m}.ZIP" for n in range(2)}
    try:
        assert told(run, "census_bulk")[1]["census_bulk"]["state"] == "as expected"
        assert len(publisher.requests) == 6
        publisher.gone.add(f"DB{month_after(expected, -2):%y%m}.ZIP")
        assert told(run, "census_bulk")[1]["census_bulk"]["state"] == "unreachable"
    finally:
        publisher.gone = set()


def test_a_publisher_that_gives_no_parts_any_more_has_drifted(publisher: Metadata, run: Run) -> None:
    publisher.say = as_frozen
    publisher.fault = "no ranges"
    try:
        assert "not in parts (Range)" in lines(run, "census_bulk")[0]
    finally:
        publisher.fault = ""


def test_a_page_instead_of_a_monthly_file_is_told(publisher: Metadata, run: Run) -> None:
    publisher.say = changed("census_bulk", lambda _: HTML)
    code, found = told(run, "census_bulk")
    assert (code, found["census_bulk"]["state"]) == (1, "unreachable")
    assert "is not a ZIP, or was cut short" in found["census_bulk"]["detail"]


def test_of_yearly_lists_the_newest_that_is_there_is_read(
    publisher: Metadata, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    yearly = {"imports": publisher.url + "/impatp{yy}.txt"}
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_ATP_LISTS__YEARLY", json.dumps(yearly))
    this = utc_now().year % 100
    publisher.say, publisher.gone = (lambda path, query: atp_list(CODES)), {f"impatp{this}.txt"}
    try:
        assert told(run, "census_atp_lists")[1]["census_atp_lists"]["state"] == "as expected"
    finally:
        publisher.gone = set()
    assert publisher.requests == [f"/impatp{y}.txt" for y in (this, this - 1)]


def test_of_the_lists_the_newest_of_each_flow_is_read(
    publisher: Metadata, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {
        f"{flow}/{month}": f"{publisher.url}/{flow}-{month}"
        for flow in ("exports", "imports")
        for month in ("2025-01", "2026-01")
    }
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_ATP_LISTS__DOCUMENTS", json.dumps(named))
    publisher.say = lambda path, query: b"what has become of the records?\n"
    code, found = told(run, "census_atp_lists")
    assert publisher.requests == ["/exports-2026-01", "/imports-2026-01"]
    assert code == 1 and found["census_atp_lists"]["state"] in ("drift", "unreachable")
