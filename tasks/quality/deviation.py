"""How far off a failed check is, in words: from the values in its failing rows. No I/O.

A rule's violations carry what it compared: a figure and beside it the one it was held against, named after it
(``exports_usd`` and ``exports_usd_before``). From that pair the worst row is told, so that "434 rows otherwise" also
says whether it was a thousandth or a thousandfold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from configs.words import few
from tasks.common.text import figure

BESIDE = {
    "before": "in the version before",
    "usual": "expected",
    "world": "in the world's row",
    "total": "in the publisher's total",
    "source": "in what was extracted",
    "published": "in the publisher's own total",
    "known": "known",
}
# Pairs whose second name is not made of the first, with the words for it.
NAMED = (
    ("value_usd", "usual", "expected"),
    ("value_usd", "known", "known"),
    ("value_usd", "known_usd", "known"),
    ("value_ytd_usd", "months", "the sum of its months"),
    ("ours_musd", "value_musd", "in the other source"),
)

# What is known is rounded, so ratios to it are one and the same within a percent.
ONE_RATIO = 0.01


@dataclass(frozen=True)
class Deviation:
    """One figure and the one it was held against, of the row where they are furthest apart."""

    name: str
    value: float
    other: float
    words: str

    @property
    def distance(self) -> float:
        """How far apart, comparable over pairs: the logarithm of the factor; without end where one is 0 or of
        another sign."""
        if self.value * self.other <= 0:
            return math.inf if self.value != self.other else 0.0
        return abs(math.log(self.value / self.other))

    def told(self) -> str:
        factor = "" if not math.isfinite(self.distance) else f" ({_apart(self.value, self.other)})"
        return f"{self.name} {figure(self.value)} against {figure(self.other)} {self.words}{factor}"


def how_far(rows: pl.DataFrame) -> str:
    """The furthest pair of all rows, in words; empty where the rows hold no pair."""
    found = [off for name, other, words in _pairs(rows.columns) if (off := _worst(rows, name, other, words))]
    return "" if not found else f"furthest off: {max(found, key=lambda o: o.distance).told()}"


def common_ratio(rows: pl.DataFrame) -> tuple[str, float, str] | None:
    """Return the figure, its ratio and the words for what it was compared with, if the ratio is one over all rows."""
    for name, other, words in _pairs(rows.columns):
        if not (rows[name].dtype.is_numeric() and rows[other].dtype.is_numeric()):
            continue
        ratio = (rows[name].cast(pl.Float64) / rows[other].cast(pl.Float64)).drop_nulls()
        middle = ratio.median()
        if ratio.len() < rows.height or not isinstance(middle, float) or not math.isfinite(middle):
            continue
        if bool(((ratio - middle).abs() <= ONE_RATIO * abs(middle)).all()) and abs(middle - 1) > ONE_RATIO:
            return name, middle, words
    return None


def values_of(rows: pl.DataFrame, column: str) -> str:
    """Which values of one column are wrong: the range of numbers, up to three of anything else."""
    if column not in rows.columns or rows.is_empty():
        return ""
    values = rows[column].drop_nulls()
    if values.is_empty():
        return f"{column} is null"
    if values.dtype.is_numeric():
        low, high = values.min(), values.max()
        told = figure(float(str(low)))
        return f"{column} {told}" if low == high else f"{column} from {told} to {figure(float(str(high)))}"
    return f"{column} {few([repr(str(v)) for v in values.unique(maintain_order=True)])}"


def _pairs(columns: list[str]) -> list[tuple[str, str, str]]:
    beside = [(c, f"{c}_{suffix}", words) for c in columns for suffix, words in BESIDE.items()]
    return [(a, b, words) for a, b, words in (*beside, *NAMED) if a in columns and b in columns]


def _worst(rows: pl.DataFrame, name: str, other: str, words: str) -> Deviation | None:
    if not (rows[name].dtype.is_numeric() and rows[other].dtype.is_numeric()):
        return None
    both = rows.select(pl.col(name).cast(pl.Float64).alias("a"), pl.col(other).cast(pl.Float64).alias("b"))
    offs = [
        Deviation(name, a, b, words) for a, b in both.drop_nulls().iter_rows() if math.isfinite(a) and math.isfinite(b)
    ]
    # Of several that are infinitely far apart, the largest difference.
    return max([o for o in offs if o.distance > 0], key=lambda o: (o.distance, abs(o.value - o.other)), default=None)


def _apart(value: float, other: float) -> str:
    ratio = value / other
    if ratio >= 2:
        return f"{figure(ratio)} times"
    return f"1/{figure(1 / ratio)}" if ratio <= 0.5 else f"{ratio - 1:+.2%}"
