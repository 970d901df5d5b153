"""Whether two series took each other's place: each then goes on from where the other one was the year before.

The distance of a figure from another is the logarithm of their ratio. Exchanged figures are near to the other's year
before and far from their own; years of economies that only look alike are near to both.
"""

from __future__ import annotations

import polars as pl

from configs.contract import Severity
from expectations.check import Check, GateInput, Observations, bound, none_of
from expectations.rules.economy_observations import CELL, figures, measures, observed


def _apart(one: str, other: str) -> pl.Expr:
    return (pl.col(one).log() - pl.col(other).log()).abs()


def _with_year_before(frame: pl.LazyFrame, series: list[str]) -> pl.LazyFrame:
    """Return the positive figures that have one in the year before, ``usual``."""
    positive = frame.filter(pl.col("value_usd") > 0).with_columns(pl.col("value_usd").cast(pl.Float64))
    was = positive.select(*series, pl.col("year") + 1, pl.col("value_usd").alias("usual"))
    return positive.join(was, on=[*series, "year"])


def flows_exchanged(gate: GateInput) -> list[Check]:
    """Return the rules on receipts and payments of a year: ``flows_exchanged`` if many economies look so, and
    ``flow_exchanged`` if one large economy does."""
    if len(measures(gate)) != 2:
        return []
    cells = _with_year_before(figures(gate.data, measures(gate), "is_aggregate"), ["economy_code", "direction"])
    economies = cells.filter(~pl.col("is_aggregate")).drop("is_aggregate")
    exports, imports = (economies.filter(pl.col("direction") == d).drop("direction") for d in ("exports", "imports"))
    both = exports.join(imports, on=["economy_code", "year"], suffix="_paid")
    both = both.filter(
        pl.max_horizontal("value_usd", "value_usd_paid") >= bound(gate, "flows_exchanged", "floor_usd")
    ).with_columns(
        straight=_apart("value_usd", "usual") + _apart("value_usd_paid", "usual_paid"),
        crossed=_apart("value_usd", "usual_paid") + _apart("value_usd_paid", "usual"),
    )
    share, least = bound(gate, "flows_exchanged", "share"), int(bound(gate, "flows_exchanged", "economies"))
    years = both.group_by("year").agg(
        pl.len().alias("economies"), (pl.col("crossed") < pl.col("straight")).sum().alias("exchanged")
    )
    many = years.filter((pl.col("economies") >= least) & (pl.col("exchanged") > share * pl.col("economies")))
    far, near = bound(gate, "flow_exchanged", "straight"), bound(gate, "flow_exchanged", "ratio")
    one = both.filter((pl.col("straight") >= far) & (pl.col("crossed") <= near * pl.col("straight")))
    off = economies.join(one.select("economy_code", "year"), on=["economy_code", "year"], how="semi")
    title = "receipts and payments did not take each other's place in a year"
    return [
        none_of(gate, "flows_exchanged", title, f"at most {share:.0%} of the economies look so", many.sort("year"),
                over=years),
        none_of(gate, "flow_exchanged", f"{title} of one economy", "receipts nearer to receipts of the year before",
                off.sort(CELL), "hold", over=economies, observed=observed(gate)),
    ]  # fmt: skip


def economies_exchanged(gate: GateInput) -> Check:
    """Hold two economies of which each goes on from the other's year before, in all flows together."""
    cells = figures(gate.data, measures(gate), "is_aggregate").filter(~pl.col("is_aggregate")).drop("is_aggregate")
    title = "no two economies took each other's place in a year"
    return pair_exchanged(gate, "economies_exchanged", title, cells, "economy_code", ["direction"], observed(gate))


def pair_exchanged(
    gate: GateInput,
    check_id: str,
    title: str,
    cells: pl.LazyFrame,
    name: str,
    flows: list[str],
    seen: Observations,
    default: Severity = "hold",
) -> Check:
    """Find two series that exchanged their places: ``straight`` is how far they are at least from their own year
    before, added up, and ``ratio`` how much nearer they are to the other's. Between two very large ones
    (``large_usd``), which move little, ``straight_large`` is far enough.

    Args:
        cells: ``name``, ``flows``, year, value_usd; of every series all flows or none are compared.
    """
    floor, far, near = (bound(gate, check_id, n) for n in ("floor_usd", "straight", "ratio"))
    large, far_large = (bound(gate, check_id, n) for n in ("large_usd", "straight_large"))
    size = pl.max_horizontal("value_usd", "usual").max().over(name, "year").alias("size")
    steps = _with_year_before(cells, [name, *flows]).with_columns(size).filter(pl.col("size") >= floor)
    pairs = steps.join(steps, on=[*flows, "year"], suffix="_other").filter(pl.col(name) != pl.col(f"{name}_other"))
    apart = (
        pairs.group_by(name, f"{name}_other", "year")
        .agg(
            pl.len().alias("flows"),
            pl.min_horizontal("size", "size_other").first().alias("size"),
            straight=(_apart("value_usd", "usual") + _apart("value_usd_other", "usual_other")).sum(),
            crossed=(_apart("value_usd", "usual_other") + _apart("value_usd_other", "usual")).sum(),
        )
        # What has one flow of two is near to others by chance.
        .filter(pl.col("flows") == pl.col("flows").max())
        .filter(pl.col("straight") >= pl.when(pl.col("size") >= large).then(far_large).otherwise(far))
        .filter(pl.col("crossed") <= near * pl.col("straight"))
        .select(name, pl.col(f"{name}_other").alias("as_if_it_were"), "year")
    )
    off = steps.drop("size").join(apart, on=[name, "year"]).sort(seen.key)
    expected = f"no pair at least {1 / near:.1f} times nearer to each other's year before, from {floor:,.0f} dollars on"
    return none_of(gate, check_id, title, expected, off, default, over=steps, observed=seen)
