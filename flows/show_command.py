"""The command ``show``: a dataset's contract, what readers get of it, and how far to trust a fresh figure."""

from __future__ import annotations

import polars as pl

from configs.contract import Contract, load_contract
from configs.errors import NotPublishedError
from flows.inspect_commands import open_at, open_if_any, split_target
from flows.output import print_json, table
from flows.report import changes_words, quality_words
from tasks.notes import words
from tasks.store import layout, reader
from tasks.store import versions as store_versions
from tasks.store.objects import ObjectStore
from tasks.store.records import LogEntry, Manifest, as_plain


def show(target: str, url: str | None, as_json: bool) -> None:
    name, version = split_target(target)
    contract, store = load_contract(name), open_at(url) if version else open_if_any(url)
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
