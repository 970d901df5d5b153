"""Publishing against a bare read and write, and the 50th version against the 5th."""

from __future__ import annotations

import io
import statistics
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from benchmarks.harness import Ratio, extraction, in_turn, publish, seconds
from configs.contract import load_contract
from expectations.ip_trade_annual import SURE_AGGREGATES
from tasks import pipeline
from tasks.pipeline import Request
from tasks.store import versions
from tasks.store.local import LocalStore
from tasks.transform import ip_trade_annual

ECONOMIES, YEARS = 8_000, range(1960, 2025)


def against_bare_polars(rounds: int = 3) -> Ratio:
    """(a) A made-up ``ip_trade_annual`` of half a million rows: archived, transformed, staged, compared, checked,
    sealed and swapped in, against polars reading the same file, transforming it and writing one parquet file."""
    with TemporaryDirectory(prefix="techtrade-bench-") as folder:
        body = _observations()
        source = Path(folder) / "observations.parquet"
        source.write_bytes(body)
        codes = pl.read_parquet(source).select(pl.col("economy_code").unique().sort())
        economies = codes.with_columns(
            economy_name=pl.col("economy_code"), is_aggregate=pl.col("economy_code").is_in(SURE_AGGREGATES)
        ).lazy()

        def bare() -> None:
            tables = {"observations": pl.scan_parquet(source), "economies": economies}
            ip_trade_annual.transform(tables).collect().write_parquet(Path(folder) / "out.parquet", compression="zstd")

        def ours() -> None:
            with TemporaryDirectory(prefix="techtrade-bench-") as place:
                store = LocalStore(Path(place))
                tables = {"observations": pl.scan_parquet(source), "economies": economies}
                publish(store, "ip_trade_annual", extraction(store, "ip_trade_annual", "2025-01-28", tables, body))

        ours()  # imports Great Expectations
        bare()
        mine, base = in_turn(ours, bare, rounds)
    rows = ECONOMIES * len(YEARS)
    return Ratio("publish", f"publish {rows:,} rows", mine, "bare polars read, transform, write", base)


def _observations() -> bytes:
    # Codes of three characters as the contract wants them, the world and the United States among them.
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    made = [a + b + c for a in letters for b in letters for c in letters][: ECONOMIES - 2]
    codes = ["USA", "WLD", *[c for c in made if c not in ("USA", "WLD")]][:ECONOMIES]
    key = pl.DataFrame({"economy_code": codes}).join(
        pl.DataFrame({"year": list(YEARS)}, schema={"year": pl.Int32}), how="cross"
    )
    size = pl.when(pl.col("economy_code") == "USA").then(100e9).when(pl.col("economy_code") == "WLD").then(110e9)
    flows = [
        key.with_columns(
            indicator=pl.lit(name), value_usd=size.otherwise(1e6) + pl.col("year"), source_vintage=pl.lit("2025-01-28")
        )
        for name in ("receipts", "payments")
    ]
    out = io.BytesIO()
    pl.concat(flows).write_parquet(out)
    return out.getvalue()


def fiftieth_against_fifth() -> Ratio:
    """(d) 52 versions, each revising one month: the publishes around the 50th against those around the 5th."""
    with TemporaryDirectory(prefix="techtrade-bench-") as place:
        store = LocalStore(Path(place))
        taken = []
        for number in range(1, 53):
            tables = _workbook(number)
            found = extraction(store, "atp_world_monthly", "2025-02", tables, str(number).encode())
            taken.append(seconds(lambda found=found: publish(store, "atp_world_monthly", found)))  # type: ignore[misc]
    late, early = statistics.median(taken[47:52]), statistics.median(taken[2:7])
    return Ratio("history", "the 50th version's publish", late, "the 5th's", early, target=1.5)


def nothing_new_against_publish(rounds: int = 9) -> Ratio:
    """(b, without Prefect) Finding in the log that the input is already published, against publishing it."""
    with TemporaryDirectory(prefix="techtrade-bench-") as place:
        store = LocalStore(Path(place))
        known = extraction(store, "atp_world_monthly", "2025-02", _workbook(0), b"0")
        publish(store, "atp_world_monthly", known)
        contract = load_contract("atp_world_monthly")
        numbers = iter(range(1, rounds + 1))

        def ours() -> None:
            if (
                pipeline.nothing_new(versions.read_head(store, contract.name), Request(contract, "snapshot"), known)
                is None
            ):
                raise AssertionError("the input is in the log, so nothing is new")

        def base() -> None:
            number = next(numbers)
            found = extraction(store, contract.name, "2025-02", _workbook(number), str(number).encode())
            publish(store, contract.name, found)

        mine, theirs = in_turn(ours, base, rounds)
    return Ratio(
        "nothing new, the steps", "finding nothing new, without Prefect", mine, "publishing", theirs, target=0.2
    )


def _workbook(number: int) -> dict[str, pl.LazyFrame]:
    periods = pl.date_range(date(1989, 1, 1), date(2025, 2, 1), "1mo", eager=True).alias("period")
    monthly = pl.DataFrame(periods).with_columns(exports_musd=pl.lit(30_000.0), imports_musd=pl.lit(40_000.0))
    revised = pl.when(pl.col("period") == date(2024, 6, 1)).then(30_000.0 + number).otherwise(pl.col("exports_musd"))
    annual = {"year": pl.Int32, "exports_musd": pl.Float64, "imports_musd": pl.Float64}
    return {"monthly": monthly.with_columns(exports_musd=revised).lazy(), "annual": pl.LazyFrame(schema=annual)}
