"""Why a candidate is held, in words for owners and readers."""

from __future__ import annotations

from dataclasses import replace

from tasks.quality.cells import Cell, key_of
from tasks.quality.diagnosis import why_held
from tests.support.holding import report

FIRST = next(r for r in report().results if r.severity == "hold")


def cell(month: str, value: float, expected: float, check: str = FIRST.check_id) -> Cell:
    return Cell(check, key_of({"flow": "imports", "period": month}), value, expected)


def test_why_names_the_figure_furthest_off() -> None:
    cells = [cell("2025-02-01", 80e9, 70e9), cell("2025-03-01", 102e9, 68e9), cell("2025-03-01", 1e12, 0, "another")]
    assert why_held(FIRST, cells) == (
        "imports, 2025-03 is 102,000,000,000 dollars, 68,000,000,000 expected (+50%), and 1 more figure; "
        f"failed check: {FIRST.title}"
    )


def test_why_expects_no_other_value_where_the_check_does_not() -> None:
    assert why_held(FIRST, [cell("2025-03-01", 2e9, 2e9)]).startswith("imports, 2025-03 is 2,000,000,000 dollars; ")
    assert "0 expected, and" not in why_held(FIRST, [cell("2025-03-01", 2e9, 0)])


def test_why_without_figures_says_that_a_check_failed() -> None:
    assert why_held(replace(FIRST, observed="3 rows"), []) == f"a check failed: {FIRST.title}: 3 rows"
