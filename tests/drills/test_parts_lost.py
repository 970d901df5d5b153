"""A part of the stack is lost while a run is on: its worker, its process, the server, the database."""

from __future__ import annotations

import time

import psutil
import pytest

from deploy.stack.processes import marked
from tasks.warehouse.protocol import read_latest
from tests.drills.ground import ATP, Ground, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def process_of(ground: Ground, run_id: str) -> psutil.Process:
    """The process in which a run is: the run's id is in its environment."""
    found = [p for p in marked(ground.stack.state.mark) if p.environ().get("PREFECT__FLOW_RUN_ID") == run_id]
    assert found, "the run has a process"
    return found[-1]


def second_attempt(ground: Ground, run_id: str) -> str:
    """The id of the run that mends the one that crashed."""
    (again,) = wait_for(
        lambda: [r["id"] for r in ground.runs() if r["id"] != run_id], "the crashed run is run once more"
    )
    return str(again)


def once_published(ground: Ground, abandoned: int) -> None:
    """One version is out, and the claims of attempts that died are no versions."""
    assert ground.vintages() == ["2023-01"]
    latest, _ = read_latest(ground.store, ATP)
    assert latest is not None
    assert len(ground.claims()) == 1 + abandoned, "a number is never used again"


def test_a_run_whose_process_is_killed_while_publishing_is_run_once_more_and_nobody_is_woken(ground: Ground) -> None:
    run_id = ground.begin()
    wait_for(ground.claims, "a version is claimed")
    process_of(ground, run_id).kill()
    assert ground.ended(run_id) == "Crashed"
    assert ground.ended(second_attempt(ground, run_id)) == "Completed"
    once_published(ground, abandoned=1)
    assert not [t for t in ground.titles() if "FAILED" in t]


def test_a_worker_lost_with_its_run_is_noticed_by_the_silence_and_the_run_is_done_by_the_next(ground: Ground) -> None:
    run_id = ground.begin()
    wait_for(ground.claims, "a version is claimed")
    ground.stack.kill("worker")
    assert ground.api.run(run_id)["state_type"] == "RUNNING", "nobody could say that it died"
    ground.stack.start("worker")
    assert ground.ended(run_id, 300) == "Crashed"
    assert ground.ended(second_attempt(ground, run_id)) == "Completed"
    once_published(ground, abandoned=1)
    assert not [t for t in ground.titles() if "FAILED" in t]


def test_a_server_that_is_restarted_loses_no_run_and_keeps_no_place_taken(ground: Ground) -> None:
    run_id = ground.begin_and_hold()
    ground.stack.stop("prefect")
    ground.census.gate.set()
    time.sleep(5)
    ground.stack.start("prefect")
    assert ground.ended(run_id) == "Completed"
    once_published(ground, abandoned=0)
    ground.publish("2025-02")


def test_a_database_that_is_gone_for_a_while_ends_no_run_in_silence(ground: Ground) -> None:
    run_id = ground.begin_and_hold()
    ground.stack.kill("postgres")
    ground.census.gate.set()
    time.sleep(60)
    ground.stack.start("postgres")
    if ground.ended(run_id, 300) != "Completed":
        assert ground.ended(second_attempt(ground, run_id)) == "Completed"
    assert ground.vintages() == ["2023-01"]
    ground.stack.check()
    ground.publish("2025-02")
