"""The newest figure of each headline of a dataset, and how far figures of the same series were revised. No I/O.

A headline is a sum over the rows where columns have given values: one series, or several that are added up. Its
revisions are those of that sum, by the same rules as ``revision_profile``, which has all series of a measure together.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from configs.contract import Contract, Headline
from configs.contracts import load_contract
from tasks.transform.marts import revision_profile

PROFILE = "revision_profile"


@dataclass(frozen=True)
class Figure:
    """The newest figure of a headline. ``whose`` and ``what`` name the series: United States, receipts; or the title of
    the headline and nothing. ``period``: year, or year and month."""

    headline: Headline
    whose: str
    what: str
    period: str
    value: float
    unit: str

    @property
    def series(self) -> str:
        """The name of the series: ``United States receipts``."""
        return f"{self.whose} {self.what}".rstrip()

    @property
    def words(self) -> str:
        """``United States 2023: 134,441,000,000 receipts``."""
        return f"{self.whose} {self.period}: {self.value:,.0f} {self.what}".rstrip()


def newest(contract: Contract, rows: pl.LazyFrame) -> list[Figure]:
    """The figure of the newest period of each headline that has one, in the order of the contract."""
    if contract.period is None:
        return []
    have = set(rows.collect_schema().names())  # a version can be older than a column
    there = [h for h in contract.headlines if {h.measure, contract.period, *h.where} <= have]
    found = (_newest(contract, headline, rows, contract.period) for headline in there)
    return [figure for figure in found if figure is not None]


def revisions(
    contract: Contract, headline: Headline, history: pl.LazyFrame, rows: pl.LazyFrame | None = None
) -> pl.DataFrame:
    """How far figures of a headline were from what they are now, by their age: the columns of ``revision_profile``.

    Args:
        history: of the dataset.
        rows: what readers get, to leave out figures that no later vintage gave again.
    """
    if set(headline.where) - set(contract.primary_key):
        return pl.DataFrame(schema=load_contract(PROFILE).polars_schema)
    keep = [pl.col(c) == v for c, v in headline.where.items()]
    tables = {f"{contract.name}_history": _summed(contract, headline, history, keep)}
    if rows is not None and _in_vintages(contract):
        tables[contract.name] = rows.filter(*keep)
    return revision_profile.transform(tables).filter(pl.col("series_group") == "all").sort("age").collect()


def _in_vintages(contract: Contract) -> bool:
    """Whether rows can be of an older vintage than the version: of what ``revision_profile`` looks at so, and of marts
    that keep the vintages of the rows that they are made from."""
    of_rows = any(c.name == "source_vintage" for c in contract.columns)
    return of_rows and (contract.name in load_contract(PROFILE).derived_from or bool(contract.derived_from))


def _newest(contract: Contract, headline: Headline, rows: pl.LazyFrame, period: str) -> Figure | None:
    keep = [pl.col(c) == v for c, v in headline.where.items()]
    names = [c.removesuffix("_code") + "_name" for c in headline.where]
    # Whose it is: the name of the only code that is fixed, or else the title.
    have = rows.collect_schema().names()
    name = names[0] if len(names) == 1 and names[0] in have else None
    told = pl.col(name).first() if name else pl.lit(None, dtype=pl.String)
    series = rows.filter(*keep).drop_nulls(headline.measure)
    last = series.group_by(period).agg(pl.col(headline.measure).sum().alias("value"), told.alias("whose")).sort(period)
    for when, value, whose in last.tail(1).collect().iter_rows():
        what = headline.measure.removesuffix("_usd") if whose else ""
        return Figure(
            headline, whose or headline.title, what, str(when)[:7], value, contract.column(headline.measure).unit
        )
    return None


def _summed(contract: Contract, headline: Headline, history: pl.LazyFrame, keep: list[pl.Expr]) -> pl.LazyFrame:
    """The history of the sum, with the columns of a history: a span for each vintage of the dataset, whether the sum
    changed in it or not, because the age of a figure counts from the vintages that there were."""
    period = contract.period or ""
    numeric = [m.name for m in contract.measures if m.polars.is_numeric()]
    stood = history.filter(
        pl.col("measure").is_in(numeric),
        pl.col("vintage_until").is_null() | (pl.col("vintage_until") > pl.col("vintage_from")),
    )
    vintages = (
        stood.select(vintage=pl.col("vintage_from"))
        .unique()
        .sort("vintage")
        .with_columns(next=pl.col("vintage").shift(-1))
    )
    cells = stood.filter(*keep, pl.col("measure") == headline.measure)
    then = cells.join(vintages, how="cross").filter(
        pl.col("vintage_from") <= pl.col("vintage"),
        pl.col("vintage_until").is_null() | (pl.col("vintage_until") > pl.col("vintage")),
    )
    began = pl.col("cause").filter(pl.col("vintage_from") == pl.col("vintage"))
    known = pl.col("value").filter(pl.col("value").is_not_null())
    spans = then.group_by(period, "vintage", "next").agg(
        value=pl.when(known.len() > 0).then(known.sum()), cause=began.unique().sort().str.join("+")
    )
    # The sum is one series: the other columns of the key tell nothing apart.
    others = [k for k in contract.primary_key if k != period]
    key = [pl.lit(headline.where.get(k, "")).cast(contract.column(k).polars).alias(k) for k in others]
    return spans.select(
        pl.col(period),
        *key,
        pl.lit(headline.measure).alias("measure"),
        "value",
        pl.col("vintage").alias("vintage_from"),
        pl.col("next").alias("vintage_until"),
        "cause",
    )
