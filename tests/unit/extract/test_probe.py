"""Probes without I/O: redaction of exchanges, comparisons with what is known, and the words of the report."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from configs.settings import source_settings
from tasks.common.redact import Redactor
from tasks.extract.drift.check import DriftItem
from tasks.extract.probe import bundle, exchanges, headers, known, report
from tasks.extract.probe.exchanges import Exchange
from tasks.extract.probe.findings import Finding, of_metadata
from tasks.extract.probe.leads import leads_of
from tasks.extract.probe.publishers import PROBES
from tasks.extract.probe.recorder import ATTEMPTS, cautious
from tests.paths import ROOT

KEY = "0a1b2c3d-1111-2222-3333-ca4a47000000"
NOW = datetime(2025, 4, 10, 14, tzinfo=UTC)


def exchange(**changes: object) -> Exchange:
    given = {"source": "census_bulk", "probe": "x", "method": "GET", "url": "https://a/b", "status": 200, "body": b"x"}
    return Exchange(**{**given, "headers": {"content-type": "application/zip"}, **changes})  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------ exchanges


def test_headers_are_kept_by_name() -> None:
    given = {"Content-Type": "text/html", "Set-Cookie": "id=1", "ETag": f'"{KEY}"', "X-Forwarded-For": "203.0.113.7"}
    kept, others = exchanges.kept_headers(given, Redactor([KEY]))
    assert kept == {"content-type": "text/html", "etag": '"REDACTED"'}
    assert others == ("set-cookie", "x-forwarded-for")


def test_a_key_in_a_redirect_is_redacted() -> None:
    kept, _ = exchanges.kept_headers({"Location": f"https://a/b?UserID={KEY}&x=1"}, Redactor([]))
    assert KEY not in kept["location"] and kept["location"].startswith("https://a/b")


@pytest.mark.parametrize(("status", "body", "kept"), [
    (403, b"Your IP: 203.0.113.77", b"Your IP: REDACTED"),
    (403, b"2001:db8:0:1:2:3:4:5 is blocked", b"REDACTED is blocked"),
    (200, b"203.0.113.77", b"203.0.113.77"),
    (200, b"UserID " + KEY.upper().encode(), b"UserID REDACTED"),
])  # fmt: skip
def test_bodies_are_kept_without_what_is_ours(status: int, body: bytes, kept: bytes) -> None:
    assert exchanges.kept_body(body, status, Redactor([KEY])) == kept


def test_a_bundle_can_be_read_again() -> None:
    given = exchange(range="bytes=-5", others=("set-cookie",), body=b"\x00\xff", seconds=1.5)
    assert next(bundle.exchanges(bundle._files(1, given))) == given
    without = exchange(status=None, headers={}, body=b"", problem="no answer came", whole=False)
    assert next(bundle.exchanges(bundle._files(2, without))) == without


# ------------------------------------------------------------------------------------------------ caution


@pytest.mark.parametrize("source", PROBES)
def test_a_probe_asks_less_than_publishing(source: str) -> None:
    settings, careful = source_settings(source), cautious(source_settings(source))
    assert careful.attempts <= ATTEMPTS and 429 in careful.lockout_statuses
    assert careful.run_budget <= settings.run_budget and careful.requests_per_minute == settings.requests_per_minute


def test_every_publisher_has_probes() -> None:
    """A new source with an address is met on its first live day too."""
    sources = {p.stem for p in (ROOT / "configs" / "sources").glob("*.yaml")}
    assert set(PROBES) == sources - {"bea_release_dates"}, "BEA's days of release are a lead of BEA's"


def test_leads_are_on_hosts_of_publishers() -> None:
    found = [lead for source in PROBES for lead in leads_of(source)]
    assert len(found) == 4
    assert all(lead.path.startswith("/") for lead in found)


# ------------------------------------------------------------------------------------------------ comparisons


def figures(**values: float) -> pl.DataFrame:
    return pl.DataFrame({"key": list(values), "value": list(values.values())})


KNOWN = figures(a=1.0, b=2.0, c=3.0, d=4.0, e=0.0)


@pytest.mark.parametrize(("found", "words"), [
    (figures(a=1.0, b=2.0, c=3.0, d=4.0), ""),  # a zero that is withdrawn is no figure
    (figures(a=1.0, b=2.0, c=3.0, d=4.1), ""),  # one revision of four
    (figures(a=1.0, b=2.0, c=3.3, d=4.4), "2 of 4 known figures differ by more than 1 %"),
    (figures(a=1.0, b=2.0, c=3.0), "1 of 4 known figures are gone"),
    (figures(a=1e3, b=2e3, c=3e3, d=4e3), "1,000 times"),
    (figures(a=1e-6, b=2e-6, c=3e-6, d=4e-6), "1e-06 times"),
])  # fmt: skip
def test_figures_are_compared_with_known_ones(found: pl.DataFrame, words: str) -> None:
    told = [f.text for f in known.figures_compared("s", "p", found, KNOWN, ["key"], "value")]
    assert len(told) == bool(words)
    assert all(words in t for t in told)


@pytest.mark.parametrize(("month", "severity"), [
    (date(2025, 2, 1), []),
    (date(2025, 1, 1), ["look at"]),
    (date(2025, 3, 1), ["good to know"]),
])  # fmt: skip
def test_months_are_compared_with_the_calendar(month: date, severity: list[str]) -> None:
    assert [f.severity for f in known.months_compared("s", "p", month, NOW)] == severity


@pytest.mark.parametrize(("value", "number"), [(55.6e9, 0), (124.7e9, 0), (17e9, 0), (55.6e6, 1), (55.6e12, 1)])
def test_real_months_have_the_size_of_a_month(value: float, number: int) -> None:
    assert len(known.magnitude_compared("s", "p", {("exports", "2026-03"): value})) == number


def test_metadata_differences_are_sentences() -> None:
    items = [
        DriftItem("gone", "p", "A", "int"),
        DriftItem("changed", "p", "B", "int", "string"),
        DriftItem("new", "p", "C", seen="int"),
    ]
    assert [(f.severity, f.text) for f in of_metadata("s", "p", items)] == [
        ("breaks us", "A (int) is no longer there."),
        ("look at", "B was int and is string now."),
        ("look at", "C (int) is there, and is new to us."),
    ]


@pytest.mark.parametrize(("given", "words"), [
    (exchange(), []),
    (exchange(headers={"content-type": "text/html; charset=utf-8"}), ["sent as text/html"]),
    (exchange(headers={}), ["sent as no type at all"]),
    (exchange(body=b""), ["nothing in it"]),
    (exchange(status=404, headers={"content-type": "text/html"}), []),
    (exchange(method="HEAD", body=b""), ["no Last-Modified", "no Content-Length"]),
])  # fmt: skip
def test_headers_are_compared_with_what_is_relied_on(given: Exchange, words: list[str]) -> None:
    found = [f.text for f in headers.compared("census_bulk", "p", [given])]
    assert len(found) == len(words) and all(w in f for w, f in zip(words, found, strict=True))


def test_a_publishers_text_stays_one_line() -> None:
    told = report.words(Finding("s", "p", "look at", "code 'a\nb'\x1b[2J" + "x" * 5000))
    assert "\n" not in told and "\x1b" not in told and len(told) < 1000
