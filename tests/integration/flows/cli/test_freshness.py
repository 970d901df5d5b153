"""What real runs write down of when a publisher was asked, and what the freshness watch makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from configs.contracts import dataset_names
from tasks.monitor.freshness import check_all
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import protocol
from tasks.warehouse.run_status import read_status, write_status
from tasks.warehouse.schedule import note_scheduled
from tests.doubles.publishers import CensusDouble, closed_port
from tests.support.mail_server import web_hook
from tests.support.plain import Ran, nothing_published

Run = Callable[..., Ran]
ATP = "atp_world_monthly"


def verdict(techtrade: Run) -> tuple[int, dict[str, Any]]:
    ran = techtrade("freshness", ATP, "--json")
    (found,) = json.loads(ran.out)
    return ran.code, found


def test_only_a_publisher_that_answered_counts_as_asked(
    techtrade: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(str(tmp_path / "store"))

    # Bundled figures are published: they say nothing of the publisher, and are late once there is a schedule.
    assert techtrade("publish", ATP, "--source", "snapshot", "--vintage", "2025-02").code == 0
    code, found = verdict(techtrade)
    assert (code, found["state"], found["asked_at"]) == (0, "bundled, not scheduled", "")
    assert note_scheduled(store, by="techtrade serve")
    code, found = verdict(techtrade)
    assert (code, found["state"], found["asked_at"]) == (1, "late at us", "")
    assert "not known that the publisher was ever asked" in found["words"]

    # The publisher is asked, and still has what it had: it is late, and not us.
    with CensusDouble("2025-02") as double:
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", f"{double.url}/country.xlsx")
        assert techtrade("publish", ATP).code == 0
        requests = len(double.requests)
        code, found = verdict(techtrade)
        assert (code, found["state"]) == (0, "late at the publisher")
        assert len(double.requests) == requests, "the watch asks no publisher"
    asked = read_status(store, ATP).asked_at
    assert asked

    # Runs that end otherwise do not make it forgotten when the publisher answered last.
    with closed_port() as nobody:
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", f"{nobody}/country.xlsx")
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__ATTEMPTS", "1")
        assert techtrade("publish", ATP).code == 1
    assert read_status(store, ATP).asked_at == asked
    code, found = verdict(techtrade)
    assert (code, found["state"]) == (1, "late at us")
    assert "the last run failed" in found["words"]
    assert techtrade("publish", ATP, "--source", "snapshot", "--vintage", "2025-02").code == 0
    assert read_status(store, ATP).asked_at == asked

    # A candidate that the gate stops was an answer of the publisher's, and readers do not get it because of us.
    with CensusDouble("2025-02") as double:
        double.fault = "thousands"
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", f"{double.url}/country.xlsx")
        assert techtrade("publish", ATP).code == 3
    assert read_status(store, ATP).asked_at > asked
    code, found = verdict(techtrade)
    assert (code, found["state"]) == (1, "late at us")
    assert "the quality gate stopped it" in found["words"]


def partners(techtrade: Run, store: ObjectStore) -> datetime:
    """Publishes the table of partners; returns a moment soon after its vintage, at which its publisher was asked."""
    assert techtrade("publish", "partners").code == 0
    latest, _ = protocol.read_latest(store, "partners")
    assert latest is not None
    asked = datetime.fromisoformat(latest.log[-1].vintage).replace(tzinfo=UTC) + timedelta(days=2)
    last = read_status(store, "partners")
    assert last is not None and last.asked_at
    assert write_status(store, last.model_copy(update={"asked_at": asked.isoformat()}))
    return asked


def test_a_schedule_that_has_stopped_is_told(techtrade: Run, local_store: ObjectStore) -> None:
    """Nothing fails when nothing runs: only the time since the last look tells."""
    asked = partners(techtrade, local_store)
    (soon,) = check_all(local_store, ["partners"], asked + timedelta(days=14))
    (later,) = check_all(local_store, ["partners"], asked + timedelta(days=14, minutes=1))
    assert (soon.state, later.state) == ("fresh", "late at us")
    assert "every 7 days" in later.words


@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")
def test_the_flow_tells_the_owner_once_and_once_that_it_is_over(
    techtrade: Run, local_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.freshness import freshness

    settings = tmp_path / "alerts.yaml"
    settings.write_text(
        "owners: {techtrade data team: {channels: [TEST_CHAT]}}\nfallback: []\ngrouping_seconds: 0\nbackoff_seconds: 0\n"
    )
    monkeypatch.setenv("TECHTRADE_ALERTS", str(settings))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    asked = partners(techtrade, local_store)

    def look(days: int) -> list[str]:
        found = freshness(datasets=["partners", ATP], store=local_store.url, at=asked + timedelta(days=days))
        return [f.state for f in found]

    with web_hook() as hook:
        monkeypatch.setenv("TEST_CHAT", hook.url)
        assert look(1) == ["fresh", "never published"]
        assert hook.posts == []
        assert look(20) == look(21) == ["late at us", "never published"]
        assert look(2) == look(2) == ["fresh", "never published"]
        told, over = hook.posts
    assert told["title"].startswith("techtrade") and "partners: late at us: " in told["title"]
    for words in (
        "late at us",
        "every 7 days",
        "techtrade freshness partners",
        "Not up to date",
        "runbook stale",
        "Readers get: partners@",
    ):
        assert words in told["message"], words
    assert "GOOD AGAIN: partners" in over["title"]


def test_the_whole_list_is_told_and_an_unknown_name_is_wrong_usage(techtrade: Run, local_store: ObjectStore) -> None:
    nothing_published(local_store)
    ran = techtrade("freshness")
    assert ran.code == 0 and ran.out.count(": never published") == len(dataset_names())
    assert techtrade("freshness", "no_such").code == 2
