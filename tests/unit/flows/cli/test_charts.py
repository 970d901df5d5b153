"""Charts by year: points stand over their year and beside their figure."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flows.cli.charts import BLANK, CHARS_A_YEAR, MOST_STEPS, by_year

FIRST = 1989
figures_of = st.dictionaries(
    st.integers(FIRST, 2026), st.floats(-900, 900).map(lambda v: round(v, 1)), min_size=2, max_size=38
)


@given(figures_of)
def test_a_chart_fits_a_screen(figures: dict[int, float]) -> None:
    lines = by_year(figures, FIRST)
    assert len(lines) <= MOST_STEPS + 2  # a line a step, and two of the axis
    assert max(map(len, lines)) <= 12 + CHARS_A_YEAR * (max(figures) + 1 - FIRST)
    assert BLANK not in "".join(lines)


@given(st.integers(FIRST, 2024), st.floats(-300, 300))
def test_a_mark_stands_over_its_year(year: int, value: float) -> None:
    figures = {FIRST: -300.0, 2024: 300.0, year: value}
    lines = by_year(figures, FIRST, {year: "this one"})
    marked = next(line for line in lines if "this one" in line)
    left = marked.index("|") + 1
    assert marked.index("x", left) - left == CHARS_A_YEAR * (year - FIRST)
    assert int(marked[: left - 1]) <= value + 25  # a line is 100, and four dots, high


def test_years_and_figures_of_the_axes_are_round() -> None:
    lines = by_year({1989: 27.6, 2002: -16.6, 2024: -298.9}, FIRST)
    assert [int(line.split("|")[0]) for line in lines[:-2]] == [0, -50, -100, -150, -200, -250, -300]
    ticks = lines[-1].split("|")[1].split()
    assert [int(t) for t in ticks] == list(range(1989, 2025, 5))
    left = lines[0].index("|") + 1
    assert max(map(len, lines)) <= 80
    assert all(lines[-1].index(t) - left == CHARS_A_YEAR * (int(t) - FIRST) for t in ticks)


@pytest.mark.parametrize("figures", [{1990: 0.0, 1991: 0.0}, {1990: 1e-3, 1991: 2e-3}, {1990: 1e6, 1991: -2e6}])
def test_any_size_of_figures_is_drawn(figures: dict[int, float]) -> None:
    assert len(by_year(figures, FIRST)) <= MOST_STEPS + 2


@given(figures_of)
@example({1989: 0.0, 1992: 97.5})  # half a dot below the top, exactly
def test_the_line_reaches_the_newest_year(figures: dict[int, float]) -> None:
    lines = by_year(figures, FIRST)
    left = lines[0].index("|") + 1
    column = left + CHARS_A_YEAR * (max(figures) - FIRST)
    assert any(line[column : column + 1].strip() for line in lines[:-2])
