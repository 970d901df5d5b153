"""The Census Bureau's API at its worst, one test a behaviour: a successful retry, a named error, or a rejection with
evidence; never a wrong number published.

Every case runs the whole command against a double, on a store with a good version in it. Whatever happens: what came is
kept, ``latest.json`` is what it was unless the run succeeded, and one line says what happened.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as pads
import pytest

from benchmarks.synthetic.memory import Memory
from configs.contracts import dataset_names, load_contract
from tasks.extract.census import trade_api
from tasks.extract.source import FetchRequest
from tasks.quality.results import read_results
from tasks.raw.documents import RawDocument
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import layout, protocol, reader
from tests.doubles.census_api import KEY, OLD_TOO, CensusApi
from tests.doubles.publishers import CensusDouble, WorldBankDouble
from tests.support.alerting import operators_hook, titles  # noqa: F401 - a fixture
from tests.support.cases import quick
from tests.support.mail_server import Hook
from tests.support.plain import Ran
from tests.support.sources import point_at_trade_api

Run = Callable[..., Ran]
DATASET = "atp_trade_monthly"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[CensusApi]:
    with CensusApi() as double:
        point_at_trade_api(monkeypatch, double)
        yield double


@pytest.fixture(scope="module", name="published")
def published_once(tmp_path_factory: pytest.TempPathFactory, prefect_api: str) -> Path:
    """A store with one good version, to be copied."""
    from flows.publish import publish

    place = tmp_path_factory.mktemp("hitech") / "store"
    with pytest.MonkeyPatch.context() as patch, CensusApi() as double:
        point_at_trade_api(patch, double)
        publish(dataset=DATASET, store=str(place))
    return place


@pytest.fixture
def store(published: Path, tmp_path: Path) -> ObjectStore:
    shutil.copytree(published, tmp_path / "store")
    return open_store(str(tmp_path / "store"))


def publish(techtrade: Run, *more: str) -> tuple[Ran, dict[str, Any]]:
    ran = techtrade("publish", DATASET, "--json", *more)
    (result,) = json.loads(ran.out)
    assert "Traceback" not in ran.err
    assert KEY not in ran.out + ran.err
    return ran, result


# ------------------------------------------------------------------ what is harmless


HARMLESS = [
    "duplicate column",
    "year and month",
    "shuffled",
    "blank totals",
    "null names",
    "ft900 not there",
    "ft900 broken",
]


@pytest.mark.parametrize("fault", HARMLESS)
def test_another_form_of_the_same_figures_is_nothing_new(
    techtrade: Run, api: CensusApi, store: ObjectStore, fault: str
) -> None:
    api.fault = fault
    ran, result = publish(techtrade, "--refresh", "all")
    assert (ran.code, result["outcome"]) == (0, "unchanged"), result
    assert len(store.folders(layout.versions(DATASET))) == 1


@pytest.mark.parametrize(
    "fault", ["maintenance once", "500 once", "truncated once", "reset once", "429 once", "invalid key once"]
)
def test_a_passing_fault_is_asked_again(techtrade: Run, api: CensusApi, store: ObjectStore, fault: str) -> None:
    api.fault = fault
    ran, result = publish(techtrade)
    assert (ran.code, result["outcome"]) == (0, "unchanged"), result
    assert len(api.asked()) > 2 or fault == "invalid key once"


@pytest.mark.parametrize("fault", quick(["500 on a year", "slow on a year"], 1))
def test_a_year_that_is_too_much_is_asked_for_in_parts(
    techtrade: Run, api: CensusApi, store: ObjectStore, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_HITECH__READ_TIMEOUT", "0.4" if fault.startswith("slow") else "30")
    api.fault = fault
    ran, result = publish(techtrade, "--refresh", "all")
    assert (ran.code, result["outcome"]) == (0, "unchanged"), result
    asked = api.asked()
    assert "imports 2015-01:2015-06" in asked and "imports 2015-12:2015-12" in asked
    assert "imports 2016-01:2016-12" in asked and "imports 2016-01:2016-06" not in asked


# ------------------------------------------------------------------ named errors

ERRORS = {
    "missing key": ("CredentialError", "census.gov/data/key_signup"),
    "invalid key": ("CredentialError", "does not accept the key in CENSUS_API_KEY"),
    "key page with 200": ("CredentialError", "does not accept the key"),
    "unknown variable": ("StatusError", "unknown variable 'HITECH'"),
    "no time": ("StatusError", "missing required variable/predicate: time"),
    "redirect": ("RedirectedError", "redirects to"),
    "404": ("StatusError", "status 404"),
    "maintenance": ("SourceUnavailableError", "under maintenance"),
    "truncated": ("SourceUnavailableError", "cut short"),
    "503": ("SourceUnavailableError", "status 503"),
    "hang": ("SourceUnavailableError", "no answer in time"),
    "html": ("SourceResponseError", "We are sorry"),
    "xml": ("SourceResponseError", "<?xml"),
    "empty body": ("SourceUnavailableError", "nothing in it"),
    "not json type": ("SourceResponseError", "text/plain"),
    "object": ("SourceResponseError", "is not the array"),
    "no rows": ("SourceResponseError", "neither flow"),
    "column missing": ("SourceLayoutError", "VAL_YR"),
    "row too short": ("SourceLayoutError", "not as long as its header"),
    "row twice": ("SourceLayoutError", "twice"),
    "duplicate column differs": ("SourceLayoutError", "CTY_CODE twice, with different values"),
    "value null": ("SourceLayoutError", "value_usd cannot be read"),
    "value with comma": ("SourceLayoutError", "1,234"),
    "value as float": ("SourceLayoutError", "12.5"),
    "month outside": ("SourceLayoutError", "2009-12"),
    "description permuted": ("SourceLayoutError", "ELECTRONICS"),
    "unknown group": ("SourceLayoutError", "'11'"),
    "months differ": ("InconsistentVintageError", "a release is under way"),
}


@pytest.mark.parametrize("fault", ERRORS)
def test_a_bad_answer_is_a_named_error(
    techtrade: Run, api: CensusApi, store: ObjectStore, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_HITECH__READ_TIMEOUT", "0.3")
    before = store.get(layout.latest(DATASET)).body
    api.fault = fault
    ran, result = publish(techtrade, *(["--refresh", "all"] if fault == "no rows" else []))
    kind, told = ERRORS[fault]
    assert (ran.code, result["kind"]) == (1, kind), result
    assert told in result["error"]
    assert store.get(layout.latest(DATASET)).body == before
    assert len(store.folders(layout.versions(DATASET))) == 1
    assert json.loads(store.get(layout.status(DATASET)).body)["outcome"] == "failed"


REJECTIONS = {
    "value negative": "range_value_usd",
    "world off by a dollar": "partners_to_world",
    "total off by a dollar": "groups_to_total",
    "year to date off": "months_to_year",
    "partner dropped": "partners_to_world",
    "zero before first trade": "from_first_trade",
    "month missing": "no_gaps",
    "group missing": "every_group",
    "aggregate as partner": "partners_to_world",
    "thousands": "known_year",
    "flows swapped": "known_year",
    "previous month again": "months_to_year",
}


@pytest.mark.parametrize("fault", quick(REJECTIONS, 5))
def test_figures_that_do_not_add_up_are_rejected_with_evidence(
    techtrade: Run, api: CensusApi, store: ObjectStore, fault: str
) -> None:
    before = store.get(layout.latest(DATASET)).body
    # Revised as well: what is wrong with the source and leaves the figures as they are publishes nothing anyway.
    api.fault, api.revision = fault, 1
    ran, result = publish(techtrade, *(["--refresh", "all"] if fault in OLD_TOO else []))
    assert (ran.code, result["outcome"]) == (3, "rejected"), result
    assert REJECTIONS[fault] in " ".join(result["failures"])
    assert store.get(layout.latest(DATASET)).body == before
    manifest = protocol.read_manifest(store, DATASET, result["version"])
    assert manifest.status == "rejected"
    evidence = read_results(store, manifest).filter(pl.col("check_id") == REJECTIONS[fault])
    assert evidence["failing_rows"][0].len() > 0


def test_a_large_unknown_partner_is_held_and_named(techtrade: Run, api: CensusApi, store: ObjectStore) -> None:
    api.fault = "unknown partner"
    ran, result = publish(techtrade, "--refresh", "all")
    assert ran.code == 3
    held = protocol.read_manifest(store, DATASET, result["version"])
    evidence = read_results(store, held)
    assert "4999" in str(evidence.filter(pl.col("check_id") == "resolves_partner_code")["failing_rows"].to_list())
    assert evidence.filter(pl.col("check_id") == "new_partners")["outcome"].to_list() == ["failed"]
    named = reader.scan(store, held).filter(pl.col("partner_code") == "4999").select(pl.col("partner_name").unique())
    assert named.collect().item().endswith(" [4999]")


@pytest.mark.parametrize(("fault", "warned"), [("zeros left out", ["zeros_left_out"]), ("and for &", [])])
def test_other_forms_of_the_same_figures_are_published(
    techtrade: Run, api: CensusApi, store: ObjectStore, fault: str, warned: list[str]
) -> None:
    api.fault, api.revision = fault, 1
    ran, result = publish(techtrade)
    assert (ran.code, result["outcome"]) == (0, "published"), result
    assert all(any(w in told for told in result["warnings"]) for w in warned)


def test_groups_that_differ_from_ft900_are_a_warning(techtrade: Run, api: CensusApi, store: ObjectStore) -> None:
    api.fault, api.revision = "ft900 differs", 1
    ran, result = publish(techtrade)
    assert (ran.code, result["outcome"]) == (0, "published")
    assert [w for w in result["warnings"] if "ft900" in w]


# ------------------------------------------------------------------ what is asked


def test_nothing_new_costs_two_requests_and_writes_only_status(
    techtrade: Run, api: CensusApi, store: ObjectStore
) -> None:
    before = {e.key: store.get(e.key).etag for e in store.entries("")}
    ran, result = publish(techtrade)
    assert result["outcome"] == "unchanged"
    assert api.asked() == ["exports 2026-01:2026-09", "imports 2026-01:2026-09"]
    after = {e.key: store.get(e.key).etag for e in store.entries("")}
    assert {k for k in after if after[k] != before.get(k)} <= {layout.status(DATASET), "catalog.json"}


def test_a_revision_asks_for_the_revision_window_and_takes_over_the_rest(
    techtrade: Run, api: CensusApi, store: ObjectStore
) -> None:
    api.revision = 1
    ran, result = publish(techtrade)
    assert (ran.code, result["outcome"]) == (0, "published"), ran.err
    assert {line.split(" ")[1][:4] for line in api.asked()} == {"2022", "2023", "2024", "2025", "2026"}
    manifest = reader.resolve(store, DATASET).manifest
    assert manifest.cost.reused == 24 and manifest.cost.requests == len(api.requests)
    assert manifest.cost.bytes > 1_000_000
    shown = techtrade("show", DATASET).out
    assert f"asked for: {len(api.requests)} requests, " in shown
    assert "; 24 answers reused from the version before, 0 from a run that was cut off" in shown
    old = [f for f in manifest.files if f.path.startswith("data/part_year=2015")]
    first = protocol.read_manifest(store, DATASET, str(manifest.parent))
    assert old[0] in first.files, "an unchanged year is the parent's file"
    assert result["changes"]["rows"]["revised"] > 0 and result["changes"]["rows"]["new"] == 0


def test_the_release_of_april_statistics_asks_for_everything(
    techtrade: Run, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CensusApi("2026-03") as before:
        before.world_to = "2026-09"
        point_at_trade_api(monkeypatch, before)
        assert techtrade("publish", DATASET, "--store", str(tmp_path / "spring")).code == 0
    with CensusApi("2026-09", revision=1) as api:
        point_at_trade_api(monkeypatch, api)
        assert techtrade("publish", DATASET, "--store", str(tmp_path / "spring")).code == 0
        assert {line[8:12] for line in api.asked()} == {str(y) for y in range(2010, 2027)}
        assert len(api.asked()) == 34


def test_an_interrupted_extraction_asks_only_for_what_it_has_not_got(
    techtrade: Run, api: CensusApi, store: ObjectStore, tmp_path: Path
) -> None:
    place = str(tmp_path / "fresh")
    api.stop_after = 20
    ran, result = publish(techtrade, "--store", place)
    assert ran.code == 1
    had = api.asked()[:20]
    api.requests.clear()
    api.stop_after = None
    ran, result = publish(techtrade, "--store", place)
    assert (ran.code, result["outcome"]) == (0, "published")
    assert not set(had) & set(api.asked())
    manifest = reader.resolve(open_store(place), DATASET).manifest
    assert manifest.cost.resumed == 20
    assert list(open_store(place).entries("_raw/census_hitech/_unfinished/")) == []
    assert reader.resolve(store, DATASET).manifest.content_sha256 == manifest.content_sha256


def backfill(techtrade: Run, *more: str) -> tuple[Ran, dict[str, Any]]:
    ran = techtrade("backfill", DATASET, "--json", *more)
    assert "Traceback" not in ran.err and KEY not in ran.out + ran.err
    return ran, json.loads(ran.out) if ran.out else {}


def test_a_backfill_asks_for_its_months_takes_over_the_rest_and_is_one_version(
    techtrade: Run, api: CensusApi, store: ObjectStore
) -> None:
    """Nothing says that anything changed, so a run that is not told to would not ask for 2015."""
    ran, result = backfill(techtrade, "--from", "2015-03", "--to", "2016-02")
    assert (ran.code, result["outcome"]) == (0, "unchanged"), ran.err
    assert {line[8:12] for line in api.asked()} >= {"2015", "2016", "2026"}
    assert not {line[8:12] for line in api.asked()} & {"2010", "2014", "2017", "2018"}
    assert "atp_trade_monthly: 2015-03 to 2016-02: 6 requests, one at a time; about " in ran.err
    assert "by the publisher's limit" not in ran.err, "the run before has said how long a request takes"
    api.requests.clear()
    api.revision = 1
    ran, result = backfill(techtrade, "--from", "2021-01", "--to", "2021-12")
    assert (ran.code, result["outcome"]) == (0, "published"), ran.err
    assert "2021" in {line[8:12] for line in api.asked()} and "2015" not in {line[8:12] for line in api.asked()}
    assert len(reader.list_versions(store, DATASET)) == 2
    assert "years asked for, about" in ran.err


def test_a_backfill_that_was_cut_off_is_taken_up(
    techtrade: Run, api: CensusApi, store: ObjectStore, tmp_path: Path
) -> None:
    place = ["--store", str(tmp_path / "fresh"), "--from", "2010-01"]
    api.stop_after = 20
    ran, _ = backfill(techtrade, *place)
    assert ran.code == 1
    had = api.asked()[:20]
    api.requests.clear()
    api.stop_after = None
    ran, result = backfill(techtrade, *place)
    assert (ran.code, result["outcome"]) == (0, "published")
    assert not set(had) & set(api.asked())
    manifest = reader.resolve(open_store(place[1]), DATASET).manifest
    assert manifest.cost.resumed == 20
    assert reader.resolve(store, DATASET).manifest.content_sha256 == manifest.content_sha256
    assert len(reader.list_versions(open_store(place[1]), DATASET)) == 1


def test_what_a_backfill_would_take_is_told_without_asking(
    techtrade: Run, api: CensusApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_HITECH__REQUESTS_PER_MINUTE", "60")
    ran = techtrade("backfill", DATASET, "--from", "2010-01", "--dry-run", "--store", str(tmp_path / "fresh"))
    assert ran.code == 0 and api.requests == []
    assert "34 requests, one at a time; at least 34 s, by the publisher's limit of 60 a minute" in ran.err
    ran, told = backfill(techtrade, "--from", "2010-01", "--dry-run", "--store", str(tmp_path / "fresh"))
    assert (ran.code, told["requests"], told["first"]) == (0, 34, "2010-01") and api.requests == []


@pytest.mark.engine
@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")
def test_who_owns_the_dataset_is_told_of_a_backfill_that_cannot_begin(
    techtrade: Run, api: CensusApi, hook: Hook, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    monkeypatch.delenv("CENSUS_API_KEY")
    ran, result = backfill(techtrade, "--from", "2015-01")
    assert (ran.code, result["kind"]) == (1, "MissingKeyError") and api.requests == []
    (title,) = titles(hook)
    assert title.startswith(f"techtrade FAILED: {DATASET}")


@pytest.mark.parametrize(
    ("dataset", "months", "told"),
    [
        (DATASET, ("2016-02", "2015-03"), "the first month comes after the last"),
        (DATASET, ("2016", "2017-01"), "give months as YYYY-MM"),
        (DATASET, ("2001-01", "2009-12"), "is not within 2010-01 to 2026-"),
        ("ip_trade_annual", ("2015-01", "2015-12"), "techtrade publish ip_trade_annual --refresh all"),
    ],
)
def test_a_backfill_of_what_cannot_be_asked_for_is_refused(
    techtrade: Run, api: CensusApi, dataset: str, months: tuple[str, str], told: str
) -> None:
    ran = techtrade("backfill", dataset, "--from", months[0], "--to", months[1])
    assert ran.code == 2 and told in ran.err and api.requests == []


def test_after_a_take_down_everything_is_asked_for_again(techtrade: Run, api: CensusApi, store: ObjectStore) -> None:
    assert techtrade("raw", "take-down", "census_hitech", "--reason", "a test").code == 0
    ran, result = publish(techtrade)
    assert (ran.code, result["outcome"]) == (0, "unchanged"), result
    assert len(api.asked()) == 34


def test_a_month_that_is_not_out_yet_is_no_error(
    techtrade: Run, store: ObjectStore, tmp_path: Path, monkeypatch: Any
) -> None:
    """A year of which nothing is there answers 204."""
    with CensusApi("2025-12") as api:
        point_at_trade_api(monkeypatch, api)
        ran, result = publish(techtrade, "--store", str(tmp_path / "early"))
        assert (ran.code, result["vintage"]) == (0, "2025-12"), ran.err


MARCH = datetime(2026, 3, 10, tzinfo=UTC)


def fetched(ask: FetchRequest) -> dict[str, RawDocument]:
    return {d.role: d for d in trade_api.fetch(ask, Memory())}


def test_a_december_that_comes_in_march_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with CensusApi("2025-11") as api:
        api.world_to = "2025-12"
        point_at_trade_api(monkeypatch, api)
        known = fetched(FetchRequest(DATASET, now=MARCH))
        ask = FetchRequest(DATASET, known=known, known_vintage="2025-11", now=MARCH)
        api.requests.clear()
        assert fetched(ask) == known, "nothing is new yet"
        months = ("2025-01:2025-12", "2026-01:2026-01")
        assert api.asked() == [f"{flow} {m}" for m in months for flow in ("exports", "imports")]
        api.newest = "2025-12"
        found = tuple(fetched(ask).values())
        assert trade_api.parse(DATASET, found, None).vintage == "2025-12"
        assert {line[8:12] for line in api.asked()} == {"2022", "2023", "2024", "2025", "2026"}


@pytest.mark.parametrize(
    ("known", "expected", "years"),
    [
        ("2025-11", date(2026, 1, 1), [2025, 2026]),
        ("2025-12", date(2026, 1, 1), [2026]),
        ("2025-11", date(2025, 12, 1), [2025]),
        ("2024-10", date(2026, 2, 1), [2024, 2025, 2026]),
        ("2026-03", date(2026, 2, 1), [2026]),
        ("2026-12", date(2026, 12, 1), [2026]),
    ],
)
def test_asking_begins_after_the_known_month(known: str, expected: date, years: list[int]) -> None:
    ask = FetchRequest(DATASET, known_vintage=known)
    assert trade_api._years_to_begin_with(ask, {("exports", 2025): ()}, expected) == years


def test_readers_of_every_kind_get_all_years_and_can_take_one(store: ObjectStore) -> None:
    """As README says; the folder's key is no column of a file, which pandas would not bear."""
    manifest = reader.resolve(store, DATASET).manifest
    data = f"{store.url}/{layout.version(DATASET, manifest.version, 'data')}"
    year = pl.scan_parquet(f"{data}/part_year=2024/*.parquet").select(pl.len()).collect().item()
    rows = {
        "polars": pl.scan_parquet(f"{data}/**/*.parquet").select(pl.len()).collect().item(),
        "duckdb": duckdb.sql(f"SELECT count(*) FROM '{data}/**/*.parquet'").fetchall()[0][0],
        "pandas": len(pd.read_parquet(data)),
        "pyarrow": pads.dataset(data, format="parquet", partitioning="hive").count_rows(),
    }
    assert set(rows.values()) == {manifest.rows}
    assert duckdb.sql(f"SELECT count(*) FROM '{data}/**/*.parquet' WHERE part_year = 2024").fetchall()[0][0] == year
    assert len(pd.read_parquet(data, filters=[("part_year", "=", 2024)])) == year > 0


def test_groups_of_partners_are_marked_and_partners_add_up_to_the_world(
    techtrade: Run, api: CensusApi, store: ObjectStore
) -> None:
    data = reader.scan(store, reader.resolve(store, DATASET).manifest).collect()
    aggregates = set(data.filter(pl.col("is_aggregate"))["partner_code"])
    assert {"-", "0003", "5XXX"} <= aggregates and not aggregates & {"5700", "8220", "4120"}
    month = data.filter((pl.col("period") == pl.date(2020, 6, 1)) & (pl.col("flow") == "imports"))
    partners = month.filter(~pl.col("is_aggregate"))["value_usd"].sum()
    assert partners == month.filter(pl.col("partner_code") == "-")["value_usd"].sum() > 0
    china = data.filter(pl.col("partner_code") == "5700").row(0, named=True)
    assert (china["partner_name"], china["partner_iso3"]) == ("China", "CHN")


def test_the_european_union_changes_its_membership_in_2018(store: ObjectStore) -> None:
    data = reader.scan(store, reader.resolve(store, DATASET).manifest).collect()
    side = data.filter((pl.col("flow") == "imports") & (pl.col("technology_group") == "08"))
    by = {
        code: dict(side.filter(pl.col("partner_code") == code).select("period", "value_usd").rows())
        for code in ("0003", "4280", "4120", "4190")
    }
    for month, members in ((date(2017, 12, 1), ("4280", "4190", "4120")), (date(2018, 1, 1), ("4280", "4190"))):
        assert by["0003"][month] == sum(by[m].get(month, 0) for m in members)
    note = pl.read_parquet(
        store.get(layout.version(DATASET, reader.resolve(store, DATASET).manifest.version, "notes.parquet")).body
    ).filter(pl.col("note_id") == "eu_with_the_united_kingdom")
    assert note["period_last"].item() == date(2017, 12, 1)


# ------------------------------------------------------------------ keys


def test_a_missing_key_fails_the_dataset_that_was_named(
    techtrade: Run, api: CensusApi, monkeypatch: pytest.MonkeyPatch, store: ObjectStore
) -> None:
    monkeypatch.delenv("CENSUS_API_KEY")
    ran = techtrade("publish", DATASET)
    assert ran.code == 1
    assert "set CENSUS_API_KEY" in ran.err and "key_signup" in ran.err
    assert api.requests == []


def test_a_missing_key_leaves_out_what_was_not_named_and_the_others_go_on(
    techtrade: Run, api: CensusApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("CENSUS_API_KEY", "BEA_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with CensusDouble() as workbook, WorldBankDouble() as bank:
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", workbook.url)
        monkeypatch.setenv("TECHTRADE_SOURCES__WORLD_BANK__URL", bank.url)
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_FT900__URL", "")
        ran = techtrade("publish", "--json")
    assert ran.code == 0, ran.err
    outcomes = {r["dataset"]: r["outcome"] for r in json.loads(ran.out)}
    free = {"census_balance", "world_bank", "partner_reference"}
    expected = {n: "published" if load_contract(n).sources.live in free else "left out" for n in dataset_names()}
    assert outcomes == expected and len(set(expected.values())) == 2
    for link in ("api.census.gov/data/key_signup", "apps.bea.gov"):
        assert sum(link in line for line in ran.err.splitlines()) >= 1
    to_get_it = (
        "atp_detail_monthly: left out: a month is some 300 MB; to get it, name it: techtrade publish atp_detail_monthly"
    )
    assert to_get_it in ran.err
    assert api.requests == []


@pytest.mark.parametrize("key", ["short", "z" * 40, KEY + "0"])
def test_a_key_that_cannot_be_one_is_told_before_anything_is_asked(
    techtrade: Run, api: CensusApi, monkeypatch: pytest.MonkeyPatch, store: ObjectStore, key: str
) -> None:
    monkeypatch.setenv("CENSUS_API_KEY", key)
    ran = techtrade("publish", DATASET)
    assert ran.code == 1 and "40 hexadecimal digits" in ran.err
    assert key not in ran.err + ran.out
    assert api.requests == []
