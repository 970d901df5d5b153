"""The whole history of ``atp_trade_monthly``: parsed, checked and published, against what else one could do with the
same answers.

The answers are those of a publisher of full size (ten groups, some 240 partners and their groups, 190 months, two
flows), archived as they came. Measured is everything after the archive: reading and decoding, transform, content
hashes, parquet, staging, reading back, some forty checks, sealing, swap. The others read the same bytes from disk.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import polars as pl

from benchmarks.harness import Ratio, in_turn, judging_in, published, seconds
from benchmarks.synthetic.trade_api import rendered
from configs.contracts import load_contract
from tasks.build.recipe_publisher import PublisherRecipe
from tasks.build.request import Request
from tasks.extract import partners
from tasks.extract.census.trade_api_parse import asked_columns
from tasks.extract.source import FetchRequest
from tasks.publish.run import run
from tasks.raw.archive import RawArchive
from tasks.raw.documents import RawDocument
from tasks.storage.local import LocalStore
from tasks.warehouse.outcomes import RejectedError

NEWEST = "2025-10"
DATASET = "atp_trade_monthly"
MONTHS = {"exports": "ALL_VAL_MO", "imports": "GEN_VAL_MO"}
GROUPS = [f"{n:02d}" for n in range(1, 11)]


@dataclass(frozen=True)
class Answers:
    """The archived answers: as documents for us, as files for the others."""

    documents: tuple[RawDocument, ...]
    files: tuple[tuple[str, Path], ...]
    megabytes: float
    place: Path


@contextlib.contextmanager
def archived() -> Iterator[Answers]:
    """A year and flow each, archived in a store of their own; read from disk each time they are asked for."""
    with TemporaryDirectory(prefix="techtrade-bench-") as place:
        archive = RawArchive(LocalStore(Path(place)))
        documents, files = [], []
        for flow in ("exports", "imports"):
            for year in range(2010, int(NEWEST[:4]) + 1):
                first, last = f"{year}-01", min(f"{year}-12", NEWEST)
                body = rendered(flow, first, last, asked_columns(flow), NEWEST, 0, False)
                if body is None:
                    raise AssertionError("a year without rows")
                kept = archive.keep("census_hitech", f"{flow}/{first}:{last}", "benchmark", body, ".json")
                documents.append(_from_disk(kept, archive))
                files.append((flow, Path(place) / kept.raw_key))
        reference = partners.document(archive)
        yield Answers((*documents, reference), tuple(files), sum(d.size for d in documents) / 1e6, Path(place))


def _from_disk(kept: RawDocument, archive: RawArchive) -> RawDocument:
    key = kept.raw_key
    return RawDocument(
        kept.role, kept.url, kept.retrieved_at, kept.sha256, key, kept.size, lambda: archive.load(key), kept.source
    )


@dataclass(frozen=True)
class OfDocuments(PublisherRecipe):
    """From documents that are archived already."""

    documents: tuple[RawDocument, ...]

    def inputs(self, archive: RawArchive, request: Request, ask: FetchRequest) -> tuple[RawDocument, ...]:
        return self.documents


def ours(answers: Answers) -> None:
    """Parsed, checked and published into an empty store."""
    _publish(answers.documents)


def _publish(documents: tuple[RawDocument, ...]) -> None:
    with TemporaryDirectory(prefix="techtrade-bench-") as place:
        contract = load_contract(DATASET)
        published(run(Request(contract, "live"), OfDocuments(contract, documents), LocalStore(Path(place))))


def judging(answers: Answers) -> Ratio:
    """Validation's part of a whole publish: the gate (all frames, Great Expectations, verdicts; what was staged has
    been read back by then) against everything after the archive, the gate included. Timed in the same publishes."""
    checking, whole = judging_in(lambda: ours(answers), 5)
    return Ratio("hitech, gate", "hitech: the gate", checking, "the whole publish", whole, target=0.30)


def peak_megabytes(answers: Answers, years: int) -> float:
    """Peak memory of a process of its own that publishes the newest ``years`` years of the same answers."""
    chosen = [d for d in answers.documents if d.role[-7:-3] > str(int(NEWEST[:4]) - years) or d.role.startswith("ref")]
    told = json.dumps([[d.role, d.url, d.retrieved_at, d.sha256, d.raw_key, d.size, d.source] for d in chosen])
    code = f"from benchmarks.hitech import publish_only; publish_only({str(answers.place)!r})"
    done = subprocess.run([sys.executable, "-c", code], input=told, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def publish_only(place: str) -> None:
    """For ``peak_megabytes``: publishes the documents told on standard input, and prints the peak in megabytes.

    Where early years are left out, the gate refuses what it judged, and rightly: the memory is the same."""
    archive = RawArchive(LocalStore(Path(place)))
    documents = []
    for role, url, retrieved_at, sha256, key, size, source in json.load(sys.stdin):
        load = functools.partial(archive.load, key)
        documents.append(RawDocument(role, url, retrieved_at, sha256, key, size, load, source))
    with contextlib.suppress(RejectedError):
        _publish(tuple(documents))
    # Not getrusage: its peak begins with that of the process that started this one.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(int(peak.split()[1]) / 1024)


def bare_polars(files: Sequence[tuple[str, Path]], out: Path) -> None:
    """The same answers to one parquet file, without a check: polars decodes the rows."""
    frames = []
    for flow, file in files:
        rows = pl.Series([file.read_text()]).str.json_decode(pl.List(pl.List(pl.String))).explode()
        header = rows[0].to_list()
        table = pl.DataFrame({name: rows.slice(1).list.get(i) for i, name in enumerate(header)})
        month = MONTHS[flow]
        frames.append(
            table.filter(pl.col("HITECH").is_in(GROUPS)).select(
                pl.lit(flow).alias("flow"),
                "HITECH",
                "CTY_CODE",
                (pl.col("time") + "-01").str.to_date("%Y-%m-%d").alias("period"),
                pl.col(month).cast(pl.Int64).alias("value_usd"),
                pl.col(month.replace("_MO", "_YR")).cast(pl.Int64).alias("value_ytd_usd"),
            )
        )
    pl.concat(frames).write_parquet(out, compression="zstd")


def bare_pandas(files: Sequence[tuple[str, Path]], out: Path) -> None:
    """The same in pandas, as most would write it."""
    frames = []
    for flow, file in files:
        header, *rows = json.loads(file.read_text())
        table = pd.DataFrame(rows, columns=header)
        table = table[table["HITECH"].isin(GROUPS)]
        month = MONTHS[flow]
        frames.append(
            pd.DataFrame(
                {
                    "flow": flow,
                    "HITECH": table["HITECH"],
                    "CTY_CODE": table["CTY_CODE"],
                    "period": pd.to_datetime(table["time"] + "-01"),
                    "value_usd": table[month].astype("int64"),
                    "value_ytd_usd": table[month.replace("_MO", "_YR")].astype("int64"),
                }
            )
        )
    pd.concat(frames).to_parquet(out, compression="zstd")


def dlt_pipeline(files: Sequence[tuple[str, Path]], folder: Path) -> None:
    """The same answers through a dlt pipeline to parquet files, without a check."""
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}
    import dlt

    @dlt.resource(name="hitech", write_disposition="replace")
    def rows() -> Iterator[list[dict[str, Any]]]:
        for flow, file in files:
            header, *lines = json.loads(file.read_text())
            month = MONTHS[flow]
            at = {name: header.index(name) for name in header}
            yield [
                {
                    "flow": flow,
                    "hitech": line[at["HITECH"]],
                    "cty_code": line[at["CTY_CODE"]],
                    "period": line[at["time"]],
                    "value_usd": int(line[at[month]]),
                    "value_ytd_usd": int(line[at[month.replace("_MO", "_YR")]]),
                }
                for line in lines
                if line[at["HITECH"]] in GROUPS
            ]

    destination = dlt.destinations.filesystem(bucket_url=(folder / "out").as_uri())
    pipeline = dlt.pipeline(
        "hitech", destination=destination, dataset_name="hitech", pipelines_dir=str(folder / "state")
    )
    with contextlib.redirect_stdout(io.StringIO()):
        info = pipeline.run(rows(), loader_file_format="parquet")
    info.raise_on_failed_jobs()


def history(rounds: int = 3) -> list[Ratio]:
    """Against bare polars, pandas and dlt (that once: it takes half a minute), the gate's part of it, and whether
    memory grows with the years: up to ``staged.KEPT_CELLS`` by the figures that the gate keeps, beyond not at
    all."""
    with archived() as answers, TemporaryDirectory(prefix="techtrade-bench-") as scratch:
        folder = Path(scratch)
        ours(answers)  # imports Great Expectations
        bare_polars(answers.files, folder / "polars.parquet")
        mine, polars = in_turn(
            lambda: ours(answers), lambda: bare_polars(answers.files, folder / "polars.parquet"), rounds
        )
        mine_again, pandas = in_turn(
            lambda: ours(answers), lambda: bare_pandas(answers.files, folder / "pandas.parquet"), rounds
        )
        once = seconds(lambda: ours(answers))
        dlt = seconds(lambda: dlt_pipeline(answers.files, folder / "dlt"))
        checking = judging(answers)
        all_of_it, half = peak_megabytes(answers, 16), peak_megabytes(answers, 8)
        rows = pl.scan_parquet(folder / "polars.parquet").select(pl.len()).collect().item()
    what = f"hitech, {rows:,} rows of {answers.megabytes:.0f} MB: parse, check, publish"
    return [
        Ratio("hitech, polars", what, mine, "bare polars: decode, write one parquet", polars, target=2.5),
        Ratio("hitech, pandas", what, mine_again, "bare pandas: decode, write one parquet", pandas, target=1.0),
        Ratio("hitech, dlt", what, once, "a dlt pipeline to parquet", dlt, target=0.2),
        checking,
        Ratio("hitech, memory", "hitech: peak megabytes, 16 years", all_of_it, "8 years", half, target=1.5),
    ]
