"""Checks of a World Bank table by economy and year: whole, recent, in its unit, and adding up to the world.

The measures are those of the contract's ``series``; bounds and severities are the contract's.
"""

from __future__ import annotations

import polars as pl

from expectations.check import Check, GateInput, bound, none_of, not_applicable
from expectations.rules.by_size import by_size
from expectations.rules.continuity import carried_periods
from expectations.rules.economy_identity import identity
from expectations.rules.economy_observations import CELL, DIRECTIONS, KEY, figures, measures, observations, observed
from expectations.rules.economy_sums import checks_of_sums, main_year, year_of
from expectations.rules.exchanged import economies_exchanged, flows_exchanged
from expectations.rules.magnitude import among_neighbours, not_rounded
from expectations.rules.periods import fresh, vintage_year
from expectations.rules.us_years import us_years

# The World Bank's mark of a forecast.
FORECAST = "F"


def checks_of_economies(gate: GateInput) -> list[Check]:
    """Return the rules of one version, the floor on its size first; docs/quality.md has them in words."""
    return [
        _complete(gate),
        _one_figure(gate),
        *identity(gate),
        *_forecasts(gate),
        _vintage_not_later(gate),
        fresh(gate, observations(gate.data, measures(gate))),
        _no_future_year(gate),
        _unit(gate),
        *us_years(gate),
        *checks_of_sums(gate),
        *flows_exchanged(gate),
        economies_exchanged(gate),
        _economies_a_year(gate),
        _large_are_current(gate),
        *_of_the_series(gate),
    ]


def _of_the_series(gate: GateInput) -> list[Check]:
    """Economies only: aggregates of a newest year can be incomplete."""
    economies = gate.data.filter(~pl.col("is_aggregate"))
    long = observations(economies, measures(gate))
    series = ["economy_code", "direction"]
    in_line = "no large economy's year is out of proportion to those around it"
    return [
        *_carried(gate, long),
        carried_periods(gate, "no year is the one before given again", long, series, "year", "value_usd"),
        among_neighbours(gate, "year_in_line", in_line, long, series, "value_usd"),
        not_rounded(gate, "not_rounded", "figures are given as precisely as the publisher gives them", long),
    ]


def _carried(gate: GateInput, long: pl.LazyFrame) -> list[Check]:
    """A publisher does carry one estimate forward; dollar for dollar, two years of a large economy are never equal."""
    recent = long.filter(pl.col("year") >= bound(gate, "flat_lines", "first_year"))
    was = recent.select("economy_code", "direction", pl.col("year") + 1, pl.col("value_usd").alias("usual"))
    both = recent.filter(pl.col("value_usd").abs() >= bound(gate, "flat_lines", "least_usd")).join(was, on=list(CELL))
    off = both.filter(pl.col("value_usd") == pl.col("usual"))
    return by_size(gate, "flat_lines", "no figure is carried forward", off, both, observed(gate))


def _forecasts(gate: GateInput) -> list[Check]:
    """A publisher's forecast is no figure: it is left out, and its owner is told how much is missing."""
    title = "the publisher gives no forecasts"
    kept = "no forecast of the publisher's is published as a figure"
    told = gate.table("observations", "forecasts")
    if "observation_status" not in told.collect_schema():
        why = "the source marks no forecasts"
        return [
            not_applicable(gate, "forecasts", title, why, "warning"),
            not_applicable(gate, "forecast_as_figure", kept, why),
        ]
    marked = told.filter(pl.col("observation_status") == FORECAST).select("economy_code", "indicator", "year")
    off = marked.sort("indicator", "year", "economy_code")
    now = gate.data.unpivot(measures(gate), index=KEY, variable_name="indicator").drop_nulls("value")
    named = now.with_columns(pl.col("indicator").str.strip_suffix("_usd"))
    both = named.join(marked, on=["economy_code", "indicator", "year"], how="semi").sort(KEY)
    return [
        none_of(gate, "forecasts", title, "no observation of status F", off, "warning", over=told),
        none_of(gate, "forecast_as_figure", kept, "null, or no row", both, over=told),
    ]


def _large_are_current(gate: GateInput) -> Check:
    floor, years = bound(gate, "large_are_current", "floor_usd"), int(bound(gate, "large_are_current", "years"))
    newest = [pl.col("year").filter(pl.col(c).is_not_null()).max().alias(f"newest_{c[:-4]}") for c in measures(gate)]
    vintage = year_of(pl.col("source_vintage").max()).alias("vintage_year")
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
    last = main_year(gate).select((pl.col("main_year") - 3).alias("last"))
    years = pl.LazyFrame({"year": range(first, 2101)}, schema={"year": pl.Int32}).join(last, how="cross")
    wanted = years.filter(pl.col("year") <= pl.col("last")).select("year")
    each = bound(gate, "economies_a_year", "least_of_each")
    of_years = figures(gate.data.filter(~pl.col("is_aggregate")), measures(gate)).group_by("year")
    by_flow = [
        pl.col("economy_code").filter(pl.col("direction") == DIRECTIONS.get(m, m)).n_unique().alias(m[:-4])
        for m in measures(gate)
    ]
    seen = of_years.agg(pl.col("economy_code").n_unique().alias("economies"), *by_flow)
    counts = wanted.join(seen, on="year", how="left").with_columns(pl.exclude("year").fill_null(0).cast(pl.Int64))
    few = pl.any_horizontal(pl.col("economies") < least, *(pl.col(m[:-4]) < each for m in measures(gate)))
    off = counts.filter(few).sort("year")
    title = "every year that is long over has as many economies as years have"
    return none_of(
        gate, "economies_a_year", title, f"at least {least:g}, {each:g} of each flow, from {first} on", off, over=wanted
    )


def _complete(gate: GateInput) -> Check:
    """A floor that needs no version before: an answer that is whole by its own account can still be a part."""
    some = figures(gate.data, measures(gate), "is_aggregate")
    by_mark = some.group_by("is_aggregate").agg(pl.col("economy_code").n_unique().cast(pl.Int64).alias("seen"))
    codes = {True: "aggregates", False: "economies"}
    entries = by_mark.drop_nulls("is_aggregate").select(
        pl.col("is_aggregate").replace_strict(codes, return_dtype=pl.String).alias("what"), "seen"
    )
    count = some.select(pl.lit("observations").alias("what"), pl.len().cast(pl.Int64).alias("seen"))
    floors = [(what, int(bound(gate, "complete", what))) for what in ("economies", "aggregates", "observations")]
    wanted = pl.LazyFrame(floors, schema={"what": pl.String, "at_least": pl.Int64}, orient="row")
    seen = wanted.join(pl.concat([entries, count]), on="what", how="left").fill_null(0)
    few = seen.filter(pl.col("seen") < pl.col("at_least"))
    title = "the table is whole: as many economies, aggregates and figures other than zero as there have always been"
    expected = ", ".join(f"at least {least:,} {what}" for what, least in floors)
    return none_of(gate, "complete", title, expected, few, over=wanted)


def _one_figure(gate: GateInput) -> Check:
    nothing = pl.all_horizontal(pl.col(measures(gate)).is_null()) & pl.col("observation_status").is_null()
    empty = gate.data.filter(nothing).select(KEY)
    several = " and ".join(gate.contract.series)
    title = f"a row has at least one of {several}, or says why not" if len(measures(gate)) > 1 else "a row has a figure"
    return none_of(gate, "one_figure", title, "always", empty, over=gate.data)


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
