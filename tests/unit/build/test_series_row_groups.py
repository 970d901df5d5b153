"""The files of histories: one series of many is found with few bytes read."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from configs.contract import Contract
from configs.contracts import load_contract
from configs.history_contract import series_of
from tasks.build.history.build import _part
from tasks.build.parquet import SERIES_ROW_GROUP, row_groups, write_part
from tasks.warehouse.content_hash import frame_hash
from tests.support.row_groups import bytes_of_series

BASE = load_contract("us_ip_trade_annual")
HISTORY = load_contract("us_ip_trade_annual_history")
SERIES = series_of(BASE)


def history(partners: int, years: int, spans: int) -> pl.DataFrame:
    """Figures that do not compress, in two directions, four types and seven affiliations."""
    rows = pl.DataFrame({"direction": ["payments", "receipts"]})
    for name, values in (
        ("ip_type", [f"Cip{n}" for n in range(4)]),
        ("affiliation", [f"Affiliation{n}" for n in range(7)]),
        ("partner_code", [f"{n:04}" for n in range(partners)]),
        ("year", list(range(2025 - years, 2025))),
        ("span", list(range(spans))),
    ):
        rows = rows.join(pl.DataFrame({name: values}), how="cross")
    at = pl.concat_str(pl.lit("2026-11-"), (pl.col("span") + 1).cast(pl.String).str.zfill(2))
    until = pl.when(pl.col("span") < spans - 1).then(pl.concat_str(at, pl.lit("b")))
    ends = {f"{name}_until": until for name in ("vintage", "version", "given")}
    begins = {f"{name}_from": at for name in ("vintage", "version", "given")}
    figures = pl.int_range(pl.len()).hash(1) % 10**12
    every = rows.with_columns(
        measure=pl.lit("value_usd"),
        value=figures.cast(HISTORY.column("value").polars),
        text=pl.lit(None, dtype=pl.String),
        seq_from=pl.col("span").cast(pl.Int64),
        seq_until=pl.col("span").cast(pl.Int64) + 1,
        cause=pl.lit("source_revision"),
        **begins,
        **ends,
    )
    return every.select(HISTORY.names).cast(dict(HISTORY.polars_schema))


def written(rows: pl.DataFrame, file: Path, contract: Contract = HISTORY) -> pl.DataFrame:
    write_part(rows.sample(fraction=1, shuffle=True, seed=1), contract, None, file, SERIES)
    return pl.read_parquet(file)


def test_a_history_is_sorted_by_series_first() -> None:
    assert HISTORY.sort_by == (*SERIES, "year", "vintage_from", "seq_from")
    assert set(HISTORY.sort_by) == set(HISTORY.primary_key)


def test_one_series_of_many_takes_one_row_group(tmp_path: Path) -> None:
    rows, file = history(partners=120, years=20, spans=3), tmp_path / "history.parquet"
    assert written(rows, file).equals(rows.sort(HISTORY.sort_by))
    found = [bytes_of_series(file, SERIES, key) for key in rows.select(SERIES).unique().sample(200, seed=1).rows()]
    assert {groups for groups, _ in found} == {1}
    assert max(size for _, size in found) <= 100_000
    assert pq.read_metadata(file).num_row_groups > 50, "all of it is many times that"


def test_only_a_long_series_is_cut() -> None:
    rows = history(partners=1, years=SERIES_ROW_GROUP // 8, spans=9).sort(HISTORY.sort_by)
    each = rows.height // (2 * 4 * 7)
    assert each > SERIES_ROW_GROUP
    assert list(row_groups(rows, SERIES)) == [SERIES_ROW_GROUP, each - SERIES_ROW_GROUP] * (2 * 4 * 7)


def test_small_rows_are_one_group() -> None:
    rows = history(partners=2, years=3, spans=2).sort(HISTORY.sort_by)
    assert list(row_groups(rows, SERIES)) == [rows.height] and not list(row_groups(rows.clear(), SERIES))


@pytest.mark.parametrize("partners", [1, 40])
def test_a_file_made_in_slices_is_the_same(tmp_path: Path, partners: int) -> None:
    one = history(partners, years=10, spans=2)
    rows = pl.concat([one, one.with_columns(measure=pl.lit("another"))])
    assert not rows.sort(HISTORY.sort_by).equals(rows.sort(HISTORY.primary_key))

    def some(where: pl.Expr | None) -> pl.DataFrame:
        return rows if where is None else rows.filter(where)

    slices = [pl.col("direction") == d for d in ("payments", "receipts")]
    whole = _part(HISTORY, SERIES, None, tmp_path / "whole.parquet", some, None)
    cut = _part(HISTORY, SERIES, None, tmp_path / "cut.parquet", some, slices)
    assert whole is not None and cut is not None
    assert cut.content_sha256 == whole.content_sha256 == frame_hash(rows, HISTORY)
    assert pl.read_parquet(tmp_path / "cut.parquet").equals(pl.read_parquet(tmp_path / "whole.parquet"))
