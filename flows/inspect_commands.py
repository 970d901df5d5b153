"""The commands that look and change nothing: datasets, vintages, versions, show, diff, read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, time
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from configs.claims import claims_of
from configs.contract import Contract, load_contract, published_names
from configs.errors import NotPublishedError, ObjectNotFoundError, TechtradeError, UsageError
from configs.settings import load_settings
from flows.output import one_line, print_json, remark, table
from flows.report import changes_words, quality_words
from tasks import changes as changes_
from tasks import replay
from tasks.build import write
from tasks.causes import counted
from tasks.changes_page import Side, page
from tasks.extract.bundled import bundled_vintages
from tasks.history_states import official_vintages
from tasks.notes import words
from tasks.store import layout, reader
from tasks.store import versions as store_versions
from tasks.store.objects import ObjectStore
from tasks.store.open import open_store
from tasks.store.raw import RawArchive
from tasks.store.records import LogEntry, Manifest, as_plain
from tasks.store.verify import as_published


class OutputError(TechtradeError):
    """The file that was named for the output cannot be written."""


def open_at(url: str | None) -> ObjectStore:
    """The store that the option or the setting names."""
    return open_store(url or load_settings().store)


def split_target(target: str) -> tuple[str, str | None]:
    """``DATASET[@VERSION]``.

    Raises:
        UnknownDatasetError: no such dataset.
        UsageError: the version is not of the form YYYY-MM-DD.NNNN.
    """
    name, at, version = target.partition("@")
    load_contract(name)
    if at and not layout.VERSION.match(version):
        raise UsageError(
            f"{version!r} is not a version; they look like 2026-01-31.0001, see: techtrade versions {name}"
        )
    return name, version if at else None


def datasets(url: str | None, as_json: bool) -> None:
    store = open_at(url)
    found: list[dict[str, Any]] = []
    for name in published_names():
        contract = load_contract(name)
        found.append(
            {"dataset": name, "title": contract.title} | _published(store, name) | {"licence": contract.licence}
        )
    if as_json:
        print_json(found)
    else:
        rows = [
            (
                d["dataset"],
                "corrupt" if d["state"] == "corrupt" else d["version"] or "not published",
                d["vintage"] or "",
                f"{d['rows']:,}" if d["rows"] else "",
                d["title"],
            )
            for d in found
        ]
        table(("dataset", "version", "vintage", "rows", "title"), rows, right=("rows",))
    for d in found:
        if d["problem"]:
            remark(f"error: {d['problem']}")


def _published(store: ObjectStore, name: str) -> dict[str, Any]:
    """What readers of latest get. Damage is told of, and does not keep the other datasets from being listed."""
    told: dict[str, Any] = dict.fromkeys(("version", "vintage", "rows", "published_at"))
    try:
        latest, _ = store_versions.read_latest(store, name)
        if latest is None:
            return told | {"state": "not published", "problem": None}
        told |= {"version": latest.version, "published_at": latest.published_at}
        manifest = reader.resolve(store, name).manifest
    except reader.DAMAGED as e:
        return told | {"state": "corrupt", "problem": str(e)}
    return told | {"vintage": manifest.vintage, "rows": manifest.rows, "state": "published", "problem": None}


def vintages(name: str, url: str | None, as_json: bool) -> None:
    bundled = list(bundled_vintages(name))
    store = open_at(url)
    latest, _ = store_versions.read_latest(store, name)
    published: dict[str, list[str]] = {}
    for entry in latest.published if latest else []:
        published.setdefault(entry.vintage, []).append(entry.version)
    older: list[str] = []
    told: set[str] = set()
    with suppress(NotPublishedError):
        sources = reader.resolve(store, f"{name}_history").manifest.sources
        older = official_vintages(sources)
        told = {s.role.removeprefix("version/") for s in sources}
    yanked = latest.yanked if latest else set()
    found = [
        {
            "vintage": v,
            "bundled": v in bundled,
            "versions": published.get(v, []),
            "yanked": [version for version in published.get(v, []) if version in yanked],
            "in_history": v in older or any(version in told for version in published.get(v, [])),
        }
        for v in sorted({*bundled, *published, *older})
    ]
    if as_json:
        print_json(found)
        return
    yes = {True: "yes", False: ""}
    rows = [
        (
            str(f["vintage"]),
            yes[bool(f["bundled"])],
            ", ".join(f"{v} (yanked)" if v in yanked else v for v in published.get(str(f["vintage"]), [])),
            yes[bool(f["in_history"])],
        )
        for f in found
    ]
    table(("vintage", "bundled", "published as", "in the history"), rows)


def versions(name: str, url: str | None, as_json: bool) -> None:
    load_contract(name)
    listed = reader.list_versions(open_at(url), name, unpublished=True)
    if as_json:
        print_json([_listed_plain(v) for v in listed])
        return
    if not listed:
        remark(f"{name}: nothing was published yet; start with: techtrade publish {name} --source snapshot")
        return
    rows = []
    for v in listed:
        m = v.manifest
        state = v.state + (f" ({v.yank.reason})" if v.yank else "")
        if m and m.override:
            state += f", promoted from {m.override.rejected} by {m.override.by} ({m.override.reason})"
        told = (f"{m.rows:,}", changes_words(m.changes), quality_words(m.quality)) if m else ("", "", "")
        rows.append((v.version, state, _vintage(v), *told))
    table(("version", "state", "vintage", "rows", "changes", "quality"), rows, right=("rows",))
    for v in listed:
        if v.problem:
            remark(f"error: {v.problem}")


def _vintage(v: reader.Listed) -> str:
    return v.manifest.vintage if v.manifest else v.event.vintage if v.event else ""


def _listed_plain(v: reader.Listed) -> dict[str, Any]:
    m = v.manifest
    return {
        "version": v.version,
        "state": v.state,
        "problem": v.problem or None,
        "vintage": _vintage(v),
        "parent": m.parent if m else None,
        "rows": m.rows if m else None,
        "published_at": v.event.at if v.event else None,
        "content_sha256": m.content_sha256 if m else None,
        "changes": m.changes.model_dump() if m else None,
        "quality": m.quality.model_dump() if m else None,
        "override": m.override.model_dump() if m and m.override else None,
        "yanked": {"reason": v.yank.reason, "replaced_by": v.yank.replaced_by, "at": v.yank.at} if v.yank else None,
    }


def show(target: str, url: str | None, as_json: bool) -> None:
    name, version = split_target(target)
    contract, store = load_contract(name), open_at(url)
    manifest, yank, rejected = _manifest_of_any(store, name, version)
    if as_json:
        print_json(
            {
                "contract": contract.model_dump(mode="json"),
                "manifest": as_plain(manifest) if manifest else None,
                "yanked": as_plain(yank) if yank else None,
                "quality": reader.quality(store, manifest).to_dicts() if manifest else None,
            }
        )
        return
    _print_contract(contract)
    if manifest is None:
        print(f"\nNothing is published in {store.url}; start with: techtrade publish {name} --source snapshot")
        return
    _print_version(store, manifest, yank, rejected)
    _print_revisions(store, contract, manifest)


def _manifest_of_any(
    store: ObjectStore, name: str, version: str | None
) -> tuple[Manifest | None, LogEntry | None, bool]:
    """The manifest of a published version, or by name also of a rejected one; its yank; whether it was rejected."""
    try:
        resolved = reader.resolve(store, name, version)
    except NotPublishedError:
        if version is None:
            return None, None, False
        manifest = store_versions.read_manifest(store, name, version)
        return manifest, None, manifest.status == "rejected"
    return resolved.manifest, resolved.yank, False


def _print_contract(c: Contract) -> None:
    print(f"{c.name}: {c.title}\n\n{c.description}\n")
    for label, value in (
        ("grain", c.grain),
        ("primary key", ", ".join(c.primary_key)),
        ("an absent row means", c.absent_row_means),
        ("cadence", c.cadence),
        ("revised", c.revision_window),
        ("licence", c.licence),
        ("citation", c.citation),
        ("owner", c.owner),
        ("schema version", c.schema_version),
    ):
        print(f"{label:<20}{value}")
    print()
    for column in c.columns:
        null = ", can be null" if column.nullable else ""
        print(f"{column.name} ({column.type}, {column.unit}{null})")
        print(f"    {column.description}")
        if column.basis:
            print(f"    basis: {column.basis}")
        if column.publisher_name:
            print(f"    publisher's name: {column.publisher_name}")
    print()
    for note in c.notes:
        print(f"note: {note}")
    for bias in c.biases:
        print(f"{bias.kind}: {words(bias)}")


def _print_version(store: ObjectStore, m: Manifest, yank: LogEntry | None, rejected: bool) -> None:
    print(f"\n{m.dataset}@{m.version}{': REJECTED by the quality gate, never published' if rejected else ''}")
    if yank:
        print(f"YANKED at {yank.at}: {yank.reason}" + (f"; use {yank.replaced_by}" if yank.replaced_by else ""))
    if m.override:
        told = f"PROMOTED from {m.override.rejected}, which the quality gate rejected, by {m.override.by}"
        print(f"{told}: {m.override.reason}")
    if m.breaking_note:
        print(f"since schema {m.schema_version.partition('.')[0]}: {m.breaking_note}")
    print(f"vintage {m.vintage}, {m.rows:,} rows, parent {m.parent or 'none'}, made {m.created_at} by {m.code_version}")
    print(f"changes: {changes_words(m.changes)}")
    print(f"quality: {quality_words(m.quality)}")
    for row in reader.quality(store, m).filter(pl.col("outcome") == "failed").iter_rows(named=True):
        told = f"does not hold: {row['title']}: expected {row['expected']}; observed {row['observed']}"
        print(f"  {row['severity']}: {told}" + (f"; {row['exemption']}" if row["exemption"] else ""))
        for failing in row["failing_rows"][:3]:
            print(f"      {failing}")
    for source in m.sources:
        print(f"source: {source.url} ({source.bytes:,} bytes, sha256 {source.sha256[:12]}, {source.retrieved_at})")
    c = m.cost
    if c.requests:
        took = f"{c.reused} answers taken over from the version before, {c.resumed} from a run that was cut off"
        print(f"asked for: {c.requests} requests, {c.bytes:,} bytes; {took}")
    print("files:")
    for f in m.files:
        print(f"  {store.uri(layout.version(m.dataset, m.version, f.path))} ({f.bytes:,} bytes)")


def _print_revisions(store: ObjectStore, contract: Contract, m: Manifest) -> None:
    """The newest figures of the headlines, and how far figures of an age were from what they are now."""
    try:
        profile = reader.resolve(store, "revision_profile").manifest
    except NotPublishedError:
        return
    told = reader.scan(store, profile).filter(pl.col("dataset") == contract.name, pl.col("series_group") == "all")
    rows = told.sort("measure", "age").collect()
    if rows.is_empty():
        return
    newest = _newest(store, contract, m)
    print(f"\nhow far figures were revised, by their age in months (revision_profile@{profile.version}):")
    columns = ("measure", "newest", "age", "figures", "revised", "mean", "mean size", "upward")
    percent = [
        (
            r["measure"],
            newest.get(r["measure"], ""),
            r["age"],
            f"{r['observations']:,}",
            f"{r['revised_share']:.0%}",
            "" if r["mean_revision"] is None else f"{r['mean_revision']:+.2%}",
            "" if r["mean_absolute_revision"] is None else f"{r['mean_absolute_revision']:.2%}",
            "" if r["upward_share"] is None else f"{r['upward_share']:.0%}",
        )
        for r in rows.iter_rows(named=True)
    ]
    first = {row[0]: n for n, row in reversed(list(enumerate(percent)))}
    shown = [(row[0], row[1] if first[row[0]] == n else "", *row[2:]) for n, row in enumerate(percent)]
    table(columns, shown, right=("newest", "figures", "revised", "mean", "mean size", "upward"))


def _newest(store: ObjectStore, contract: Contract, m: Manifest) -> dict[str, str]:
    """Of each measure that a headline names, the figure of its newest period."""
    period, found = contract.period, dict[str, str]()
    if period is None:
        return found
    frame = reader.scan(store, m)
    for headline in contract.headlines:
        if headline.measure in found:
            continue
        rows = frame.filter(*[pl.col(c) == v for c, v in headline.where.items()]).drop_nulls(headline.measure)
        last = rows.group_by(period).agg(pl.col(headline.measure).sum()).sort(period).tail(1).collect()
        for when, value in last.iter_rows():
            found[headline.measure] = f"{str(when)[:7]}: {value:,.0f}"
    return found


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
    print(page(contract, *told, frame.lazy(), causes, claims_of(name)), end="")


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
        raise UsageError(f"{version!r} is not a version; see: techtrade versions {name}")
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


def read(target: str, as_of: str | None, vintage: str | None, form: str, output: str | None, url: str | None) -> None:
    name, version = split_target(target)
    store = open_at(url)
    if sum(x is not None for x in (as_of, vintage, version)) > 1:
        raise UsageError("name one of a version, --as-of and --vintage")
    if vintage is not None:
        from flows.history_commands import of_vintage

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
    instead = f"its figures stand in {m.dataset}_history: techtrade history {m.dataset}"
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
    """A date is its end, in UTC: what was given on that day, at the end of it."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as e:
        raise UsageError(f"--as-of {text!r} is neither a date (YYYY-MM-DD) nor a moment (ISO 8601)") from e
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
