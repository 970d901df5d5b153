"""The files that readers get: schema, metadata, order, partitions."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from configs.contract import Contract
from configs.contracts import load_contract
from tasks.build.parquet import ContractMismatchError, build

ATP = load_contract("atp_world_monthly")
BY_YEAR = ATP.model_copy(update={"partition_by": "period"})


def frame(*periods: date) -> pl.LazyFrame:
    return pl.LazyFrame(
        {
            "period": list(periods),
            "exports_usd": [5 * 10**9] * len(periods),
            "imports_usd": [4 * 10**9] * len(periods),
            "balance_usd": [10**9] * len(periods),
            "reported_precision_usd": [1] * len(periods),
        },
        schema=ATP.polars_schema,
    )


def test_the_file_carries_units_meanings_bases_and_the_licence(tmp_path: Path) -> None:
    built = build(frame(date(2020, 1, 1)), ATP, tmp_path)
    schema = pq.read_schema(built.parts[0].file)
    for column in ATP.columns:
        field = schema.field(column.name)
        assert field.type == column.arrow.type
        assert field.nullable == column.nullable
        assert field.metadata[b"unit"].decode() == column.unit
        assert field.metadata[b"description"].decode() == column.description
        assert field.metadata.get(b"basis", b"").decode() == column.basis
    assert schema.metadata[b"licence"].decode() == ATP.licence
    assert schema.metadata[b"citation"].decode() == ATP.citation


def test_the_file_is_zstd_sorted_and_has_statistics(tmp_path: Path) -> None:
    built = build(frame(date(2020, 3, 1), date(2020, 1, 1), date(2020, 2, 1)), ATP, tmp_path)
    file = pq.ParquetFile(built.parts[0].file)
    assert file.read()["period"].to_pylist() == [date(2020, m, 1) for m in (1, 2, 3)]
    chunk = file.metadata.row_group(0).column(0)
    assert chunk.compression == "ZSTD"
    assert chunk.statistics.min == date(2020, 1, 1)


def test_the_same_frame_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = build(frame(date(2020, 1, 1), date(2020, 2, 1)), ATP, tmp_path / "a")
    two = build(frame(date(2020, 2, 1), date(2020, 1, 1)), ATP, tmp_path / "b")
    assert one.parts[0].sha256 == two.parts[0].sha256
    assert one.content_sha256 == two.content_sha256


def test_a_large_dataset_has_a_folder_a_year_whose_key_is_no_column(tmp_path: Path) -> None:
    built = build(frame(date(2021, 1, 1), date(2020, 1, 1), date(2020, 2, 1)), BY_YEAR, tmp_path)
    assert [(p.partition, p.rows) for p in built.parts] == [("part_year=2020", 2), ("part_year=2021", 1)]
    for part in built.parts:
        assert "part_year" not in pq.read_schema(part.file).names


def test_another_layout_of_the_same_year_keeps_its_partition_hash(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    old = build(frame(date(2020, 1, 1), date(2021, 1, 1)), BY_YEAR, tmp_path / "a")
    new = build(frame(date(2020, 1, 1), date(2021, 1, 1), date(2021, 2, 1)), BY_YEAR, tmp_path / "b")
    assert old.parts[0].content_sha256 == new.parts[0].content_sha256
    assert old.parts[1].content_sha256 != new.parts[1].content_sha256
    assert old.content_sha256 != new.content_sha256


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (lambda f: f.drop("balance_usd"), "missing ['balance_usd']"),
        (lambda f: f.with_columns(month=pl.lit(1)), "not declared ['month']"),
        (lambda f: f.with_columns(pl.col("exports_usd").cast(pl.Float64)), "exports_usd is Float64, not Int64"),
    ],
)
def test_another_schema_than_the_contracts_is_refused_and_never_cast(broken, told: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ContractMismatchError) as e:
        build(broken(frame(date(2020, 1, 1))), ATP, tmp_path)
    assert told in str(e.value)
    assert list(tmp_path.iterdir()) == []


def test_a_forbidden_null_gets_as_far_as_the_gate(tmp_path: Path) -> None:
    contract: Contract = ATP
    broken = frame(date(2020, 1, 1)).with_columns(exports_usd=pl.lit(None, dtype=pl.Int64))
    schema = pq.read_schema(build(broken, contract, tmp_path).parts[0].file)
    assert schema.field("exports_usd").nullable, "the file says what it holds, not what it should"
    assert not schema.field("imports_usd").nullable
