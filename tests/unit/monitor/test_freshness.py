"""The verdict on a dataset, over dates and over what the last runs found. No store, no publisher."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from configs.contracts import load_contract
from configs.errors import StoreError
from configs.release_due import releases_due
from tasks.monitor.freshness import BAD, Facts, Freshness, check_all, facts_of, freshness_verdict
from tasks.storage.local import LocalStore
from tasks.warehouse import layout, schedule
from tasks.warehouse.records import Latest, LogEntry, Schedule, Status

ATP, IP, QUARTERLY, ANNUAL = "atp_world_monthly", "ip_trade_annual", "us_ip_trade_quarterly", "us_ip_trade_annual"


def at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def verdict(
    dataset: str, now: str, vintage: str, asked: str | None, outcome: str = "unchanged", **more: Any
) -> Freshness:
    facts = Facts(load_contract(dataset), "2026-01-01.0001", vintage, outcome, "why it did", None, at(asked), at(asked))
    facts = Facts(**{**vars(facts), **more})
    moment = at(now)
    assert moment is not None
    return freshness_verdict(facts, releases_due(dataset, moment), moment)


# September 2026 was announced for 4 November, 13:30 UTC, and is late from the 5th, 15:30 UTC.
@pytest.mark.parametrize(
    ("dataset", "now", "vintage", "asked", "outcome", "state"),
    [
        # The newest month that is due is there.
        (ATP, "2026-11-24T12:00", "2026-09", "2026-11-23T13:45", "unchanged", "fresh"),
        (ATP, "2026-11-24T12:00", "2026-09", "2026-11-04T14:45", "published", "late at us"),  # nobody asked for three weeks
        (ATP, "2026-11-05T12:00", "2026-09", "2026-11-04T14:45", "published", "fresh"),
        # It may come today: asked, and it was not there.
        (ATP, "2026-11-05T12:00", "2026-08", "2026-11-04T14:45", "unchanged", "confirmed unchanged"),
        # It is late.
        (ATP, "2026-11-05T15:30", "2026-08", "2026-11-05T14:45", "unchanged", "late at the publisher"),
        (ATP, "2026-11-05T15:30", "2026-08", "2026-11-05T14:45", "superseded", "late at the publisher"),
        (ATP, "2026-11-05T15:30", "2026-08", "2026-11-04T13:29", "unchanged", "late at us"),
        (ATP, "2026-11-05T15:30", "2026-08", "2026-11-05T14:45", "failed", "late at us"),
        (ATP, "2026-11-05T15:30", "2026-08", "2026-11-05T14:45", "rejected", "late at us"),
        (ATP, "2026-11-05T15:30", "2026-08", None, "published", "late at us"),  # bundled figures, and no publisher asked
        # The quarter: a window, not a day.
        (QUARTERLY, "2026-09-20T12:00", "2026-06-24", "2026-09-18T13:00", "unchanged", "confirmed unchanged"),
        (QUARTERLY, "2026-09-29T12:00", "2026-06-24", "2026-09-28T13:00", "unchanged", "late at the publisher"),
        (QUARTERLY, "2026-09-29T12:00", "2026-09-24", "2026-09-28T13:00", "unchanged", "fresh"),
        # A shutdown: not late before it is made up for.
        (QUARTERLY, "2026-01-20T12:00", "2025-09-23", "2026-01-19T13:50", "unchanged", "confirmed unchanged"),
        # The year.
        (ANNUAL, "2026-07-05T12:00", "2025-07-03", "2026-07-01T14:00", "unchanged", "confirmed unchanged"),
        (ANNUAL, "2026-07-20T12:00", "2025-07-03", "2026-07-15T14:00", "unchanged", "late at the publisher"),
        # No fixed days: looked at lately or not, too old or not.
        (IP, "2026-11-24T12:00", "2026-10-01", "2026-11-23T17:00", "unchanged", "confirmed unchanged"),
        (IP, "2026-11-24T12:00", "2026-10-01", "2026-11-23T17:00", "published", "fresh"),
        (IP, "2026-11-24T12:00", "2026-10-01", "2026-11-02T17:00", "unchanged", "late at us"),
        (IP, "2026-11-24T12:00", "2026-10-01", None, "published", "late at us"),
        # Frozen on what is published: "nothing new" for ever, until its age is told.
        (IP, "2026-11-24T12:00", "2026-05-08", "2026-11-23T17:00", "unchanged", "confirmed unchanged"),  # 200 days
        (IP, "2026-11-24T12:00", "2026-05-07", "2026-11-23T17:00", "unchanged", "late at the publisher"),  # 201
        (IP, "2026-11-24T12:00", "2026-05-07", "2026-11-02T17:00", "unchanged", "late at us"),
        (IP, "2026-11-24T12:00", "2026-05-07", "2026-11-23T17:00", "failed", "late at us"),
        # Asked by a clock that was wrong: nothing is known of when.
        (IP, "2026-11-24T12:00", "2026-10-01", "2099-12-31T17:00", "unchanged", "late at us"),
        # A table of our own is late at nobody else.
        ("partners", "2026-11-24T12:00", "2026-11-01", "2026-11-23T12:00", "unchanged", "confirmed unchanged"),
        ("partners", "2026-11-24T12:00", "2025-01-01", "2026-11-23T12:00", "unchanged", "late at us"),
    ],
)  # fmt: skip
def test_the_verdict(dataset: str, now: str, vintage: str, asked: str | None, outcome: str, state: str) -> None:
    assert verdict(dataset, now, vintage, asked, outcome).state == state


def test_the_words_say_what_when_and_who() -> None:
    late = verdict(ATP, "2026-11-06T12:00", "2026-08", "2026-11-05T14:45")
    assert late.words == (
        "2026-09 was to be expected by 2026-11-04 13:30 UTC, and vintage 2026-08 is published: the publisher was asked at "
        "2026-11-05 14:45 UTC and did not have it"
    )
    failed = verdict(ATP, "2026-11-06T12:00", "2026-08", "2026-11-05T14:45", "failed")
    assert "the last run failed: why it did" in failed.words
    stopped = verdict(ATP, "2026-11-06T12:00", "2026-08", "2026-11-05T14:45", "rejected", stopped="2026-11-05.0002")
    assert "techtrade quality atp_world_monthly@2026-11-05.0002" in stopped.words
    shutdown = verdict(QUARTERLY, "2026-01-20T12:00", "2025-09-23", "2026-01-19T13:50")
    assert "until 2026-02-28 (the lapse in appropriations" in shutdown.words
    made_up = verdict(QUARTERLY, "2026-03-03T12:00", "2025-09-23", "2026-03-02T13:50")
    assert made_up.state == "late at the publisher" and "lapse in appropriations" in made_up.words


def test_datasets_that_wait_for_one_release_have_one_cause_and_other_causes_others() -> None:
    one, other = (verdict(d, "2026-11-06T12:00", "2026-08", "2026-11-05T14:45") for d in (ATP, "atp_trade_monthly"))
    assert one.cause == other.cause and "2026-09" in one.cause
    ours = verdict(ATP, "2026-11-06T12:00", "2026-08", "2026-11-01T14:45")
    assert ours.cause != one.cause
    assert verdict(ATP, "2026-12-10T16:00", "2026-08", "2026-12-10T14:45").cause != one.cause


def test_nothing_published_is_no_alarm_and_says_what_the_last_run_did() -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    status = Status(dataset=ATP, checked_at="2026-11-24T08:45:00Z", outcome="failed", detail="no key")
    facts = facts_of(load_contract(ATP), None, status)
    found = freshness_verdict(facts, releases_due(ATP, now), now)
    assert (found.state, found.alarming) == ("never published", False)
    assert "no key" in found.words


def test_the_vintage_is_that_of_the_version_that_readers_get() -> None:
    log = tuple(
        LogEntry(seq=i, event=event, version=f"2026-01-0{v}.0001", at="2026-01-05T00:00:00Z", vintage=vintage)
        for i, (event, v, vintage) in enumerate([("published", 1, "2025-10"), ("published", 2, "2025-11"), ("yanked", 2, "")])
    )  # fmt: skip
    latest = Latest(
        dataset=ATP, version="2026-01-01.0001", manifest="m", manifest_sha256="s", published_at="", seq=2, log=log
    )
    assert facts_of(load_contract(ATP), latest, None).vintage == "2025-10"


def test_a_status_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    """And keeps no other dataset from its verdict."""
    (tmp_path / ATP).mkdir()
    (tmp_path / ATP / "status.json").write_bytes(b"{")
    found = {f.dataset: f for f in check_all(LocalStore(tmp_path), [ATP, IP], datetime(2026, 11, 24, 12, tzinfo=UTC))}
    assert found[ATP].state == "not known" and found[ATP].alarming and "status.json" in found[ATP].words
    assert found[IP].state == "never published"


def test_a_store_that_cannot_be_read_is_no_verdict(tmp_path: Path) -> None:
    (tmp_path / ATP).mkdir()
    (tmp_path / ATP / "status.json").symlink_to("status.json")  # leads to itself, so nothing can be read from it
    (found,) = check_all(LocalStore(tmp_path), [ATP], datetime(2026, 11, 24, 12, tzinfo=UTC))
    assert found.state == "not known" and "status.json" in found.words
    (tmp_path / "catalog.json").symlink_to("catalog.json")
    with pytest.raises(StoreError, match=r"status\.json|catalog\.json"):
        check_all(LocalStore(tmp_path), [ATP], datetime(2026, 11, 24, 12, tzinfo=UTC))


# ------------------------------------------------------------ with and without a schedule

SINCE = Schedule(since="2026-11-20T10:00:00.000000Z", by="techtrade serve")


def judged(facts: Facts, now: str, scheduled: Schedule | None) -> Freshness:
    moment = at(now)
    assert moment is not None
    return freshness_verdict(facts, releases_due(facts.contract.name, moment), moment, scheduled)


def bundled(dataset: str = ATP, outcome: str = "published", detail: str = "") -> Facts:
    return Facts(load_contract(dataset), "2026-01-01.0001", "2025-02", outcome, detail, bundled=True)


@pytest.mark.parametrize("dataset", [ATP, IP])
def test_bundled_vintages_are_late_only_once_there_is_a_schedule(dataset: str) -> None:
    alone = judged(bundled(dataset), "2026-11-20T11:00", None)
    assert (alone.state, alone.alarming) == ("bundled, not scheduled", False)
    assert alone.state not in BAD and "techtrade serve" in alone.words
    assert judged(bundled(dataset), "2026-11-20T11:00", SINCE).state == "late at us", (
        "silence is late, from the first day"
    )


def test_an_alert_waits_for_the_first_turn_of_a_new_schedule() -> None:
    """Red at once, for who looks; nobody is woken before a run could have been there (every 3 days by the contract)."""
    found = [judged(bundled(), now, SINCE) for now in ("2026-11-23T10:00", "2026-11-23T10:01")]
    assert [(f.state, f.alarming) for f in found] == [("late at us", False), ("late at us", True)]
    failed = judged(bundled(outcome="failed", detail="no key"), "2026-11-20T11:00", SINCE)
    assert failed.alarming and "no key" in failed.words


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("", "no run has ended since: is a worker running?"),
        ("failed", "the last run failed: set CENSUS_API_KEY"),
        ("rejected", "techtrade quality atp_world_monthly@2026-11-21.0001"),
    ],
)
def test_what_was_never_published_is_late_with_its_reason_once_there_is_a_schedule(outcome: str, words: str) -> None:
    """A key that is missing, a worker that is dead, from the first day."""
    facts = Facts(load_contract(ATP), outcome=outcome, detail="set CENSUS_API_KEY", stopped="2026-11-21.0001")
    found = judged(facts, "2026-11-21T12:00", SINCE)
    assert found.state == "late at us" and words in found.words and "techtrade serve" in found.words
    assert judged(facts, "2026-11-21T12:00", None).state == "never published"


def test_figures_are_bundled_if_they_came_with_the_project_and_no_publisher_was_asked() -> None:
    def facts(vintage: str, asked: str = "") -> Facts:
        log = (LogEntry(seq=1, event="published", version="2026-01-01.0001", at="", vintage=vintage),)
        latest = Latest(
            dataset=ATP, version="2026-01-01.0001", manifest="m", manifest_sha256="s", published_at="", seq=1, log=log
        )
        status = Status(dataset=ATP, checked_at="2026-01-05T00:00:00Z", outcome="published", detail="", asked_at=asked)
        return facts_of(load_contract(ATP), latest, status)

    assert facts("2025-02").bundled
    assert not facts("2025-02", asked="2026-01-05T00:00:00Z").bundled, "somebody polls: silence after it is late"
    assert not facts("2025-03").bundled, "a restored store, whose status is gone"


@pytest.mark.parametrize("body", [b"{", b'{"since": "no moment", "by": "x"}'])
def test_a_note_of_a_schedule_that_is_damaged_counts_as_one(body: bytes, tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert schedule.read(store) is None
    store.create(layout.SCHEDULE, body)
    (found,) = check_all(store, [ATP], datetime(2026, 11, 24, 12, tzinfo=UTC))
    assert found.state == "late at us"


def test_the_first_to_note_a_schedule_stays(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "new")
    assert schedule.note_scheduled(store, by="techtrade serve") and schedule.note_scheduled(store, by="another")
    found = schedule.read(store)
    assert found is not None and found.by == "techtrade serve"


def test_a_store_that_takes_no_note_fails_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not schedule.note_scheduled(LocalStore(tmp_path / "file"), by="techtrade serve")
