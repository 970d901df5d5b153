"""How the figures of a candidate stand to those of the version before, measure by measure.

One line of it often is the diagnosis: a median factor of 1,000 over all rows is a unit, of -1 a sign, and a few rows
far off among thousands that did not move are the publisher's.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from configs.contract import Contract

# Zeros stay zeros whatever the unit, and rounding moves small figures: hence not quite all, not quite the same.
ALL, SAME = 0.9, 0.002


@dataclass(frozen=True)
class Compared:
    """One measure: rows that both versions have a figure for, how many of them differ, and the factors of those."""

    measure: str
    both: int
    differ: int
    median: float | None
    low: float | None
    high: float | None

    @property
    def one_factor(self) -> float | None:
        """The factor between the two versions, if it is one and the same over all rows."""
        if not self.both or self.differ < ALL * self.both or None in (self.median, self.low, self.high):
            return None
        median, low, high = self.median or 0.0, self.low or 0.0, self.high or 0.0
        return median if max(abs(low - median), abs(high - median)) <= SAME * abs(median) else None


def compare_measures(contract: Contract, data: pl.LazyFrame, before: pl.LazyFrame | None) -> list[Compared]:
    """Every numeric measure that both versions have; ``low`` and ``high`` are the 5th and 95th of a hundred."""
    if before is None:
        return []
    have = before.collect_schema()
    key = list(contract.primary_key)
    if not set(key) <= set(have.names()):
        return []
    measures = [c.name for c in contract.measures if c.polars.is_numeric() and c.name in have]
    old = before.select(
        *(pl.col(k).cast(contract.column(k).polars) for k in key), *(pl.col(m).alias(f"{m}__before") for m in measures)
    )
    both = data.select(*key, *measures).join(old, on=key)
    found = pl.collect_all([_query(both, m) for m in measures])
    return [_compared(m, row) for m, row in zip(measures, found, strict=True)]


def _query(both: pl.LazyFrame, measure: str) -> pl.LazyFrame:
    now, was = pl.col(measure).cast(pl.Float64), pl.col(f"{measure}__before").cast(pl.Float64)
    differ = now != was
    factor = (now / was).filter(differ & (was != 0))
    return both.filter(now.is_not_null() & was.is_not_null()).select(
        pl.len().alias("both"),
        differ.sum().alias("differ"),
        factor.median().alias("median"),
        factor.quantile(0.05, "nearest").alias("low"),
        factor.quantile(0.95, "nearest").alias("high"),
    )


def _compared(measure: str, row: pl.DataFrame) -> Compared:
    values = row.row(0, named=True)
    return Compared(measure, values["both"], values["differ"] or 0, values["median"], values["low"], values["high"])
