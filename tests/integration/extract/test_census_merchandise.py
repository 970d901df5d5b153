"""The monthly files against a double: what is asked for, what is taken up, what is refused."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from distributed import LocalCluster

from benchmarks.synthetic.memory import Memory
from configs import CONFIGS
from configs.contracts import load_contract
from configs.errors import ConfigError
from configs.months import Months
from tasks.build import partitioned
from tasks.build.history import build, timeline
from tasks.build.recipes import recipe_for
from tasks.build.request import Request
from tasks.compare import diff
from tasks.extract.census.merchandise import source
from tasks.extract.census.merchandise.source import FLOWS, File
from tasks.extract.source import FetchRequest
from tasks.publish import steps
from tasks.publish.dependents import refresh
from tasks.publish.run import run
from tasks.quality.results import read_results
from tasks.raw.archive import RawArchive
from tasks.raw.documents import RawDocument
from tasks.storage.local import LocalStore
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import layout, protocol, reader
from tasks.warehouse.outcomes import Skipped
from tasks.warehouse.records import BuiltPart
from tests.doubles.census_bulk import ENTERED, LEFT, MOVED, PACKED, RELISTED, CensusBulk, month, relisted
from tests.support.plain import Ran
from tests.support.sources import MONTHS, served_bulk  # noqa: F401 - a fixture

Run = Callable[..., Ran]
DATASET = "atp_detail_monthly"
NEWEST = [File(flow, date(2026, m, 1)) for m in (7, 8, 9) for flow in FLOWS]


@pytest.fixture
def store(techtrade: Run) -> ObjectStore:
    return open_store(os.environ["TECHTRADE_STORE"])


def publish(techtrade: Run, *more: str) -> tuple[Ran, dict[str, Any]]:
    ran = techtrade("publish", DATASET, "--json", *more)
    assert "Traceback" not in ran.err
    return ran, dict(json.loads(ran.out)[0]) if ran.out else {}


def backfill(techtrade: Run, *more: str) -> tuple[Ran, dict[str, Any]]:
    ran = techtrade("backfill", DATASET, "--json", *more)
    assert "Traceback" not in ran.err
    return ran, dict(json.loads(ran.out)) if ran.out else {}


def rows(store: ObjectStore) -> pl.DataFrame:
    return reader.scan(store, reader.resolve(store, DATASET).manifest).collect()


def months(store: ObjectStore) -> list[str]:
    return sorted({f"{m:%Y-%m}" for m in rows(store)["period"].unique()})


def test_new_months_come_and_the_others_are_looked_up_again_only_then(
    techtrade: Run, bulk: CensusBulk, store: ObjectStore
) -> None:
    ran, result = publish(techtrade)
    assert (ran.code, result["outcome"]) == (0, "published"), ran.err
    assert bulk.asked() == [f"{flow}/{m}" for m in ("2026-07", "2026-08", "2026-09") for flow in ("exports", "imports")]
    assert months(store) == ["2026-07", "2026-08", "2026-09"]
    bulk.forget()

    ran, result = publish(techtrade)
    assert (ran.code, result["outcome"]) == (0, "unchanged")
    assert bulk.asked() == [] and len(bulk.requests) <= 2, "nothing is asked for where no month is new"
    bulk.forget()


def test_a_month_is_published_when_both_flows_are_there(techtrade: Run, bulk: CensusBulk, store: ObjectStore) -> None:
    bulk.gone = {"imports/2026-09"}
    ran, _ = publish(techtrade)
    assert ran.code == 0 and months(store)[-1] == "2026-08"
    bulk.gone = set()
    bulk.forget()
    ran, result = publish(techtrade)
    assert (ran.code, result["outcome"]) == (0, "published")
    assert bulk.asked() == ["exports/2026-09", "imports/2026-09"], "what is here already is not asked for again"
    assert set(bulk.asked("HEAD")) > {"exports/2026-06", "imports/2026-08"}, "what a revision reaches is looked up"


def test_a_month_that_moved_is_asked_for_again_and_the_changes_are_those_of_the_rows(
    techtrade: Run, bulk: CensusBulk, store: ObjectStore
) -> None:
    assert publish(techtrade)[0].code == 0
    before, old = reader.resolve(store, DATASET).manifest, rows(store)
    bulk.revised[date(2026, 8, 1)] = 1
    bulk.forget()
    ran, result = publish(techtrade, "--refresh", "all")
    assert (ran.code, result["outcome"]) == (0, "published"), ran.err
    assert bulk.asked() == ["exports/2026-08", "imports/2026-08"]
    manifest, new = reader.resolve(store, DATASET).manifest, rows(store)
    assert manifest.parent == before.version
    others = pl.col("period") != date(2026, 8, 1)
    assert new.filter(others).equals(old.filter(others))
    assert new.equals(new.sort(load_contract(DATASET).sort_by))
    expected = diff.diff(new.lazy(), old.lazy(), load_contract(DATASET))
    assert manifest.changes == expected.counts
    assert manifest.changes.rows["new"] > 0 and manifest.changes.rows["removed"] > 0
    told = pl.read_parquet(store.get(layout.version(DATASET, manifest.version, "changes.parquet")).body)
    assert told.equals(expected.frame), "all, as no period is new"


@pytest.mark.slow
def test_what_a_broken_connection_brought_is_kept_and_the_rest_asked_for(
    techtrade: Run, bulk: CensusBulk, store: ObjectStore
) -> None:
    assert publish(techtrade)[0].code == 0
    whole = rows(store)
    for fault in ("cut", "replaced", "no ranges", "502 now and then", "another range"):
        bulk.fault = fault
        bulk.forget()
        again = open_store(f"{store.url}-{fault.replace(' ', '-')}")
        ran, _ = publish(techtrade, "--store", again.url)
        assert ran.code == 0, (fault, ran.err)
        # Of a file that was replaced in between, the new one as a whole, and never half of each.
        assert rows(again).equals(whole) is (fault != "replaced"), fault
        sources = reader.resolve(again, DATASET).manifest.sources
        wanted = {f.role: hashlib.sha256(month(f.flow, f.month, int(fault == "replaced"))).hexdigest() for f in NEWEST}
        assert {s.role: s.sha256 for s in sources if s.role in wanted} == wanted


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("html", "was cut short"),
        ("half", "was cut short"),
        ("503", "could not be read in"),
        ("redirect", "redirects to"),
    ],
)
def test_what_is_no_month_is_refused_and_nothing_is_published(
    techtrade: Run, bulk: CensusBulk, store: ObjectStore, fault: str, told: str
) -> None:
    bulk.fault = fault
    ran, result = publish(techtrade)
    assert ran.code == 1 and told in result["error"], result
    assert not list(store.entries(layout.latest(DATASET)))


@pytest.mark.slow
def test_a_backfill_that_was_cut_off_is_taken_up_and_is_one_version(
    techtrade: Run, bulk: CensusBulk, store: ObjectStore
) -> None:
    assert publish(techtrade)[0].code == 0
    bulk.forget()
    bulk.stop_after = 12
    ran, _ = backfill(techtrade, "--from", "2025-11", "--to", "2026-06")
    assert ran.code == 1
    had = bulk.asked()[:-1]
    assert had
    bulk.stop_after = None
    bulk.forget()
    ran, result = backfill(techtrade, "--from", "2025-11", "--to", "2026-06")
    assert (ran.code, result["outcome"]) == (0, "published"), ran.err
    assert not set(had) & set(bulk.asked())
    assert months(store) == [f"2025-{m}" for m in (11, 12)] + [f"2026-{m:02d}" for m in range(1, 10)]
    manifest = reader.resolve(store, DATASET).manifest
    assert [f.path for f in manifest.files if f.rows] == [
        "data/part_year=2025/part-0000.parquet",
        "data/part_year=2026/part-0000.parquet",
    ]
    ran, _ = backfill(techtrade, "--from", "2024-01", "--to", "2024-06")
    assert ran.code == 2 and "join them with --to 2025-10" in ran.err


def test_a_new_month_costs_its_year_and_no_other(techtrade: Run, bulk: CensusBulk, store: ObjectStore) -> None:
    bulk.last = date(2026, 8, 1)
    assert publish(techtrade)[0].code == 0
    assert backfill(techtrade, "--from", "2025-12", "--to", "2026-05")[0].code == 0
    before = reader.resolve(store, DATASET).manifest
    pieces = [e.key for e in store.entries(f"{layout.MADE}{DATASET}/pieces/")]

    bulk.last = date(2026, 9, 1)
    assert publish(techtrade)[0].code == 0
    now = reader.resolve(store, DATASET).manifest
    old, new = ({f.path: f for f in m.files if f.rows} for m in (before, now))
    assert old["data/part_year=2025/part-0000.parquet"] == new["data/part_year=2025/part-0000.parquet"]
    assert len([e.key for e in store.entries(f"{layout.MADE}{DATASET}/pieces/")]) == len(pieces) + 4, "rows and facts"
    assert now.changes.rows["new"] > 0 and now.changes.rows["revised"] == 0
    assert months(store)[0] == "2025-12" and months(store)[-1] == "2026-09"
    told = read_results(store, now).filter(pl.col("check_id") == "as_extracted")["rows_checked"].item()
    assert told == 9 * 2 * 45, "of the year that changed: each month and flow, its rows and 44 sums"
    # The concordance of every month, those that were not read again too.
    concordance = pl.read_parquet(store.get(layout.version(DATASET, now.version, "concordance.parquet")).body)
    assert concordance["period"].unique().len() == 10


def test_what_counts_as_advanced_technology_is_said_by_the_concordance(
    techtrade: Run, bulk: CensusBulk, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lists that the settings name are for the months before."""
    lists = {
        "exports/2019-01": CONFIGS / "snapshot" / "atp_products" / "exports-2019-01.csv",
        "imports/2021-01": CONFIGS / "snapshot" / "atp_products" / "imports-2021-01.csv",
    }
    place = Path(os.environ["TECHTRADE_STORE"]).parent
    named = {}
    for role, file in lists.items():
        plain = place / file.name
        plain.write_text("".join(x for x in file.read_text().splitlines(True) if not x.startswith("#")))
        named[role] = plain.as_uri()
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_ATP_LISTS__DOCUMENTS", json.dumps(named))
    assert publish(techtrade)[0].code == 0
    ran = techtrade("publish", "atp_products", "--json")
    assert ran.code == 0, ran.out
    manifest = reader.resolve(store, "atp_products").manifest
    assert manifest.vintage == "2026-07", "the first month of the files; the codes of the next are the same"
    told = {s.role: s.url for s in manifest.sources if s.role.endswith("2026-07")}
    assert set(told) == {"exports/2026-07", "imports/2026-07"}
    assert all("/concordance.parquet" in url for url in told.values())
    products = reader.scan(store, manifest).collect()
    open_ = products.filter(pl.col("ended") == "newest_list")
    assert open_["valid_from"].unique().to_list() == [date(2026, 7, 1)]
    concordance = pl.read_parquet(
        store.get(layout.version(DATASET, reader.latest_version(store, DATASET), "concordance.parquet")).body
    )
    newest = concordance.filter(pl.col("period") == date(2026, 9, 1))
    assert (
        open_.select("flow", "hs10", "technology_group")
        .sort(pl.all())
        .equals(newest.select("flow", "hs10", "technology_group").sort(pl.all()))
    )
    assert techtrade("publish", "atp_products", "--json").code == 0
    assert len(reader.list_versions(store, "atp_products")) == 1, "nothing is new"


@pytest.mark.slow
def test_every_command_that_looks_at_a_dataset_looks_at_this_one(
    techtrade: Run, bulk: CensusBulk, store: ObjectStore, tmp_path: Path
) -> None:
    assert publish(techtrade)[0].code == 0
    bulk.revised[date(2026, 8, 1)] = 1
    assert publish(techtrade, "--refresh", "all")[0].code == 0
    page = tmp_path / "page.html"
    for command in (
        ("show", DATASET), ("versions", DATASET), ("quality", DATASET), ("quality", DATASET, "--html", str(page)),
        ("freshness", DATASET), ("status", DATASET), ("read", DATASET), ("vintages", DATASET),
    ):  # fmt: skip
        ran = techtrade(*command)
        assert ran.code == 0 and "Traceback" not in ran.err, (command, ran.err)
    assert "as_hitech" in page.read_text()


def test_a_lost_store_is_made_again_from_the_files(techtrade: Run, bulk: CensusBulk, store: ObjectStore) -> None:
    assert publish(techtrade)[0].code == 0
    version, whole = reader.resolve(store, DATASET).manifest, rows(store)
    other = open_store(f"{store.url}-again")
    ran = techtrade("restore", DATASET, "--from", store.url, "--store", other.url)
    assert ran.code == 0, ran.err
    assert reader.resolve(other, DATASET).manifest.content_sha256 == version.content_sha256
    assert rows(other).equals(whole)
    assert techtrade("verify", DATASET, "--store", other.url).code == 0


def test_what_somebody_else_published_meanwhile_is_not_taken_back(
    techtrade: Run, bulk: CensusBulk, store: ObjectStore
) -> None:
    """A run brings a new month; while it does, an older one is revised and published. Both stay."""
    bulk.last = date(2026, 8, 1)
    assert publish(techtrade)[0].code == 0
    bulk.last = date(2026, 9, 1)

    def revise() -> None:
        bulk.revised[date(2026, 8, 1)] = 1
        contract = load_contract(DATASET)
        run(Request(contract, "live", refresh="all"), recipe_for(contract), store)

    bulk.meanwhile["imports/2026-09"] = revise
    ran, result = publish(techtrade)
    assert (ran.code, result["outcome"]) == (0, "unchanged"), ran.err
    assert len(reader.list_versions(store, DATASET)) == 2
    had = {s.role: s.sha256 for s in reader.resolve(store, DATASET).manifest.sources}
    for flow in FLOWS:
        assert had[f"{flow}/2026-08"] == hashlib.sha256(month(flow, date(2026, 8, 1), 1)).hexdigest()
        assert had[f"{flow}/2026-09"] == hashlib.sha256(month(flow, date(2026, 9, 1), 0)).hexdigest()


@pytest.mark.slow
def test_another_scope_is_another_dataset_though_the_files_are_the_same(
    techtrade: Run, bulk: CensusBulk, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert publish(techtrade)[0].code == 0
    few = rows(store)
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BULK__SCOPE", "all_products")
    ran, result = publish(techtrade)
    assert (ran.code, result["outcome"]) == (0, "published"), ran.err
    every = rows(store)
    assert set(every["technology_group"]) - set(few["technology_group"]) == {"00"}
    assert every.filter(pl.col("technology_group") != "00").equals(few)


@pytest.mark.slow
def test_a_year_that_comes_out_the_same_again_is_not_judged_again(
    techtrade: Run, bulk: CensusBulk, store: ObjectStore
) -> None:
    bulk.last = date(2026, 8, 1)
    assert publish(techtrade)[0].code == 0
    assert backfill(techtrade, "--from", "2025-11", "--to", "2026-05")[0].code == 0
    before = reader.resolve(store, DATASET).manifest
    bulk.revised[date(2025, 12, 1)] = PACKED
    bulk.last = date(2026, 9, 1)
    ran, result = publish(techtrade)
    assert (ran.code, result["outcome"]) == (0, "published"), ran.err
    now = reader.resolve(store, DATASET).manifest
    old, new = ({f.path: f for f in m.files if f.rows} for m in (before, now))
    year = "data/part_year=2025/part-0000.parquet"
    assert old[year].sha256 == new[year].sha256 and old[year].inputs_sha256 != new[year].inputs_sha256


def test_files_that_are_here_are_not_asked_for_again_until_they_move(bulk: CensusBulk, local_store: LocalStore) -> None:
    """Whatever became of the run that brought them, and whatever ran in between."""
    archive, contract = RawArchive(local_store), load_contract(DATASET)

    def fetch(**more: Any) -> list[str]:
        bulk.forget()
        head = protocol.read_head(local_store, DATASET)
        steps.fetch(Request(contract, "live", **more), recipe_for(contract), head, archive)
        return bulk.asked()

    spring = {"months": Months.of("2026-03", "2026-05")}
    assert len(fetch(**spring)) == 6
    assert len(fetch()) == 6 and fetch(**spring) == []
    bulk.revised[date(2026, 4, 1)] = 1
    assert fetch(**spring) == ["exports/2026-04", "imports/2026-04"]
    assert fetch(**spring) == []


BARE = [
    ("Last-Modified",),
    ("Last-Modified", "Content-Length"),
    ("Last-Modified", "Accept-Ranges"),
    ("Last-Modified", "Content-Length", "Accept-Ranges"),
]


@pytest.mark.parametrize("bare", BARE, ids=" ".join)
def test_without_times_a_new_month_is_all_that_is_fetched(bulk: CensusBulk, bare: tuple[str, ...]) -> None:
    bulk.bare, bulk.last = bare, date(2026, 8, 1)
    moment = datetime(2026, 11, 10, tzinfo=UTC)

    def fetch(known: dict[str, RawDocument], **more: Any) -> dict[str, RawDocument]:
        bulk.forget()
        ask = FetchRequest(DATASET, known=known, known_vintage="2026-08" if known else None, now=moment, **more)
        found = source.fetch(ask, Memory())
        assert source.parse(DATASET, found, None).documents == found
        return {d.role: d for d in found}

    def whole() -> set[str]:
        return {f.role for f in bulk._files() if f"GET {f.url('')}" in bulk.whole}

    known = fetch({})
    bulk.last = date(2026, 9, 1)
    found = fetch(known)
    new = {"exports/2026-09", "imports/2026-09"}
    assert set(found) - set(known) == new and whole() == new
    # Only a size, or the end, can tell of a revision; where nothing can, everything is asked for once a year.
    bulk.revised[date(2026, 8, 1)] = 1
    revised = {"exports/2026-08", "imports/2026-08"}
    fetch(found, refresh="all")
    assert whole() == (set(found) if len(bare) == 3 else revised)


def test_a_month_that_comes_after_a_long_halt_is_found(bulk: CensusBulk) -> None:
    bulk.last = date(2025, 12, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TECHTRADE_SOURCES__CENSUS_BULK__FIRST_MONTHS", "1")
        ask = FetchRequest(DATASET, now=datetime(2026, 1, 20, tzinfo=UTC))
        known = {d.role: d for d in source.fetch(ask, Memory())}
    bulk.last = date(2026, 1, 1)
    ask = FetchRequest(DATASET, known=known, known_vintage="2025-12", now=datetime(2026, 8, 1, tzinfo=UTC))
    found = source.fetch(ask, Memory())
    assert source.parse(DATASET, found, None).vintage == "2026-01", "of the seven that are expected"


def test_what_a_new_list_of_products_changes_is_no_revision_of_the_publisher(
    techtrade: Run, bulk: CensusBulk, store: ObjectStore
) -> None:
    assert publish(techtrade)[0].code == 0
    before = rows(store)
    bulk.revised[date(2026, 8, 1)] = RELISTED
    ran, result = publish(techtrade, "--refresh", "all")
    assert (ran.code, result["outcome"]) == (0, "published"), ran.err
    now, manifest = rows(store), reader.resolve(store, DATASET).manifest
    assert set(manifest.changes.causes) == {"reclassification"}
    what = {(f, code): how for f in FLOWS for code, how in relisted(f, date(2026, 8, 1))[1].items()}
    august = pl.col("period") == date(2026, 8, 1)
    for (flow, code), how in what.items():
        of = (pl.col("flow") == flow) & (pl.col("hs10") == code) & august
        had, has = before.filter(of), now.filter(of)
        assert (had.height > 0, has.height > 0) == (how != ENTERED, how != LEFT), (flow, code, how)
        assert how != MOVED or set(had["technology_group"]) != set(has["technology_group"])
    told = pl.read_parquet(store.get(layout.version(DATASET, manifest.version, "changes.parquet")).body)
    assert set(told["kind"]) == {"removed", "new"} and set(told["cause"]) == {"reclassification"}
    page = store.get(layout.version(DATASET, manifest.version, "changes.md")).body.decode()
    assert "the list of products changed" in page


def test_its_history_follows_a_slice_at_a_time(
    techtrade: Run, bulk: CensusBulk, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{DATASET}_history"
    assert publish(techtrade)[0].code == 0
    refresh(store, name)
    first = rows(store)
    bulk.revised[date(2026, 8, 1)] = 1
    assert publish(techtrade, "--refresh", "all")[0].code == 0
    bulk.revised[date(2026, 9, 1)] = RELISTED
    assert publish(techtrade, "--refresh", "all")[0].code == 0
    refresh(store, name)
    manifest, contract = reader.resolve(store, name).manifest, load_contract(name)
    have = reader.scan(store, manifest).collect()
    assert have.equals(have.sort(contract.sort_by))
    assert set(have["cause"]) == {"first", "source_revision", "reclassification"}
    assert set(have["measure"]) == {"value_usd", "quantity_1"}
    key = list(load_contract(DATASET).primary_key)
    for version, stood in zip(reader.list_versions(store, DATASET), (first, None, rows(store)), strict=True):
        at = version.event.at if version.event else ""
        then = have.filter(pl.col("given_from") <= at, pl.col("given_until").is_null() | (pl.col("given_until") > at))
        values = then.filter(pl.col("measure") == "value_usd").select(*key, "value").sort(key)
        if stood is not None:
            assert values.equals(stood.select(*key, value="value_usd").sort(key)), version.version
    with TemporaryDirectory() as folder:
        given = timeline.inputs(RawArchive(store), contract, {})
        assert build.build_history(store, contract, given, None, Path(folder)).content_sha256 == manifest.content_sha256
    monkeypatch.setattr(steps, "inputs_sha256", lambda contract, documents: "that of other code")
    skipped = refresh(store, name)
    assert isinstance(skipped, Skipped) and "made anew with the next version" in skipped.detail


def test_a_worker_of_other_settings_reads_nothing(
    bulk: CensusBulk, local_store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = load_contract(DATASET)
    request = Request(contract, "live")
    head = protocol.read_head(local_store, DATASET)
    recipe = recipe_for(contract)
    found = recipe.parse(local_store, steps.fetch(request, recipe, head, RawArchive(local_store)), None)
    plan = partitioned.plan(contract, found, None)
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BULK__SCOPE", "all_products")
    with pytest.raises(ConfigError, match=r"exports/2026-07 was planned with other code or settings"):
        partitioned.make_piece(local_store, plan.pieces[0])
    assert not list(local_store.entries(layout.MADE))


def test_a_file_that_a_killed_run_left_is_not_taken_for_another(bulk: CensusBulk, local_store: LocalStore) -> None:
    """Another version of a library writes other bytes of the same rows."""
    contract = load_contract(DATASET)
    request = Request(contract, "live")
    head = protocol.read_head(local_store, DATASET)
    recipe = recipe_for(contract)
    found = recipe.parse(local_store, steps.fetch(request, recipe, head, RawArchive(local_store)), None)
    plan = partitioned.plan(contract, found, None)
    for job in plan.pieces:
        partitioned.make_piece(local_store, job)
    (job,) = plan.parts
    made = partitioned.make_part(local_store, job)
    about = layout.made(DATASET, job.key)
    body = local_store.get(about).body
    local_store.delete(about)
    local_store.delete(made.key)
    other = BuiltPart.load(body, about).model_copy(update={"sha256": "0" * 64})
    local_store.create(about, other.dump())  # of a file that has expired
    again = partitioned.make_part(local_store, job)
    assert again == made and local_store.size(again.key) == again.bytes
    assert partitioned.make_part(local_store, job) == made


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_threads_and_a_cluster_of_two_processes_give_the_same_though_a_worker_is_killed(
    techtrade: Run, bulk: CensusBulk, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backfill of 24 months."""
    bulk.first = date(2024, 1, 1)
    months_asked = ("--from", "2024-07", "--to", "2026-06")
    assert publish(techtrade)[0].code == 0
    assert backfill(techtrade, *months_asked)[0].code == 0
    expected = reader.resolve(store, DATASET).manifest

    other = open_store(f"{store.url}-dask")
    monkeypatch.setenv("TECHTRADE_TASK_RUNNER", "dask")
    assert publish(techtrade, "--store", other.url)[0].code == 0
    made = 2 * MONTHS  # pieces that the first publish made
    with Cluster(other, made) as cluster:
        monkeypatch.setenv("TECHTRADE_DASK_ADDRESS", cluster.address)
        ran, result = backfill(techtrade, *months_asked, "--store", other.url)
    assert cluster.killed, "a worker was killed in the middle, or nothing is shown"
    assert (ran.code, result["outcome"]) == (0, "published"), ran.err
    found = reader.resolve(other, DATASET).manifest
    assert found.content_sha256 == expected.content_sha256
    assert [f.sha256 for f in found.files if f.rows] == [f.sha256 for f in expected.files if f.rows]


class Cluster:
    """Two workers in processes of their own; one is killed once some more pieces stand in the store."""

    def __init__(self, store: ObjectStore, made: int) -> None:
        self._store, self._made, self.killed = store, made, 0
        self._cluster: Any = LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        )
        self.address = str(self._cluster.scheduler_address)
        self._over = threading.Event()
        self._killer = threading.Thread(target=self._kill, daemon=True)

    def __enter__(self) -> Cluster:
        self._killer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._killer.join()
        self._cluster.close()

    def _kill(self) -> None:
        while not self._over.wait(0.05):
            if len(list(self._store.entries(f"{layout.MADE}{DATASET}/pieces/"))) > 2 * self._made + 8:
                nanny = next(iter(self._cluster.workers.values()))
                self.killed = nanny.pid
                os.kill(self.killed, signal.SIGKILL)
                return
