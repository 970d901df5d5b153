"""``revision_profile``: how far figures of an age were from what stands now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import polars as pl

from configs.contract import Contract
from configs.contracts import load_contract
from configs.history_contract import base_of, kept
from tasks.transform.shared.exact_sums import mean

# First month since the end of the period, and the last; None: no end.
AGES: Mapping[str, tuple[int, int | None]] = {
    "00-02": (0, 2),
    "03-11": (3, 11),
    "12-23": (12, 23),
    "24-35": (24, 35),
    "36-59": (36, 59),
    "60+": (60, None),
}
# Percentiles of fewer figures say more of these than of revisions.
ENOUGH = 30
COLUMNS = [
    "dataset", "measure", "series_group", "age", "observations", "revised_share", "mean_revision",
    "mean_absolute_revision", "upward_share", "median_absolute_revision", "p90_absolute_revision", "first_vintage",
    "last_vintage",
]  # fmt: skip


def transform(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """One row a dataset, measure, group of series and age.

    Args:
        tables: histories by their names, with the columns of their contracts; beside them datasets whose rows can stand
            in several vintages.
    """
    histories = {str(base_of(name)): frame for name, frame in tables.items() if base_of(name)}
    parts = [_profile(load_contract(name), frame, tables.get(name)) for name, frame in histories.items()]
    return pl.concat([load_contract("revision_profile").polars_schema.to_frame().lazy(), *parts]).sort(COLUMNS[:4])


def _profile(base: Contract, history: pl.LazyFrame, rows: pl.LazyFrame | None) -> pl.LazyFrame:
    numeric = [m.name for m in kept(base) if m.polars.is_numeric()]
    period = base.period
    cell = [*base.primary_key, "measure"]
    # What was withdrawn again within its vintage was no state of the publisher's.
    stood = history.filter(
        pl.col("measure").is_in(numeric),
        pl.col("vintage_until").is_null() | (pl.col("vintage_until") > pl.col("vintage_from")),
    ).with_columns(pl.col("value").cast(pl.Float64))
    now = stood.filter(pl.col("vintage_until").is_null()).select(*cell, pl.col("value").alias("now"))
    vintages = stood.select("vintage_from").unique().sort("vintage_from").collect()["vintage_from"].to_list()
    last = vintages[-1] if vintages else ""
    seen = _first_of_age(
        base, stood.select(period).unique().collect()[period].to_list() if period else [], vintages, last
    )
    # What was no news of the publisher's: a figure that our code or a list moved since says nothing of revisions.
    ours = pl.col("cause").str.contains("method|reclassification|unattributed")
    moved_by_us = stood.filter(ours).group_by(cell).agg(pl.col("vintage_from").max().alias("ours"))
    known = (
        stood.join(seen.lazy(), on=period, how="inner")
        .filter(
            pl.col("vintage_from") <= pl.col("vintage"),
            pl.col("vintage_until").is_null() | (pl.col("vintage_until") > pl.col("vintage")),
        )
        .join(moved_by_us, on=cell, how="left")
        .filter(pl.col("ours").is_null() | (pl.col("ours") <= pl.col("vintage")))
        .join(now, on=cell, how="left" if base.absent_row_means == "zero" else "inner")
        .with_columns(pl.col("now").fill_null(0.0) if base.absent_row_means == "zero" else pl.col("now"))
        .drop_nulls(["value", "now"])
    )
    if rows is not None:  # given again since
        given = rows.select(*base.primary_key, pl.col("source_vintage").alias("given_in"))
        known = known.join(given, on=list(base.primary_key), how="inner").filter(pl.col("given_in") > pl.col("vintage"))
    by = [k for k in base.profile_by if k in base.primary_key]
    all_of = known.with_columns(series_group=pl.lit("all"))
    grouped = known.with_columns(series_group=pl.concat_str([pl.col(k) for k in by], separator=", ")) if by else None
    told = pl.concat([all_of, grouped] if grouped is not None else [all_of])
    # The same figure printed with more or fewer digits is no revision.
    alike = pl.col("measure").replace_strict({m: base.column(m).representation_tolerance for m in numeric})
    apart = pl.col("now") - pl.col("value")
    largest = pl.max_horizontal(pl.col("now").abs(), pl.col("value").abs())
    moved = pl.when(apart.abs() > alike * largest).then(apart).otherwise(0.0)
    # Of what was 0 and is not any more there is no share.
    relative = (
        pl.when(pl.col("moved") == 0).then(0.0).when(pl.col("value") != 0).then(pl.col("moved") / pl.col("value").abs())
    )
    enough = pl.col("relative").count() >= ENOUGH
    size = pl.col("relative").abs()
    return (
        told.with_columns(moved=moved)
        .with_columns(relative=relative)
        .group_by("measure", "series_group", "age")
        .agg(
            observations=pl.len().cast(pl.Int64),
            revised_share=(pl.col("moved") != 0).mean(),
            mean_revision=pl.col("relative"),
            mean_absolute_revision=size,
            upward_share=(pl.col("moved") > 0).sum() / (pl.col("moved") != 0).sum(),
            median_absolute_revision=pl.when(enough).then(size.median()),
            p90_absolute_revision=pl.when(enough).then(size.quantile(0.9, "nearest")),
        )
        .with_columns(
            mean("mean_revision"),
            mean("mean_absolute_revision"),
            dataset=pl.lit(base.name),
            upward_share=pl.when(pl.col("revised_share") > 0).then("upward_share"),
            first_vintage=pl.lit(vintages[0] if vintages else None, dtype=pl.String),
            last_vintage=pl.lit(last),
        )
        .select(COLUMNS)
    )


def _first_of_age(base: Contract, periods: list[object], vintages: list[str], last: str) -> pl.DataFrame:
    """For each period and age the first vintage in which it was of that age; not the newest, which nothing has
    revised."""
    column = base.column(base.period) if base.period else None
    rows = []
    for period in periods:
        end = _end_of(base, period)
        for age, (low, high) in AGES.items():
            of_age = [
                v
                for v in vintages
                if v != last and low <= _months(end, v) and (high is None or _months(end, v) <= high)
            ]
            if of_age:
                rows.append((period, age, of_age[0]))
    kind = column.polars if column else pl.Date()
    return pl.DataFrame(
        rows, schema={base.period or "period": kind, "age": pl.String, "vintage": pl.String}, orient="row"
    )


def _end_of(base: Contract, period: object) -> date:
    """The last day of a period: of a year, a quarter or a month."""
    if isinstance(period, date):
        months = 3 if "quarter" in base.name else 1
        first = date(period.year + (period.month - 1 + months) // 12, (period.month - 1 + months) % 12 + 1, 1)
        return first - timedelta(days=1)
    return date(int(str(period)), 12, 31)


def _months(end: date, vintage: str) -> int:
    """From the end of a period to a vintage that is named after a month or a day. The workbook's are named after the
    last month that they cover, so the newest month is 0 old."""
    return (int(vintage[:4]) - end.year) * 12 + int(vintage[5:7]) - end.month
