"""The clock, and moments as text: one way to write one and one way to read it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time of this machine, in UTC."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Return a moment as the store writes it: ISO 8601, UTC, microseconds, so that stamps sort as text."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime:
    """Return the moment that an ISO 8601 text means; one without a time zone is UTC.

    Raises:
        ValueError: it is no such text.
    """
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def to_minute(at: datetime | str) -> str:
    """Return a moment, or a stamp, for a person: ``2026-11-05 12:00 UTC``. Nothing stays nothing."""
    text = at if isinstance(at, str) else stamp(at)
    return f"{text[:16].replace('T', ' ')} UTC" if text else ""
