"""A published version read straight from disk and from S3 by the tools that data teams use, with nothing of ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
import s3fs

from configs.contract import Contract
from configs.contracts import load_contract
from tasks.build.parquet import build
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import reader
from tasks.warehouse.candidate import Built
from tests.support import drill
from tests.support.drill import DATASET

MONTHS = [date(y, m, 1) for y in (2024, 2025) for m in (1, 2, 3)]
COLUMNS = load_contract(DATASET).names


@pytest.fixture(params=["one file", "a folder a year"])
def built(request: pytest.FixtureRequest, tmp_path: Path) -> Built:
    contract: Contract = load_contract(DATASET)
    if request.param != "one file":
        contract = contract.model_copy(update={"partition_by": "period"})
    rows = {
        "period": MONTHS,
        "exports_usd": [10**9 + n for n in range(6)],
        "imports_usd": [2 * 10**9] * 6,
        "balance_usd": [n - 10**9 for n in range(6)],
        "reported_precision_usd": [1] * 6,
    }
    return build(pl.LazyFrame(rows, schema=contract.polars_schema), contract, tmp_path)


@pytest.fixture
def uris(store: ObjectStore, built: Built) -> Iterator[list[str]]:
    drill.publish(store, built)
    yield reader.data_uris(store, reader.resolve(store, DATASET).manifest)


def filesystem(uri: str) -> Any:
    """A file system that a reader makes for itself, from the usual variables."""
    return s3fs.S3FileSystem(skip_instance_cache=True) if uri.startswith("s3://") else None


def check(periods: list[Any], exports: list[int], columns: list[str]) -> None:
    assert periods == MONTHS
    assert exports == [10**9 + n for n in range(6)]
    assert columns == COLUMNS, "no column of the folder's name"


def test_our_scan_reads_lazily_without_the_folder_key(store: ObjectStore, uris: list[str]) -> None:
    frame = reader.scan(store, reader.resolve(store, DATASET).manifest)
    assert isinstance(frame, pl.LazyFrame)
    found = frame.collect().sort("period")
    check(found["period"].to_list(), found["exports_usd"].to_list(), found.columns)
    assert dict(found.schema) == dict(load_contract(DATASET).polars_schema)
    assert frame.filter(pl.col("period") >= date(2025, 2, 1)).select(pl.len()).collect().item() == 2


def test_polars(uris: list[str]) -> None:
    options = None
    if uris[0].startswith("s3://"):
        names = {"aws_endpoint_url": "AWS_ENDPOINT_URL", "aws_access_key_id": "AWS_ACCESS_KEY_ID",
                 "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY", "aws_region": "AWS_REGION"}  # fmt: skip
        options = {ours: os.environ[name] for ours, name in names.items()} | {"aws_allow_http": "true"}
    found = pl.scan_parquet(uris, storage_options=options, hive_partitioning=False).collect().sort("period")
    check(found["period"].to_list(), found["exports_usd"].to_list(), found.columns)


def test_duckdb(uris: list[str]) -> None:
    with duckdb.connect() as connection:
        if uris[0].startswith("s3://"):
            connection.register_filesystem(filesystem(uris[0]))
        relation = connection.read_parquet(uris, hive_partitioning=False).order("period")
        rows = relation.fetchall()
        check([r[0] for r in rows], [r[1] for r in rows], relation.columns)


def test_pandas(uris: list[str]) -> None:
    found = pd.concat(pd.read_parquet(u, filesystem=filesystem(u), partitioning=None) for u in uris)
    found = found.sort_values("period")
    check(found["period"].tolist(), found["exports_usd"].tolist(), list(found.columns))


def test_pyarrow(uris: list[str]) -> None:
    paths = [u.removeprefix("s3://") for u in uris]
    found = pads.dataset(paths, filesystem=filesystem(uris[0]), format="parquet").to_table().sort_by("period")
    check(found["period"].to_pylist(), found["exports_usd"].to_pylist(), found.column_names)


def test_each_file_tells_what_its_fields_mean(uris: list[str]) -> None:
    for uri in uris:
        schema = pq.read_schema(uri.removeprefix("s3://"), filesystem=filesystem(uri))
        for column in load_contract(DATASET).columns:
            told = {k.decode(): v.decode() for k, v in schema.field(column.name).metadata.items()}
            assert (told["unit"], told["description"]) == (column.unit, column.description)
            assert told.get("basis", "") == column.basis
