"""The verdict on a dataset, over dates and over what the last runs found. No store, no publisher."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from configs.contract import load_contract
from configs.errors import StoreError
from configs.releases import expectations
from tasks.freshness import Facts, Freshness, facts_of, judge, watch
from tasks.store.local import LocalStore
from tasks.store.records import Latest, LogEntry, Status

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
    return judge(facts, expectations(dataset, moment), moment)


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
    found = judge(facts, expectations(ATP, now), now)
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
    found = {f.dataset: f for f in watch(LocalStore(tmp_path), [ATP, IP], datetime(2026, 11, 24, 12, tzinfo=UTC))}
    assert found[ATP].state == "not known" and found[ATP].alarming and "status.json" in found[ATP].words
    assert found[IP].state == "never published"


def test_a_store_that_cannot_be_read_is_no_verdict(tmp_path: Path) -> None:
    (tmp_path / ATP).mkdir()
    (tmp_path / ATP / "status.json").symlink_to("status.json")  # leads to itself, so nothing can be read from it
    with pytest.raises(StoreError, match=r"status\.json"):
        watch(LocalStore(tmp_path), [ATP], datetime(2026, 11, 24, 12, tzinfo=UTC))
