"""Runs that meet: two of one dataset, a day's worth of late ones, and a deployment while one is on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.drills.ground import Ground, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
DEPLOYMENT = "publish/atp-world-monthly"


def test_of_two_overlapping_runs_one_publishes_and_the_other_is_cancelled(ground: Ground) -> None:
    first = ground.begin_and_hold()
    second = ground.begin()
    assert ground.ended(second) == "Cancelled"
    ground.census.gate.set()
    assert ground.ended(first) == "Completed"
    assert ground.vintages() == ["2023-01"]
    assert len(ground.claims()) == 1
    assert not [title for title in ground.titles() if "FAILED" in title]


def test_a_day_without_a_worker_ends_in_one_run(ground: Ground) -> None:
    ground.stack.stop("worker")
    known = {r["id"] for r in ground.api.runs_of(DEPLOYMENT)}
    late = pile_up(ground, days=4)
    assert late >= 2, "the schedule had turns in those days"
    ground.stack.start("worker")

    def new() -> list[str]:
        return sorted(r["state_name"] for r in ground.api.runs_of(DEPLOYMENT) if r["id"] not in known)

    wait_for(lambda: set(new()) <= {"Completed", "Cancelled"}, f"all have ended: {new()}")
    assert new().count("Completed") == 1, new()
    # These runs go to the store of all drills, where an earlier one may have left something to be over.
    assert not [title for title in ground.titles() if "FAILED" in title]


def pile_up(ground: Ground, days: int) -> int:
    """The runs that the schedules would have made in the last days, all of them late; how many."""
    deployment = ground.api.deployments()[DEPLOYMENT]
    path, now = f"deployments/{deployment['id']}", datetime.now(UTC)
    for active in (True, False):
        for schedule in deployment["schedules"]:
            ground.api.ask(f"{path}/schedules/{schedule['id']}", {"active": active}, "PATCH")
        if active:
            asked = {"start_time": str(now - timedelta(days=days)), "end_time": str(now), "max_runs": 10}
            ground.api.ask(f"{path}/schedule", asked)
    return sum(r["state_type"] == "SCHEDULED" for r in ground.api.runs_of(DEPLOYMENT))


def test_a_deployment_while_a_run_is_on_leaves_the_run_alone(ground: Ground) -> None:
    run_id = ground.begin_and_hold()
    deployment = ground.api.deployments()[DEPLOYMENT]
    ground.api.ask(f"deployments/{deployment['id']}", {"description": "changed by hand"}, "PATCH")
    ground.stack.deploy()
    assert ground.api.deployments()[DEPLOYMENT]["description"] != "changed by hand"
    ground.census.gate.set()
    assert ground.ended(run_id) == "Completed"
    assert ground.vintages() == ["2023-01"]
