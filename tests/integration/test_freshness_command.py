"""What real runs write down of when a publisher was asked, and what the freshness watch makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.freshness import watch
from tasks.store import derived, versions
from tasks.store.open import open_store
from tests.command import Ran
from tests.contract.doubles import CensusDouble, closed_port

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
    code, found = verdict(techtrade)
    assert (code, found["state"]) == (0, "never published")

    # Bundled figures are published: they say nothing of the publisher.
    assert techtrade("publish", ATP, "--source", "snapshot", "--vintage", "2025-02").code == 0
    code, found = verdict(techtrade)
    assert (code, found["state"], found["asked_at"]) == (1, "late at us", "")
    assert "never asked" in found["words"] or "not known that the publisher was ever asked" in found["words"]

    # The publisher is asked, and still has what it had: it is late, and not us.
    with CensusDouble("2025-02") as double:
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", f"{double.url}/country.xlsx")
        assert techtrade("publish", ATP).code == 0
        requests = len(double.requests)
        code, found = verdict(techtrade)
        assert (code, found["state"]) == (0, "late at the publisher")
        assert len(double.requests) == requests, "the watch asks no publisher"
    asked = derived.read_status(store, ATP).asked_at
    assert asked

    # Runs that end otherwise do not make it forgotten when the publisher answered last.
    with closed_port() as nobody:
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", f"{nobody}/country.xlsx")
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__ATTEMPTS", "1")
        assert techtrade("publish", ATP).code == 1
    assert derived.read_status(store, ATP).asked_at == asked
    code, found = verdict(techtrade)
    assert (code, found["state"]) == (1, "late at us")
    assert "the last run failed" in found["words"]
    assert techtrade("publish", ATP, "--source", "snapshot", "--vintage", "2025-02").code == 0
    assert derived.read_status(store, ATP).asked_at == asked

    # A candidate that the gate stops was an answer of the publisher's, and readers do not get it because of us.
    with CensusDouble("2025-02") as double:
        double.fault = "thousands"
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", f"{double.url}/country.xlsx")
        assert techtrade("publish", ATP).code == 3
    assert derived.read_status(store, ATP).asked_at > asked
    code, found = verdict(techtrade)
    assert (code, found["state"]) == (1, "late at us")
    assert "the quality gate stopped it" in found["words"]


def test_a_schedule_that_has_stopped_is_told(techtrade: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing fails when nothing runs: only the time since the last look tells."""
    assert techtrade("publish", "partners").code == 0
    store, now = open_store(str(tmp_path / "store")), versions.utc_now()
    assert [f.state for f in watch(store, ["partners"], now)] == ["fresh"]
    (later,) = watch(store, ["partners"], now + timedelta(days=15))
    assert later.state == "late at us" and "0 7 * * 1" in later.words


def test_the_whole_list_is_told_and_an_unknown_name_is_wrong_usage(techtrade: Run) -> None:
    ran = techtrade("freshness")
    assert ran.code == 0 and ran.out.count(": never published") == 7
    assert techtrade("freshness", "no_such").code == 2
