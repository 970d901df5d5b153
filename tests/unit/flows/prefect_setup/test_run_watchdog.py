"""What is wrong with a run, from what is known of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import StateType

from flows.prefect_setup.run_watchdog import Limits, ObservedRun, judge

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LIMITS = Limits(late=timedelta(minutes=30), settle=timedelta(minutes=15))


def run(state: StateType, minutes: float, **more: Any) -> ObservedRun:
    """A run that is in its state for so long."""
    since = NOW - timedelta(minutes=minutes)
    known = {"id": UUID(int=1), "name": "daring-owl", "deployment": "atp-world-monthly", "dataset": "atp_world_monthly"}
    return ObservedRun(**(known | {"state": state, "words": "killed", "since": since} | more))


@pytest.mark.parametrize(
    ("seen", "kind", "remedy", "told"),
    [
        # Dead: once more, and nobody is woken; the second time somebody is.
        (run(StateType.CRASHED, 1), "crash", "run again", False),
        (run(StateType.CRASHED, 1, again=True), "crash", "none", True),
        (run(StateType.CRASHED, 1, paused=True), "crash", "none", True),
        # Late: by when it was due, not by when it was scheduled.
        (run(StateType.SCHEDULED, 9000, expected=NOW - timedelta(minutes=31)), "not_started", "none", True),
        # Hanging.
        (run(StateType.PENDING, 16), "stuck", "give up", True),
        (run(StateType.CANCELLING, 16), "stuck", "give up", True),
        (run(StateType.RUNNING, 76, run_seconds=3600), "stuck", "cancel", True),
        (run(StateType.RUNNING, 1, run_seconds=3600, began=NOW - timedelta(minutes=76)), "stuck", "cancel", True),
    ],
)  # fmt: skip
def test_what_is_wrong_is_seen(seen: ObservedRun, kind: str, remedy: str, told: bool) -> None:
    found = judge(seen, LIMITS, NOW)
    assert found is not None
    assert (found.kind, found.remedy, found.told) == (kind, remedy, told)
    assert "'daring-owl' of atp-world-monthly" in found.words


@pytest.mark.parametrize(
    "seen",
    [
        run(StateType.CRASHED, 1, over=True),
        run(StateType.CRASHED, 1, over=True, again=True),
        run(StateType.SCHEDULED, 9000, expected=NOW - timedelta(minutes=30)),
        run(StateType.SCHEDULED, 9000, expected=NOW + timedelta(days=3)),
        run(StateType.PENDING, 15),
        run(StateType.CANCELLING, 15),
        run(StateType.RUNNING, 75, run_seconds=3600),
        run(StateType.RUNNING, 9000),
        run(StateType.COMPLETED, 9000),
        run(StateType.FAILED, 1),
        run(StateType.CANCELLED, 1),
        run(StateType.PAUSED, 9000),
    ],
)  # fmt: skip
def test_what_is_well_or_told_by_the_run_itself_is_left_alone(seen: ObservedRun) -> None:
    assert judge(seen, LIMITS, NOW) is None


def test_a_run_of_no_dataset_is_told_of_by_its_deployment() -> None:
    assert run(StateType.CRASHED, 1, dataset=None, deployment="nightly").about == "nightly"
