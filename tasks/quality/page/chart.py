"""A series as the geometry of an SVG: lines, marks, axes. Numbers in, numbers out; the template draws.

Logarithmic where all figures are positive and far apart, so that a thousandfold does not press the version before flat
onto the axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from configs.words import plural
from tasks.quality.page.series import CheckedSeries, Point

WIDTH, HEIGHT = 720, 260
# Room for labels that a narrow screen sets twice as large.
LEFT, RIGHT, TOP, BOTTOM = 92, 28, 14, 38
FAR_APART = 30
WORDS = ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k"))


@dataclass(frozen=True)
class Mark:
    """A failing point, with what a reader of the page is told of it."""

    x: float
    y: float
    told: str


@dataclass(frozen=True)
class Chart:
    """``now`` and ``before``: path data, empty where there is no figure. Ticks: position and label. ``new_from``: where
    the points begin that only this version has."""

    title: str
    description: str
    now: str
    before: str
    marks: tuple[Mark, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    logarithmic: bool
    new_from: float | None = None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def short(value: float) -> str:
    """A figure for an axis: ``44.7 bn``."""
    size, word = next(((s, w) for s, w in WORDS if abs(value) >= s), (1.0, ""))
    return f"{value / size:,.3g} {word}".strip()


def draw(series: CheckedSeries) -> Chart | None:
    """The chart of a series; None where there is no figure to draw."""
    values = [v for p in series.points for v in (p.before, p.now) if v is not None and math.isfinite(v)]
    if not values:
        return None
    logarithmic = min(values) > 0 and max(values) / min(values) > FAR_APART
    ticks = _log_ticks(min(values), max(values)) if logarithmic else _ticks(min(values), max(values))
    scale: Callable[[float], float] = math.log10 if logarithmic else float
    low, high = scale(min(*ticks, *values)), scale(max(*ticks, *values))
    step = (WIDTH - LEFT - RIGHT) / max(len(series.points) - 1, 1)

    def x(index: int) -> float:
        return round(LEFT + index * step, 1)

    def y(value: float) -> float:
        share = (scale(value) - low) / ((high - low) or 1)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def path(pick: Callable[[Point], float | None]) -> str:
        parts, pen = [], "M"
        for i, p in enumerate(series.points):
            value = pick(p)
            if value is None:
                pen = "M"
                continue
            # A figure with none on either side would be a line of no length: round ends make it a dot.
            parts.append(f"{pen}{x(i)} {y(value)}" + ("h0.01" if pen == "M" else ""))
            pen = "L"
        return " ".join(parts)

    marks = [(i, p, p.now if p.now is not None else p.before) for i, p in enumerate(series.points) if p.failing]
    return Chart(
        title=f"{series.measure}: {series.of}" if series.of else series.measure,
        description=_description(series),
        now=path(lambda p: p.now),
        before=path(lambda p: p.before),
        marks=tuple(Mark(x(i), y(v), f"{p.at}: {told(p)}") for i, p, v in marks if v is not None),
        x_ticks=tuple((x(i), label) for i, label in _moments(series.points)),
        y_ticks=tuple((y(t), short(t)) for t in ticks),
        logarithmic=logarithmic,
        new_from=_new_from(series, x),
    )


def _new_from(series: CheckedSeries, x: Callable[[int], float]) -> float | None:
    """Return where the points begin that the version before did not reach; None if there are none."""
    last = max((i for i, p in enumerate(series.points) if p.before is not None), default=None)
    return None if last is None or last == len(series.points) - 1 else x(last)


def told(point: Point) -> str:
    """What a point is, and was."""
    now = "no figure" if point.now is None else f"{point.now:,.0f}"
    return now if point.before is None else f"{now}, before {point.before:,.0f}"


def _description(series: CheckedSeries) -> str:
    failing = [p for p in series.points if p.failing]
    first, last = series.points[0].at, series.points[-1].at
    against = "beside the version before" if series.has_before else "there is no version before"
    marked = "no single point is marked"
    if failing:
        few = "; ".join(f"{p.at}: {told(p)}" for p in failing[:3])
        marked = f"{plural(len(failing), 'failing point')} marked: {few}"
    return f"{series.measure} in {series.unit}, {first} to {last}, {against}; {marked}."


def _ticks(low: float, high: float) -> list[float]:
    """Round figures from below the least to above the most."""
    if low > 0 and low < high / 2:
        low = 0.0
    raw = ((high - low) or abs(high) or 1.0) / 4
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if raw <= size * m)
    first = math.floor(low / step)
    return [step * n for n in range(first, max(math.ceil(high / step), first + 1) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, (last - first) // 5)
    return [10.0**n for n in range(first, last + 1, every)]


def _moments(points: Sequence[Point]) -> list[tuple[int, str]]:
    """Return at most seven labels: years where they begin, else moments."""
    starts = [(i, p.at[:4]) for i, p in enumerate(points) if i == 0 or points[i - 1].at[:4] != p.at[:4]]
    if len(starts) < 3:
        starts = [(i, p.at[:7]) for i, p in enumerate(points)]
    return starts[:: math.ceil(len(starts) / 7)]
