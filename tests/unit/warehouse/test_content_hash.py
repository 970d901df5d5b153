"""The content hash sees figures and nothing else."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.contracts import load_contract
from tasks.warehouse.content_hash import dataset_hash, frame_hash

IP = load_contract("ip_trade_annual")


def rows(values: list[float | None], names: list[str] | None = None) -> pl.DataFrame:
    n = len(values)
    return pl.DataFrame(
        {
            "economy_code": ["USA"] * n,
            "economy_name": names or ["United States"] * n,
            "is_aggregate": [False] * n,
            "year": list(range(2000, 2000 + n)),
            "receipts_usd": values,
            "payments_usd": [1.0] * n,
            "balance_usd": [None if v is None else v - 1.0 for v in values],
            "observation_status": [None] * n,
            "source_vintage": ["2025-01-28"] * n,
        },
        schema=IP.polars_schema,
    )


figures = st.lists(st.one_of(st.none(), st.floats(allow_infinity=False, width=64)), min_size=1, max_size=30)


@given(figures, st.randoms())
def test_order_of_rows_and_chunks_do_not_enter(values: list[float | None], random: object) -> None:
    frame = rows(values)
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=3)
    chunked = pl.concat([shuffled[:1], shuffled[1:]], rechunk=False)
    assert frame_hash(frame, IP) == frame_hash(shuffled, IP) == frame_hash(chunked, IP)


@given(figures)
def test_order_of_columns_does_not_enter(values: list[float | None]) -> None:
    frame = rows(values)
    assert frame_hash(frame, IP) == frame_hash(frame.select(reversed(frame.columns)), IP)


@given(figures, st.integers(0, 29), st.floats(allow_nan=False, allow_infinity=False))
def test_any_other_figure_gives_another_hash(values: list[float | None], at: int, other: float) -> None:
    at %= len(values)
    changed = [*values[:at], other, *values[at + 1 :]]
    same = values[at] is not None and values[at] == other
    assert (frame_hash(rows(values), IP) == frame_hash(rows(changed), IP)) == same


def test_minus_zero_is_zero_and_every_nan_is_one() -> None:
    assert frame_hash(rows([0.0]), IP) == frame_hash(rows([-0.0]), IP)
    assert frame_hash(rows([math.nan]), IP) == frame_hash(rows([-math.nan]), IP)


@pytest.mark.parametrize(("one", "other"), [(None, 0.0), (None, math.nan), (0.0, math.nan)])
def test_null_zero_and_nan_are_three_things(one: float | None, other: float) -> None:
    assert frame_hash(rows([one]), IP) != frame_hash(rows([other]), IP)


def test_text_cannot_be_moved_from_one_row_to_the_next() -> None:
    assert frame_hash(rows([1.0, 1.0], ["ab", "c"]), IP) != frame_hash(rows([1.0, 1.0], ["a", "bc"]), IP)


def test_the_dataset_is_its_partitions_in_any_order_but_not_under_other_names() -> None:
    one = dataset_hash([("part_year=2000", "a"), ("part_year=2001", "b")])
    assert one == dataset_hash([("part_year=2001", "b"), ("part_year=2000", "a")])
    assert one != dataset_hash([("part_year=2000", "b"), ("part_year=2001", "a")])
