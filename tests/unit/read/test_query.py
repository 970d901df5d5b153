"""A query is put on the scan: the reader of files gets conditions, columns and limit, and the answer is what they say."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.dataset as pads
import pytest

from configs.contracts import load_contract
from configs.errors import UsageError
from tasks.read.query import query
from tasks.warehouse.records import FileEntry

IP, TRADE = load_contract("ip_trade_annual"), load_contract("atp_trade_monthly")


def frame() -> pl.DataFrame:
    rows = [
        {
            "economy_code": code,
            "economy_name": code.title(),
            "is_aggregate": code == "WLD",
            "year": year,
            "receipts_usd": None if year == 2021 else float(year),
            "payments_usd": 1.0,
            "balance_usd": 1.0,
            "source_vintage": "2025-01-28",
        }
        for code in ("CHN", "USA", "WLD")
        for year in range(2019, 2023)
    ]
    return pl.DataFrame(rows, schema=IP.polars_schema)


class Watched:
    """A pyarrow dataset that notes what it was asked for."""

    def __init__(self, dataset: pads.Dataset) -> None:
        self.dataset, self.asked = dataset, list[dict[str, Any]]()
        self.schema = dataset.schema

    def to_batches(self, **asked: Any) -> Any:
        self.asked.append(asked)
        return self.dataset.to_batches(**asked)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    frame().write_parquet(tmp_path / "x.parquet")
    return Watched(pads.dataset(str(tmp_path / "x.parquet")))


def test_the_reader_of_files_gets_conditions_and_columns(watched: Watched) -> None:
    asked = query(IP, ["economy_code=USA,CHN", "year>=2020", "receipts_usd!=null"], "economy_name,year", "-year")
    found = asked.of(pl.scan_pyarrow_dataset(watched)).collect()
    assert found.rows() == [("Chn", 2022), ("Usa", 2022), ("Chn", 2020), ("Usa", 2020)]
    (given,) = watched.asked
    assert sorted(given["columns"]) == ["economy_code", "economy_name", "receipts_usd", "year"]
    for part in ("economy_code", "year >= 2020", "is_null(receipts_usd"):
        assert part in str(given["filter"])


def test_a_limit_ends_the_scan(watched: Watched) -> None:
    plan = query(IP, [], "year", None, 2).of(pl.scan_pyarrow_dataset(watched))
    assert plan.collect()["year"].to_list() == [2019, 2020]
    assert "PYTHON SCAN" in plan.explain() and "SLICE: Positive { offset: 0, len: 2 }" in plan.explain()


def test_types_are_those_of_the_contract() -> None:
    found = query(IP, ["year=2020"], "year,receipts_usd,is_aggregate").of(frame().lazy()).collect()
    assert found.schema == pl.Schema({c: IP.column(c).polars for c in ("year", "receipts_usd", "is_aggregate")})
    assert query(IP, columns="year,economy_code").contract(IP).names == ["year", "economy_code"]


def test_nulls_come_last_both_ways_and_ties_keep_their_order() -> None:
    def receipts(sort: str) -> list[float | None]:
        found = query(IP, ["economy_code=USA"], "receipts_usd", sort).of(frame().lazy())
        return found.collect().to_series().to_list()

    assert receipts("receipts_usd") == [2019.0, 2020.0, 2022.0, None]
    assert receipts("-receipts_usd") == [2022.0, 2020.0, 2019.0, None]
    tied = query(IP, [], "economy_code", "payments_usd,-year", 3).of(frame().lazy()).collect()
    assert tied.to_series().to_list() == ["CHN", "USA", "WLD"]


@pytest.mark.parametrize(
    ("where", "years"),
    [
        (["period=2024"], [2024]),
        (["period>=2023-06"], [2023, 2024]),
        (["period>2023-12-01"], [2023, 2024]),
        (["period>2023"], [2024]),
        (["period<2023-01-01"], [2022]),
        (["period=2022-03,2024-05-01"], [2022, 2024]),
        (["period!=2023"], [2022, 2024]),
        (["period!=2023-05"], [2022, 2023, 2024]),
        (["period>=2022-05", "period<2023"], [2022]),
        (["flow=exports"], [2022, 2023, 2024]),
        (["period=null"], []),
    ],
)
def test_partitions_that_cannot_have_a_wanted_row_are_not_opened(where: list[str], years: list[int]) -> None:
    files = [
        FileEntry(path=f"data/part_year={y}/part-0000.parquet", bytes=1, sha256="", rows=1) for y in (2022, 2023, 2024)
    ]
    assert [f.path[15:19] for f in query(TRADE, where).files(files, TRADE)] == [str(y) for y in years]


def test_a_file_that_is_no_partition_is_always_read() -> None:
    whole = [FileEntry(path="data/part-0000.parquet", bytes=1, sha256="", rows=1)]
    assert query(IP, ["year=1900"]).files(whole, IP) == tuple(whole)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"columns": "yaer"}, "no column 'yaer'; did you mean year?"),
        ({"columns": "year,"}, "names no column at one place"),
        ({"columns": "year,year"}, "--columns names year 2 times"),
        ({"sort": "-yaer"}, "no column 'yaer'; did you mean year?"),
        ({"sort": "year,-year"}, "--sort names year 2 times"),
    ],
)
def test_a_mistake_in_columns_or_order_is_told(options: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError) as e:
        query(IP, **options)  # type: ignore[arg-type]
    assert told in str(e.value)


def test_a_day_in_a_partition_is_found_by_its_month() -> None:
    rows = pl.LazyFrame({"period": [date(2024, 1, 1), date(2024, 2, 1)]})
    assert query(TRADE, ["period=2024-02"]).of(rows).collect().height == 1
