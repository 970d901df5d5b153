"""Sorted files merged a range at a time are what sorting all of them would give, whatever the ranges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.contract import Contract, parse_contract
from tasks.build.parquet import content_hash_of_file, open_writer
from tasks.common.sorted_merge import merged, ranges
from tasks.compare import diff
from tasks.warehouse.content_hash import frame_hash

ORDER = ["a", "b", "c", "d"]
SCHEMA = {**dict.fromkeys(ORDER, pl.String), "value": pl.Int64}
Rows = list[tuple[str, str, str, str, int]]
letters = st.sampled_from("xyz")
rows = st.lists(st.tuples(letters, letters, letters, st.sampled_from("0123456789"), st.integers(0, 5)), max_size=60)


def contract() -> Contract:
    columns = "".join(f"  - {{name: {c}, type: string, role: key, unit: code, description: a key}}\n" for c in ORDER)
    return parse_contract(
        f"""
name: x
title: t
description: d
grain: g
primary_key: [{", ".join(ORDER)}]
sort_by: [{", ".join(ORDER)}]
absent_row_means: zero
schema_version: 1.0.0
owner: o
cadence: c
freshness_limit_days: 1
revision_window: r
licence: l
citation: c
sources: {{live: s}}
ask_within_days: 1
columns:
{columns}  - {{name: value, type: int64, role: measure, unit: USD, basis: b, description: a value}}
""",
        "test",
    )


def frame(some: Rows) -> pl.DataFrame:
    """Sorted, and a key once."""
    return pl.DataFrame(some, schema=SCHEMA, orient="row").unique(ORDER, keep="first", maintain_order=True).sort(ORDER)


def files(folder: Path, name: str, parts: Sequence[pl.DataFrame]) -> list[Path]:
    found = []
    for number, part in enumerate(parts):
        found.append(folder / f"{name}{number}.parquet")
        part.write_parquet(found[-1], row_group_size=7)
    return found


def dealt(whole: pl.DataFrame, number: int) -> list[pl.DataFrame]:
    """The rows by turns, so that each part is sorted."""
    return [whole.gather_every(number, n) for n in range(number)]


@given(rows, st.integers(1, 4), st.integers(1, 20))
@settings(max_examples=60)
def test_what_is_merged_is_sorted_and_whole(some: Rows, number: int, size: int) -> None:
    whole = frame(some)
    with TemporaryDirectory() as place:
        found = list(merged(files(Path(place), "f", dealt(whole, number)), ORDER, size))
        assert pl.concat([whole.clear(), *found]).equals(whole)
        prefixes = [set(part.select(ORDER[:3]).iter_rows()) for part in found]
        assert sum(map(len, prefixes)) == len(set().union(*prefixes)), "no key of a range is in another"


@given(rows, rows, st.integers(1, 3), st.integers(1, 20))
@settings(max_examples=60)
def test_ranges_are_the_same_keys_on_both_sides(one: Rows, other: Rows, number: int, size: int) -> None:
    left, right = frame(one), frame(other)
    with TemporaryDirectory() as place:
        sides = [files(Path(place), "l", dealt(left, number)), files(Path(place), "r", [right])]
        covered = 0
        for slices in ranges(sides, ORDER, size):
            cut = [
                pl.concat([pl.read_parquet(f).slice(*where) for f, where in zip(side, places, strict=True)])
                for side, places in zip(sides, slices, strict=True)
            ]
            keys = [set(c.select(ORDER[:3]).iter_rows()) for c in cut]
            every = [
                c.join(
                    pl.DataFrame(sorted(set().union(*keys)), schema=ORDER[:3], orient="row"), on=ORDER[:3], how="semi"
                )
                for c in (left, right)
            ]
            assert [c.height for c in cut] == [e.height for e in every], "all rows of its keys are in the range"
            covered += sum(c.height for c in cut)
        assert covered == left.height + right.height


@given(rows, rows, st.integers(1, 3))
@settings(max_examples=60)
def test_changes_of_files_are_those_of_frames(one: Rows, other: Rows, number: int) -> None:
    new, old, of = frame(one), frame(other), contract()
    with TemporaryDirectory() as place:
        out = Path(place) / "changes.parquet"
        counts = diff.diff_files(files(Path(place), "n", dealt(new, number)), files(Path(place), "o", [old]), of, out)
        expected = diff.diff(new.lazy(), old.lazy(), of)
        assert counts == expected.counts
        assert pl.read_parquet(out).equals(expected.frame), "the key has no period"


@given(rows, st.integers(1, 20))
@settings(max_examples=30)
def test_the_content_hash_of_a_file_is_that_of_its_rows(some: Rows, size: int) -> None:
    whole, of = frame(some), contract()
    with TemporaryDirectory() as place:
        file = Path(place) / "data.parquet"
        with open_writer(of, file, set()) as write:
            for start in range(0, whole.height, size):
                write(whole.slice(start, size))
        assert content_hash_of_file(file, of) == frame_hash(whole, of)
