"""One month and flow of the Census Bureau's bulk files: the rows of detail, with the technology group of their codes.

Detail rows carry no group. The month's own concordance (``CONCORD``) says which ten-digit codes count as advanced
technology and in which group: it changes each January, so a month is read with the one that came with it. A row is
there from the first trade of the calendar year on; rows of zero for the month are dropped by rule and counted.

The member is read in chunks, so that the text, of up to 2.4 GB, is never in memory; the rows in scope are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from configs.errors import SourceLayoutError
from configs.words import plural
from tasks.extract.census.merchandise.fixed_width import SOURCE, Layout, field, layouts, records, table
from tasks.extract.zip_stream import CHUNK, Members, prefetch, zip_members

Flow = Literal["exports", "imports"]
Scope = Literal["atp", "all_products"]
DETAIL: dict[Flow, str] = {"exports": "EXP_DETL", "imports": "IMP_DETL"}
COMMODITIES: dict[Flow, str] = {"exports": "EXP_COMM", "imports": "IMP_COMM"}
PARTNERS: dict[Flow, str] = {"exports": "EXP_CTY", "imports": "IMP_CTY"}
VALUES: dict[Flow, list[str]] = {
    "exports": ["all_val_mo", "all_val_yr"],
    "imports": ["gen_val_mo", "gen_val_yr", "con_val_mo", "con_val_yr"],
}
GROUPS = frozenset(f"{n:02d}" for n in range(1, 11))


@dataclass(frozen=True)
class Month:
    """``detail``: the rows that are kept, columns as in the layout with ``hitech``. ``codes``: commodity, hitech,
    unit_qy1, unit_qy2 of every code in the concordance, ``scope`` of those that are kept. ``rows``: all records, of
    which ``idle`` had nothing in the month, and ``other`` are of codes that are out of scope. ``by_commodity``: sums of
    every figure over the records in scope, idle ones included, as ``EXP_COMM`` and ``IMP_COMM`` have them;
    ``by_partner``: sums of values over all records, as ``EXP_CTY`` and ``IMP_CTY`` have them."""

    flow: Flow
    period: str
    detail: pl.DataFrame
    codes: pl.DataFrame
    scope: pl.DataFrame
    rows: int
    idle: int
    other: int
    by_commodity: pl.DataFrame
    by_partner: pl.DataFrame


@dataclass(frozen=True)
class _Part:
    """What comes of one chunk, as of ``Month``."""

    kept: pl.DataFrame
    rows: int
    idle: int
    other: int
    by_commodity: pl.DataFrame
    by_partner: pl.DataFrame


def read_month(
    file: Path,
    flow: Flow,
    period: str,
    told: str,
    scope: Scope = "atp",
    chunk: int = CHUNK,
    listed_by: Path | None = None,
) -> Month:
    """Reads one ZIP.

    Args:
        file: the ZIP on disk.
        listed_by: another ZIP, whose concordance says what counts; None: its own.
        period: the month that it should be of, ``YYYY-MM``.
        told: its address, for errors.

    Raises:
        SourceError: see ``zip_stream.members``, ``fixed_width.records`` and ``fixed_width.table``; or a row is of
            another month, or of a code that the concordance does not have.
    """
    with zip_members(file, told) as found:
        codes = concordance(found, told)
        if listed_by is not None:
            with zip_members(listed_by, str(listed_by)) as other:
                listed = concordance(other, str(listed_by)).select("commodity", "hitech")
            own = codes.drop("hitech").join(listed, on="commodity", how="left", maintain_order="left")
            codes = own.with_columns(pl.col("hitech").fill_null("")).select(codes.columns)
        layout = layouts()[DETAIL[flow]]
        wanted = codes if scope == "all_products" else codes.filter(pl.col("hitech").is_in(sorted(GROUPS)))
        record = layout.length + len("\r\n")
        chunks = found.chunks(DETAIL[flow], max(chunk // record, 1) * record)
        if pl.thread_pool_size() > 1:  # a worker that has one core to itself has nobody to unpack ahead
            chunks = prefetch(chunks)
        parts = [
            _part(lines, layout, wanted, codes, period, told)
            for lines in records(chunks, layout, f"{told}: {DETAIL[flow]}")
        ]
    if not parts:
        raise SourceLayoutError(SOURCE, f"{told}: {DETAIL[flow]} has no rows")
    return Month(
        flow=flow,
        period=period,
        detail=pl.concat([p.kept for p in parts]),
        codes=codes,
        scope=wanted,
        rows=sum(p.rows for p in parts),
        idle=sum(p.idle for p in parts),
        other=sum(p.other for p in parts),
        by_commodity=_summed([p.by_commodity for p in parts], keys(COMMODITIES[flow])),
        by_partner=_summed([p.by_partner for p in parts], keys(PARTNERS[flow])),
    )


def keys(record: str) -> list[str]:
    """What a file of control totals is by."""
    return [f.name for f in layouts()[record].fields if f.name in ("df", "commodity", "cty_code")]


def _summed(parts: list[pl.DataFrame], by: list[str]) -> pl.DataFrame:
    return pl.concat(parts).group_by(by).agg(pl.all().sum()).sort(by)


def _part(lines: pl.Series, layout: Layout, wanted: pl.DataFrame, codes: pl.DataFrame, period: str, told: str) -> _Part:
    frame = lines.to_frame().with_columns(field(layout, "commodity"))
    when = lines.to_frame().select(field(layout, "year"), field(layout, "month")).unique()
    if (found := sorted(f"{year}-{month}" for year, month in when.iter_rows())) != [period]:
        raise SourceLayoutError(SOURCE, f"{told}: has rows of {', '.join(set(found) - {period})}, not of {period}")
    unknown = frame.select(pl.col("commodity").unique()).join(codes, on="commodity", how="anti")["commodity"].sort()
    if len(unknown):
        raise SourceLayoutError(
            SOURCE,
            f"{told}: {plural(len(unknown), 'code is', 'codes are')} not in its own concordance: "
            f"{', '.join(unknown.head(5))}",
        )
    within = frame.join(wanted.select("commodity", "hitech"), on="commodity", how="inner", maintain_order="left")
    read = table(within["line"], layout, told).with_columns(within["hitech"])
    flow: Flow = "exports" if layout.record == DETAIL["exports"] else "imports"
    figures = [f.name for f in layout.fields if f.is_number]
    some = read.filter(pl.any_horizontal(pl.col(name) != 0 for name in figures if name.endswith("_mo")))
    values = table(lines, layout, told, ["cty_code", *VALUES[flow]])
    return _Part(
        kept=some,
        rows=frame.height,
        idle=read.height - some.height,
        other=frame.height - within.height,
        by_commodity=read.group_by(keys(COMMODITIES[flow])).agg(pl.col(figures).sum()),
        by_partner=values.group_by("cty_code").agg(pl.col(VALUES[flow]).sum()),
    )


def concordance(found: Members, told: str) -> pl.DataFrame:
    """commodity, hitech (``00`` or empty where it is none), unit_qy1, unit_qy2, one row a code.

    Raises:
        SourceLayoutError: a code is there twice, or has a group that is none.
    """
    codes = control(found, "CONCORD", told, ["commodity", "hitech", "unit_qy1", "unit_qy2"])
    if not (twice := codes.filter(pl.col("commodity").is_duplicated())).is_empty():
        raise SourceLayoutError(SOURCE, f"{told}: CONCORD has {twice['commodity'][0]} twice")
    if strange := set(codes["hitech"].unique()) - GROUPS - {"00", "0", ""}:
        raise SourceLayoutError(SOURCE, f"{told}: CONCORD has groups that are none: {', '.join(sorted(strange))}")
    return codes


def control(found: Members, record: str, told: str, names: Sequence[str] | None = None) -> pl.DataFrame:
    """A file beside the detail (``EXP_COMM``, ``CONCORD``, ...): the columns of ``names``, or all."""
    layout = layouts()[record]
    parts = [table(lines, layout, told, names) for lines in records(found.chunks(record), layout, f"{told}: {record}")]
    return pl.concat(parts) if parts else pl.DataFrame(schema={n: layout.schema[n] for n in names or layout.schema})
