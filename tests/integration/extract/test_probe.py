"""The first look at every publisher: as believed it finds nothing, and what differs it names, bounded and read-only."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.synthetic.bea_api import KEY as BEA_KEY
from configs.errors import UsageError
from configs.settings import from_environment
from tasks.extract.probe import bundle
from tasks.extract.probe import publishers as probes
from tasks.extract.probe.publishers import Probed
from tasks.extract.probe.recorder import MOST_REQUESTS
from tests.doubles.atp_lists import bundled_as_published
from tests.doubles.census_api import KEY as CENSUS_KEY
from tests.doubles.first_day import NOW, Publishers, Sent, answer, body, wider_records
from tests.doubles.publishers import closed_port

FILTER = b"<html><title>Attention</title><body>Sorry, you have been blocked. Your IP: 203.0.113.77</body></html>"


def texts(found: Probed) -> list[str]:
    return [f"{f.severity}: {f.source}, {f.probe}: {f.text}" for f in found.findings]


def state(found: Probed, source: str) -> dict[str, str]:
    visit = next(v for v in found.visits if v.source == source)
    return {o.probe: o.state for o in visit.outcomes}


def test_publishers_as_believed_give_no_finding(given: Publishers) -> None:
    found = probes.probe((), NOW)
    assert texts(found) == []
    assert {o.state for v in found.visits for o in v.outcomes} == {"as believed"}
    assert found.as_believed
    assert [v.source for v in found.visits] == list(probes.PROBES)


def _first(count: int, old: str, new: str) -> Callable[[bytes], bytes]:
    return lambda whole: whole.replace(old.encode(), new.encode(), count)


def _variables(whole: bytes) -> bytes:
    said = json.loads(whole)
    return json.dumps({"variables": said["variables"] | {"CTY_REGION": {"predicateType": "string"}}}).encode()


def _untimed(path: str, sent: Sent) -> Sent:
    return replace(sent, headers={**sent.headers, "Last-Modified": "", "Content-Length": ""})


def _set(source: str, name: str, value: Any) -> Callable[[Publishers], None]:
    def alter(given: Publishers) -> None:
        setattr(given[source], name, value)

    return alter


# What is put in; the source that is probed, the severity, and words of the sentence that describes it.
DIFFERENCES: dict[str, tuple[Callable[[Publishers], None], str, str, str]] = {
    "a column of the workbook renamed": (
        _set("census_balance", "fault", "column renamed"),
        "census_balance", "breaks us", r"EMAR \(column\) is no longer there",
    ),
    "the workbook in thousands": (
        _set("census_balance", "fault", "thousands"),
        "census_balance", "breaks us", r"Exports: Its figures are 1,000 times those that we know .* unit changed",
    ),
    "a page instead of the workbook": (
        _set("census_balance", "fault", "html"),
        "census_balance", "breaks us", "Publishing would stop here",
    ),
    "the address of the workbook moved": (
        _set("census_balance", "fault", "redirect"),
        "census_balance", "breaks us", r"redirects to https://elsewhere\.example",
    ),
    "a bot filter": (
        _set("census_balance", "alter", answer("country", status=403, body=FILTER, content_type="text/html")),
        "census_balance", "breaks us", "403",
    ),
    "no FT-900 under the address": (
        _set("census_hitech", "fault", "ft900 not there"),
        "census_ft900", "breaks us", "no release of 2025-02 and 2025-01",
    ),
    "FT-900 of other figures": (
        _set("census_hitech", "fault", "ft900 differs"),
        "", "look at", r"2025-02 are .* billion US dollars by census_ft900 and .* billion by census_hitech",
    ),
    "a partner code that we do not know": (
        _set("census_hitech", "fault", "unknown partner"),
        "census_hitech", "look at", r"1 partner code that our tables do not have: 4999",
    ),
    "a release that is late": (
        _set("census_hitech", "newest", "2025-01"),
        "census_hitech", "look at", "newest month is 2025-01; our calendar expects 2025-02",
    ),
    "a new variable": (
        _set("census_hitech", "alter", body(_variables, "variables.json")),
        "census_hitech", "look at", r"CTY_REGION \(string\) is there, and is new to us",
    ),
    "a variable gone": (
        _set("census_hitech", "alter", body(_first(1, "HITECH_DESC", "HITECH_TEXT"), "variables.json")),
        "census_hitech", "breaks us", r"HITECH_DESC \(string\) is no longer there",
    ),
    "the API in thousands": (
        _set("census_hitech", "fault", "thousands"),
        "census_hitech", "breaks us", "Has the unit changed",
    ),
    "forecasts": (
        _set("world_bank", "alter", body(_first(7, '"obs_status": ""', '"obs_status": "F"'), "ROYL")),
        "world_bank", "look at", r"14 rows with the obs_status 'F' \(F is a forecast",
    ),
    "a unit": (
        _set("world_bank", "alter", body(_first(1, '"unit": ""', '"unit": "EUR"'), "ROYL")),
        "world_bank", "look at", "2 rows with the unit 'EUR'",
    ),
    "values as text": (
        _set("world_bank", "fault", "value as text"),
        "world_bank", "breaks us", "Values come as text",
    ),
    "an economy that we do not know": (
        _set("world_bank", "alter", body(_first(1, '"id": "ABW"', '"id": "XKV"'), "/country?")),
        "world_bank", "look at", "1 economy code that our tables do not have: XKV",
    ),
    "zeros and figures withdrawn": (
        _set("world_bank", "alter", body(lambda b: re.sub(rb'("date": "20[01]\d", "value": )[\d.e+]+', rb"\1null", b), "ROYL")),
        "world_bank", "look at", "known figures are gone",
    ),
    "an older vintage": (
        _set("world_bank", "updated", "2020-07-01"),
        "world_bank", "look at", "Its vintage is 2020-07-01, older than the bundled one",
    ),
    "another media type": (
        _set("world_bank_archives", "alter", answer(content_type="text/html")),
        "world_bank_archives", "look at", "sent as text/html; we believed application/json",
    ),
    "an archive of another form": (
        _set("world_bank_archives", "alter", body(_first(1, '"concept": "Version"', '"concept": "Edition"'), "/data")),
        "world_bank_archives", "breaks us", "concepts",
    ),
    "monthly files without their time": (
        _set("census_bulk", "alter", _untimed),
        "census_bulk", "look at", "HEAD gives no Last-Modified: whether",
    ),
    "monthly files given whole only": (
        _set("census_bulk", "whole_only", True),
        "census_bulk", "look at", r"given whole only \(Range is ignored\)",
    ),
    "a member of the monthly file renamed": (
        _set("census_bulk", "change", lambda whole: whole.replace(b"EXP_DETL.TXT", b"EXP_DETA.TXT")),
        "census_bulk", "breaks us", r"EXP_DETL\.TXT \(member\) is no longer there",
    ),
    "longer records": (
        _set("census_bulk", "change", wider_records),
        "census_bulk", "breaks us", "Records of IMP_DETL have 689 characters; our layout has 688",
    ),
    "a new area": (
        _set("bea", "areas", ("Atlantis",)),
        "bea", "look at", "1 area that our tables do not have: Atlantis",
    ),
    "a type of service gone": (
        _set("bea", "fault", "list: type gone"),
        "bea", "breaks us", "CipLicensesAudVis .* is no longer there",
    ),
    "another multiplier": (
        _set("bea", "fault", "thousands for millions"),
        "bea", "look at", "Figures are in USD times ten to the 3",
    ),
    "a refused key": (
        _set("bea", "key", "another"),
        "bea", "breaks us", "The key is not accepted",
    ),
    "a locked key": (
        _set("bea", "fault", "429"),
        "bea", "breaks us", "The publisher shut us out",
    ),
    "lists of exchanged flows": (
        _set("census_atp_lists", "alter", lambda path, sent: replace(sent, body=bundled_as_published(
            "exports/2019-01" if path.startswith("/imp") else "imports/2021-01"))),
        "census_atp_lists", "look at", "is it of that flow",
    ),
    "a list cut short": (
        _set("census_atp_lists", "alter", body(lambda whole: whole[: len(whole) // 2])),
        "census_atp_lists", "breaks us", "Publishing would stop here",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENCES)
def test_each_difference_is_described(name: str, given: Publishers) -> None:
    put_in, source, severity, words = DIFFERENCES[name]
    put_in(given)
    try:
        found = probes.probe((source,) if source else ("census_ft900", "census_hitech"), NOW)
    finally:
        given["bea"].key = BEA_KEY
    matching = [f for f in found.findings if re.search(words, f.text)]
    assert matching, texts(found)
    assert {f.severity for f in matching} == {severity}
    assert not found.as_believed


TOGETHER = (
    "a column of the workbook renamed", "a partner code that we do not know", "a new variable", "forecasts",
    "an archive of another form", "longer records", "a new area", "another multiplier", "a list cut short",
    "monthly files without their time",
)  # fmt: skip


def test_ten_differences_at_once_are_all_described(given: Publishers) -> None:
    for name in TOGETHER:
        DIFFERENCES[name][0](given)
    found = probes.probe((), NOW)
    missed = [n for n in TOGETHER if not any(re.search(DIFFERENCES[n][3], f.text) for f in found.findings)]
    assert missed == [], texts(found)


# ------------------------------------------------------------------------------------------------ caution


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_refusal_ends_the_visit(status: int, given: Publishers) -> None:
    given["bea"].alter = answer(status=status, body=FILTER)
    found = probes.probe(("bea",), NOW)
    assert len(given["bea"].requests) == 1
    states = state(found, "bea")
    assert list(states.values()).count("not made") == len(states) - 1


def test_a_host_that_refused_is_left_alone(given: Publishers, monkeypatch: pytest.MonkeyPatch) -> None:
    given["census_balance"].alter = answer(status=403, body=FILTER)
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_FT900__URL", f"{given['census_balance'].url}/ft900_{{yymm}}.xlsx")
    found = probes.probe(("census_balance", "census_ft900"), NOW)
    assert len(given["census_balance"].requests) == 1
    (outcome,) = next(v for v in found.visits if v.source == "census_ft900").outcomes
    assert outcome.state == "not made" and "has refused an earlier probe" in outcome.not_made


def test_no_publisher_gets_more_requests_than_stated(given: Publishers) -> None:
    for double in given.doubles.values():
        double.alter = answer(status=503)
    found = probes.probe((), NOW)
    assert all(len(v.exchanges) <= MOST_REQUESTS for v in found.visits)
    assert {x.method for v in found.visits for x in v.exchanges} <= {"GET", "HEAD"}
    assert not found.as_believed
    assert all("no answer" in state(found, v.source).values() for v in found.visits)


def test_a_publisher_of_many_pages_is_not_read_to_the_end(given: Publishers) -> None:
    given["world_bank"].per_page = 300
    try:
        found = probes.probe(("world_bank",), NOW)
    finally:
        given["world_bank"].per_page = 9000
    assert len(given["world_bank"].requests) == MOST_REQUESTS
    assert any("at most 16 requests" in o.no_answer for o in found.visits[0].outcomes)


def test_an_unreachable_publisher_is_asked_for_one_thing(given: Publishers, monkeypatch: pytest.MonkeyPatch) -> None:
    with closed_port() as url:
        monkeypatch.setenv("TECHTRADE_SOURCES__WORLD_BANK__URL", url)
        found = probes.probe(("world_bank", "bea"), NOW)
    states = list(state(found, "world_bank").values())
    assert states[0] == "no answer" and set(states[1:]) == {"not made"}
    assert set(state(found, "bea").values()) == {"as believed"}, "one publisher hides no other"


def test_probes_without_a_key_are_made(given: Publishers, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("CENSUS_API_KEY", "BEA_API_KEY"):
        monkeypatch.delenv(variable)
    found = probes.probe(("census_hitech", "bea"), NOW)
    states = state(found, "census_hitech")
    assert [n for n, s in states.items() if s == "as believed"] == ["variables of exports", "variables of imports"]
    reasons = {o.not_made for v in found.visits for o in v.outcomes if o.state == "not made"}
    assert {re.search(r"set (\w+)", r)[1] for r in reasons} == {"CENSUS_API_KEY", "BEA_API_KEY"}  # type: ignore[index]
    assert not found.as_believed


def test_pages_that_need_no_key_get_none(given: Publishers) -> None:
    probes.probe(("census_hitech", "bea"), NOW)
    keyless = [
        r for r in (*given["census_hitech"].requests, *given["bea"].requests) if "variables" in r or "signup" in r
    ]
    assert len(keyless) == 3
    assert not any(CENSUS_KEY in r or BEA_KEY in r for r in keyless)


def test_of_yearly_lists_the_newest_is_asked_for_first(given: Publishers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_ATP_LISTS__DOCUMENTS", "{}")
    given["census_atp_lists"].there = ("/impatp24.txt",)
    found = probes.probe(("census_atp_lists",), NOW)
    assert given["census_atp_lists"].requests == ["/impatp25.txt", "/impatp24.txt"]
    assert state(found, "census_atp_lists") == {"list of exports": "not made", "list imports/2025-01": "as believed"}


def test_a_lead_is_no_difference(given: Publishers) -> None:
    found = probes.probe(("census_balance",), NOW)
    assert [o.read for o in found.visits[0].outcomes[1:]] == [["it is not there (404)"]] * 3
    assert found.as_believed


def test_a_file_is_no_publisher(given: Publishers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TECHTRADE_SOURCES__WORLD_BANK__URL", "file:///data/world_bank")
    found = probes.probe(("world_bank",), NOW)
    assert set(state(found, "world_bank").values()) == {"not made"}


def test_an_unknown_publisher_is_a_usage_error(given: Publishers) -> None:
    with pytest.raises(UsageError, match="did you mean world_bank"):
        probes.probe(("world_banc",), NOW)


@pytest.mark.parametrize("fault", [
    "silence", "closed at once", "not HTTP", "a NUL in a header", "headers not in ASCII", "gzip that is none",
    "gzip cut short", "gzip that unpacks to 100 MB", "endless header list", "dripped body of a length", "no reason",
    "cut in the body", "status 999", "Location: a key", "Retry-After: a superscript", "Content-Length: a superscript",
])  # fmt: skip
def test_a_misbehaving_server_is_a_finding(fault: str, given: Publishers, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TOTAL_BUDGET": "0.5", "ATTEMPTS": "1", "MAX_BYTES": "1000000"}.items():
        monkeypatch.setenv(f"TECHTRADE_SOURCES__WORLD_BANK_ARCHIVES__{name}", value)
    given["world_bank_archives"].fault = fault
    found = probes.probe(("world_bank_archives",), NOW)
    assert not found.as_believed
    assert all("Our parser crashed" not in f.text for f in found.findings), texts(found)
    assert bundle.files(found, from_environment)["report.md"]
