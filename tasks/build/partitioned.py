"""A dataset that is made a partition at a time, from documents that are each read by themselves.

::

    piece (a document) ──make──▶ rows, facts      any number at once, on any machine
    rows of a partition ──merge──▶ a data file    one a partition, in memory that does not grow with it

What a piece and a partition are made from names what comes out, so that it is made once: a run that was cut off takes
up where it was, and the next version makes what is new. It stands under ``_pieces/`` in the store, where whoever reads
or merges finds it, and can be deleted at any time: it is made again.

A job is plain data, so that it can be sent to another process.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from configs.contract import Contract
from configs.contracts import load_contract
from configs.errors import ConfigError, ObjectExistsError, ObjectNotFoundError
from tasks.build.fingerprint import HERE, fingerprint, libraries, name_of
from tasks.build.parquet import conform, content_hash_of_file, open_writer
from tasks.common.sorted_merge import merged
from tasks.extract import partners as partner_reference
from tasks.extract.registry import load_source
from tasks.extract.source import Extraction, ReadInPieces
from tasks.raw.archive import RawArchive
from tasks.raw.documents import RawDocument
from tasks.storage.object_store import ObjectStore
from tasks.transform.registry import load_transform
from tasks.warehouse import key_grammar, layout
from tasks.warehouse.candidate import Built, Part
from tasks.warehouse.content_hash import dataset_hash
from tasks.warehouse.records import BuiltPart, Manifest

M_MMAP_THRESHOLD = -3  # of malloc.h
PIECE_ROW_GROUP = 64 * 1024
PARTS_KEPT, PIECES_KEPT = timedelta(days=7), timedelta(days=400)


@dataclass(frozen=True)
class PieceJob:
    """One document to be read. ``key`` names what comes of it, read by ``code`` (of settings and columns too).
    ``listed_by``: an archived document whose list of products is taken; empty: its own."""

    dataset: str
    source: str
    partition: str
    role: str
    url: str
    raw_key: str
    key: str
    code: str
    listed_by: str = ""

    @property
    def label(self) -> str:
        return self.role


@dataclass(frozen=True)
class PartJob:
    """One data file to be made of pieces. ``key`` names it, merged by ``code``; ``partners``: the archived table of
    names."""

    dataset: str
    partition: str
    pieces: tuple[str, ...]
    partners: str | None
    key: str
    code: str

    @property
    def label(self) -> str:
        return self.partition


@dataclass(frozen=True)
class Plan:
    """What there is to do for a version. ``kept``: data files of the version before that are the same."""

    pieces: tuple[PieceJob, ...]
    parts: tuple[PartJob, ...]
    kept: tuple[Part, ...]


def plan(
    contract: Contract,
    extraction: Extraction,
    parent: Manifest | None,
    lists: Mapping[str, RawDocument] | None = None,
) -> Plan:
    """What has to be made, and what of the version before can stay.

    Args:
        lists: by role, the document whose list of products is taken instead of a document's own.

    Raises:
        ConfigError: the source does not read pieces.
    """
    code, merging = _reading(contract, extraction.source), _merging(contract)
    partners = next((d.raw_key for d in extraction.documents if d.role == partner_reference.ROLE), None)
    jobs: dict[str, list[PieceJob]] = {}
    for piece in extraction.pieces:
        document = piece.document
        other = (lists or {}).get(document.role)
        listed = [other.sha256] if other else []
        key = _sha256(extraction.dataset, extraction.source, document.role, document.sha256, code, *listed)
        job = PieceJob(
            contract.name, extraction.source, piece.partition, document.role, document.url, document.raw_key, key, code,
            other.raw_key if other else "",
        )  # fmt: skip
        jobs.setdefault(piece.partition, []).append(job)
    same_contract = parent is not None and parent.contract_sha256 == contract.sha256
    before = {f.inputs_sha256: f for f in parent.files if f.inputs_sha256} if parent and same_contract else {}
    pieces: list[PieceJob] = []
    parts: list[PartJob] = []
    kept: list[Part] = []
    for partition, some in sorted(jobs.items()):
        keys = tuple(job.key for job in some)
        inputs = _sha256(*sorted(keys), partners or "", merging)
        same = before.get(inputs)
        if parent is not None and same is not None:
            kept.append(Part.standing(contract.name, parent.version, partition, same))
            continue
        pieces += some
        parts.append(PartJob(contract.name, partition, keys, partners, inputs, merging))
    return Plan(tuple(pieces), tuple(parts), tuple(kept))


def make_piece(store: ObjectStore, job: PieceJob) -> None:
    """Reads a document into rows and facts, unless that was done already.

    Raises:
        ConfigError: here are other code or settings than where the work was planned.
        SourceError: the document is not what it should be.
        ObjectNotFoundError, CorruptVersionError: it is not in the archive as it was.
    """
    _give_back_large_blocks()
    rows_key, facts_key = (layout.piece(job.dataset, job.key, what) for what in ("rows", "facts"))
    contract = load_contract(job.dataset)
    _refuse_other(job, _reading(contract, job.source))
    if all(store.size(key) is not None for key in (rows_key, facts_key)):
        return
    archive = RawArchive(store)
    with archive.file(job.raw_key) as file, archive.file(job.listed_by or job.raw_key) as listed_by:
        tables = reader_of(job.source).read_piece(job.role, file, job.url, listed_by if job.listed_by else None)
    rows = load_transform(contract).transform({name: t.lazy() for name, t in tables.items()})
    with TemporaryDirectory(prefix="techtrade-") as scratch:
        # The facts last: they say that the rows are there.
        for key, frame in ((rows_key, rows.sort(contract.sort_by).collect()), (facts_key, tables["facts"])):
            path = Path(scratch) / "piece.parquet"
            frame.write_parquet(path, compression="zstd", row_group_size=PIECE_ROW_GROUP)
            _keep(store, key, path)


def make_part(store: ObjectStore, job: PartJob) -> Part:
    """Merges pieces into a data file, unless that was done already. Every piece must have been made.

    Raises:
        ConfigError: here is other code than where the work was planned.
        ObjectNotFoundError: a piece is gone.
    """
    contract = load_contract(job.dataset)
    _refuse_other(job, _merging(contract))
    about, standing = layout.made(job.dataset, job.key), _made(store, job)
    if standing is not None:
        return standing
    names = _names(store, job)
    with ExitStack() as stack, TemporaryDirectory(prefix="techtrade-") as scratch:
        files = [stack.enter_context(store.local_file(layout.piece(job.dataset, p, "rows"))) for p in job.pieces]
        out, rows = Path(scratch) / "part.parquet", 0
        with open_writer(contract, out, _nulls(contract, files, names)) as write:
            for chunk in merged(files, contract.sort_by):
                rows += chunk.height
                named = chunk.lazy().join(names, on="partner_code", how="left", maintain_order="left")
                write(conform(named, contract).collect())
        with open(out, "rb") as body:
            sha256 = hashlib.file_digest(body, "sha256").hexdigest()
        content, size = content_hash_of_file(out, contract), out.stat().st_size
        made = BuiltPart(partition=job.partition, rows=rows, bytes=size, sha256=sha256, content_sha256=content)
        # Under the hash of its bytes, which libraries have a part in: what is told of it is of no others.
        _keep(store, layout.made_file(job.dataset, sha256), out)
        # What stands there is of somebody who made it meanwhile, or of a file that has expired, and then expires too.
        with suppress(ObjectExistsError):
            store.create(about, made.dump())
    return _part(job, made)


def built(contract: Contract, plan: Plan, made: Sequence[Part]) -> Built:
    """All parts of a candidate, those that stay among them."""
    parts = tuple(sorted((*plan.kept, *made), key=lambda p: p.partition or ""))
    return Built(
        parts=parts,
        rows=sum(p.rows for p in parts),
        content_sha256=dataset_hash((p.partition, p.content_sha256) for p in parts),
        contract_sha256=contract.sha256,
    )


def facts(store: ObjectStore, plan: Plan) -> pl.LazyFrame:
    """What the documents said of themselves, of every piece that the plan has.

    Raises:
        ObjectNotFoundError: a piece is gone.
    """
    keys = [layout.piece(job.dataset, job.key, "facts") for job in plan.pieces]
    if not keys:  # then nothing is new, and nothing is judged
        return pl.LazyFrame()
    return pl.concat([pl.read_parquet(store.get(key).body) for key in keys]).lazy()


def relisted(
    store: ObjectStore, contract: Contract, extraction: Extraction, given: Mapping[str, RawDocument]
) -> dict[str, RawDocument]:
    """Of the documents of an extraction, by role, those that another one of ``given`` has taken the place of whose
    list of products is another."""
    found = {}
    for piece in extraction.pieces:
        old, new = piece.document, given.get(piece.document.role)
        if new is None or new.sha256 == old.sha256:
            continue
        lists = []
        for document in (old, new):
            (job,) = plan(contract, replace(extraction, pieces=(replace(piece, document=document),)), None).pieces
            make_piece(store, job)
            facts = pl.read_parquet(store.get(layout.piece(job.dataset, job.key, "facts")).body)
            listed = facts.filter(pl.col("kind") == "concordance").select("code", "technology_group")
            lists.append(listed.sort(pl.all()))
        if not lists[0].equals(lists[1]):
            found[old.role] = new
    return found


def checked_again(tables: Mapping[str, pl.LazyFrame], partitions: Collection[str] | None) -> Mapping[str, pl.LazyFrame]:
    """Return the tables with the facts of those partitions alone: one that was made again and came out the same is not
    checked again."""
    if partitions is None or "facts" not in tables or "period" not in tables["facts"].collect_schema():
        return tables
    of = pl.concat_str(pl.lit("part_year="), pl.col("period").dt.year())
    return {**tables, "facts": tables["facts"].filter(of.is_in(list(partitions)))}


def expire(store: ObjectStore, now: datetime) -> list[str]:
    """Deletes what no run will take up any more: data files a week after they were merged (versions have copies),
    pieces after a year (what a revision reaches is read again by then). What is missing is made again.

    Returns:
        What was done, a sentence a dataset.
    """
    done = []
    for dataset in store.folders(layout.MADE):
        gone = 0
        for kind, age in (("parts", PARTS_KEPT), ("pieces", PIECES_KEPT)):
            there = store.entries(f"{layout.MADE}{dataset}/{kind}/")
            old = [e.key for e in there if e.modified < now - age and not key_grammar.stranger(e.key)]
            for key in old:
                store.delete(key)
            gone += len(old)
        done += [f"{dataset}: {gone} pieces that are old deleted"] if gone else []
    return done


# ---------------------------------------------------------------------- details


@cache
def _give_back_large_blocks() -> None:
    """Has the C library map large blocks by themselves for good, so that they are given back when they are free.

    glibc raises its limit for that with every large block that is freed, up to 32 MiB. Then the chunks of files end up
    between small blocks, and memory grows with each piece (python -m benchmarks.detail: 48 months against 24).
    """
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 8 << 20)


def reader_of(source: str) -> ReadInPieces:
    found = load_source(source)
    if not isinstance(found, ReadInPieces):
        raise ConfigError(f"tasks/extract/{source}.py gives pieces and has no read_piece")
    return found


def _names(store: ObjectStore, job: PartJob) -> pl.LazyFrame:
    """partner_code, partner_name, partner_iso3."""
    body = RawArchive(store).load(job.partners or "")
    table = partner_reference.table(RawDocument.of(partner_reference.ROLE, job.partners or "", body))
    code = pl.col("schedule_c_code").alias("partner_code")
    return table.select(code, "partner_name", pl.col("iso3").alias("partner_iso3")).drop_nulls("partner_code")


def _nulls(contract: Contract, files: Sequence[Path], names: pl.LazyFrame) -> set[str]:
    """The columns that will have a null where the contract allows none: the gate says so in words, and the file must
    hold it until then."""
    found: set[str] = set()
    for file in files:
        scanned = pl.scan_parquet(file)
        counts = scanned.null_count().collect().row(0, named=True)
        unknown = scanned.select("partner_code").unique().join(names, on="partner_code", how="anti")
        found |= {n for n, count in counts.items() if count and not contract.column(n).nullable}
        found |= {"partner_name"} if unknown.limit(1).collect().height else set()
    return found


def _made(store: ObjectStore, job: PartJob) -> Part | None:
    """The data file, if it stands already."""
    about = layout.made(job.dataset, job.key)
    try:
        made = BuiltPart.load(store.get(about).body, about)
    except ObjectNotFoundError:
        return None
    return _part(job, made) if store.size(layout.made_file(job.dataset, made.sha256)) == made.bytes else None


def _reading(contract: Contract, source: str) -> str:
    """What reads a document: code, libraries, settings, and the columns that it is read into, not the words of them."""
    columns = [f"{c.name} {c.type} {c.role} {c.publisher_name}" for c in contract.columns]
    reading = ("configs.columns", name_of(load_source(source)), name_of(load_transform(contract)))
    read_by = (reader_of(source).piece_settings(), _code_of(*reading), json.dumps(libraries()))
    return _sha256(*read_by, *columns, *contract.sort_by)


def _merging(contract: Contract) -> str:
    """What merges: code, libraries, and the contract, which is in the files."""
    return _sha256(_code_of("configs.columns", __name__), json.dumps(libraries()), contract.sha256)


def _refuse_other(job: PieceJob | PartJob, here: str) -> None:
    if job.code != here:
        raise ConfigError(
            f"{job.dataset}: {job.label} was planned with other code or settings than are here; give the workers of "
            "the cluster the version of techtrade and the TECHTRADE_SOURCES__ settings of the run"
        )


def _keep(store: ObjectStore, key: str, file: Path) -> None:
    """Writes what any run would write under that key; what is there already is as good."""
    with suppress(ObjectExistsError):
        store.create_file(key, file)


def _part(job: PartJob, made: BuiltPart) -> Part:
    return Part(
        partition=job.partition,
        file=None,
        rows=made.rows,
        bytes=made.bytes,
        sha256=made.sha256,
        content_sha256=made.content_sha256,
        key=layout.made_file(job.dataset, made.sha256),
        inputs_sha256=job.key,
    )


def _code_of(*modules: str) -> str:
    return fingerprint(HERE.closure(modules), checkout=HERE)


def _sha256(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
