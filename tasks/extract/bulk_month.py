"""One month and flow of the Census Bureau's bulk files: the rows of detail, with the technology group of their codes.

Detail rows carry no group. The month's own concordance (``CONCORD``) says which ten-digit codes count as advanced
technology and in which group: it changes each January, so a month is read with the one that came with it. A row is
there from the first trade of the calendar year on; rows of zero for the month are dropped by rule and counted.

The member is read in chunks, so that the text, of up to 2.4 GB, is never in memory; the rows in scope are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from configs.errors import SourceLayoutError
from tasks.extract.bulk_records import SOURCE, Layout, field, layouts, records, table
from tasks.extract.bulk_zip import CHUNK, Members, members

Flow = Literal["exports", "imports"]
Scope = Literal["atp", "all_products"]
DETAIL: dict[Flow, str] = {"exports": "EXP_DETL", "imports": "IMP_DETL"}
COMMODITIES: dict[Flow, str] = {"exports": "EXP_COMM", "imports": "IMP_COMM"}
PARTNERS: dict[Flow, str] = {"exports": "EXP_CTY", "imports": "IMP_CTY"}
GROUPS = frozenset(f"{n:02d}" for n in range(1, 11))


@dataclass(frozen=True)
class Month:
    """``detail``: the rows that are kept, columns as in the layout with ``hitech``. ``codes``: commodity, hitech,
    unit_qy1, unit_qy2 of every code in the concordance. ``rows``: all records, of which ``idle`` had nothing in the
    month, and ``other`` are of codes that are out of scope."""

    flow: Flow
    period: str
    detail: pl.DataFrame
    codes: pl.DataFrame
    rows: int
    idle: int
    other: int


def read_month(file: Path, flow: Flow, period: str, told: str, scope: Scope = "atp", chunk: int = CHUNK) -> Month:
    """Reads one ZIP.

    Args:
        file: the ZIP on disk.
        period: the month that it should be of, ``YYYY-MM``.
        told: its address, for errors.

    Raises:
        SourceError: see ``bulk_zip.members``, ``bulk_records.records`` and ``bulk_records.table``; or a row is of
            another month, or of a code that the concordance does not have.
    """
    with members(file, told) as found:
        codes = concordance(found, told)
        layout = layouts()[DETAIL[flow]]
        wanted = codes if scope == "all_products" else codes.filter(pl.col("hitech").is_in(sorted(GROUPS)))
        kept, rows, idle, other = [], 0, 0, 0
        for lines in records(found.chunks(DETAIL[flow], chunk), layout, f"{told}: {DETAIL[flow]}"):
            part, quiet, strange = _kept(lines, layout, wanted, codes, period, told)
            rows, idle, other = rows + len(lines), idle + quiet, other + strange
            kept.append(part)
    if not rows:
        raise SourceLayoutError(SOURCE, f"{told}: {DETAIL[flow]} has no rows")
    return Month(flow, period, pl.concat(kept), codes, rows, idle, other)


def _kept(
    lines: pl.Series, layout: Layout, wanted: pl.DataFrame, codes: pl.DataFrame, period: str, told: str
) -> tuple[pl.DataFrame, int, int]:
    """The rows in scope with anything in the month; how many had nothing, and how many are out of scope."""
    frame = lines.to_frame().with_columns(field(layout, "commodity"), field(layout, "year"), field(layout, "month"))
    when = frame.select((pl.col("year") + "-" + pl.col("month")).unique().alias("when"))["when"].to_list()
    if when != [period]:
        raise SourceLayoutError(
            SOURCE, f"{told}: has rows of {', '.join(sorted(set(when) - {period}))}, not of {period}"
        )
    unknown = frame.join(codes, on="commodity", how="anti")["commodity"].unique().sort()
    if len(unknown):
        raise SourceLayoutError(
            SOURCE, f"{told}: {len(unknown)} codes are not in its own concordance: {', '.join(unknown.head(5))}"
        )
    within = frame.join(wanted.select("commodity", "hitech"), on="commodity", how="inner", maintain_order="left")
    read = table(within["line"], layout, told).with_columns(within["hitech"])
    busy = pl.any_horizontal([pl.col(f.name) != 0 for f in layout.fields if f.is_number and f.name.endswith("_mo")])
    some = read.filter(busy)
    return some, read.height - some.height, frame.height - within.height


def concordance(found: Members, told: str) -> pl.DataFrame:
    """commodity, hitech (``00`` or empty where it is none), unit_qy1, unit_qy2, one row a code.

    Raises:
        SourceLayoutError: a code is there twice, or has a group that is none.
    """
    layout = layouts()["CONCORD"]
    names = ["commodity", "hitech", "unit_qy1", "unit_qy2"]
    parts = [
        table(lines, layout, told, names) for lines in records(found.chunks("CONCORD"), layout, f"{told}: CONCORD")
    ]
    codes = pl.concat(parts) if parts else pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    twice = codes.filter(pl.col("commodity").is_duplicated())
    if not twice.is_empty():
        raise SourceLayoutError(SOURCE, f"{told}: CONCORD has {twice['commodity'][0]} twice")
    strange = set(codes["hitech"].unique()) - GROUPS - {"00", "0", ""}
    if strange:
        raise SourceLayoutError(SOURCE, f"{told}: CONCORD has groups that are none: {', '.join(sorted(strange))}")
    return codes


def control(found: Members, record: str, told: str) -> pl.DataFrame:
    """A file of control totals (``EXP_COMM``, ``IMP_CTY``, ...), all its columns."""
    layout = layouts()[record]
    parts = [table(lines, layout, told) for lines in records(found.chunks(record), layout, f"{told}: {record}")]
    return pl.concat(parts) if parts else pl.DataFrame(schema=layout.schema)
