"""How far off a failed check is, in words, from its failing rows."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from tasks.common.text import figure
from tasks.quality.deviation import how_far, values_of


def rows(**columns: list[Any]) -> pl.DataFrame:
    return pl.DataFrame(columns)


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (rows(exports_usd=[2_000, 5_000_000], exports_usd_before=[1_000, 5_000]),
         "furthest off: exports_usd 5,000,000 against 5,000 in the version before (1,000 times)"),
        (rows(value_usd=[1.0], usual=[1_000.0]), "furthest off: value_usd 1 against 1,000 expected (1/1,000)"),
        (rows(value_usd=[102], value_usd_world=[100]), "furthest off: value_usd 102 against 100 in the world's row (+2.00%)"),
        (rows(rows=[8], rows_before=[10]), "furthest off: rows 8 against 10 in the version before (-20.00%)"),
        # No factor leads from a figure to none, or to one of another sign; the largest of them is told.
        (rows(value_usd=[0, 0], value_usd_total=[5, 7]), "furthest off: value_usd 0 against 7 in the publisher's total"),
        (rows(value_usd=[-3], value_usd_before=[3]), "furthest off: value_usd -3 against 3 in the version before"),
        # Of several pairs, the one furthest apart.
        (rows(a=[2], a_before=[1], b=[9], b_before=[1]), "furthest off: b 9 against 1 in the version before (9 times)"),
        # What is missing is not 0, what agrees is not off, and what is no number is not compared.
        (rows(value_usd=[None], value_usd_before=[5]), ""),
        (rows(value_usd=[5], value_usd_before=[5]), ""),
        (rows(vintage=["2024"], vintage_before=["2025"]), ""),
        (rows(value_usd=[float("nan")], value_usd_before=[5.0]), ""),
        (rows(period=["2024-01-01"]), ""),
        (rows(value_usd=[1], value_usd_before=[2]).clear(), ""),
    ],
)  # fmt: skip
def test_the_furthest_pair_is_told(frame: pl.DataFrame, told: str) -> None:
    assert how_far(frame) == told


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([-5, 3], "it from -5 to 3"), ([7, 7], "it 7"), ([None], "it is null"), ([], ""),
        (["b", "a", "b", "c", "d", "e"], "it 'b', 'a', 'c' and 2 more"), (["<x>"], "it '<x>'"),
    ],
)  # fmt: skip
def test_wrong_values_are_named(values: list[Any], told: str) -> None:
    assert values_of(pl.DataFrame({"it": values}), "it") == told
    assert values_of(pl.DataFrame({"it": values}), "other") == ""


@pytest.mark.parametrize(
    ("value", "told"), [(1e12, "1,000,000,000,000"), (0.25, "0.25"), (2.0, "2"), (1234567.8, "1,234,568")]
)
def test_numbers_are_for_people(value: float, told: str) -> None:
    assert figure(value) == told
