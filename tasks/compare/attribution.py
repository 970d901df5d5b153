"""Why a figure is another than in the version before.

Found by replay, not guessed. Between the published version before and the candidate stand states that were made for the
purpose; what differs from one state to the next has the cause of that step::

    published ──method──▶ today's code on the old raw input ──reclassification──▶ the same with the new list of products
              ──source_revision, new_period──▶ candidate

- ``method``: our code, our contract, or a library
- ``reclassification``: the list of what counts as advanced technology (data that are built from HS10)
- ``new_period``: the publisher's first figure for a period that it had not reached yet
- ``source_revision``: the publisher, in what it had published before
- ``withdrawal``: a version that it was made from was yanked (data that are made from other datasets)
- ``unattributed``: the replay was not possible, so what is not a new period can be the publisher's or ours

A figure that changed for two reasons has two rows, of which the first ends where the second begins: the parts add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from configs.contract import Contract

Cause = Literal["new_period", "source_revision", "method", "reclassification", "withdrawal", "unattributed"]
CAUSES: tuple[Cause, ...] = (
    "new_period",
    "source_revision",
    "reclassification",
    "method",
    "withdrawal",
    "unattributed",
)


@dataclass(frozen=True)
class Step:
    """A state between the version before and the candidate, and what led to it. ``files``: its data files, sorted by
    the key, where it is too large to be held in memory."""

    cause: Cause
    after: pl.LazyFrame
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class AttributionBasis:
    """The states in between, in order; none if neither code nor list moved. ``why_not``: a replay was needed and could
    not be made. ``other``: what is left when these steps are taken off is of this cause, but for new periods; with
    ``alone``, these too."""

    steps: tuple[Step, ...] = ()
    why_not: str = ""
    other: Cause = "source_revision"
    alone: bool = False


def newest(before: pl.LazyFrame, contract: Contract) -> Any:
    """The last period of all rows; None if there is none."""
    period = contract.period
    return before.select(pl.col(period).max()).collect().item() if period else None


def ends(before: pl.LazyFrame, contract: Contract) -> pl.DataFrame:
    """How far each series of a dataset in which an absent row is missing has come: its key, column, reached."""
    period = contract.period
    series = [k for k in contract.primary_key if k != period]
    names = [m.name for m in contract.measures]
    there = [pl.col(m.name).is_not_null() if m.polars.is_numeric() else pl.lit(True) for m in contract.measures]
    last = [pl.col(period or "").filter(has).max().alias(m) for m, has in zip(names, there, strict=True)]
    grouped = before.group_by(series).agg(last) if series else before.select(last)
    return grouped.unpivot(names, index=series, variable_name="column", value_name="reached").collect()


def reach(before: pl.LazyFrame, contract: Contract) -> Any:
    """How far the publisher had come, as ``attribute_to_publisher`` takes it."""
    if contract.period is None or contract.absent_row_means == "zero":
        return newest(before, contract)
    return ends(before, contract)


def attribute_to_publisher(cells: pl.DataFrame, reached: Any, contract: Contract, other: Cause) -> pl.DataFrame:
    """Tells new periods from what is ``other``.

    A cell is of a new period where it had no value and the publisher had not reached its period: by the whole dataset
    where an absent row means zero, else by its own series (an economy that reports late has not been revised). By the
    series' figures, that is; a measure that is no number (until when a code is valid) has been reached with its row.

    Args:
        cells: key columns, column, old, new; the values before and after, as text.
        reached: how far the publisher had come: where an absent row means zero the last period of all rows
            (``newest``), else that of each series (``ends``).

    Returns:
        The cells with ``cause``.
    """
    period = contract.period
    if period is None or cells.is_empty():
        return cells.with_columns(cause=pl.lit(other))
    series = [k for k in contract.primary_key if k != period]
    came = pl.col("old").is_null()
    if isinstance(reached, pl.DataFrame):
        far = reached.rename({"reached": "__reached"})
        cells = cells.join(far, on=[*series, "column"], how="left", maintain_order="left")
    else:
        cells = cells.with_columns(__reached=pl.lit(reached, dtype=contract.column(period).polars))
    later = pl.col("__reached").is_null() | (pl.col(period) > pl.col("__reached"))
    cause = pl.when(came & later).then(pl.lit("new_period")).otherwise(pl.lit(other))
    return cells.with_columns(cause=cause).drop("__reached")


def chained(overall: pl.DataFrame, steps: Sequence[tuple[Cause | None, pl.DataFrame]], key: list[str]) -> pl.DataFrame:
    """The cells of ``overall`` as the steps that they came by.

    Args:
        overall: key columns, key, column, old, new, kind: candidate against published.
        steps: the same of each state against the one before it, with its cause; None: with a column ``cause``.
    """
    on = [*key, "column"]
    named = [cells if cause is None else cells.with_columns(cause=pl.lit(cause)) for cause, cells in steps]
    parts = [cells.drop("kind").join(overall.select(*on, "kind"), on=on, how="inner") for cells in named]
    order = {cause: n for n, cause in enumerate(("method", "reclassification"))}
    return (
        pl.concat(parts, how="diagonal")
        .with_columns(__step=pl.col("cause").replace_strict(order, default=len(order)))
        .sort([*on, "__step"])
        .select(*overall.columns, "cause")
    )


def counted(frame: pl.DataFrame) -> dict[str, int]:
    """How many cells of measures have each cause; one with two counts in both."""
    figures = frame.filter(pl.col("kind").is_in(["new", "revised", "removed"]))
    counts = figures.select(pl.col("cause").str.split("+")).explode("cause").group_by("cause").len()
    return {c: n for c in CAUSES for name, n in counts.iter_rows() if name == c}
