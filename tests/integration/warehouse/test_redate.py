"""A clock that was wrong once: it is refused, and a log that has its stamps is corrected."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from configs.errors import RedateRefusedError, WrongClockError
from tasks.common.clock import stamp, utc_now
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import ledger, protocol, reader, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.protocol import read_latest
from tasks.warehouse.records import Status
from tasks.warehouse.run_status import write_status
from tasks.warehouse.upkeep import gc, redate
from tests.support import drill
from tests.support.drill import DATASET
from tests.support.plain import Ran
from tests.support.s3 import S3

Candidates = Callable[[int], Built]
Run = Callable[..., Ran]
YEARS = timedelta(days=26_700)


def ahead() -> datetime:
    return utc_now() + YEARS


@pytest.fixture
def poisoned(local_store: ObjectStore, candidates: Candidates, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One good version, then one that a clock in 2099 stamped, by code that did not compare clocks."""
    one = drill.publish(local_store, candidates(1)).manifest.version
    with monkeypatch.context() as patch:
        patch.setattr(protocol, "believed", lambda store, dataset, latest, now: now)
        two = drill.publish(local_store, candidates(2), clock=ahead).manifest.version
    return [one, two]


def test_publisher_ahead_of_store_is_refused(store: ObjectStore, candidates: Candidates) -> None:
    drill.publish(store, candidates(1))
    before = drill.bodies(store)
    with pytest.raises(WrongClockError, match="Set the clock"):
        drill.publish(store, candidates(2), clock=lambda: utc_now() + timedelta(days=2))
    assert drill.bodies(store) == before


def test_s3_tells_its_own_time(s3: S3) -> None:
    store = open_store(s3.place().url)
    told = store.clock()
    assert told is not None
    assert abs(told - utc_now()) < timedelta(hours=1)


def test_idle_disk_store_is_not_refused(
    local_store: ObjectStore, candidates: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    drill.publish(local_store, candidates(1), clock=lambda: utc_now() - timedelta(days=390))
    drill.publish(local_store, candidates(2))
    monkeypatch.setenv("TECHTRADE_MAX_IDLE_DAYS", "30")
    with pytest.raises(WrongClockError, match="TECHTRADE_MAX_IDLE_DAYS"):
        monkeypatch.setattr(type(local_store), "clock", lambda _: None)
        drill.publish(local_store, candidates(3), clock=lambda: utc_now() + timedelta(days=31))


def test_log_of_the_future_names_its_command(
    local_store: ObjectStore, candidates: Candidates, poisoned: list[str]
) -> None:
    with pytest.raises(WrongClockError, match=f"techtrade redate {DATASET}"):
        drill.publish(local_store, candidates(3))
    with pytest.raises(WrongClockError):
        yank.yank(local_store, DATASET, poisoned[0], "drill")


def test_redate_command_corrects_and_keeps_the_record(
    techtrade: Run, local_store: ObjectStore, candidates: Candidates, poisoned: list[str]
) -> None:
    one, two = poisoned
    stamped = reader.sealed(local_store, DATASET, two).event
    assert stamped is not None and stamped.at.startswith("2")
    assert reader.as_of(local_store, DATASET, utc_now()).manifest.version == one, "which is what is to be corrected"
    ledger.copy_new(local_store, DATASET)
    said = ("redate", DATASET, "--reason", "the clock of a host", "--by", "A. Person")

    before = drill.bodies(local_store)
    ran = techtrade(*said, "--dry-run")
    assert (ran.code, drill.bodies(local_store)) == (0, before)
    assert two in ran.out

    assert techtrade(*said).code == 0
    latest, _ = read_latest(local_store, DATASET)
    assert latest is not None
    corrected = latest.log[-1]
    assert corrected.stamped == stamped.at
    assert datetime.fromisoformat(corrected.at) <= utc_now()
    assert (latest.redated[0].reason, latest.redated[0].by, latest.redated[0].events) == (
        "the clock of a host",
        "A. Person",
        (2,),
    )
    assert reader.as_of(local_store, DATASET, utc_now()).manifest.version == two
    kept = ledger.read(local_store, DATASET)
    assert kept is not None and kept[0] == latest

    three = drill.publish(local_store, candidates(3)).manifest.version
    assert three.startswith(f"{datetime.now(UTC):%Y-%m-%d}")
    assert [v.version for v in reader.list_versions(local_store, DATASET)] == [one, two, three]
    assert techtrade("versions", DATASET).code == 0
    again = techtrade(*said)
    assert again.code == 1 and "nothing to correct" in again.err


def test_time_the_store_does_not_know_is_stated(
    local_store: ObjectStore, poisoned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    two = poisoned[1]
    file = local_store.uri(f"{DATASET}/versions/{two}/manifest.json")
    os.utime(file, (ahead().timestamp(), ahead().timestamp()))  # the clock of the whole machine was wrong
    with pytest.raises(RedateRefusedError, match="--at 2=TIME"):
        redate.plan(local_store, DATASET, utc_now(), {})
    for wrong in (utc_now() + timedelta(hours=1), utc_now() - timedelta(days=400)):
        with pytest.raises(RedateRefusedError, match="state a time between"):
            redate.plan(local_store, DATASET, utc_now(), {2: wrong})
    stated = utc_now()
    (one,) = redate.plan(local_store, DATASET, utc_now(), {2: stated}).corrections
    assert one.to == stamp(stated)


def test_scheduled_runs_keep_an_unchanged_dataset_from_being_idle(
    local_store: ObjectStore, candidates: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    drill.publish(local_store, candidates(1), clock=lambda: utc_now() - timedelta(days=405))
    status = Status(dataset=DATASET, checked_at=stamp(utc_now()), outcome="failed", detail="")
    write_status(local_store, status)
    with pytest.raises(WrongClockError, match="TECHTRADE_MAX_IDLE_DAYS"):
        drill.publish(local_store, candidates(2))
    write_status(local_store, status.model_copy(update={"outcome": "unchanged"}))
    drill.publish(local_store, candidates(2))


def test_corrected_yank_is_no_problem_for_gc(
    local_store: ObjectStore, candidates: Candidates, poisoned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(protocol, "believed", lambda store, dataset, latest, now: now)
        yank.yank(local_store, DATASET, poisoned[1], "wrong", clock=ahead)
    redate.execute(local_store, redate.plan(local_store, DATASET, utc_now(), {}), "drill", "drill")
    plan = gc.plan(local_store, utc_now(), timedelta())
    assert (plan.problems, gc.execute(local_store, plan).problems) == ((), ())


def test_redate_needs_a_moment(techtrade: Run, poisoned: list[str]) -> None:
    for wrong in ("2", "x=2026-01-01", "2=yesterday", "2="):
        ran = techtrade("redate", DATASET, "--reason", "x", "--by", "y", "--at", wrong)
        assert ran.code == 2, ran


def test_log_without_wrong_stamps_is_left_alone(
    techtrade: Run, local_store: ObjectStore, candidates: Candidates
) -> None:
    drill.publish(local_store, candidates(1))
    before = drill.bodies(local_store)
    ran = techtrade("redate", DATASET, "--reason", "x", "--by", "y", "--json")
    assert (ran.code, drill.bodies(local_store)) == (1, before)
    assert "nothing to correct" in json.dumps(ran.err)
