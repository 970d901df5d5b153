"""Lines, lengths of time, sizes, figures and moments as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tasks.common.clock import moment, stamp, to_minute
from tasks.common.text import apart, byte_size, cut, duration, figure, one_line


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.0, "0"), (12.0, "12"), (0.25, "0.25"), (123.456, "123.5"), (12_345.6, "12,346"), (-2e9, "-2,000,000,000")],
)
def test_figure(value: float, told: str) -> None:
    assert figure(value) == told


@pytest.mark.parametrize(("seconds", "told"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (5400, "1.5 h")])
def test_duration(seconds: float, told: str) -> None:
    assert duration(seconds) == told


@pytest.mark.parametrize(
    ("seconds", "told"), [(-5, "0s"), (119, "119s"), (7199, "119m"), (7200, "2h"), (172_800, "2d")]
)
def test_apart(seconds: int, told: str) -> None:
    assert apart(timedelta(seconds=seconds)) == told


@pytest.mark.parametrize(("size", "told"), [(999, "999 B"), (1_500, "1.5 kB"), (250_000, "250 kB"), (4e12, "4000 GB")])
def test_byte_size(size: float, told: str) -> None:
    assert byte_size(size) == told


def test_line_has_no_breaks_and_nothing_that_acts() -> None:
    assert one_line(ValueError("a\n  b\x1b[2J")) == "a b\\x1b[2J"
    assert cut("a\n b c", 4) == "a b…" and cut("a b", 3) == "a b"


def test_moment_is_read_as_it_was_written() -> None:
    at = datetime(2026, 11, 5, 12, 30, 1, 5, tzinfo=UTC)
    assert moment(stamp(at)) == at
    assert moment("2026-11-05T12:30") == at.replace(second=0, microsecond=0), "UTC, if it does not say"
    assert to_minute(at) == to_minute(stamp(at)) == "2026-11-05 12:30 UTC"
