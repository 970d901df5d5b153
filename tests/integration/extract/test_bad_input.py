"""What publishers get wrong, one test each: a named error or a successful retry, never a wrong number published.

Every case runs the whole command against a double. Whatever the fault: the raw bytes are kept, ``latest.json`` is
what it was, the exit code says failure (or rejection), and one line says what happened and what to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from configs.errors import TechtradeError
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import layout, protocol
from tests.doubles.publishers import CensusDouble, WorldBankDouble, closed_port, workbook
from tests.support.bundled import Bundled
from tests.support.cases import quick
from tests.support.plain import Ran
from tests.support.sources import assert_nothing_published, point_at

Run = Callable[..., Ran]
Before = Callable[[str, str], bytes]

CENSUS, WORLD_BANK = "atp_world_monthly", "ip_trade_annual"
ADVICE = re.compile(r"run again|check the address|check the network|mend the reader|set the address", re.IGNORECASE)


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def census(monkeypatch: pytest.MonkeyPatch) -> Iterator[CensusDouble]:
    with CensusDouble() as double:
        point_at(monkeypatch, "CENSUS_BALANCE", double.url + "/country.xlsx")
        yield double


@pytest.fixture
def world_bank(monkeypatch: pytest.MonkeyPatch) -> Iterator[WorldBankDouble]:
    with WorldBankDouble() as double:
        point_at(monkeypatch, "WORLD_BANK", double.url)
        yield double


@pytest.fixture
def published_before(bundled: Bundled, tmp_path: Path) -> Before:
    """Return what publishes a bundled vintage, and gives what ``latest.json`` is then."""
    return lambda dataset, vintage: bundled(tmp_path / "store", dataset, vintage).get(layout.latest(dataset)).body


def raw(store: ObjectStore) -> set[str]:
    return {
        e.key for e in store.entries("_raw/") if not e.key.endswith(".json.json") and not e.key.endswith(".xlsx.json")
    }


CENSUS_FAULTS = {
    "html": ("SourceResponseError", "not a workbook"),
    "truncated": ("IncompleteResponseError", "cut short"),
    "sheet renamed": ("SourceLayoutError", "no sheet 'country'"),
    "column renamed": ("SourceLayoutError", "EMAR"),
    "ATP row missing": ("SourceLayoutError", "no row with CTY_CODE 7"),
    "year duplicated": ("SourceLayoutError", "2010"),
    "year missing": ("SourceLayoutError", "gaps"),
    "hole": ("SourceLayoutError", "2015-05"),
    "one flow only": ("SourceLayoutError", "2025-02"),
    "word among figures": ("SourceLayoutError", "'(D)'"),
}


@pytest.mark.parametrize("fault", CENSUS_FAULTS)
def test_a_bad_workbook_is_a_named_error_and_kept(
    techtrade: Run, census: CensusDouble, store: ObjectStore, published_before: Before, fault: str
) -> None:
    before = published_before(CENSUS, "2023-01")
    kept_before, numbers = raw(store), store.folders(layout.versions(CENSUS))
    census.fault = fault
    kind, told = CENSUS_FAULTS[fault]
    ran = techtrade("publish", CENSUS, "--json")
    assert ran.code == 1
    (result,) = json.loads(ran.out)
    assert result["kind"] == kind
    assert told in result["error"]
    assert len(ran.err.strip().splitlines()[-1]) > 0 and "Traceback" not in ran.err
    (kept,) = raw(store) - kept_before
    assert kept in result["error"], "the line names what was kept"
    assert store.get(kept).body == census.document("")[0], "verbatim"
    assert_nothing_published(store, CENSUS, before, numbers)


def test_a_block_that_passes_is_asked_again(techtrade: Run, census: CensusDouble, store: ObjectStore) -> None:
    census.fault = "blocked once"
    assert techtrade("publish", CENSUS).code == 0
    assert len(census.requests) == 2


def test_a_block_that_stays_is_told_as_one(techtrade: Run, census: CensusDouble, store: ObjectStore) -> None:
    census.fault = "blocked"
    ran = techtrade("publish", CENSUS, "--json")
    (result,) = json.loads(ran.out)
    assert (ran.code, result["kind"]) == (1, "BlockedError")
    assert "run again later, or from another network" in result["error"] and "<" not in result["error"]
    assert len(census.requests) == 4


def test_an_outage_with_status_400_is_asked_again(
    techtrade: Run, world_bank: WorldBankDouble, store: ObjectStore
) -> None:
    world_bank.fault = "request error once"
    assert techtrade("publish", WORLD_BANK).code == 0


@pytest.mark.parametrize("fault", ["thousands", "dollars", "year column off"])
def test_figures_in_another_unit_are_rejected_with_evidence(
    techtrade: Run, census: CensusDouble, store: ObjectStore, published_before: Before, fault: str
) -> None:
    before = published_before(CENSUS, "2023-01")
    census.fault = fault
    ran = techtrade("publish", CENSUS, "--json")
    assert ran.code == 3
    (result,) = json.loads(ran.out)
    assert result["outcome"] == "rejected"
    assert store.get(layout.latest(CENSUS)).body == before
    manifest = protocol.read_manifest(store, CENSUS, result["version"])
    assert manifest.status == "rejected"
    assert store.size(layout.version(CENSUS, result["version"], "quality.parquet"))
    shown = techtrade("show", f"{CENSUS}@{result['version']}")
    assert shown.code == 0
    assert "REJECTED" in shown.out and "critical" in shown.out and f"Readers get {CENSUS}@" in shown.out
    assert f"what {result['version']} would have changed" in techtrade("diff", CENSUS, result["version"]).out


def test_a_wrong_unit_is_rejected_even_as_the_first_version(
    techtrade: Run, census: CensusDouble, store: ObjectStore
) -> None:
    census.fault = "thousands"
    assert techtrade("publish", CENSUS).code == 3
    assert store.size(layout.latest(CENSUS)) is None


def test_the_same_rejection_is_not_staged_twice(techtrade: Run, census: CensusDouble, store: ObjectStore) -> None:
    census.fault = "thousands"
    assert techtrade("publish", CENSUS).code == 3
    numbers = store.folders(layout.versions(CENSUS))
    again = techtrade("publish", CENSUS)
    assert again.code == 3
    assert numbers[0] in again.err
    assert store.folders(layout.versions(CENSUS)) == numbers
    census.fault = ""
    assert techtrade("publish", CENSUS).code == 0, "good input goes through at once"


def test_the_same_rejection_is_not_staged_again_after_a_failure_of_another_kind(
    techtrade: Run, census: CensusDouble, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    census.fault = "thousands"
    assert techtrade("publish", CENSUS).code == 3
    (rejected,) = store.folders(layout.versions(CENSUS))
    with closed_port() as url:
        point_at(monkeypatch, "CENSUS_BALANCE", url)
        assert techtrade("publish", CENSUS).code == 1
    status = json.loads(store.get(layout.status(CENSUS)).body)
    assert (status["outcome"], status["version"], status["rejected"]) == ("failed", None, rejected)
    point_at(monkeypatch, "CENSUS_BALANCE", census.url + "/country.xlsx")
    again = techtrade("publish", CENSUS)
    assert again.code == 3 and rejected in again.err
    assert store.folders(layout.versions(CENSUS)) == [rejected]


def test_a_publisher_that_goes_back_to_an_older_month_is_a_fault(
    techtrade: Run, census: CensusDouble, store: ObjectStore, published_before: Before
) -> None:
    before = published_before(CENSUS, "2025-02")
    census.vintage = "2023-01"
    ran = techtrade("publish", CENSUS, "--json")
    assert ran.code == 1
    (result,) = json.loads(ran.out)
    assert result["kind"] == "VintageRegressedError"
    assert "2023-01" in result["error"] and "2025-02" in result["error"]
    assert_nothing_published(store, CENSUS, before, store.folders(layout.versions(CENSUS)))
    assert len(store.folders(layout.versions(CENSUS))) == 1


def test_a_vintage_asked_for_that_the_publisher_does_not_have(techtrade: Run, census: CensusDouble) -> None:
    ran = techtrade("publish", CENSUS, "--vintage", "2025-03", "--json")
    assert ran.code == 1
    assert json.loads(ran.out)[0]["kind"] == "VintageUnavailableError"


def test_a_good_workbook_is_published_with_the_year_column_held_against_it(
    techtrade: Run, census: CensusDouble, store: ObjectStore
) -> None:
    ran = techtrade("publish", CENSUS, "--json")
    assert ran.code == 0, ran.err
    shown = json.loads(techtrade("show", CENSUS, "--json").out)
    outcomes = {q["check_id"]: q["outcome"] for q in shown["quality"]}
    assert outcomes["year_totals"] == "passed"
    assert shown["manifest"]["sources"][0]["url"] == census.url + "/country.xlsx"


def test_a_workbook_from_disk_gives_the_same_figures(
    techtrade: Run, census: CensusDouble, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert techtrade("publish", CENSUS).code == 0
    file = tmp_path / "my workbook.xlsx"
    file.write_bytes(workbook())
    point_at(monkeypatch, "CENSUS_BALANCE", file.as_uri())
    ran = techtrade("publish", CENSUS)
    assert ran.code == 0 and "nothing new" in ran.out


WORLD_BANK_FAULTS = {
    "html": ("SourceResponseError", "markup"),
    "xml": ("SourceResponseError", "120"),
    "message": ("SourceResponseError", "The provided parameter value is not valid"),
    "null data": ("SourceResponseError", "no data at all"),
    "page missing": ("IncompleteResponseError", "a page is missing"),
    "page served twice": ("IncompleteResponseError", "page"),
    "json cut": ("IncompleteResponseError", "not whole JSON"),
    "updated while paging": ("InconsistentVintageError", "2030-01-01"),
    "unknown economy": ("SourceLayoutError", "XQX"),
    "value as text": ("SourceLayoutError", "'n.a.'"),
}


@pytest.mark.parametrize("fault", quick(WORLD_BANK_FAULTS, 5))
def test_a_bad_answer_of_the_world_bank_is_a_named_error_and_kept(
    techtrade: Run, world_bank: WorldBankDouble, store: ObjectStore, published_before: Before, fault: str
) -> None:
    before = published_before(WORLD_BANK, "2021-09-15")
    kept_before, numbers = raw(store), store.folders(layout.versions(WORLD_BANK))
    world_bank.updated, world_bank.per_page, world_bank.fault = "2025-01-28", 4000, fault
    kind, told = WORLD_BANK_FAULTS[fault]
    ran = techtrade("publish", WORLD_BANK, "--json")
    assert ran.code == 1
    (result,) = json.loads(ran.out)
    assert (result["kind"], told in result["error"]) == (kind, True), result["error"]
    assert ADVICE.search(result["error"]), "the line says what to do"
    kept = raw(store) - kept_before
    assert kept
    assert any(k in result["error"] for k in kept), "the line names what was kept"
    assert_nothing_published(store, WORLD_BANK, before, numbers)


def test_an_aggregate_listed_as_a_country_is_rejected(
    techtrade: Run, world_bank: WorldBankDouble, store: ObjectStore
) -> None:
    world_bank.fault = "aggregate as country"
    ran = techtrade("publish", WORLD_BANK)
    assert ran.code == 3
    assert "aggregate" in ran.err
    assert store.size(layout.latest(WORLD_BANK)) is None


@pytest.mark.parametrize("fault", ["502 twice", "429 once", "cut short once"])
def test_a_passing_fault_is_retried(techtrade: Run, census: CensusDouble, store: ObjectStore, fault: str) -> None:
    census.fault = fault
    ran = techtrade("publish", CENSUS)
    assert ran.code == 0, ran.err
    assert len(census.requests) > 1
    assert store.size(layout.latest(CENSUS))


@pytest.mark.parametrize("fault", ["busy once", "updated while paging once", "502 twice"])
def test_a_passing_fault_of_the_world_bank_is_retried(
    techtrade: Run, world_bank: WorldBankDouble, store: ObjectStore, fault: str
) -> None:
    world_bank.per_page, world_bank.fault = 7000, fault
    ran = techtrade("publish", WORLD_BANK, "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)[0]["vintage"] == "2021-09-15"
    assert json.loads(ran.out)[0]["rows"] == 8555, "pages put together, nothing lost"


LASTING = {
    "503": ("SourceUnavailableError", "status 503"),
    "cut short": ("SourceUnavailableError", "attempts"),
    "redirect": ("RedirectedError", "redirects to"),
    "404": ("StatusError", "status 404"),
}


@pytest.mark.parametrize("fault", LASTING)
def test_a_lasting_fault_is_a_named_error(techtrade: Run, census: CensusDouble, store: ObjectStore, fault: str) -> None:
    census.fault = fault
    ran = techtrade("publish", CENSUS, "--json")
    assert ran.code == 1
    (result,) = json.loads(ran.out)
    kind, told = LASTING[fault]
    assert result["kind"] == kind and told in result["error"]
    assert ADVICE.search(result["error"]), "the line says what to do"
    assert "s3cret" not in ran.err + ran.out
    assert_nothing_published(store, CENSUS, None, [])


@pytest.mark.parametrize(("fault", "told"), [("hang", "no answer in time"), ("trickle", "still sending after 2 s")])
def test_a_publisher_that_never_ends_is_given_up_within_the_budget(
    techtrade: Run, census: CensusDouble, store: ObjectStore, monkeypatch: pytest.MonkeyPatch, fault: str, told: str
) -> None:
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__READ_TIMEOUT", "0.5")
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__TOTAL_BUDGET", "2")
    census.fault = fault
    ran = techtrade("publish", CENSUS, "--json")
    assert ran.code == 1
    (result,) = json.loads(ran.out)
    assert (result["kind"], told in result["error"]) == ("SourceUnavailableError", True), result["error"]
    assert_nothing_published(store, CENSUS, None, [])


@pytest.mark.parametrize(("dataset", "source"), [(CENSUS, "CENSUS_BALANCE"), (WORLD_BANK, "WORLD_BANK")])
def test_no_network_is_told_with_what_to_do(
    techtrade: Run, store: ObjectStore, monkeypatch: pytest.MonkeyPatch, dataset: str, source: str
) -> None:
    with closed_port() as url:
        point_at(monkeypatch, source, url)
        ran = techtrade("publish", dataset)
    assert ran.code == 1
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "--source snapshot" in errors[0]
    assert_nothing_published(store, dataset, None, [])


def test_the_failure_is_written_down_in_the_status(techtrade: Run, census: CensusDouble, store: ObjectStore) -> None:
    census.fault = "html"
    techtrade("publish", CENSUS)
    status: dict[str, Any] = json.loads(store.get(layout.status(CENSUS)).body)
    assert status["outcome"] == "failed"
    assert "not a workbook" in status["detail"]


def test_of_several_datasets_the_worst_exit_code_wins(
    techtrade: Run, census: CensusDouble, world_bank: WorldBankDouble
) -> None:
    census.fault = "thousands"
    assert techtrade("publish").code == 3, "rejected and published"
    world_bank.fault = "503"
    assert techtrade("publish").code == 1, "rejected and failed"


def test_an_address_of_another_kind_is_refused(techtrade: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    point_at(monkeypatch, "CENSUS_BALANCE", "http://example.com/country.xlsx?key=s3cret")
    ran = techtrade("publish", CENSUS, "--json")
    assert ran.code == 1
    assert json.loads(ran.out)[0]["kind"] == "ConfigError"
    assert "s3cret" not in ran.err + ran.out


def test_every_error_class_has_an_exit_code_that_means_failure() -> None:
    def classes(base: type[TechtradeError]) -> Iterator[type[TechtradeError]]:
        yield base
        for sub in base.__subclasses__():
            yield from classes(sub)

    assert {c.exit_code for c in classes(TechtradeError)} <= {1, 2, 3}
