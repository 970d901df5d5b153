"""Where an observation of a dataset can be found in another raw document of the same vintage.

By dataset and the name that a contract gives under ``confirmed_by``: another dataset, or a table that a source gives
beside the figures. Sums within one document prove nothing here: a factor on all of its rows satisfies them.

Each gives observations: columns that name one, null where it is the total over that column, and ``value_usd``. A year
means the sum of its months, up to the last month of the version before where that lies in it: what both versions have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from expectations.check import GateInput, Other
from expectations.rules.cross_source import (
    bea_totals,
    group_totals,
    unmatched_us_vintages,
    usa_flows,
    workbook_flows,
)

FT900 = "ft900"
ATP = ("flow", "technology_group", "partner_code", "period", "year")
WORLD = "-"


@dataclass(frozen=True)
class SecondSource:
    """``names``: the columns that name an observation. ``observations``: from the rows of the source, and the last
    month of the version before. ``unmatched``: why the source is of another state than the candidate; empty if it is
    not. ``share``: what the two may differ by."""

    names: tuple[str, ...]
    observations: Callable[[pl.LazyFrame, date | None], pl.LazyFrame]
    unmatched: Callable[[GateInput, Other], str]
    share: float


def _same_vintage(gate: GateInput, other: Other) -> str:
    return "" if other.vintage == gate.vintage else f"it is of {other.vintage}, not of {gate.vintage}"


def _any_vintage(gate: GateInput, other: Other) -> str:
    return ""  # the observations say of which month they are


def _with_balances_and_years(months: pl.LazyFrame, until: date | None) -> pl.LazyFrame:
    """Add balances, and sums of years, to ``flow``, ``technology_group``, ``partner_code``, ``period``,
    ``value_usd``."""
    by = ["technology_group", "partner_code", "period"]
    signed = pl.when(pl.col("flow") == "exports").then(pl.col("value_usd")).otherwise(-pl.col("value_usd"))
    both = months.group_by(by).agg(signed.sum().alias("value_usd"), pl.col("flow").n_unique().alias("flows"))
    balances = both.filter(pl.col("flows") == 2).select(pl.lit("balance").alias("flow"), *by, "value_usd")
    every = pl.concat([months.select("flow", *by, "value_usd"), balances])
    year = pl.col("period").dt.year().cast(pl.Int32).alias("year")
    told = every if until is None else every.filter((pl.col("period") <= until) | (year > until.year))
    years = told.group_by("flow", "technology_group", "partner_code", year).agg(pl.col("value_usd").sum())
    return pl.concat(
        [every.with_columns(pl.lit(None, dtype=pl.Int32).alias("year")), years.with_columns(_none("period", pl.Date))],
        how="diagonal",
    )


def _none(name: str, kind: type[pl.DataType]) -> pl.Expr:
    return pl.lit(None, dtype=kind).alias(name)


def _world() -> list[pl.Expr]:
    return [_none("partner_code", pl.String)]


def _numbers(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame.with_columns(pl.col("value_usd").cast(pl.Float64))


def _of_workbook(rows: pl.LazyFrame, until: date | None) -> pl.LazyFrame:
    totals = _numbers(workbook_flows(rows)).with_columns(_none("technology_group", pl.String), *_world())
    return _with_balances_and_years(totals, until)


def _of_api(rows: pl.LazyFrame, until: date | None) -> pl.LazyFrame:
    groups = rows.filter(pl.col("partner_code") == "-").select("flow", "technology_group", "period", "value_usd")
    totals = group_totals(rows).with_columns(_none("technology_group", pl.String))
    both = pl.concat([_numbers(f) for f in (groups, totals)], how="diagonal")
    return _with_balances_and_years(both.with_columns(_world()), until)


def _of_ft900(rows: pl.LazyFrame, until: date | None) -> pl.LazyFrame:
    group, partner = pl.col("technology_group"), pl.col("partner_code")
    printed = rows.select(
        "flow",
        pl.when(group == "total").then(None).otherwise(group).alias("technology_group"),
        pl.when(partner == WORLD).then(None).otherwise(partner).alias("partner_code"),
        "period",
        (pl.col("value_musd") * 1e6).alias("value_usd"),
    )
    # The month alone is printed, so there are no sums of years.
    return _with_balances_and_years(printed, until).filter(pl.col("period").is_not_null())


def _of_bea(rows: pl.LazyFrame, until: date | None) -> pl.LazyFrame:
    return _numbers(bea_totals(rows)).with_columns(pl.lit("USA").alias("economy_code"), pl.col("year").cast(pl.Int32))


def _of_world_bank(rows: pl.LazyFrame, until: date | None) -> pl.LazyFrame:
    return _numbers(usa_flows(rows)).with_columns(pl.col("year").cast(pl.Int32))


_FT900 = SecondSource(ATP, _of_ft900, _any_vintage, share=0.01)
SECOND_SOURCES: Mapping[str, Mapping[str, SecondSource]] = {
    "atp_world_monthly": {
        "atp_trade_monthly": SecondSource(ATP, _of_api, _same_vintage, share=0.005),
        FT900: _FT900,
    },
    "atp_trade_monthly": {
        "atp_world_monthly": SecondSource(ATP, _of_workbook, _same_vintage, share=0.005),
        FT900: _FT900,
    },
    "ip_trade_annual": {
        "us_ip_trade_annual": SecondSource(
            ("economy_code", "direction", "year"), _of_bea, unmatched_us_vintages, share=0.005
        )
    },
    "us_ip_trade_annual": {
        "ip_trade_annual": SecondSource(("direction", "year"), _of_world_bank, unmatched_us_vintages, share=0.005)
    },
}
