"""Alerts of a candidate that is held: one when it begins, three reminders, one when it ends; to a real web hook."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest

from flows.freshness import freshness
from flows.prefect_setup import alert_hooks
from tasks.alerts import state_store
from tasks.common.clock import moment, stamp
from tasks.publish.promote import promote
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import holds
from tasks.warehouse.outcomes import HeldError
from tasks.warehouse.records import QualityCounts, Status
from tasks.warehouse.run_status import write_status
from tests.support import sealing
from tests.support.alerting import operators_hook, titles  # noqa: F401 - a fixture
from tests.support.command import run_without_engine
from tests.support.drill import contract
from tests.support.holding import SINCE, WHY, held, later
from tests.support.mail_server import Hook
from tests.support.sealing import WORLD

GOOD, STRANGE = {0: 100, 1: 110}, {0: 100, 1: 110, 2: 900}
BEGAN = f"techtrade HELD: {WORLD}: {WHY}"


@pytest.fixture
def good(local_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> str:
    run_without_engine(monkeypatch)
    return sealing.seal(local_store, WORLD, sealing.world(GOOD), "2025-02")


def met(store: ObjectStore, version: str) -> None:
    """As the hook of a run that ends held."""
    error = HeldError(WORLD, version, ["no month is out of season"], None, QualityCounts(failed_hold=1), WHY)
    alert_hooks.failed(store.url, WORLD, error)
    alert_hooks.send_found(store.url)


def watch(store: ObjectStore, days: float) -> None:
    """As the watch so long after the hold began; the publisher was just asked."""
    now = moment(SINCE) + timedelta(days=days)
    asked(store, stamp(now))
    freshness([WORLD], store.url, now)


def asked(store: ObjectStore, at: str) -> None:
    write_status(store, Status(dataset=WORLD, checked_at=at, outcome="held", detail="", asked_at=at))


def of_holds(hook: Hook) -> list[str]:
    return [t for t in titles(hook) if "HELD" in t or "no longer held" in t]


def test_one_alert_however_often_runs_meet_it(local_store: ObjectStore, good: str, hook: Hook) -> None:
    version = held(local_store, STRANGE)
    for _ in range(3):
        met(local_store, version)
    assert of_holds(hook) == [BEGAN]
    message = hook.posts[0]["message"]
    for part in (
        "Held until confirmed, in stage check",
        "it can be confirmed by atp_trade_monthly or ft900, or by a person",
        f"Readers get: {WORLD}@{good}, vintage 2025-02",
        "What to do: techtrade alerts runbook held\n",
        f"techtrade held {WORLD} --store {local_store.url}",
        "- hold: no month is out of season (in_season): 1 of 434 rows fails",
    ):
        assert part in message, part


def test_newer_candidate_of_the_same_wait_is_no_new_alert(local_store: ObjectStore, good: str, hook: Hook) -> None:
    met(local_store, held(local_store, STRANGE))
    met(local_store, held(local_store, STRANGE | {3: 905}))
    assert of_holds(hook) == [BEGAN]
    other = held(local_store, STRANGE | {4: 900}, since=later(SINCE, 2))
    met(local_store, other)
    over = f"techtrade GOOD AGAIN: {WORLD}: no longer held: replaced by the newer candidate {other}"
    assert sorted(of_holds(hook)[1:]) == [over, BEGAN], "of other figures it is another wait"


@pytest.mark.parametrize(
    ("ended", "by", "words"),
    [
        ("confirmed", "atp_trade_monthly@2026-11-05.0001", "confirmed by atp_trade_monthly@2026-11-05.0001"),
        ("superseded", "", "superseded by 2026-12-01.0001, which has other figures"),
    ],
)
def test_one_all_clear_says_how_it_ended(
    ended: holds.Ending, by: str, words: str, local_store: ObjectStore, good: str, hook: Hook
) -> None:
    met(local_store, held(local_store, STRANGE))
    holds.close(local_store, WORLD, ended, later(SINCE, 1), "2026-12-01.0001", by)
    for _ in range(2):
        alert_hooks.holds_looked_at(local_store, WORLD)
        alert_hooks.send_found(local_store.url)
        watch(local_store, 2)
    assert of_holds(hook) == [BEGAN, f"techtrade GOOD AGAIN: {WORLD}: no longer held: {words}"]
    assert not [i for i in state_store.read(local_store).incidents if i.open and i.finding.kind == "held"]


def test_promotion_ends_it(local_store: ObjectStore, good: str, hook: Hook) -> None:
    version = held(local_store, STRANGE)
    met(local_store, version)
    new = promote(local_store, contract(), version, "the ministry says so", "A. Owner").manifest.version
    alert_hooks.promoted(local_store, WORLD, version, new)
    alert_hooks.send_found(local_store.url)
    assert of_holds(hook) == [BEGAN, f"techtrade GOOD AGAIN: {WORLD}: no longer held: promoted by A. Owner"]
    assert f"readers get {WORLD}@{new}" in hook.posts[-1]["message"]


def test_watch_reminds_on_days_1_3_and_7(local_store: ObjectStore, good: str, hook: Hook) -> None:
    version = held(local_store, STRANGE, "2026-09")
    met(local_store, version)
    for hours in range(0, 24 * 9, 6):
        watch(local_store, hours / 24)
        met(local_store, version)  # hourly runs meet it all the while
    reminders = [f"techtrade HELD: {WORLD}: held for {days}: {WHY}" for days in ("1 day", "3 days", "7 days")]
    assert of_holds(hook) == [BEGAN, *reminders]
    assert holds.read(local_store, WORLD).holds[0].reminded == (1, 3, 7)
    assert holds.read(local_store, WORLD).open, "nothing is released by waiting"


def test_missed_reminders_are_sent_once(local_store: ObjectStore, good: str, hook: Hook) -> None:
    met(local_store, held(local_store, STRANGE, "2026-09"))
    for _ in range(3):
        watch(local_store, 9.5)
    assert of_holds(hook) == [BEGAN, f"techtrade HELD: {WORLD}: held for 9 days: {WHY}"]


def test_several_watchers_send_a_reminder_once(local_store: ObjectStore, good: str, hook: Hook) -> None:
    version = held(local_store, STRANGE)
    met(local_store, version)
    found, ready = holds.read(local_store, WORLD), Barrier(4)
    assert found.open is not None

    def remind() -> None:
        ready.wait()
        alert_hooks.remind(local_store, WORLD, found.holds[0], (1,), datetime(2026, 11, 2, 8, tzinfo=UTC))
        alert_hooks.send_found(local_store.url)

    watchers = [Thread(target=remind) for _ in range(4)]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join()
    assert of_holds(hook) == [BEGAN, f"techtrade HELD: {WORLD}: held for 1 day: {WHY}"]


def test_no_second_alert_for_the_same_wait(local_store: ObjectStore, good: str, hook: Hook) -> None:
    """A release that came and is held is not late as well; one that came after it, and that nobody has, is."""
    since = "2026-11-04T15:00:00.000000Z"
    met(local_store, held(local_store, STRANGE, "2026-09", since))
    asked(local_store, since)
    (verdict,) = freshness([WORLD], local_store.url, moment("2026-11-06T08:00:00Z"))
    assert verdict.state == "held" and verdict.words.startswith(
        f"newer figures (vintage 2026-09) are held since 2026-11-04 15:00 UTC, because {WHY}; "
    )
    assert {i.finding.kind for i in state_store.read(local_store).incidents} == {"held"}
    asked(local_store, "2026-12-08T15:00:00.000000Z")
    (verdict,) = freshness([WORLD], local_store.url, moment("2026-12-10T08:00:00Z"))
    assert verdict.state == "late at the publisher" and "and vintage 2025-02 is published" in verdict.words
