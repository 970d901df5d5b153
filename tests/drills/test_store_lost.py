"""S3 fails, is slow, or no longer knows the worker; a publisher no longer takes the key."""

from __future__ import annotations

import threading

import pytest

from deploy.stack import s3
from tests.drills.ground import ATP, BEA, Ground, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_store_that_answers_503_for_a_while_is_waited_for(ground: Ground) -> None:
    run_id = ground.begin_and_hold()
    ground.s3.busy = True
    ground.census.gate.set()
    wait_for(lambda: ground.s3.refused > 0, "the run meets the failing store")
    over = threading.Timer(12, ground.s3.mend)
    over.start()
    assert ground.ended(run_id) == "Completed"
    assert ground.vintages() == ["2023-01"]
    assert not [title for title in ground.titles() if "FAILED" in title]


def test_a_store_that_answers_503_and_goes_on_so_ends_in_an_alert_and_heals(ground: Ground) -> None:
    run_id = ground.begin_and_hold()
    ground.s3.busy = True
    ground.census.gate.set()
    assert ground.ended(run_id) == "Failed"
    assert told(ground) == [f"techtrade FAILED: {ATP}: the store failed"]
    assert ground.vintages() == []
    ground.s3.mend()
    ground.publish("2023-01")
    wait_for(lambda: len(ground.titles()) > 1, "the owner is told that it is over")
    assert ground.titles()[1:] == [f"techtrade GOOD AGAIN: {ATP}: over: the store failed"]


def test_a_slow_store_makes_a_run_slow_and_nothing_else(ground: Ground) -> None:
    ground.s3.delay = 0.3
    assert ground.ended(ground.begin()) == "Completed"
    assert ground.vintages() == ["2023-01"]
    assert not [title for title in ground.titles() if "FAILED" in title]


def test_an_identity_that_was_revoked_ends_in_an_alert_and_what_it_published_before_stays(ground: Ground) -> None:
    ground.publish("2023-01")
    state = ground.stack.state
    s3.write_identities(state, runs=False)
    restart_s3(ground)
    ground.census.vintage = "2025-02"
    assert ground.ended(ground.begin()) == "Failed"
    assert told(ground) == [f"techtrade FAILED: {ATP}: the store failed"]
    words = str(ground.hook.posts)
    assert "the credentials are not accepted" in words and state.s3_secret not in words
    s3.write_identities(state)
    restart_s3(ground)
    ground.publish("2025-02")
    assert ground.vintages() == ["2023-01", "2025-02"]


def told(ground: Ground) -> list[str]:
    """The titles of alerts, when there are any: hooks are called when the run has ended."""
    wait_for(ground.titles, "somebody is told")
    return ground.titles()


def restart_s3(ground: Ground) -> None:
    ground.stack.stop("s3")
    ground.stack.start("s3")


def test_a_key_that_the_publisher_refuses_ends_in_an_alert_and_a_new_one_heals_it(ground: Ground) -> None:
    key, ground.bea.key = ground.bea.key, "1BADCAFE-1234-4BEA-8BEA-C0FFEEC0FFEE"
    try:
        assert ground.ended(ground.begin(BEA)) == "Failed"
        assert told(ground) == [f"techtrade FAILED: {BEA}: the key is missing or not accepted"]
        assert key not in str(ground.hook.posts)
    finally:
        ground.bea.key = key
    assert ground.ended(ground.begin(BEA)) == "Completed"
    assert len(ground.vintages(BEA)) == 1
