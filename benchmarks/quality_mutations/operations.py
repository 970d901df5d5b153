"""Ways in which figures go wrong, as functions from a table to a table. ``value_usd`` is what they change."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import polars as pl

Corruption = Callable[[pl.DataFrame], pl.DataFrame]
VALUE = "value_usd"
EVERY = pl.lit(True)


def value_in(df: pl.DataFrame, value: Any) -> Any:
    """A value that may depend on the table: its newest month."""
    return df.select(value).item() if isinstance(value, pl.Expr) else value


def as_it_is(df: pl.DataFrame) -> pl.DataFrame:
    """For what goes wrong around the table: its name, or its place."""
    return df


def put(where: pl.Expr, **values: pl.Expr) -> Corruption:
    """Other values in the rows ``where``, in the types that the columns have."""
    return lambda df: df.with_columns(
        pl.when(where).then(value).otherwise(pl.col(name)).cast(df.schema[name]).alias(name)
        for name, value in values.items()
    )


def scaled(factor: float, where: pl.Expr = EVERY) -> Corruption:
    return put(where, value_usd=(pl.col(VALUE).cast(pl.Float64) * factor).round())


def negated(where: pl.Expr = EVERY) -> Corruption:
    return put(where, value_usd=-pl.col(VALUE))


def rounded(unit: float, where: pl.Expr = EVERY) -> Corruption:
    return put(where, value_usd=(pl.col(VALUE).cast(pl.Float64) / unit).round() * unit)


def truncated(bits: int, where: pl.Expr = EVERY) -> Corruption:
    """What a column of ``bits`` bits would keep."""
    return put(where, value_usd=pl.col(VALUE).cast(pl.Int64) % 2**bits)


def without(where: pl.Expr) -> Corruption:
    return lambda df: df.filter(~where)


def twice(where: pl.Expr) -> Corruption:
    return lambda df: pl.concat([df, df.filter(where)])


def head(share: float) -> Corruption:
    """The first part of the table: a page that was cut off."""
    return lambda df: df.head(int(df.height * share))


def renamed(where: pl.Expr, **values: Any) -> Corruption:
    return put(where, **{name: pl.lit(value) for name, value in values.items()})


def exchanged(column: str, one: str, other: str, where: pl.Expr = EVERY) -> Corruption:
    """Two codes of a column take each other's place."""
    return put(where, **{column: pl.col(column).replace({one: other, other: one})})


def rotated(column: str, codes: list[str], where: pl.Expr = EVERY) -> Corruption:
    """Each code takes the place of the next."""
    return put(where, **{column: pl.col(column).replace(dict(zip(codes, [*codes[1:], codes[0]], strict=True)))})


def copied(time: str, source: Any, target: Any, where: pl.Expr = EVERY) -> Corruption:
    """The figures of one time stand at another, whose own are gone."""

    def corrupt(df: pl.DataFrame) -> pl.DataFrame:
        to = value_in(df, target)
        copy = df.filter((pl.col(time) == value_in(df, source)) & where)
        kept = df.filter(~((pl.col(time) == to) & where))
        return pl.concat([kept, copy.with_columns(pl.lit(to).cast(df.schema[time]).alias(time))])

    return corrupt


def carried(time: str, source: Any, after: Any, where: pl.Expr = EVERY) -> Corruption:
    """The figures of one time stand at every later one up to ``after``: stale data under new dates."""

    def corrupt(df: pl.DataFrame) -> pl.DataFrame:
        start, end = value_in(df, source), value_in(df, after)
        times = df.filter((pl.col(time) > start) & (pl.col(time) <= end))[time].unique().to_list()
        return reduce(lambda made, t: copied(time, start, t, where)(made), times, df)

    return corrupt


def shifted(time: str, series: list[str], by: int, where: pl.Expr = EVERY) -> Corruption:
    """Each figure stands ``by`` places later in its series; the first ones are those that were there."""

    def corrupt(df: pl.DataFrame) -> pl.DataFrame:
        moved = pl.col(VALUE).shift(by).over(series).fill_null(pl.col(VALUE))
        return df.sort(*series, time).with_columns(pl.when(where).then(moved).otherwise(pl.col(VALUE)).alias(VALUE))

    return corrupt


def swapped(time: str, one: Any, other: Any, where: pl.Expr = EVERY) -> Corruption:
    """Two months or years take each other's place."""
    at = pl.col(time)
    there = (at == pl.lit(one)) | (at == pl.lit(other))
    return put(there & where, **{time: pl.when(at == pl.lit(one)).then(pl.lit(other)).otherwise(pl.lit(one))})


def to_date(series: list[str], where: pl.Expr = EVERY) -> Corruption:
    """The year to date taken for the month."""
    year = pl.col("period").dt.year()

    def corrupt(df: pl.DataFrame) -> pl.DataFrame:
        summed = pl.col(VALUE).cum_sum().over([*series, year])
        return df.sort(*series, "period").with_columns(
            pl.when(where).then(summed).otherwise(pl.col(VALUE)).alias(VALUE)
        )

    return corrupt


def noise(share: float, size: float, where: pl.Expr = EVERY) -> Corruption:
    """Many small ones: a ``share`` of the rows moved up or down by ``size``, picked by their place."""
    number = pl.int_range(pl.len()).hash(seed=7)
    hit = (number % 1000 < int(share * 1000)) & where
    up = pl.when(number % 2 == 0).then(1 + size).otherwise(1 - size)
    return put(hit, value_usd=(pl.col(VALUE).cast(pl.Float64) * up).round())


def added(row: dict[str, Any]) -> Corruption:
    """One row more, the last one with other values."""
    return lambda df: pl.concat(
        [
            df,
            df.tail(1).with_columns(pl.lit(value_in(df, v)).cast(df.schema[k]).alias(k) for k, v in row.items()),
        ]
    )


def then(*steps: Corruption) -> Corruption:
    return lambda df: reduce(lambda made, step: step(made), steps, df)
