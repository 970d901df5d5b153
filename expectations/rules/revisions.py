"""What checks against the version before have in common.

The version before may be of an older contract, without a column that there is now. A rule is then held against the
columns that both have, and says so; with none in common it does not apply. Raising instead would mean that a dataset
could never gain a column.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from configs.contract import Severity
from expectations.check import Check, GateInput, bound, none_of

NO_PARENT = "there is no version before this one"


def before(gate: GateInput) -> pl.LazyFrame:
    """The version before, with those of the contract's columns that it has, in today's types. No rows if there is
    no such version: ask ``incomparable`` first."""
    if gate.parent is None:
        return gate.contract.polars_schema.to_frame().lazy()
    have = gate.parent.collect_schema()
    return gate.parent.select(pl.col(c.name).cast(c.polars) for c in gate.contract.columns if c.name in have)


def incomparable(gate: GateInput, *columns: str) -> str:
    """Why the version before cannot be compared in these columns; empty if it can."""
    if gate.parent is None:
        return NO_PARENT
    have = gate.parent.collect_schema()
    missing = [c for c in columns if c not in have]
    return f"the version before has no {', '.join(missing)}" if missing else ""


def shared(gate: GateInput, flows: Sequence[str]) -> list[str]:
    """Those of the columns that the version before has too."""
    return [c for c in flows if not incomparable(gate, c)]


def above_share(gone: pl.LazyFrame, was: pl.LazyFrame, most: float) -> pl.LazyFrame:
    """gone, before, share: how much of the version before is gone; no row where that is at most ``most``."""
    return (
        pl.concat([gone.select(pl.len().alias("gone")), was.select(pl.len().alias("before"))], how="horizontal")
        .with_columns((pl.col("gone") / pl.col("before")).alias("share"))
        .filter((pl.col("before") > 0) & (pl.col("share") > most))
    )


def ratio(
    gate: GateInput,
    check_id: str,
    title: str,
    sums: pl.LazyFrame,
    flows: Sequence[str],
    default: Severity,
    floor: float = 0,
    over: pl.LazyFrame | None = None,
) -> Check:
    """No sum is beyond the contract's ``factor`` of what it was, up or down, unless both are below ``floor``.

    Args:
        sums: for each of ``flows`` a column of that name and one named ``<flow>_before``, US dollars.
        over: what was summed up, where ``sums`` has a row even if that was nothing.
    """
    factor = bound(gate, check_id, "factor")
    outside = [
        ~(pl.col(c) / pl.col(f"{c}_before")).is_between(1 / factor, factor)
        & (pl.max_horizontal(pl.col(c).abs(), pl.col(f"{c}_before").abs()) > floor)
        for c in flows
    ]
    expected = f"{' and '.join(flows)} within a factor of {factor:g} of the version before"
    expected += f", above {floor:,.0f}" if floor else ""
    off = sums.filter(pl.any_horizontal(outside))
    return none_of(gate, check_id, title, expected, off, default, over=sums if over is None else over)
