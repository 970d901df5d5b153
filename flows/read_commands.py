"""The commands that give figures: ``read`` a version, a day or a vintage, and ``diff`` two versions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from configs.claims import claims_of
from configs.contract import Contract, load_contract
from configs.errors import NotPublishedError, ObjectNotFoundError, TechtradeError, UsageError
from configs.hints import command
from configs.history import SUFFIX
from flows.inspect_commands import open_at, split_target
from flows.output import one_line, print_json, remark
from tasks import changes as changes_
from tasks import history_states, replay
from tasks.build import write
from tasks.causes import counted
from tasks.changes_page import Side, page
from tasks.store import layout, reader
from tasks.store import versions as store_versions
from tasks.store.objects import ObjectStore
from tasks.store.raw import RawArchive
from tasks.store.records import Manifest
from tasks.store.verify import as_published


class OutputError(TechtradeError):
    """The file that was named for the output cannot be written."""


def read(target: str, as_of: str | None, vintage: str | None, form: str, output: str | None, url: str | None) -> None:
    name, version = split_target(target)
    store = open_at(url)
    if sum(x is not None for x in (as_of, vintage, version)) > 1:
        raise UsageError("name one of a version, --as-of and --vintage")
    if vintage is not None:
        of = of_vintage(store, name, vintage)
        if of.found is None and of.rows is not None:
            _read_official(name, vintage, of.rows, form, output)
            return
        version = of.found.manifest.version if of.found else None
    if as_of is not None:
        moment, now = _moment(as_of), store_versions.utc_now()
        # Of today all that there is can be told; tomorrow is not known.
        if moment.date() > now.date() or (moment > now and len(as_of) > len("YYYY-MM-DD")):
            remark(f"warning: --as-of {as_of} has not come yet; this is what readers of latest get now")
        found = reader.as_of(store, name, moment)
        _warn_of(found)
    else:
        found = _resolved(store, name, version)
    frame = rows_of(store, found)
    with _output_errors(output):
        if form == "table":
            _print_frame(found.manifest, frame, output)
            return
        _write(frame, found.manifest, form, output)
    if output:
        remark(f"{found.manifest.dataset}@{found.manifest.version}: {frame.height:,} rows written to {output}")


def rows_of(store: ObjectStore, found: reader.Resolved, *, quiet: bool = False) -> pl.DataFrame:
    """The rows of a version; of one whose data were deleted, made again from its raw inputs, which is told unless
    ``quiet``.

    Raises:
        NotPublishedError: they were deleted, and cannot be made again as they were.
    """
    if found.retired is None:
        return reader.scan(store, found.manifest).collect()
    m = found.manifest
    contract, name = load_contract(m.dataset), f"{m.dataset}@{m.version}"
    told = f"{name}: its data were deleted at {found.retired.at} ({found.retired.why})"
    instead = f"its figures are in {m.dataset}_history: {command('history', m.dataset, store=store.url)}"
    with TemporaryDirectory(prefix="techtrade-") as scratch:
        try:
            _, built = replay.rebuild(RawArchive(store), contract, m, Path(scratch))
        except replay.NOT_MADE as e:
            raise NotPublishedError(f"{told}, and cannot be made again: {one_line(e)}; {instead}") from e
        if built.content_sha256 != m.content_sha256:
            raise NotPublishedError(f"{told}, and today's code makes other figures of its raw inputs; {instead}")
        if not quiet:
            remark(f"{told}; made again from its raw inputs, the same to the last digit")
        files = [str(p.file or store.uri(p.key)) for p in built.parts]
        return pl.scan_parquet(files).collect() if files else contract.polars_schema.to_frame()


@dataclass(frozen=True)
class OfVintage:
    """What the publisher had published in a vintage: a version of ours that has it, or rows that we never gave."""

    found: reader.Resolved | None = None
    rows: pl.DataFrame | None = None


def of_vintage(store: ObjectStore, name: str, vintage: str) -> OfVintage:
    """The state of a vintage: the last version of it that was not yanked, or what was archived of the publisher's.

    Raises:
        NotPublishedError: it was neither published nor archived, or what was published of it was yanked.
    """
    latest = reader.resolve(store, name).latest
    of = [e.version for e in latest.published if e.vintage == vintage]
    good = [v for v in of if v not in latest.yanked]
    if good:
        return OfVintage(found=reader.resolve(store, name, good[-1]))
    if of:
        raise NotPublishedError(
            f"{name}: what was published of vintage {vintage} was yanked; it can be read by name: {name}@{of[-1]}"
        )
    with suppress(NotPublishedError):
        archived = reader.resolve(store, name + SUFFIX).manifest
        documents = RawArchive(store).known(archived)
        rows = history_states.official(load_contract(name), tuple(documents.values()), vintage)
        if rows is not None:
            return OfVintage(rows=rows.collect())
    raise NotPublishedError(
        f"{name}: no vintage {vintage!r}; name one of: {command('vintages', name, store=store.url)}"
    )


def diff(name: str, old: str | None, new: str | None, url: str | None, as_json: bool) -> None:
    contract, store = load_contract(name), open_at(url)
    newer = _resolved(store, name, new)
    if old is None and newer.manifest.parent is None:
        raise UsageError(
            f"{name}@{newer.manifest.version} is the first version; there is nothing before it to compare with"
        )
    older = _resolved(store, name, old or newer.manifest.parent)
    before, after = older.manifest, newer.manifest
    rows = tuple(
        rows_of(store, side).lazy() if side.retired else reader.scan(store, side.manifest) for side in (newer, older)
    )
    found = changes_.compare(rows[0], rows[1], contract)
    frame = _with_causes(store, found.frame, before, after)
    causes = counted(frame)
    if as_json:
        print_json(
            {
                "dataset": name,
                "old": before.version,
                "new": after.version,
                "counts": found.counts.model_copy(update={"causes": causes}).model_dump(),
                "changes": frame.to_dicts(),
            }
        )
        return
    told = (Side(before.version, before.vintage, rows[1]), Side(after.version, after.vintage, rows[0]))
    print(page(contract, *told, frame.lazy(), causes, claims_of(name), newer.latest.log), end="")


def _with_causes(store: ObjectStore, found: pl.DataFrame, before: Manifest, after: Manifest) -> pl.DataFrame:
    """The changes with the causes that the versions in between were sealed with. Of two versions that follow each other
    as they were sealed; of others, each cell with all the causes that it had on the way, or ``unattributed``: so too
    where one was not made after the other, as what was withdrawn and what came instead."""
    forward = before.version < after.version
    older, newer = (before, after) if forward else (after, before)
    told = []
    for step in store_versions.between(store, older.version, newer) or ():
        with suppress(ObjectNotFoundError):
            body = store.get(layout.version(step.dataset, step.version, "changes.parquet")).body
            changed = pl.read_parquet(BytesIO(body))
            if "cause" in changed.columns:
                told.append(changed.select(found.columns))
    if forward and after.parent == before.version and told:
        return told[0]
    if not told:
        return found.with_columns(cause=pl.lit("unattributed"))
    named = pl.concat(told).group_by("key", "column").agg(pl.col("cause").unique().sort().str.join("+"))
    joined = found.drop("cause").join(named, on=["key", "column"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("cause").fill_null("unattributed")).select(found.columns)


def _resolved(store: ObjectStore, name: str, version: str | None) -> reader.Resolved:
    if version is not None and not layout.VERSION.match(version):
        raise UsageError(f"{version!r} is not a version; see: {command('versions', name, store=store.url)}")
    found = reader.resolve(store, name, version)
    _warn_of(found)
    return found


def _warn_of(found: reader.Resolved) -> None:
    override = found.manifest.override
    if override:
        name = f"{found.manifest.dataset}@{found.manifest.version}"
        remark(f"warning: {name} was rejected by the quality gate and promoted by {override.by}: {override.reason}")
    if found.yank:
        use = f"; use {found.yank.replaced_by}" if found.yank.replaced_by else ""
        remark(f"warning: {found.manifest.dataset}@{found.manifest.version} was yanked: {found.yank.reason}{use}")


def _read_official(name: str, vintage: str, frame: pl.DataFrame, form: str, output: str | None) -> None:
    """Rows of a vintage that was the publisher's before our first version."""
    head = f"{name}, vintage {vintage}: the publisher's, from before our first version; {frame.height:,} rows"
    with _output_errors(output):
        if form == "table":
            _print_table(head, frame, output)
            return
        _write_as(frame, load_contract(name), form, output)
    remark(head if output is None else f"{head}, written to {output}")


def _moment(text: str) -> datetime:
    """A date is its end, in UTC: what was given on that day, at the end of it. ``today`` is the date of now."""
    text = store_versions.utc_now().date().isoformat() if text == "today" else text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as e:
        raise UsageError(f"--as-of {text!r} is neither a date (YYYY-MM-DD, today) nor a moment (ISO 8601)") from e
    if len(text) == len("YYYY-MM-DD"):
        return datetime.combine(moment.date(), time.max, UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _print_frame(m: Manifest, frame: pl.DataFrame, output: str | None) -> None:
    _print_table(f"{m.dataset}@{m.version}, vintage {m.vintage}, {frame.height:,} rows", frame, output)


def _print_table(head: str, frame: pl.DataFrame, output: str | None) -> None:
    with pl.Config(
        tbl_rows=24, tbl_cols=-1, tbl_width_chars=160, fmt_str_lengths=40, tbl_hide_dataframe_shape=True
    ) as c:
        c.set_thousands_separator(",")
        # Shares and indices; a dollar has no use for digits behind the point.
        floats = frame.select(pl.col(pl.Float64).abs())
        small = [s.max() for s in floats.iter_columns() if s.count() and bool((s != s.round(0)).any())]
        c.set_float_precision(6 if any(isinstance(m, float) and m < 1000 for m in small) else 0)
        years = [n for n in frame.columns if n == "year"]
        text = f"{head}\n{frame.with_columns(pl.col(years).cast(pl.String))}"
    if output:
        Path(output).write_text(text + "\n", encoding="utf-8")
    else:
        print(text)


def _write(frame: pl.DataFrame, manifest: Manifest, form: str, output: str | None) -> None:
    _write_as(frame, as_published(load_contract(manifest.dataset), manifest), form, output)


def _write_as(frame: pl.DataFrame, contract: Contract, form: str, output: str | None) -> None:
    if form == "parquet" and output is None and sys.stdout.isatty():
        raise UsageError("parquet is not for a terminal; name a file with --output")
    body = _parquet(frame, contract) if form == "parquet" else _text(frame, form).encode()
    if output:
        Path(output).write_bytes(body)
    else:
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()


def _text(frame: pl.DataFrame, form: str) -> str:
    return frame.write_csv() if form == "csv" else frame.write_json() + "\n"


def _parquet(frame: pl.DataFrame, contract: Contract) -> bytes:
    """As the data files of the version are: with units, descriptions and bases, licence and citation."""
    with TemporaryDirectory(prefix="techtrade-") as folder:
        file = Path(folder) / "out.parquet"
        write(frame.select(contract.names), contract, file)
        return file.read_bytes()


@contextmanager
def _output_errors(output: str | None) -> Iterator[None]:
    """An output file that cannot be written is told of as such; the pipe of standard output is somebody else's."""
    try:
        yield
    except OSError as e:
        if output is None:
            raise
        todo = "name a file in a folder that exists and that you may write to"
        raise OutputError(f"{output} cannot be written: {e.strerror or e}; {todo}") from e
