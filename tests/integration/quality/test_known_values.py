"""A true outlier is told once, with its source, and not in every later version."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import polars as pl
import pytest

from configs.known_values import load_known_values
from tasks.quality.gate import run_gate
from tests.support.gate import ATP, given, of
from tests.support.gate import good_figures as good  # noqa: F401 - a fixture

# Imports of March 2025, before the tariffs: 39 percent above the season (US Census Bureau, vintage 2026-07).
SPRING = {
    date(2025, 3, 1): (45_024_700_001, 102_333_300_001),
    date(2025, 4, 1): (43_549_100_001, 72_242_000_001),
}


def later(frame: pl.DataFrame) -> pl.DataFrame:
    rows = [
        {"period": m, "exports_usd": e, "imports_usd": i, "balance_usd": e - i, "reported_precision_usd": 1}
        for m, (e, i) in SPRING.items()
    ]
    return pl.concat([frame, pl.DataFrame(rows, schema=frame.schema)])


@pytest.mark.parametrize("next_to_it", [True, False])
def test_front_loading_of_2025_is_known(good: Callable[..., pl.DataFrame], next_to_it: bool) -> None:  # noqa: F811
    before = good(ATP, "2025-02")
    parent = before if next_to_it else None
    more = {"known_values": load_known_values(ATP), "parent_vintage": "2025-02" if next_to_it else None}
    report = run_gate(given(ATP, later(before), "2025-04", parent, **more))
    assert not report.rejected, report.failures()
    season = of(report, "in_season")
    assert (season.outcome, "tariffs of April 2025" in season.observed) == ("passed", True)
    # Without what is known it holds: a figure that only looks like it is not let through.
    assert "in_season" in run_gate(given(ATP, later(before), "2025-04", parent)).held


def test_a_published_outlier_does_not_trip_again(good: Callable[..., pl.DataFrame]) -> None:  # noqa: F811
    before = later(good(ATP, "2025-02"))
    may = before.with_columns(pl.col("period").dt.offset_by("1mo")).tail(1)
    report = run_gate(given(ATP, pl.concat([before, may]), "2025-05", before, parent_vintage="2025-04"))
    assert of(report, "in_season").outcome == "passed"
