"""Two datasets that one event holds, from doubles of their publishers to what readers get.

Imports of a month stand far from what the season lets expect. Both tables of the Census Bureau say so, each is held,
and what confirms them is the other one, FT-900, or a person; never time, and no other path of the store.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from benchmarks.synthetic.trade import Event, atp, totals, world
from configs.contracts import load_contract
from configs.errors import PromoteRefusedError, StoreError
from expectations.check import Other
from tasks.build.recipes import recipe_for
from tasks.build.replay import replay
from tasks.build.request import Request
from tasks.publish import held
from tasks.publish.after import after_run, recorded
from tasks.publish.notices import SILENT
from tasks.publish.promote import promote
from tasks.publish.restore import restore
from tasks.publish.run import run
from tasks.publish.run_status import RunMeter
from tasks.quality.results import read_results
from tasks.storage.local import LocalStore
from tasks.warehouse import holds, layout, protocol, reader, yank
from tasks.warehouse.outcomes import HeldError, Outcome, Published, RejectedError, Skipped
from tasks.warehouse.run_status import read_status
from tasks.warehouse.upkeep import gc, retention
from tests.doubles.census_api import CensusApi
from tests.doubles.publishers import CensusDouble
from tests.support.alerting import operators_hook  # noqa: F401 - a fixture
from tests.support.mail_server import Hook
from tests.support.plain import Ran
from tests.support.published import publish
from tests.support.sources import point_at, point_at_trade_api

WORLD, TRADE = "atp_world_monthly", "atp_trade_monthly"
BEFORE, NEWEST = "2025-01", "2025-02"
MONTH = date(2025, 2, 1)
# Medicines and computers are brought forward, all else goes on; and one factor on everything.
TARIFFS = (Event("imports", MONTH, (3.2, 1.1, 1.0, 2.2, 1.0, 1.1, 1.0, 1.1, 1.0, 1.0)),)
ONE_FACTOR = (Event("imports", MONTH, (1.6,) * 10),)


@dataclass
class Publishers:
    """Census's two doubles, in one state of the world."""

    workbook: CensusDouble
    api: CensusApi
    store: LocalStore

    def say(self, newest: str, events: tuple[Event, ...] = (), printed: tuple[Event, ...] | None = None) -> None:
        self.api.newest, self.api.events, self.api.printed_events = newest, events, printed
        every = atp("2025-02") | totals(world(NEWEST, events=events))
        self.workbook.show({m: v for m, v in every.items() if f"{m:%Y-%m}" <= newest})

    def run(self, dataset: str) -> Outcome:
        """Run a dataset with all that follows, as its schedule does."""
        meter = RunMeter(SILENT)
        with recorded(self.store, dataset, meter, asked=True):
            outcome = publish(self.store, dataset, kind="live")
        return after_run(self.store, load_contract(dataset), outcome, meter, asked=True, dependents=False)

    def is_held(self, dataset: str) -> HeldError:
        with pytest.raises(HeldError) as e:
            self.run(dataset)
        return e.value

    def shown(self, dataset: str) -> str:
        """The newest month that readers get."""
        frame = reader.scan(self.store, reader.resolve(self.store, dataset).manifest)
        return str(frame.select(pl.col("period").max()).collect().item())[:7]


@contextmanager
def publishers(place: Path, patch: pytest.MonkeyPatch) -> Iterator[Publishers]:
    with CensusDouble() as workbook, CensusApi(newest=BEFORE) as api:
        point_at(patch, "CENSUS_BALANCE", f"{workbook.url}/country.xlsx")
        point_at_trade_api(patch, api)
        api.world_to = NEWEST
        found = Publishers(workbook, api, LocalStore(place))
        found.say(BEFORE)
        yield found


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with both datasets, to be copied."""
    place = tmp_path_factory.mktemp("held") / "store"
    with pytest.MonkeyPatch.context() as patch, publishers(place, patch) as found:
        for dataset in (WORLD, TRADE):
            assert isinstance(found.run(dataset), Published)
    return place


@pytest.fixture
def census(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publishers]:
    shutil.copytree(published, tmp_path / "store")
    with publishers(tmp_path / "store", monkeypatch) as found:
        yield found


def ended(census: Publishers, dataset: str) -> list[str]:
    return [h.ended for h in holds.read(census.store, dataset).holds]


@pytest.mark.parametrize("first", [WORLD, TRADE])
def test_one_event_holds_both_and_a_printed_release_confirms(census: Publishers, first: str) -> None:
    second = TRADE if first == WORLD else WORLD
    census.say(NEWEST, ONE_FACTOR)
    census.api.fault = "ft900 not there"
    for dataset in (first, second):
        error = census.is_held(dataset)
        assert (error.exit_code, census.shown(dataset)) == (3, BEFORE)
        assert "held until confirmed" in str(error)
    census.api.fault = ""
    assert isinstance(census.run(first), Published)
    for dataset in (first, second):
        expected = Published if census.shown(dataset) == BEFORE else Skipped
        assert isinstance(census.run(dataset), expected)
        assert census.shown(dataset) == NEWEST
        assert ended(census, dataset) == ["confirmed"]


def test_held_datasets_confirm_each_other_where_no_more_is_needed(census: Publishers) -> None:
    """The workbook has only totals, which the API's held candidate can confirm: the groups moved each by its own."""
    census.say(NEWEST, TARIFFS)
    census.api.fault = "ft900 not there"
    census.is_held(WORLD)
    census.is_held(TRADE)
    assert census.shown(WORLD) == NEWEST, "released when the other was held"
    assert ended(census, WORLD) == ["confirmed"]
    manifest = reader.resolve(census.store, WORLD).manifest
    assert manifest.confirmed is not None and manifest.confirmed.held
    assert manifest.confirmed.by[0].startswith(TRADE)
    assert census.shown(TRADE) == BEFORE, "its groups are in no other document yet"


@pytest.mark.parametrize(("printed", "released"), [(None, True), ((), False)])
def test_one_factor_in_both_waits_for_a_third_document(
    census: Publishers, printed: tuple[Event, ...] | None, released: bool
) -> None:
    census.say(NEWEST, ONE_FACTOR, printed)
    census.api.fault = "ft900 not there"
    for dataset in (WORLD, TRADE, WORLD, TRADE):
        census.is_held(dataset)
        assert census.shown(dataset) == BEFORE
    census.api.fault = ""
    for dataset in (WORLD, TRADE):
        if released:
            census.run(dataset)
        else:
            census.is_held(dataset)
        assert census.shown(dataset) == (NEWEST if released else BEFORE)


def test_hourly_runs_leave_one_held_version(census: Publishers) -> None:
    census.say(NEWEST, ONE_FACTOR, ())
    first = census.is_held(WORLD)
    folders = census.store.folders(layout.versions(WORLD))
    for _ in range(3):
        assert census.is_held(WORLD).version == first.version
    assert census.store.folders(layout.versions(WORLD)) == folders
    (hold,) = holds.read(census.store, WORLD).holds
    assert (hold.version, hold.ended) == (first.version, "")
    assert "ft900" in hold.confirmable_by


def test_a_lost_note_is_written_again(census: Publishers) -> None:
    """Removed by a person, or never written because the run was killed: the candidate itself says what it is held for."""
    census.say(NEWEST, ONE_FACTOR, ())
    census.is_held(WORLD)
    (hold,) = holds.read(census.store, WORLD).holds
    census.store.delete(layout.held(WORLD))
    census.is_held(WORLD)
    assert holds.read(census.store, WORLD).holds == (hold,)


def test_a_newer_candidate_takes_over_what_is_held(census: Publishers) -> None:
    census.say(NEWEST, ONE_FACTOR, ())
    old = census.is_held(WORLD)
    slightly = (Event("imports", MONTH, (1.59,) * 10),)
    census.say(NEWEST, slightly, ())
    new = census.is_held(WORLD)
    was, now = holds.read(census.store, WORLD).holds
    assert (was.version, was.ended, was.successor) == (old.version, "replaced", new.version)
    assert (now.version, now.ended, now.since) == (new.version, "", was.since)
    with pytest.raises(PromoteRefusedError, match=new.version):
        promote(census.store, load_contract(WORLD), old.version, reason="seen in the news", by="A. Owner")
    # The publisher corrects itself: the hold has nothing to wait for.
    census.say(NEWEST)
    assert isinstance(census.run(WORLD), Published)
    assert ended(census, WORLD) == ["replaced", "superseded"]


def test_a_publisher_that_goes_back_ends_the_hold(census: Publishers) -> None:
    census.say(NEWEST, ONE_FACTOR, ())
    census.is_held(WORLD)
    census.say(BEFORE)
    assert read_status(census.store, WORLD).held == holds.read(census.store, WORLD).holds[0].version  # type: ignore[union-attr]
    assert isinstance(census.run(WORLD), Skipped)
    assert ended(census, WORLD) == ["superseded"]
    assert read_status(census.store, WORLD).held is None  # type: ignore[union-attr]


def test_a_person_confirms_and_a_small_revision_stays_confirmed(census: Publishers) -> None:
    census.say(NEWEST, ONE_FACTOR, ())
    version = census.is_held(WORLD).version
    done = promote(census.store, load_contract(WORLD), version, reason="seen in the news", by="A. Owner").manifest
    assert (census.shown(WORLD), ended(census, WORLD)) == (NEWEST, ["promoted"])
    memory = pl.read_parquet(census.store.get(layout.version(WORLD, done.version, "confirmations.parquet")).body)
    assert set(memory["confirmed_by"]) == {"A. Owner"} and set(memory["reason"]) == {"seen in the news"}
    assert {json.loads(k).get("period", "2025") for k in memory["key"]} <= {"2025-02-01", "2025"}
    census.say(NEWEST, (Event("imports", MONTH, (1.604,) * 10),), ())
    assert isinstance(census.run(WORLD), Published)
    again = reader.resolve(census.store, WORLD).manifest
    kept = pl.read_parquet(census.store.get(layout.version(WORLD, again.version, "confirmations.parquet")).body)
    assert set(kept["key"]) >= set(memory["key"])


def test_no_other_path_publishes_a_held_candidate(census: Publishers, tmp_path: Path) -> None:
    census.say(NEWEST, ONE_FACTOR, ())
    version = census.is_held(WORLD).version
    late = datetime.now(UTC) + timedelta(days=400)
    gc.execute(census.store, gc.plan(census.store, late, timedelta(days=1)))
    policy = retention.RejectedPolicy(days=1)
    retention.execute(census.store, retention.plan_rejected(census.store, late, policy))
    held = protocol.read_manifest(census.store, WORLD, version)
    assert reader.scan(census.store, held).collect().height, "it can still be confirmed"
    first = reader.resolve(census.store, WORLD).manifest.version
    census.is_held(WORLD)
    with pytest.raises(StoreError, match="a rejected version cannot be published"):
        protocol.swap(census.store, protocol.Sealed(protocol.read_head(census.store, WORLD), held, "x"))
    contract = load_contract(WORLD)
    assert replay(census.store, contract, held).same
    backfill = RunMeter(SILENT)
    with pytest.raises(HeldError), recorded(census.store, WORLD, backfill, asked=True):
        run(Request(contract, "live", refresh="all"), recipe_for(contract), census.store, meter=backfill)
    again = LocalStore(tmp_path / "again")
    restore(census.store, again, contract)
    for store in (census.store, again):
        latest = protocol.read_latest(store, WORLD)[0]
        assert latest is not None and [e.version for e in latest.published] == [first]


def test_a_yank_of_what_readers_have_releases_nothing(census: Publishers) -> None:
    census.say(NEWEST)
    assert isinstance(census.run(WORLD), Published)
    census.say(NEWEST, ONE_FACTOR, ())
    census.is_held(WORLD)
    latest = reader.resolve(census.store, WORLD).manifest.version
    yank.yank(census.store, WORLD, latest, "wrong")
    assert census.shown(WORLD) == BEFORE
    census.is_held(WORLD)
    assert census.shown(WORLD) == BEFORE
    assert ended(census, WORLD)[-1] == ""


@pytest.mark.engine
def test_owner_gets_one_alert_and_one_all_clear_each(
    census: Publishers, techtrade: Callable[..., Ran], hook: Hook
) -> None:
    def told(mark: str) -> list[int]:
        # In a title, or a line of a digest.
        return [sum(f"{mark}: {d}: " in f"{p['title']}\n{p['message']}" for p in hook.posts) for d in (WORLD, TRADE)]

    census.say(NEWEST, ONE_FACTOR)
    census.api.fault = "ft900 not there"
    for _ in range(2):
        assert techtrade("publish", WORLD, TRADE).code == 3
    assert (told("HELD"), told("GOOD AGAIN")) == ([1, 1], [0, 0])
    census.api.fault = ""
    assert techtrade("publish", WORLD, TRADE).code == 0
    assert (told("HELD"), told("GOOD AGAIN")) == ([1, 1], [1, 1])


def test_a_held_candidate_that_is_contradicted_confirms_nothing(census: Publishers) -> None:
    census.say(NEWEST, TARIFFS, ())
    census.api.fault = "ft900 not there"
    census.is_held(WORLD)
    census.api.fault = ""
    census.is_held(TRADE)
    assert census.shown(WORLD) == BEFORE, "FT-900 contradicts the other one, whose total agrees"


def test_what_is_closed_is_judged_again(census: Publishers) -> None:
    """A cache that goes back for an hour must not leave a candidate that nothing can release."""
    census.say(NEWEST, ONE_FACTOR, ())
    first = census.is_held(WORLD)
    holds.close(census.store, WORLD, "superseded", "2026-11-30T00:00:00.000000Z", "2026-11-29.0001")
    again = census.is_held(WORLD)
    assert again.version > first.version
    assert ended(census, WORLD) == ["superseded", ""]
    promote(census.store, load_contract(WORLD), again.version, "seen in the news", "A. Owner")
    assert census.shown(WORLD) == NEWEST


def test_a_check_without_cells_waits_for_a_person(census: Publishers, monkeypatch: pytest.MonkeyPatch) -> None:
    census.say(NEWEST, TARIFFS, ())
    census.api.fault = "ft900 not there"
    census.is_held(WORLD)
    contract = load_contract(WORLD)

    def more(store: LocalStore, version: object) -> pl.DataFrame:
        found = read_results(store, version)  # type: ignore[arg-type]
        return found.with_columns(
            pl.when(check_id="no_gaps").then(pl.lit("hold")).otherwise("severity").alias("severity"),
            pl.when(check_id="no_gaps").then(pl.lit("failed")).otherwise("outcome").alias("outcome"),
        )

    rows = [
        (flow, "01", "-", month, round(value * 1e6))
        for month, both in totals(world(NEWEST, events=TARIFFS)).items()
        for flow, value in zip(("exports", "imports"), both, strict=True)
    ]
    columns = ["flow", "technology_group", "partner_code", "period", "value_usd"]
    other = Other(pl.LazyFrame(rows, schema=columns, orient="row"), NEWEST, "x")
    monkeypatch.setattr(held, "read_results", more)
    assert held.recheck(census.store, contract, lambda name: other if name == TRADE else None) is None
    monkeypatch.setattr(held, "read_results", read_results)
    assert held.recheck(census.store, contract, lambda name: other if name == TRADE else None) is not None


def test_figures_that_were_promoted_and_withdrawn_can_be_promoted_again(census: Publishers) -> None:
    census.say(NEWEST, ONE_FACTOR, ())
    contract, first = load_contract(WORLD), census.is_held(WORLD).version
    done = promote(census.store, contract, first, reason="seen in the news", by="A. Owner").manifest
    yank.yank(census.store, WORLD, done.version, "a mistake")
    with pytest.raises(RejectedError) as e:
        census.run(WORLD)
    assert e.value.version > done.version
    assert "yanked" in str(e.value)
    promote(census.store, contract, e.value.version, reason="right after all", by="A. Owner")
    assert census.shown(WORLD) == NEWEST
