"""``techtrade read``: the figures of a version, of a day or of a vintage, all or those that a query selects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

import polars as pl

from configs.contract import Contract
from configs.contracts import load_contract
from configs.errors import UsageError
from configs.words import plural
from flows.cli.formats import format_of, write_rows, write_table
from flows.cli.stores import open_at, split_target
from flows.prefect_setup.remarks import remark
from tasks.common.clock import moment, utc_now
from tasks.read.conditions import unmatched
from tasks.read.query import Query, query
from tasks.read.rows import contract_of, end_rows, of_vintage, retired_words, rows_of
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import reader
from tasks.warehouse.hold_words import stopped

# Of a table with more rows this many are shown, half from either end.
SHOWN = 24


@dataclass(frozen=True)
class Wanted:
    """What of a dataset is read, as it was typed: see ``techtrade read --help``."""

    target: str
    as_of: str | None = None
    vintage: str | None = None
    where: Sequence[str] = ()
    columns: str | None = None
    sort: str | None = None
    limit: int | None = None


@dataclass(frozen=True)
class _Found:
    """``total`` rows called ``name``, of which ``rows`` has those that the query can select from, unfiltered. ``ends``:
    where all are wanted, enough of the first and of the last of them for a table."""

    name: str
    contract: Contract
    query: Query
    rows: pl.LazyFrame
    total: int
    ends: tuple[pl.LazyFrame, pl.LazyFrame]


def read(form: str | None, output: str | None, url: str | None, **typed: Any) -> None:
    """Print or write rows; ``typed``: the fields of ``Wanted``."""
    export(Wanted(**typed), form, output, url)


def export(wanted: Wanted, form: str | None, output: str | None, url: str | None) -> None:
    """Print or write the rows that are wanted.

    Raises:
        UsageError: the options contradict each other, or the query makes no sense.
        OutputError: the file cannot be written.
    """
    output = None if output == "-" else output
    form = format_of(form, output)
    found = _found(open_at(url), wanted)
    if form == "table":
        _table(found, output)
        return
    rows = found.query.of(found.rows).collect()
    write_rows(rows, found.query.contract(found.contract), form, output)
    if rows.is_empty():
        _say_why_empty(found)
    if output:
        remark(f"{found.name}: {plural(rows.height, 'row')} written to {output}")


def _found(store: ObjectStore, wanted: Wanted) -> _Found:
    name, version = split_target(wanted.target)
    if sum(x is not None for x in (wanted.as_of, wanted.vintage, version)) > 1:
        raise UsageError("name one of a version, --as-of and --vintage")
    if wanted.vintage is not None:
        of = of_vintage(store, name, wanted.vintage)
        if of.rows is not None:
            told = f"{name}, vintage {wanted.vintage}: the publisher's, from before our first version"
            contract = load_contract(name)
            rows = of.rows.lazy()
            return _Found(told, contract, _query(contract, wanted), rows, of.rows.height, (rows, rows))
        assert of.found is not None
        found = of.found
    else:
        found = _as_of(store, name, wanted.as_of) if wanted.as_of else reader.resolve(store, name, version)
    warn_of(found)
    contract, manifest = contract_of(found), found.manifest
    asked = _query(contract, wanted)
    rows = rows_of(store, found, asked)
    if found.retired:
        remark(f"{retired_words(found)}; made again from its raw inputs, the same to the last digit")
    told = f"{name}@{manifest.version}, vintage {manifest.vintage}"
    ends = end_rows(store, found, SHOWN) if asked.everything and not found.retired else (rows, rows)
    return _Found(told, contract, asked, rows, manifest.rows, ends)


def _query(contract: Contract, wanted: Wanted) -> Query:
    return query(contract, wanted.where, wanted.columns, wanted.sort, wanted.limit)


def _as_of(store: ObjectStore, name: str, as_of: str) -> reader.Resolved:
    at, now = _moment(as_of), utc_now()
    # Of today everything so far is known; tomorrow is not.
    if at.date() > now.date() or (at > now and len(as_of) > len("YYYY-MM-DD")):
        remark(f"warning: --as-of {as_of} has not come yet; this is what readers of latest get now")
    return reader.as_of(store, name, at)


def _moment(text: str) -> datetime:
    """A date means its end, in UTC: what readers got at the end of that day. ``today`` is the date of now."""
    text = utc_now().date().isoformat() if text == "today" else text
    try:
        found = moment(text)
    except ValueError as e:
        raise UsageError(f"--as-of {text!r} is neither a date (YYYY-MM-DD, today) nor a moment (ISO 8601)") from e
    return datetime.combine(found.date(), time.max, UTC) if len(text) == len("YYYY-MM-DD") else found


def warn_of(found: reader.Resolved) -> None:
    """Says that a version was promoted over the gate, or withdrawn."""
    if override := found.manifest.override:
        name = f"{found.manifest.dataset}@{found.manifest.version}"
        was = stopped(found.manifest.quality)
        remark(f"warning: {name} was {was} by the quality gate and promoted by {override.by}: {override.reason}")
    if found.yank:
        use = f"; use {found.yank.replaced_by}" if found.yank.replaced_by else ""
        remark(f"warning: {found.manifest.dataset}@{found.manifest.version} was yanked: {found.yank.reason}{use}")


def _table(found: _Found, output: str | None) -> None:
    """Writes all rows to a file, or as many as ``--limit`` says; else both ends of them, and how many there are."""
    asked, selected = found.query, found.query.of(found.rows)
    matching = found.total
    if asked.where:
        matching = int(asked.filtered(found.rows).select(pl.len()).collect().item())
    count = f"{matching:,} of {plural(found.total, 'row')}" if asked.where else plural(found.total, "row")
    if output or asked.limit is not None or matching <= SHOWN:
        parts = [selected.collect()]
        if parts[0].height < matching:
            count += f", the first {parts[0].height:,} shown"
    else:
        half = SHOWN // 2
        first, last = (asked.of(rows) for rows in found.ends)
        ends = pl.concat([first.head(half), last.tail(half)]).collect()
        parts = [ends.head(half), ends.tail(half)]
        count += f", the first and last {half} shown"
    write_table(f"{found.name}, {count}", parts, asked.contract(found.contract), output)
    if not matching:
        _say_why_empty(found)
    if output:
        remark(f"{found.name}: {plural(parts[0].height, 'row')} written to {output}")
    elif len(parts) > 1:
        remark("more: --limit N shows the first N rows, --output FILE.csv writes all")


def _say_why_empty(found: _Found) -> None:
    for condition in found.query.where:
        if condition.column.type == "string":
            values = found.rows.select(pl.col(condition.column.name).unique()).collect().to_series()
            if told := unmatched(condition, values):
                remark(told)
                return
    remark("no row fulfils all conditions" if found.query.where else "there are no rows")
