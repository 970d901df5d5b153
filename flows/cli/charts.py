"""A series by year as a small chart of characters, for a terminal or a log."""

from __future__ import annotations

import math
from collections.abc import Mapping

BLANK = "\u2800"  # the braille pattern without dots, which some fonts show as a box
CHARS_A_YEAR = 2
MOST_STEPS = 8


def by_year(figures: Mapping[int, float], first: int, marks: Mapping[int, str] | None = None) -> list[str]:
    """Return the lines of a chart, about 80 wide.

    Args:
        figures: a value a year.
        first: the year at which the axis begins; figures before it are not shown.
        marks: a text beside the point of a year.
    """
    import plotille

    shown = {year: value for year, value in sorted(figures.items()) if year >= first}
    low, high, step = _range(min(0.0, *shown.values()), max(0.0, *shown.values()))
    figure = plotille.Figure()
    figure.with_colors = False
    # Ticks at every tenth character and at every line, so these sizes make them whole years and round figures.
    figure.width, figure.height = CHARS_A_YEAR * (max(shown) + 1 - first), round((high - low) / step)
    figure.set_x_limits(min_=first, max_=max(shown) + 1)
    figure.set_y_limits(min_=low, max_=high)
    for kind in (int, float):
        figure.register_label_formatter(kind, _label)
    figure.origin = False
    figure.plot(list(shown), list(shown.values()))
    for year, text in (marks or {}).items():
        place, words = CHARS_A_YEAR * (year - first), f"x {text}"
        if place + len(words) > figure.width:  # plotille does not cut at the edge
            place, words = max(place - len(text) - 1, 0), f"{text} x"
        figure.text([first + (place + 0.25) / CHARS_A_YEAR], [shown[year]], [words])
    # The first line names the axis, the second one is above all figures.
    lines = figure.show().replace(BLANK, " ").splitlines()[2:]
    spare = min(len(line) - len(line.lstrip(" ")) for line in lines[: figure.height])
    bar = lines[0].index("|") + 1
    lines[-2] = f"{'':{bar - 1}}+-{lines[-2][bar + 1 : bar + 1 + figure.width]}"
    return [(line[spare:bar] + line[bar + 1 :]).rstrip() for line in lines]


def _label(value: float, chars: int, delta: float | None = None, left: bool = False) -> str:
    return f"{value:{'<' if left else '>'}{chars}.0f}"


def _range(lowest: float, highest: float) -> tuple[float, float, float]:
    """Return round ends of an axis, and the smallest round step that needs at most ``MOST_STEPS`` of it.

    A line of characters is four dots high: a figure half a dot below the top, or less, would be drawn above it.
    """
    size = 10 ** math.floor(math.log10(max(highest - lowest, 1e-9) / MOST_STEPS))
    for times in (1, 2, 5, 10, 20, 50):
        step = float(size * times)
        low, high = math.floor(lowest / step) * step, (math.floor((highest + step / 8) / step) + 1) * step
        if round((high - low) / step) <= MOST_STEPS:
            break
    return low, high, step
