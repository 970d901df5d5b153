"""Whether the economies of a table add up to the world: not more, as with an aggregate among them, and not less."""

from __future__ import annotations

import polars as pl

from expectations.check import Check, GateInput, bound, none_of, not_applicable
from expectations.rules.economy_observations import measures
from expectations.rules.revisions import before, shared


def checks_of_sums(gate: GateInput) -> list[Check]:
    """Return the rules on the sum of all economies and the publisher's world total."""
    return [_not_counted_twice(gate), _short_of_world(gate), _adds_up_to_world(gate), _near_world(gate)]


def main_year(gate: GateInput) -> pl.LazyFrame:
    """Return main_year: the year of the vintage that most rows are of."""
    most = gate.data.drop_nulls("source_vintage").group_by("source_vintage").len().sort("len", "source_vintage")
    return most.tail(1).select(year_of(pl.col("source_vintage")).alias("main_year"))


def year_of(vintage: pl.Expr) -> pl.Expr:
    """Return the year that a vintage begins with."""
    return vintage.str.slice(0, 4).str.to_integer(strict=False).cast(pl.Int32)


def _near_world(gate: GateInput) -> Check:
    """Where a year is of several vintages, revisions do not reach it any more if it is old enough."""
    share, years = bound(gate, "near_world", "share"), int(bound(gate, "near_world", "years"))
    old = _sums(gate).join(main_year(gate), how="cross").filter(pl.col("year") <= pl.col("main_year") - years)
    wrong = [((pl.col(c) - pl.col(f"{c}_world")).abs() > share * pl.col(f"{c}_world").abs()) for c in measures(gate)]
    off = old.filter(pl.any_horizontal(wrong)).drop("vintages", "world_vintage", "main_year")
    title = "economies add up to the world, in years that are long over"
    return none_of(gate, "near_world", title, f"within {share:.1%}", off, "warning", over=old)


def _short_of_world(gate: GateInput) -> Check:
    """A world that is short of its economies is a newest year that is not complete yet. Economies that are short of
    the world were lost on the way."""
    share = bound(gate, "short_of_world", "share")
    over = _sums(gate).join(_gone(gate), on="year", how="left")
    known = {c: pl.col(c) + pl.col(f"{c}_gone").fill_null(0) for c in measures(gate)}
    short = [known[c] < (1 - share) * pl.col(f"{c}_world") for c in known]
    off = over.filter(pl.any_horizontal(short)).drop("vintages", "world_vintage")
    title = "economies do not fall short of the world"
    return none_of(gate, "short_of_world", title, f"by at most {share:.0%}", off, over=over)


def _gone(gate: GateInput) -> pl.LazyFrame:
    """Return by year what few economies had that are no longer listed: the world may still have them, and it is for
    ``economies_lost`` to hold them."""
    flows = shared(gate, measures(gate))
    gone = before(gate).join(gate.data, on="economy_code", how="anti") if len(flows) == len(measures(gate)) else None
    names = [pl.col(c).sum().alias(f"{c}_gone") for c in measures(gate)]
    if gate.parent is None or gone is None:
        return pl.LazyFrame(schema={"year": pl.Int32, **{f"{c}_gone": pl.Float64 for c in measures(gate)}})
    few = gone.filter(
        ~pl.col("is_aggregate") & (pl.col("economy_code").n_unique() <= bound(gate, "economies_lost", "most"))
    )
    return few.group_by("year").agg(names)


def _sums(gate: GateInput) -> pl.LazyFrame:
    """Return by year the sum of all economies, and the publisher's world total."""
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
    # The world of the newest year can lack economies that reported late.
    over = _sums(gate).filter(pl.col("year") < pl.col("year").max())
    off = over.filter(pl.any_horizontal(twice)).drop("vintages", "world_vintage")
    title = "economies do not add up to much more than the world, as they would with an aggregate among them"
    return none_of(gate, "not_counted_twice", title, f"at most {factor:g} times the world", off, over=over)


def _adds_up_to_world(gate: GateInput) -> Check:
    share = bound(gate, "adds_up_to_world", "share")
    title = "economies add up to the world, in years that are of one vintage"
    sums = _sums(gate).filter(pl.col("vintages") == pl.concat_list("world_vintage"))
    if sums.head(1).collect().is_empty():
        return not_applicable(gate, "adds_up_to_world", title, "no year is of one vintage throughout", "warning")
    wrong = [((pl.col(c) - pl.col(f"{c}_world")).abs() > share * pl.col(f"{c}_world").abs()) for c in measures(gate)]
    off = sums.filter(pl.any_horizontal(wrong)).drop("vintages", "world_vintage")
    return none_of(gate, "adds_up_to_world", title, f"within {share:.0%}", off, "warning", over=sums)
