"""What a publisher allows a minute is not exceeded; time is the limiter's own, so nothing here waits."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from pyrate_limiter import Limiter

from configs.settings import source_settings
from tasks.extract.http.rate_limits import RateLimits, limits_of


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What would have had to wait, as name and weight; the wait itself is left out."""
    real, found = Limiter.try_acquire, []

    def acquire(self: Limiter, name: str = "", weight: int = 1, blocking: bool = True, **more: Any) -> Any:
        if blocking:
            found.append((name, weight))
            return True
        return real(self, name, weight, blocking=False)

    monkeypatch.setattr(Limiter, "try_acquire", acquire)
    return found


def test_the_request_beyond_the_limit_waits(waited: list[tuple[str, int]], caplog: pytest.LogCaptureFixture) -> None:
    limits = RateLimits(3, None, None)
    for _ in range(3):
        limits.request()
    assert waited == []
    with caplog.at_level(logging.INFO, "techtrade"):
        limits.request()
    assert waited == [("requests", 1)]
    assert "waiting for the publisher's limit of requests" in caplog.text


def test_room_is_reserved_for_an_answer_as_large_as_the_largest_so_far(waited: list[tuple[str, int]]) -> None:
    limits = RateLimits(None, 100, None)
    limits.request()
    limits.received(40_000_000)  # 40 of 100
    limits.request()  # 80 of 100, whatever comes
    limits.received(1)
    assert waited == []
    limits.request()
    assert waited == [("megabytes", 40)], "another 40 could come"


def test_an_answer_larger_than_all_is_allowed_waits_for_all_there_is(waited: list[tuple[str, int]]) -> None:
    limits = RateLimits(None, 10, None)
    limits.request()
    limits.received(50_000_000)
    assert waited == [("megabytes", 10)]


def test_errors_are_counted_too(waited: list[tuple[str, int]]) -> None:
    limits = RateLimits(None, None, 2)
    for _ in range(3):
        limits.error()
    assert waited == [("errors", 1)]


def test_no_limit_means_none(waited: list[tuple[str, int]]) -> None:
    limits = RateLimits(None, None, None)
    for _ in range(1000):
        limits.request()
        limits.received(10**9)
        limits.error()
    assert waited == []


def test_sessions_of_a_source_share_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    assert limits_of(source_settings("bea")) is limits_of(source_settings("bea"))
    monkeypatch.setenv("TECHTRADE_SOURCES__BEA__URL", "http://127.0.0.1:1/")
    assert limits_of(source_settings("bea")) is not limits_of(source_settings("census_hitech"))


def test_beas_limits_are_within_what_bea_allows() -> None:
    """100 requests, 100 MB and 30 errors a minute, by its own documentation; 429 means shut out for an hour."""
    settings = source_settings("bea")
    assert settings.requests_per_minute and settings.requests_per_minute <= 100
    assert settings.megabytes_per_minute and settings.megabytes_per_minute <= 100
    assert settings.errors_per_minute and settings.errors_per_minute <= 30
    assert 429 in settings.lockout_statuses and settings.lockout_seconds >= 3600
