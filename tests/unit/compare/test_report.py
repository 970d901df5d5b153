"""What changed, for a person: by cause, headline totals, the largest with names, short whatever happened."""

from __future__ import annotations

import polars as pl
from hypothesis import given

from tasks.compare.attribution import AttributionBasis, Step
from tasks.compare.diff import diff
from tasks.compare.report import Side, render_changes_md
from tests.support.trade import HITECH, State, cells, hitech


def told(old: State | None, new: State, replayed: State | None = None) -> str:
    steps = (Step("method", hitech(replayed)),) if replayed is not None else ()
    before = hitech(old) if old is not None else None
    found = diff(hitech(new), before, HITECH, AttributionBasis(steps))
    side = Side("2026-01-01.0001", "2025-12", before) if before is not None else None
    after = Side("2026-02-01.0001", "2026-01", hitech(new))
    return render_changes_md(HITECH, side, after, found.frame.lazy(), found.counts)


def test_a_first_version_has_nothing_to_compare_with() -> None:
    assert "The first version: 2 rows" in told(None, {("01", 1): 1, ("02", 1): 1})


def test_causes_names_and_sizes_are_told() -> None:
    old = {("01", 1): 1_000_000, ("02", 1): 50}
    new = {("01", 1): 4_000_000, ("02", 1): 50, ("02", 5): 7}
    text = told(old, new, {("01", 1): 3_000_000, ("02", 1): 50})
    assert "2 new periods; 2 revisions by the publisher; 2 our method changed" in text
    assert (
        "- imports, x, China, 2024-02, value_usd: 1.000 million -> 4.000 million, +300.0 % (our method changed, "
        in text
    )
    assert "- partner_code: China (4)" in text and "- period: 1 revised" not in text.replace(
        "- period: 2024-02 revised", ""
    )


def test_what_did_not_change_is_said_so() -> None:
    assert "No figure changed." in told({("01", 1): 1}, {("01", 1): 1})


def test_a_total_that_moved_is_told_and_a_year_that_got_a_month_is_no_other_total() -> None:
    def world(state: State) -> pl.LazyFrame:
        return hitech(state).with_columns(partner_code=pl.lit("-"), partner_name=pl.lit("World"))

    def between(old: State, new: State) -> str:
        found = diff(world(new), world(old), HITECH)
        sides = (Side("1", "2025-12", world(old)), Side("2", "2026-01", world(new)))
        return render_changes_md(HITECH, *sides, found.frame.lazy(), found.counts)

    assert "| ATP imports from the world | 2024 | 100 | 110 | +10.0 % |" in between({("01", 1): 100}, {("01", 1): 110})
    assert "No headline total of a year that was there changed." in between(
        {("01", 1): 1}, {("01", 1): 1, ("01", 2): 1}
    )
    # A group more in the same months is another total.
    assert "| 2024 | 100 | 150 |" in between({("01", 1): 100}, {("01", 1): 100, ("02", 1): 50})


def test_what_is_gone_is_said_so() -> None:
    text = told({("01", 1): 1, ("02", 1): 5}, {("01", 1): 1})
    assert "Gone: 1 row with 2 figures." in text and "Cells that are gone by key:\n- flow: imports (2)" in text
    assert "revision" not in text and "Revised" not in text, "it was not revised as well"


@given(cells, cells, cells)
def test_it_fits_a_chat_window_and_never_fails(old: State, replayed: State, new: State) -> None:
    text = told(old, new, replayed)
    assert len(text.splitlines()) <= 60 and len(text) < 8_000 and text.endswith("\n")
