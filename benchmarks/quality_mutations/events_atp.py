"""True events of the two datasets of trade in advanced technology."""
# ruff: noqa: E501 - an event a line

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import polars as pl

from benchmarks.quality_mutations.cases_atp import (
    CHINA,
    EXPORTS,
    G04,
    IMPORTS,
    NEW,
    NEW_YEAR,
    YEAR,
    at,
    back,
)
from benchmarks.quality_mutations.cases_ours_atp import TAIWAN
from benchmarks.quality_mutations.event import Event, live_ground
from benchmarks.quality_mutations.grounds.ground import ATP, TRADE, Ground, bundled
from benchmarks.quality_mutations.grounds.workbook import world_figures
from benchmarks.quality_mutations.operations import Corruption, as_it_is, put, scaled, then

VALUE, LATELY = pl.col("value_usd"), pl.col("period") > back(3)
IRELAND = pl.col("partner_code") == "4190"
FRONT, LATE = date(2025, 3, 1), date(2025, 4, 1)


def on_year_before(exports: float | None, imports: float | None, month: pl.Expr = NEW) -> Corruption:
    """A month that is so many times that of the year before."""

    def happen(figures: pl.DataFrame) -> pl.DataFrame:
        for flow, factor in (("exports", exports), ("imports", imports)):
            if factor is not None:
                before = figures.filter((pl.col("flow") == flow) & at(month.dt.offset_by("-12mo")))["value_usd"]
                figures = put(
                    (pl.col("flow") == flow) & at(month), value_usd=pl.lit(round(float(before.sum()) * factor))
                )(figures)
        return figures

    return happen


def scaled_to_year_before(exports: float, imports: float) -> Corruption:
    """The same of a table by partner: each row of the newest month by the factor that its flow takes."""

    def happen(figures: pl.DataFrame) -> pl.DataFrame:
        advanced = pl.col("hitech") != "00"
        for flow, factor in (("exports", exports), ("imports", imports)):
            of_flow = (pl.col("flow") == flow) & advanced
            now, before = (figures.filter(of_flow & at(m))["value_usd"].sum() for m in (NEW, back(12)))
            figures = scaled(float(before) * factor / float(now), of_flow & at(NEW))(figures)
        return figures

    return happen


def normal(percent: float, where: pl.Expr) -> Corruption:
    """Revisions with a standard deviation, from the place of the row: the sum of twelve even ones."""
    draws = [pl.int_range(pl.len()).hash(seed=i) % 1000 / 1000 for i in range(12)]
    return put(where, value_usd=(VALUE.cast(pl.Float64) * (1 + percent / 100 * (pl.sum_horizontal(draws) - 6))).round())


def growing(factor: float) -> Corruption:
    """All months since the bundled ones are so many times those of the year before."""

    def happen(figures: pl.DataFrame) -> pl.DataFrame:
        for month in figures.filter(pl.col("period") > date(2025, 2, 1))["period"].unique().sort():
            figures = on_year_before(None, factor, pl.lit(month))(figures)
        return figures

    return happen


@cache
def two_months_after() -> Ground:
    """The workbook of 2025-04, with the imports of March before the tariffs, after that of 2025-02."""
    before, _ = bundled(ATP, "2025-02")
    new = {FRONT: (45_024_700_000, 102_333_300_000), LATE: (43_549_100_000, 72_242_000_000)}
    rows = [
        {
            "period": m,
            "exports_usd": x + 11,
            "imports_usd": i + 37,
            "balance_usd": x - i - 26,
            "reported_precision_usd": 1,
        }
        for m, (x, i) in new.items()
    ]
    data = pl.concat([before, pl.DataFrame(rows).select(before.columns).cast(before.schema)])
    return replace(
        live_ground(ATP),
        vintage="2025-04",
        data=data,
        figures=world_figures(data),
        parent=before,
        parent_vintage="2025-02",
        today=date(2025, 6, 10),
    )


def _world(what: str, size: str, happen: Corruption, named: bool = False) -> Event:
    return Event(ATP, what, size, happen, of="named" if named else "ours")


WORLD = (
    _world("the first live vintage, imports far higher", "19 new months, imports +23.5 % a year", growing(1.235), True),
    _world("imports before a tariff", "+45 % on the year before in one month", on_year_before(None, 1.45), True),
    _world("both flows collapse", "-32 % in a month, as exports in May 2020", scaled(0.68, at(NEW)), True),
    _world("a blockade", "imports -55 % in a month", scaled(0.45, IMPORTS & at(NEW)), True),
    _world("the annual revision", "five years, 1 % s.d. a month", normal(1, YEAR.is_between(2021, 2025)), True),
    _world("a benchmark revision", "eight years, 0.4 %", scaled(1.004, YEAR.is_between(2018, 2025)), True),
    _world("the publisher redefines advanced technology", "imports +1.2 % back to 2012", scaled(1.012, IMPORTS & (YEAR >= 2012)), True),
    _world("the financial crisis", "January 2009: exports -13.8 %, imports -19.3 % on the year before", on_year_before(0.862, 0.807)),
    _world("autumn of 2001", "October 2001: exports -22.6 %, imports -20.5 % on the year before", on_year_before(0.774, 0.795)),
    _world("the pandemic", "May 2020: exports -32.4 %, imports -10.1 % on the year before", on_year_before(0.676, 0.899)),
    _world("imports before tariffs, two months of them", "January and February 2025: +40 %", then(on_year_before(None, 1.40, back(1)), on_year_before(None, 1.40))),
    Event(ATP, "March and April 2025", "imports 102.3 billion (+39 % on the season), then 72.2", as_it_is, ground=two_months_after),
    _world("the revision of June", "three years, at most 2.1 % a month, 0.5 % a year", then(normal(0.6, YEAR >= 2023), scaled(1.003, IMPORTS & (YEAR == 2024)))),
    _world("a boom of artificial intelligence", "imports +45 % on the year before in each of three months", then(*(on_year_before(1.15, 1.45, back(m)) for m in (2, 1, 0)))),
)  # fmt: skip


def _trade(what: str, size: str, happen: Corruption, named: bool = False, level: str = "figures") -> Event:
    return Event(TRADE, what, size, happen, level, of="named" if named else "ours")  # type: ignore[arg-type]


def new_partner(dollars: int) -> Corruption:
    """A code that the table of partners does not have, in the newest month."""

    def happen(figures: pl.DataFrame) -> pl.DataFrame:
        row = figures.filter(at(NEW) & EXPORTS & G04).head(1)
        return pl.concat(
            [
                figures,
                row.with_columns(partner_code=pl.lit("7999"), value_usd=pl.lit(dollars).cast(row.schema["value_usd"])),
            ]
        )

    return happen


@cache
def before_brexit() -> Ground:
    """The version before still counts the United Kingdom in the European Union, in all years."""
    ground, by = live_ground(TRADE), ["flow", "technology_group", "period"]
    assert ground.parent is not None
    code, values = pl.col("partner_code"), ["value_usd", "value_ytd_usd"]
    member = ground.parent.filter((code == "4120") & (YEAR >= 2018))
    # The made-up union has few members: another group has the same, and where only one trades, the figure is its own.
    left = pl.concat(member.with_columns(partner_code=pl.lit(group)) for group in ("0003", "0025"))
    several = ground.parent.filter(code.is_in(["4190", "4280"]) & (pl.col("value_usd") > 0)).group_by(by).len()
    left = left.join(several.filter(pl.col("len") > 1), on=by, how="semi")
    told = ground.parent.join(left, on=[*by, "partner_code"], how="left", suffix="_left", maintain_order="left")
    parent = told.with_columns(pl.col(v) + pl.col(f"{v}_left").fill_null(0) for v in values)
    return replace(ground, parent=parent.select(ground.parent.columns))


def group_ends(code: str) -> Corruption:
    """A group of partners has no row any more after the middle of the newest year."""
    ended = (pl.col("partner_code") == code) & NEW_YEAR & (pl.col("period").dt.month() > 6)
    return lambda trade: trade.filter(~ended)


PARTNERS = (
    _trade("imports before a tariff", "Ireland's and Taiwan's threefold in a month", scaled(3, IMPORTS & (IRELAND | TAIWAN) & at(NEW)), True),
    _trade("imports before a tariff, of all", "+45 % on the year before in one month", scaled_to_year_before(1.02, 1.45), True),
    _trade("both flows collapse", "-32 % in a month", scaled(0.68, at(NEW)), True),
    _trade("a blockade", "imports -55 % in a month", scaled(0.45, IMPORTS & at(NEW)), True),
    _trade("a partner stops", "China at 0 in a month", put(CHINA & at(NEW), value_usd=pl.lit(0)), True),
    _trade("the annual revision", "five years, 1 % s.d. a month", normal(1, YEAR.is_between(2021, 2025)), True),
    _trade("a new partner code", "10,000 dollars", new_partner(10_000), True),
    _trade("a group of partners ends", "no rows since the middle of the year", group_ends("0028"), True, "source"),
    _trade("the API leaves out rows whose month is 0", "all of them", lambda trade: trade.filter(VALUE != 0), True, "source"),
    _trade("China in the pandemic", "February 2020: both flows -40 %", scaled(0.6, CHINA & at(NEW))),
    _trade("a new partner of size", "50 million dollars", new_partner(50_000_000)),
    Event(TRADE, "a member leaves a group", "the European Union without the United Kingdom, back to 2018", as_it_is, "table", ground=before_brexit),
    _trade("chips for artificial intelligence", "imports from Taiwan 2.2 times in three months", scaled(2.2, TAIWAN & IMPORTS & (pl.col("period") > back(3)))),
    _trade("sanctions", "exports to a partner fall to nothing within a month", put((pl.col("partner_code") == "5170") & EXPORTS & at(NEW), value_usd=pl.lit(0))),
    _trade("two partners trade places", "imports of three months: Mexico +30 %, China -35 %", then(scaled(0.65, CHINA & LATELY & IMPORTS), scaled(1.3, (pl.col("partner_code") == "2010") & LATELY & IMPORTS))),
)  # fmt: skip

EVENTS = (*WORLD, *PARTNERS)
