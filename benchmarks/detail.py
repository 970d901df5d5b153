"""``atp_detail_monthly`` at full size: a month parsed, joined, checked and published; memory; two workers; bytes read.

The months are made up (``benchmarks.bulk_months``), of the size that the publisher's files have. "One month" is a
December of exports: 1.2 million records of 323 bytes. The others read the same ZIP from disk."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import s3fs
from distributed import Client, LocalCluster

from benchmarks.bulk_months import FULL, Year, codes, detail, write_month
from benchmarks.counting_proxy import counting
from benchmarks.harness import Ratio, in_turn, judging_in, published, seconds
from configs.contracts import load_contract
from configs.settings import load_settings
from deploy.stack import s3
from deploy.stack.processes import Part
from deploy.stack.state import State, load
from tasks.build import partitioned
from tasks.build.parquet import content_hash_of_file, open_writer
from tasks.build.recipe import Each, StepRunner
from tasks.build.recipe_partitioned import PartitionedRecipe
from tasks.build.recipes import recipe_for
from tasks.build.request import Fetched, Request
from tasks.common.sorted_merge import merged
from tasks.extract import partners
from tasks.extract.census.merchandise.fixed_width import layouts
from tasks.extract.census.merchandise.month import DETAIL, Flow
from tasks.extract.census.merchandise.source import SOURCE
from tasks.extract.source import FetchRequest, Meter
from tasks.publish.run import run
from tasks.raw.archive import RawArchive
from tasks.raw.documents import RawDocument
from tasks.storage.local import LocalStore
from tasks.storage.object_store import ObjectStore
from tasks.transform.atp_detail_monthly import transform

DATASET = "atp_detail_monthly"
DECEMBER = date(2025, 12, 1)
Sizes = dict[Flow, int]
# Of the flow that is not measured: both are needed for a month.
FEW = 2_000
# What a row of advanced technology is of all rows, in the made-up months as in true ones.
ATP_SHARE = 0.12


@contextmanager
def archived(months: Sequence[date], sizes: Sizes) -> Iterator[tuple[LocalStore, tuple[RawDocument, ...]]]:
    """A store with these months in its raw archive, and nothing else."""
    with TemporaryDirectory(prefix="techtrade-bench-") as place:
        store = LocalStore(Path(place) / "store")
        archive, file = RawArchive(store), Path(place) / "month.zip"
        documents = []
        for month in months:
            for flow, rows in sizes.items():
                write_month(Year(flow, month.year, rows), month.month, file)
                documents.append(archive.keep_file(SOURCE, f"{flow}/{month:%Y-%m}", "made up", file, ".zip", "once"))
        file.unlink()
        yield store, (*documents, partners.document(archive))


@dataclass(frozen=True)
class OfDocuments(PartitionedRecipe):
    """From documents that are archived already."""

    documents: tuple[RawDocument, ...]

    def inputs(self, archive: RawArchive, request: Request, ask: FetchRequest) -> tuple[RawDocument, ...]:
        return self.documents


class Threads(StepRunner):
    """Reads so many pieces at once."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    @contextmanager
    def workers(self, store: ObjectStore) -> Iterator[Each]:
        with ThreadPoolExecutor(self._workers) as threads:
            yield lambda work, jobs: list(threads.map(functools.partial(work, store), jobs))


def publish(store: LocalStore, documents: tuple[RawDocument, ...], workers: int = 1) -> None:
    """Everything after the archive, without Prefect around it: read, join, merge, stage, check, seal, swap.

    Args:
        workers: how many pieces are read at once.
    """

    contract = load_contract(DATASET)
    published(run(Request(contract, "live"), OfDocuments(contract, documents), store, each=Threads(workers)))


def afresh(store: LocalStore, documents: tuple[RawDocument, ...]) -> None:
    """The same into the same store, with nothing but the archive in it."""
    for key in [e.key for e in store.entries("") if not e.key.startswith("_raw/")]:
        store.delete(key)
    publish(store, documents)


# ------------------------------------------------------------------ against the bare


def bare_polars(archive: Path, out: Path) -> None:
    """Every field of every record to one parquet file, without a join and a check."""
    layout = layouts()[DETAIL["exports"]]
    with zipfile.ZipFile(archive) as opened:
        body = opened.read("EXP_DETL.TXT")
    lines = pl.read_csv(body, has_header=False, schema={"line": pl.String}, separator="\x01", quote_char=None)
    fields = [
        pl.col("line").str.slice(f.start, f.width).str.strip_chars(" ").cast(pl.Int64).alias(f.name)
        if f.is_number
        else pl.col("line").str.slice(f.start, f.width).alias(f.name)
        for f in layout.fields
    ]
    lines.select(fields).write_parquet(out, compression="zstd")


def bare_pandas(archive: Path, out: Path) -> None:
    """The same as most would write it."""
    layout = layouts()[DETAIL["exports"]]
    kinds = {f.name: "int64" if f.is_number else "str" for f in layout.fields}
    with zipfile.ZipFile(archive) as opened, opened.open("EXP_DETL.TXT") as body:
        spans = [(f.start, f.start + f.width) for f in layout.fields]
        table = pd.read_fwf(body, colspecs=spans, names=list(kinds), dtype=kinds, encoding="latin-1")
    table.to_parquet(out, compression="zstd")


def one_month(rounds: int = 3) -> list[Ratio]:
    """A month against bare polars and bare pandas (that once: it takes long), and the gate's part of it."""
    with archived([DECEMBER], {"exports": FULL["exports"], "imports": FEW}) as (store, documents):
        archive = store.root / documents[0].raw_key
        out = store.root.parent / "bare.parquet"
        afresh(store, documents)  # imports Great Expectations
        mine, polars = in_turn(lambda: afresh(store, documents), lambda: bare_polars(archive, out), rounds)
        once, pandas = in_turn(lambda: afresh(store, documents), lambda: bare_pandas(archive, out), 1)
        checking, whole = judging_in(lambda: afresh(store, documents), 3)
        rows = pl.scan_parquet(out).select(pl.len()).collect().item()
    what = f"detail, a month of {rows:,} records: parse, join, check, publish"
    return [
        Ratio("detail, polars", what, mine, "bare polars: parse, write one parquet", polars, target=2.0),
        Ratio("detail, pandas", what, once, "bare pandas: read_fwf, write one parquet", pandas, target=0.1),
        Ratio("detail, gate", "detail: the gate", checking, "the whole publish", whole, target=0.30),
    ]


# ---------------------------------------------------------------------------- memory


def memory() -> list[Ratio]:
    """Peak memory of a process that publishes, two pieces at once: the two largest months there are; and four years of
    a tenth of their size against two. Not against one: two years are merged at once."""
    limit = 1.5 * 1024
    largest = _peak([date(2025, 11, 1), DECEMBER], dict(FULL))
    tenth: Sizes = {flow: rows // 10 for flow, rows in FULL.items()}
    months = [date(year, month, 1) for year in (2022, 2023, 2024, 2025) for month in range(1, 13)]
    half, whole = _peak(months[24:], tenth), _peak(months, tenth)
    allowed = ("what is allowed", limit)
    return [
        Ratio("detail, memory", "detail: peak MiB, the two largest months", largest, *allowed, target=1.0),
        Ratio("detail, months", "detail: peak MiB, 48 months of a tenth", whole, "24 of them", half, target=1.1),
    ]


def _peak(months: Sequence[date], sizes: Sizes) -> float:
    with archived(months, sizes) as (store, documents):
        told = [(d.role, d.sha256, d.raw_key, d.size) for d in documents]
        code = f"from benchmarks.detail import publish_only; publish_only({str(store.root)!r}, {told!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return float(done.stdout.split()[-1])


def publish_only(place: str, told: Sequence[tuple[str, str, str, int]]) -> None:
    """For ``_peak``: publishes, reading as many pieces at once as a run does, and prints the peak in MiB."""
    store = LocalStore(Path(place))
    archive = RawArchive(store)
    documents = []
    for role, sha256, key, size in told:
        source = partners.SOURCE if role == partners.ROLE else SOURCE
        read = functools.partial(archive.load, key)
        documents.append(RawDocument(role, "made up", "2026-01-01T00:00:00Z", sha256, key, size, read, source))
    publish(store, tuple(documents), load_settings().workers)
    # Not getrusage: its peak begins with that of the process that started this one.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(int(peak.split()[1]) / 1024)


# ----------------------------------------------------------------------- more workers


def two_workers() -> Ratio:
    """Eight half months read by two workers of a Dask cluster and by one, a thread each."""
    os.environ["POLARS_MAX_THREADS"] = "1"
    months = [date(2025, month, 1) for month in range(5, 13)]
    took = {}
    try:
        with archived(months, {"exports": FULL["exports"] // 2, "imports": FEW}) as (store, documents):
            contract = load_contract(DATASET)
            found = recipe_for(contract).parse(store, Fetched(SOURCE, documents, Meter()), None)
            jobs = [j for j in partitioned.plan(contract, found, None).pieces if j.role.startswith("exports")]
            for workers in (1, 2):
                took[workers] = _with(workers, store, jobs)
    finally:
        del os.environ["POLARS_MAX_THREADS"]
    return Ratio("detail, workers", "detail: 8 pieces, two workers", took[2], "one worker", took[1], target=1 / 1.7)


def _with(workers: int, store: LocalStore, jobs: Sequence[partitioned.PieceJob]) -> float:
    """Seconds for all jobs, after each worker has done one of its own."""
    cluster: Any = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)  # type: ignore[no-untyped-call]
    client: Any = Client(cluster)  # type: ignore[no-untyped-call]

    def do(some: Sequence[partitioned.PieceJob]) -> None:
        client.gather(client.map(partitioned.make_piece, [store] * len(some), some, pure=False))

    try:
        do([replace(jobs[0], key=f"{workers}warm{n}") for n in range(workers)])
        asked = [replace(job, key=f"{workers}{job.key}") for job in jobs]
        return seconds(lambda: do(asked))
    finally:
        client.close()
        cluster.close()


# ------------------------------------------------------------------------- bytes read

QUESTION = {"technology_group": "04", "partner_code": "5700", "flow": "imports"}


def bytes_read() -> list[Ratio]:
    """What is read from S3 to answer "imports of group 04 from China, by month", as a share of the dataset: ten years
    of full size, of which each file is the same but for its year."""
    with TemporaryDirectory(prefix="techtrade-bench-") as place, _s3_server(Path(place)) as state:
        file = _a_year(Path(place))
        size, years = file.stat().st_size, range(2015, 2025)
        with counting(state.url(s3.NAME)) as proxy:
            options = {"endpoint_url": proxy.endpoint}
            key, secret = state.s3_key, state.s3_secret
            system = s3fs.S3FileSystem(key=key, secret=secret, client_kwargs=options, skip_instance_cache=True)
            paths = [f"{s3.BUCKET}/detail/part_year={year}/part-0000.parquet" for year in years]
            for path in paths:
                system.put_file(str(file), path)
            proxy.read = 0
            _ask_polars([f"s3://{p}" for p in paths], s3.variables(state, proxy.endpoint))
            polars = proxy.read
            system = s3fs.S3FileSystem(
                key=key, secret=secret, client_kwargs=options, skip_instance_cache=True, default_block_size=2**16,
                default_cache_type="readahead",
            )  # fmt: skip
            proxy.read = 0
            _ask_duckdb([f"s3://{p}" for p in paths], system)
            duck = proxy.read
    whole = size * len(years)
    told = f"the dataset, 10 years of {size / 1e6:.0f} MB"
    return [
        Ratio("detail, polars bytes", "detail: bytes for a series, polars", polars, told, whole, target=0.05),
        Ratio("detail, duckdb bytes", "detail: bytes for a series, DuckDB", duck, told, whole, target=0.05),
    ]


@contextmanager
def _s3_server(folder: Path) -> Iterator[State]:
    """The S3 server of ``make stack``, alone."""
    state = load(folder / "stack")
    part = Part(s3.program(state), state.logs / "s3.log")
    try:
        part.wait_until_up()
        yield state
    finally:
        part.kill()


def _a_year(folder: Path) -> Path:
    """A data file of a year at full size, of the rows of advanced technology alone."""
    contract, files = load_contract(DATASET), []
    for flow, rows in FULL.items():
        year = Year(flow, 2024, int(rows * ATP_SHARE), atp_share=1.0)
        groups = codes(flow, year.other_codes).filter(pl.col("hitech") != "00")
        units = groups.select("commodity", pl.lit("NO").alias("unit_qy1"), pl.lit("").alias("unit_qy2"))
        for month in range(1, 13):
            value = "all_val_mo" if flow == "exports" else "gen_val_mo"
            made = detail(year, month).filter(pl.col(value) > 0).join(groups, on="commodity", maintain_order="left")
            piece = folder / f"{flow}-{month}.parquet"
            transform({flow: made.lazy(), "codes": units.lazy()}).sort(contract.sort_by).collect().write_parquet(piece)
            files.append(piece)
    out = folder / "year.parquet"
    named = {"partner_name": "A partner", "partner_iso3": "XXX"}
    with open_writer(contract, out, set()) as write:
        for chunk in merged(files, contract.sort_by):
            write(chunk.with_columns(pl.lit(v).alias(k) for k, v in named.items()).select(contract.names))
    assert content_hash_of_file(out, contract)
    return out


def _ask_polars(uris: Sequence[str], server: Mapping[str, str]) -> None:
    options = {name.lower(): value for name, value in server.items()} | {"aws_allow_http": "true"}
    wanted = pl.all_horizontal(pl.col(name) == value for name, value in QUESTION.items())
    found = (
        pl.scan_parquet(list(uris), storage_options=options, hive_partitioning=False)
        .filter(wanted)
        .group_by("period")
        .agg(pl.col("value_usd").sum())
        .collect()
    )
    if found.is_empty():
        raise AssertionError("nothing was found")


def _ask_duckdb(uris: Sequence[str], system: Any) -> None:
    where = " and ".join(f"{name} = '{value}'" for name, value in QUESTION.items())
    with duckdb.connect() as connection:
        connection.register_filesystem(system)
        connection.execute("set enable_external_file_cache = false")
        query = f"select period, sum(value_usd) from read_parquet(?) where {where} group by period"
        if not connection.execute(query, [list(uris)]).fetchall():
            raise AssertionError("nothing was found")


def everything() -> list[Ratio]:
    return [*bytes_read(), two_workers(), *one_month(), *memory()]


def main() -> None:
    for ratio in everything():
        print(
            ratio.what,
            f"{ratio.seconds:.3f}",
            ratio.against,
            f"{ratio.base_seconds:.3f}",
            f"{ratio.ratio:.3f}",
            ratio.target,
        )


if __name__ == "__main__":
    main()
