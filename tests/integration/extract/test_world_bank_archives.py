"""The official vintages: every one got once, whole or not at all, and read back from the archive alone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator

import polars as pl
import pytest

from configs.contracts import load_contract
from configs.errors import VintageUnavailableError
from configs.hints import command
from tasks.extract.world_bank import archive_inventory, archives_parse
from tasks.publish.dependents import refresh
from tasks.raw.documents import RawDocument
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, reader
from tests.doubles.world_bank_archives import ECONOMIES, PAYMENTS, RECEIPTS, WorldBankArchiveDouble, value
from tests.support.plain import Run, plain
from tests.support.published import publish

IP = "ip_trade_annual"
KEY = layout.inventory("world_bank_archives")


@pytest.fixture(scope="module")
def server() -> Iterator[WorldBankArchiveDouble]:
    """One for all tests here: a server takes half a second to stop."""
    with WorldBankArchiveDouble() as double:
        yield double


@pytest.fixture
def double(server: WorldBankArchiveDouble, monkeypatch: pytest.MonkeyPatch) -> WorldBankArchiveDouble:
    server.reset()
    # Two series, however many datasets have some.
    monkeypatch.setattr(archives_parse, "series", lambda: load_contract(IP).series)
    prefix = "TECHTRADE_SOURCES__WORLD_BANK_ARCHIVES__"
    settings = {"URL": server.url, "BACKOFF": "0.01", "BACKOFF_MAX": "0.05", "REQUESTS_PER_MINUTE": "100000"}
    for name, setting in settings.items():
        monkeypatch.setenv(prefix + name, setting)
    return server


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], local_store: ObjectStore) -> Run:
    return plain(monkeypatch, capfd, local_store.url)


def of_usa_2012(store: ObjectStore) -> dict[str, list[tuple[str, str, str, bool]]]:
    """By measure, the spans of one year: from which vintage, until which, why, and whether readers were given it."""
    spans = reader.scan(store, reader.resolve(store, f"{IP}_history").manifest)
    one = spans.filter(economy_code="USA", year=2012).sort("measure", "vintage_from").collect()
    return {
        str(m): [
            (r["vintage_from"], r["vintage_until"] or "", r["cause"], r["version_from"] is not None)
            for r in rows.iter_rows(named=True)
        ]
        for (m,), rows in one.group_by("measure", maintain_order=True)
    }


def test_the_vintages_enter_the_history_whenever_they_are_got(
    run: Run, double: WorldBankArchiveDouble, local_store: ObjectStore
) -> None:
    publish(local_store, IP, "2024-05-08")
    refresh(local_store, f"{IP}_history")
    assert of_usa_2012(local_store)["receipts_usd"][0][:3:2] == ("2021-09-15", "first"), "the oldest that is bundled"
    double.fault, double.at = "503 for one", ("201407", PAYMENTS)  # one of the two series of a vintage is not had
    assert run("sources", "archives").code == 1
    refresh(local_store, f"{IP}_history")
    have = of_usa_2012(local_store)
    assert [s[:3] for s in have["receipts_usd"]][:3] == [
        ("2013-04", "2014-07", "first"),
        ("2014-07", "2020-01", "source_revision"),
        ("2020-01", "2021-09-15", "source_revision"),
    ]
    first = [("2013-04", "2020-01", "first"), ("2020-01", "2021-09-15", "source_revision")]
    assert [s[:3] for s in have["payments_usd"]][:2] == first, "of what was not had nothing is said"
    assert have["balance_usd"][0][:3] == ("2013-04", "2021-09-15", "first"), "the double revises both alike"
    assert all(spans[-1] == (spans[-1][0], "", spans[-1][2], True) for spans in have.values())
    rows = json.loads(run("read", IP, "--vintage", "2014-07", "--format", "json").out)
    (told,) = (r for r in rows if (r["economy_code"], r["year"]) == ("USA", 2012))
    assert (told["receipts_usd"], told["payments_usd"]) == (value("201407", RECEIPTS, "USA", 2012), None)
    double.fault = ""
    assert run("sources", "archives").code == 0
    refresh(local_store, f"{IP}_history")
    assert len(of_usa_2012(local_store)["payments_usd"]) == len(have["payments_usd"]) + 1
    assert run("history", IP, "--rebuild").code == 0
    # Of an economy that only later vintages tell of nothing is known before, and it did not begin with them.
    spans = reader.scan(local_store, reader.resolve(local_store, f"{IP}_history").manifest)
    france = spans.filter(economy_code="FRA", measure="receipts_usd", vintage_from="2021-09-15").collect()
    assert set(france["cause"]) == {"first"} and france.height > 20


def states(store: ObjectStore) -> dict[str, str]:
    return {f"{s.vintage} {s.indicator}": s.state for s in archive_inventory.inventory(store).series}


def test_every_vintage_of_both_series_is_got_archived_and_read_back(
    run: Run, double: WorldBankArchiveDouble, local_store: ObjectStore
) -> None:
    double.per_page = 30  # four pages a series, the last one short
    ran = run("sources", "archives", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert (told["listed"], told["asked"], told["failures"]) == (3, 6, [])
    assert told["cost"]["requests"] == 1 + 6 * 4
    assert archive_inventory.vintages(local_store) == ("201304", "201407", "202001")
    table = archive_inventory.table(local_store, "201407").collect()
    assert table.schema == {
        "vintage": pl.String,
        "economy_code": pl.String,
        "indicator": pl.String,
        "year": pl.Int32,
        "value_usd": pl.Float64,
    }
    expected = {
        ("201407", economy, name, year): value("201407", series, economy, year)
        for name, series in (("receipts", RECEIPTS), ("payments", PAYMENTS))
        for economy in ECONOMIES
        for year in range(2008, 2014)
    }
    assert {row[:4]: row[4] for row in table.iter_rows()} == expected, "old codes are present ones, null is left out"
    for entry in archive_inventory.inventory(local_store).series:
        assert entry.parsed_ok and entry.rows and entry.retrieved_at and len(entry.documents) == 4
        for document in entry.documents:
            body = local_store.get(document.raw_key).body
            assert hashlib.sha256(body).hexdigest() == document.sha256
            assert json.loads(body)["source"]["data"][0]["variable"], "verbatim"


def test_what_the_inventory_has_is_not_asked_for_again(
    run: Run, double: WorldBankArchiveDouble, local_store: ObjectStore
) -> None:
    assert run("sources", "archives").code == 0
    before = local_store.get(KEY).body
    double.requests.clear()
    ran = run("sources", "archives")
    assert ran.code == 0 and "nothing new" in ran.out
    assert double.asked == [] and len(double.requests) == 1, "the list only"
    now = archive_inventory.Inventory.load(local_store.get(KEY).body, KEY)
    was = archive_inventory.Inventory.load(before, KEY)
    assert now.series == was.series
    double.versions.append("202107")
    assert run("sources", "archives").code == 0
    assert double.asked == ["202107 receipts", "202107 payments"], "a new version"
    double.requests.clear()
    assert run("sources", "archives", "--refresh", "all").code == 0
    assert len(double.asked) == 8


def test_an_interrupted_run_goes_on_where_it_was(
    run: Run, double: WorldBankArchiveDouble, local_store: ObjectStore
) -> None:
    double.per_page = 50  # two pages a series
    double.fault = "down after"  # the list and one and a half of the pages that follow
    ran = run("sources", "archives")
    assert ran.code == 1 and "503" in ran.err
    assert states(local_store) == {"201304 receipts": "data"}
    got = list(double.requests)
    double.fault = ""
    double.requests.clear()
    assert run("sources", "archives").code == 0
    assert len(states(local_store)) == 6
    again = set(got[1:3]) & set(double.requests)
    assert again == set(), "what was got is not asked for again"
    assert not [e for e in local_store.entries("_raw/") if "_unfinished" in e.key]


def test_a_page_of_an_unfinished_series_is_taken_over(
    run: Run, double: WorldBankArchiveDouble, local_store: ObjectStore
) -> None:
    double.per_page = 50
    double.fault = "no second page"
    assert run("sources", "archives").code == 1
    double.fault = ""
    double.requests.clear()
    assert run("sources", "archives").code == 0
    assert not [r for r in double.requests if "201304" in r and RECEIPTS in r and "&page=1" in r]
    assert archive_inventory.table(local_store, "201304").collect().height == 2 * 7 * 5


FAULTS = {
    "xml": "120 ",
    "html": "markup",
    "message": "not valid",
    "page missing": "should have",
    "page served twice": "page 1, asked was page 2",
    "total not met": "should have",
    "json cut": "not whole JSON",
    "unknown concept": "quarter",
    "one concept more": "sex",
    "concept missing": "['country', 'series', 'time']",
    "two versions": "in version '202001', asked was",
    "another series": "NY.GDP.MKTP.CD",
    "time is no year": "YR2008Q1",
    "value as text": "'12.5'",
    "year to come": "after the version",
    "cell twice": "twice",
    "both codes differ": "under ROM and under ROU",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_answer_is_told_kept_and_hides_no_other(
    run: Run, double: WorldBankArchiveDouble, local_store: ObjectStore, fault: str
) -> None:
    double.fault, double.per_page = fault, 50 if "page" in fault else 100
    ran = run("sources", "archives", "--json")
    assert ran.code == 1
    (failure,) = json.loads(ran.out)["failures"]
    assert failure.startswith("201407 receipts: world_bank_archives: ") and FAULTS[fault] in failure
    assert f"error: {failure}" in ran.err.replace("\n", " ") and "Traceback" not in ran.err
    found = states(local_store)
    assert found.pop("201407 receipts") == "unreadable"
    assert set(found.values()) == {"data"} and len(found) == 5
    (entry,) = [s for s in archive_inventory.inventory(local_store).series if s.state == "unreadable"]
    assert entry.kept and all(local_store.size(k) for k in entry.kept), "what came is kept"
    assert "receipts" not in archive_inventory.table(local_store, "201407").collect()["indicator"].to_list()
    double.fault = ""
    double.requests.clear()
    assert run("sources", "archives").code == 0
    assert double.asked[0] == "201407 receipts" and set(double.asked) == {"201407 receipts"}


@pytest.mark.parametrize("fault", ["502 twice", "busy once"])
def test_a_passing_fault_is_retried(
    run: Run, double: WorldBankArchiveDouble, local_store: ObjectStore, fault: str
) -> None:
    double.fault = fault
    assert run("sources", "archives").code == 0
    assert double.asked.count("201407 receipts") > 1
    assert set(states(local_store).values()) == {"data"}


def test_one_version_that_is_never_answered_does_not_end_the_run(
    run: Run, double: WorldBankArchiveDouble, local_store: ObjectStore
) -> None:
    double.fault = "503 for one"
    ran = run("sources", "archives", "--json")
    assert ran.code == 1
    assert "201407 receipts" in json.loads(ran.out)["failures"][0]
    assert len(states(local_store)) == 5 and "201407 receipts" not in states(local_store)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("list html", "markup"),
        ("list message", "120"),
        ("version is no month", "2013 Apr"),
        ("version twice", "201407 twice"),
        ("version missing", "should have"),
    ],
)
def test_a_bad_list_of_versions_ends_the_run_before_anything_is_asked(
    run: Run, double: WorldBankArchiveDouble, local_store: ObjectStore, fault: str, told: str
) -> None:
    double.fault = fault
    ran = run("sources", "archives")
    assert ran.code == 1 and told in ran.err
    assert double.asked == [] and local_store.size(KEY) is None


def test_versions_from_before_a_series_are_empty_with_the_reason_and_believed(
    run: Run, double: WorldBankArchiveDouble, local_store: ObjectStore
) -> None:
    double.first[RECEIPTS] = "201400"
    ran = run("sources", "archives")
    assert ran.code == 0 and "201304 receipts has no data: 160 Data not found" in ran.out
    assert states(local_store)["201304 receipts"] == "empty"
    assert archive_inventory.table(local_store, "201304").collect()["indicator"].unique().to_list() == ["payments"]
    double.requests.clear()
    assert run("sources", "archives").code == 0
    assert double.asked == []


@pytest.mark.parametrize("fault", ["160", "total 0", "no value at all"])
def test_a_lack_among_versions_with_data_is_told_and_asked_for_again(
    run: Run, double: WorldBankArchiveDouble, local_store: ObjectStore, fault: str
) -> None:
    double.fault = fault
    ran = run("sources", "archives")
    assert ran.code == 0 and "201407 receipts has no data" in ran.out
    double.fault = ""
    double.requests.clear()
    assert run("sources", "archives").code == 0
    assert double.asked == ["201407 receipts"]
    assert set(states(local_store).values()) == {"data"}


def test_a_series_that_no_version_holds_is_a_failure(
    run: Run, double: WorldBankArchiveDouble, local_store: ObjectStore
) -> None:
    double.first[PAYMENTS] = "999999"
    ran = run("sources", "archives")
    assert ran.code == 1 and "no version holds payments" in ran.err


def test_data_are_never_replaced_by_a_lack_or_an_error(
    run: Run, double: WorldBankArchiveDouble, local_store: ObjectStore
) -> None:
    assert run("sources", "archives").code == 0
    before = archive_inventory.inventory(local_store).series
    for fault, told in {"160": "was extracted before", "html": "markup"}.items():
        double.fault = fault
        ran = run("sources", "archives", "--refresh", "all")
        assert ran.code == 1 and told in ran.err
        now = archive_inventory.inventory(local_store).series
        assert [s.content_sha256 for s in now] == [s.content_sha256 for s in before]
        assert archive_inventory.table(local_store, "201407").collect().height == 84


def test_a_version_that_is_not_what_it_was_is_told_and_both_are_kept(
    run: Run, double: WorldBankArchiveDouble, local_store: ObjectStore
) -> None:
    assert run("sources", "archives").code == 0
    double.raised = 1.0
    ran = run("sources", "archives", "--refresh", "all")
    assert ran.code == 0 and ran.err.count("is not what it was") == 6
    for entry in archive_inventory.inventory(local_store).series:
        assert len(entry.earlier) == 1 and entry.earlier[0] != entry.documents[0].raw_key
        assert local_store.size(entry.earlier[0])
    assert run("sources", "archives", "--refresh", "all").err.count("is not what it was") == 0


@pytest.mark.parametrize("fault", ["both codes agree", "both codes, one empty"])
def test_an_old_and_a_present_code_of_one_economy_are_one(
    run: Run, double: WorldBankArchiveDouble, local_store: ObjectStore, fault: str
) -> None:
    double.fault = fault
    assert run("sources", "archives").code == 0
    found = archive_inventory.table(local_store, "201407").filter(pl.col("economy_code") == "ROU", indicator="receipts")
    assert found.collect().height == 6
    assert value("201407", RECEIPTS, "ROU", 2008) in found.collect()["value_usd"]


def test_a_version_that_is_not_there_is_told_with_what_to_do(
    run: Run, double: WorldBankArchiveDouble, local_store: ObjectStore
) -> None:
    hint = command("sources", "archives", store=local_store.url)
    with pytest.raises(VintageUnavailableError, match=f"there are none; get them with: {re.escape(hint)}$"):
        archive_inventory.table(local_store, "201407")
    assert run(*hint.split()[1:]).code == 0
    with pytest.raises(VintageUnavailableError, match="there are 3, 201304 to 202001"):
        archive_inventory.table(local_store, "201408")
    assert run("raw", "take-down", "world_bank_archives", "--reason", "licence").code == 0
    with pytest.raises(VintageUnavailableError, match="--refresh all"):
        archive_inventory.table(local_store, "201407")
    assert run("sources", "archives", "--refresh", "all").code == 0
    assert archive_inventory.table(local_store, "201407").collect().height == 84


def test_a_full_size_version_is_one_page_a_series(
    run: Run, double: WorldBankArchiveDouble, local_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    economies = [f"{a}{b}{c}" for a in "ABCDEFGHIJK" for b in "LMNO" for c in "PQRSTU"]
    monkeypatch.setattr("tests.doubles.world_bank_archives.ECONOMIES", (*economies, "USA"))
    monkeypatch.setattr("tests.doubles.world_bank_archives.OLD", {})
    double.versions, double.years, double.per_page = ["202407"], range(1960, 2025), 20_000
    assert run("sources", "archives").code == 0
    assert len(double.requests) == 3
    assert archive_inventory.table(local_store, "202407").collect().height == 2 * 265 * 64


def test_documents_are_read_from_disk_by_their_names(
    run: Run,
    double: WorldBankArchiveDouble,
    local_store: ObjectStore,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path_factory.mktemp("archives")
    double.versions = ["202001"]
    (folder / "version.json").write_bytes(double.document("/version?page=1")[0])
    for series in (RECEIPTS, PAYMENTS):
        path = f"/country/all/series/{series}/time/all/version/202001/data?page=1"
        (folder / f"{series}.202001.json").write_bytes(double.document(path)[0])
    monkeypatch.setenv("TECHTRADE_SOURCES__WORLD_BANK_ARCHIVES__URL", folder.as_uri())
    ran = run("sources", "archives")
    assert ran.code == 0, ran.err
    assert double.requests == [] and archive_inventory.vintages(local_store) == ("202001",)


def test_archived_pages_are_documents_of_their_own(double: WorldBankArchiveDouble) -> None:
    from tasks.extract.world_bank import archives as world_bank_archives

    path = f"/country/all/series/{RECEIPTS}/time/all/version/202001/data?page=1"
    document = RawDocument.of("202001/receipts/1", "https://example/x", double.document(path)[0])
    assert world_bank_archives.parse([document]).height == 7 * 12
