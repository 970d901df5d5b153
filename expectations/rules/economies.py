"""Checks of a World Bank table by economy and year: economies and aggregates kept apart, revisions told from faults.

The measures are those of the contract's ``series``; bounds and severities are the contract's.
"""

from __future__ import annotations

import polars as pl

from expectations.check import Check, GateInput, bound, none_of, not_applicable
from expectations.rules.continuity import carried_periods, flat_lines
from expectations.rules.economy_revisions import KEY, measures
from expectations.rules.magnitude import among_neighbours, not_rounded
from expectations.rules.periods import fresh, vintage_year

# Marked wrongly, these would do the most harm. Codes of the World Bank.
SURE_AGGREGATES = ("WLD", "EUU", "HIC", "OED", "EAS", "ECS", "NAC")
SURE_ECONOMIES = ("USA", "CHN", "DEU", "JPN", "GBR", "IND", "KOR", "NLD", "IRL", "FRA")


def checks_of_economies(gate: GateInput) -> list[Check]:
    """Return the rules of one version, the floor on its size first; docs/quality.md has them in words."""
    return [
        _complete(gate),
        _one_figure(gate),
        _marks(gate),
        _names(gate),
        _one_of_each(gate),
        _vintage_not_later(gate),
        fresh(gate, gate.data),
        _no_future_year(gate),
        _unit(gate),
        _not_counted_twice(gate),
        _adds_up_to_world(gate),
        _near_world(gate),
        _economies_a_year(gate),
        _large_are_current(gate),
        *_of_the_series(gate),
    ]


def _of_the_series(gate: GateInput) -> list[Check]:
    """Economies only: aggregates of a newest year can be incomplete."""
    economies = gate.data.filter(~pl.col("is_aggregate"))
    long = economies.unpivot(measures(gate), index=KEY, variable_name="measure", value_name="value_usd").drop_nulls(
        "value_usd"
    )
    series = ["economy_code", "measure"]
    recent = long.filter(pl.col("year") >= bound(gate, "flat_lines", "first_year"))
    in_line = "no large economy's year is out of proportion to those around it"
    return [
        flat_lines(gate, "no figure is carried forward", recent, series, "year", "value_usd"),
        carried_periods(gate, "no year is the one before given again", long, series, "year", "value_usd"),
        among_neighbours(gate, "year_in_line", in_line, long, series, "value_usd"),
        not_rounded(gate, "not_rounded", "figures are given as precisely as the publisher gives them", long),
    ]


def _main_year(gate: GateInput) -> pl.LazyFrame:
    """main_year: the year of the vintage that most rows are of."""
    most = gate.data.drop_nulls("source_vintage").group_by("source_vintage").len().sort("len", "source_vintage")
    return most.tail(1).select(_year_of(pl.col("source_vintage")).alias("main_year"))


def _year_of(vintage: pl.Expr) -> pl.Expr:
    return vintage.str.slice(0, 4).str.to_integer(strict=False).cast(pl.Int32)


def _near_world(gate: GateInput) -> Check:
    """Where a year is of several vintages, revisions do not reach it any more if it is old enough."""
    share, years = bound(gate, "near_world", "share"), int(bound(gate, "near_world", "years"))
    old = _sums(gate).join(_main_year(gate), how="cross").filter(pl.col("year") <= pl.col("main_year") - years)
    wrong = [((pl.col(c) - pl.col(f"{c}_world")).abs() > share * pl.col(f"{c}_world").abs()) for c in measures(gate)]
    off = old.filter(pl.any_horizontal(wrong)).drop("vintages", "world_vintage", "main_year")
    title = "economies add up to the world, in years that are long over"
    return none_of(gate, "near_world", title, f"within {share:.1%}", off, "warning", over=old)


def _large_are_current(gate: GateInput) -> Check:
    floor, years = bound(gate, "large_are_current", "floor_usd"), int(bound(gate, "large_are_current", "years"))
    newest = [pl.col("year").filter(pl.col(c).is_not_null()).max().alias(f"newest_{c[:-4]}") for c in measures(gate)]
    vintage = _year_of(pl.col("source_vintage").max()).alias("vintage_year")
    size = pl.max_horizontal(pl.col(measures(gate)).max()).alias("largest_usd")
    large = (
        gate.data.filter(~pl.col("is_aggregate"))
        .group_by("economy_code")
        .agg(*newest, vintage, size)
        .filter(pl.col("largest_usd") > floor)
    )
    oldest = pl.min_horizontal(f"newest_{c[:-4]}" for c in measures(gate)).fill_null(0)
    off = large.filter(oldest < pl.col("vintage_year") - years).sort("economy_code")
    title = "large economies have figures as recent as their vintage explains"
    expected = f"at most {years} years before it, above {floor:,.0f} dollars"
    return none_of(gate, "large_are_current", title, expected, off, "warning", over=large)


def _economies_a_year(gate: GateInput) -> Check:
    """Years up to three before the vintage that most rows are of; after it only economies with a newer one have any."""
    least, first = bound(gate, "economies_a_year", "least"), int(bound(gate, "economies_a_year", "first_year"))
    last = _main_year(gate).select((pl.col("main_year") - 3).alias("last"))
    years = pl.LazyFrame({"year": range(first, 2101)}, schema={"year": pl.Int32}).join(last, how="cross")
    wanted = years.filter(pl.col("year") <= pl.col("last")).select("year")
    seen = (
        gate.data.filter(~pl.col("is_aggregate"))
        .group_by("year")
        .agg(pl.col("economy_code").n_unique().cast(pl.Int64).alias("economies"))
    )
    off = wanted.join(seen, on="year", how="left").filter(pl.col("economies").fill_null(0) < least).sort("year")
    title = "every year that is long over has as many economies as years have"
    return none_of(gate, "economies_a_year", title, f"at least {least:g} from {first} on", off, over=wanted)


def _complete(gate: GateInput) -> Check:
    """A floor that needs no version before: an answer that is whole by its own account can still be a part."""
    by_mark = gate.data.group_by("is_aggregate").agg(pl.col("economy_code").n_unique().cast(pl.Int64).alias("seen"))
    codes = {True: "aggregates", False: "economies"}
    entries = by_mark.drop_nulls("is_aggregate").select(
        pl.col("is_aggregate").replace_strict(codes, return_dtype=pl.String).alias("what"), "seen"
    )
    observations = gate.data.select(
        pl.lit("observations").alias("what"),
        pl.sum_horizontal(pl.col(measures(gate)).count()).cast(pl.Int64).alias("seen"),
    )
    floors = [(what, int(bound(gate, "complete", what))) for what in ("economies", "aggregates", "observations")]
    wanted = pl.LazyFrame(floors, schema={"what": pl.String, "at_least": pl.Int64}, orient="row")
    seen = wanted.join(pl.concat([entries, observations]), on="what", how="left").fill_null(0)
    few = seen.filter(pl.col("seen") < pl.col("at_least"))
    title = "the table is whole: as many economies, aggregates and observations as there have always been"
    expected = ", ".join(f"at least {least:,} {what}" for what, least in floors)
    return none_of(gate, "complete", title, expected, few, over=wanted)


def _one_figure(gate: GateInput) -> Check:
    empty = gate.data.filter(pl.all_horizontal(pl.col(measures(gate)).is_null())).select(KEY)
    several = " and ".join(gate.contract.series)
    title = f"a row has at least one of {several}" if len(gate.contract.series) > 1 else "a row has a figure"
    return none_of(gate, "one_figure", title, "always", empty, over=gate.data)


def _marks(gate: GateInput) -> Check:
    code, mark = pl.col("economy_code"), pl.col("is_aggregate")
    listed = gate.table("economies", "aggregate_marks").select(
        "economy_code", pl.col("is_aggregate").alias("listed_as_aggregate")
    )
    marks = gate.data.select("economy_code", "is_aggregate").unique()
    off = marks.join(listed, on="economy_code", how="left").filter(
        mark.ne_missing(pl.col("listed_as_aggregate"))
        | (code.is_in(SURE_AGGREGATES) & ~mark)
        | (code.is_in(SURE_ECONOMIES) & mark)
    )
    title = "aggregates are marked as the publisher lists them"
    return none_of(
        gate, "aggregate_marks", title, "the world and regions are aggregates, countries are not", off, over=marks
    )


def _names(gate: GateInput) -> Check:
    """A name that moved to another code would put one economy's figures under another's name."""
    listed = gate.table("economies", "economy_names").select("economy_code", pl.col("economy_name").alias("listed_as"))
    named = gate.data.select("economy_code", "economy_name").unique()
    codes = pl.col("economy_code").n_unique().over("economy_name").alias("codes_of_that_name")
    other = pl.col("economy_name").ne_missing(pl.col("listed_as"))
    off = named.join(listed, on="economy_code", how="left").with_columns(codes)
    off = off.filter(other | (pl.col("codes_of_that_name") > 1)).sort("economy_code")
    title = "an economy has the name that the publisher lists for it, and no other economy has it"
    return none_of(gate, "economy_names", title, "as listed, one code each", off, over=named)


def _one_of_each(gate: GateInput) -> Check:
    told = ("economy_name", "is_aggregate", "source_vintage")
    several = (
        gate.data.group_by("economy_code")
        .agg(pl.col(told).n_unique())
        .filter(pl.any_horizontal(pl.col(told) > 1))
        .sort("economy_code")
    )
    return none_of(
        gate, "one_of_each", "an economy has one name, one mark and one vintage", "one each", several, over=gate.data
    )


def _vintage_not_later(gate: GateInput) -> Check:
    late = gate.data.filter(pl.col("source_vintage") > gate.vintage).select(*KEY, "source_vintage")
    title = "no row is of a later vintage than the version"
    return none_of(
        gate, "vintage_not_later", title, f"at most {gate.vintage}", late, over=gate.data.drop_nulls("source_vintage")
    )


def _no_future_year(gate: GateInput) -> Check:
    last = vintage_year(gate)
    early = gate.data.filter(pl.col("year") > last).select(KEY)
    title = "no figures of a year that has not come yet"
    return none_of(gate, "no_future_year", title, f"{last} at the latest", early, over=gate.data.drop_nulls("year"))


def _unit(gate: GateInput) -> Check:
    """Tells the unit and the measures apart without a version before: where the lowest of one is above the lowest of
    another for the United States, swapped ones fail too."""
    names = [("USA", f"{name}_usd", f"usa_{name}") for name in gate.contract.series]
    names += [("WLD", f"{name}_usd", "world") for name in gate.contract.series]
    spans = [
        (code, flow, bound(gate, "unit", f"{name}_lowest_usd"), bound(gate, "unit", f"{name}_highest_usd"))
        for code, flow, name in names
    ]
    wanted = pl.LazyFrame(spans, schema=["economy_code", "flow", "at_least", "at_most"], orient="row")
    seen = (
        gate.data.filter(pl.col("year") >= 2000)
        .unpivot(measures(gate), index="economy_code", variable_name="flow", value_name="value")
        .group_by("economy_code", "flow")
        .agg(pl.col("value").min().alias("lowest"), pl.col("value").max().alias("highest"))
    )
    within = (pl.col("lowest") >= pl.col("at_least")) & (pl.col("highest") <= pl.col("at_most"))
    # An entry without figures is null here: the United States or the world missing is a violation, not a pass.
    off = wanted.join(seen, on=["economy_code", "flow"], how="left").filter(~within.fill_null(False))
    title = "the unit is US dollars: the United States and the world since 2000 are of their known size"
    expected = "; ".join(f"{code} {flow} from {low:,.0f} to {high:,.0f}" for code, flow, low, high in spans)
    return none_of(gate, "unit", title, expected, off, over=wanted)


def _sums(gate: GateInput) -> pl.LazyFrame:
    """By year: what all economies add up to, and the publisher's world total."""
    economies = (
        gate.data.filter(~pl.col("is_aggregate"))
        .group_by("year")
        .agg(pl.col(measures(gate)).sum(), pl.col("source_vintage").unique().alias("vintages"))
    )
    world = gate.data.filter(pl.col("economy_code") == "WLD").select(
        "year",
        *[pl.col(c).alias(f"{c}_world") for c in measures(gate)],
        pl.col("source_vintage").alias("world_vintage"),
    )
    known = pl.any_horizontal(pl.col(f"{c}_world").is_not_null() for c in measures(gate))
    return economies.join(world, on="year").filter(known).sort("year")


def _not_counted_twice(gate: GateInput) -> Check:
    factor = bound(gate, "not_counted_twice", "factor")
    floor = bound(gate, "not_counted_twice", "floor_usd")
    twice = [(pl.col(c) > factor * pl.col(f"{c}_world")) & (pl.col(c) > floor) for c in measures(gate)]
    off = _sums(gate).filter(pl.any_horizontal(twice)).drop("vintages", "world_vintage")
    title = "economies do not add up to much more than the world, as they would with an aggregate among them"
    return none_of(gate, "not_counted_twice", title, f"at most {factor:g} times the world", off, over=_sums(gate))


def _adds_up_to_world(gate: GateInput) -> Check:
    share = bound(gate, "adds_up_to_world", "share")
    title = "economies add up to the world, in years that are of one vintage"
    sums = _sums(gate).filter(pl.col("vintages") == pl.concat_list("world_vintage"))
    if sums.head(1).collect().is_empty():
        return not_applicable(gate, "adds_up_to_world", title, "no year is of one vintage throughout", "warning")
    wrong = [((pl.col(c) - pl.col(f"{c}_world")).abs() > share * pl.col(f"{c}_world").abs()) for c in measures(gate)]
    off = sums.filter(pl.any_horizontal(wrong)).drop("vintages", "world_vintage")
    return none_of(gate, "adds_up_to_world", title, f"within {share:.0%}", off, "warning", over=sums)
