"""What the checks of ``us_ip_trade_annual`` and ``us_ip_trade_quarterly`` have in common.

Sums are held against each other only where every part has a figure: a suppressed part says nothing about its sum. How
many sums that leaves is told in ``expected``, so that a table that is all suppressed is not taken for one that adds up.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from expectations.check import Check, GateInput, bound, none_of
from expectations.rules.continuity import carried_periods, figures_moved, flat_lines, no_news
from expectations.rules.magnitude import not_rounded

TOTAL = "ChargesForTheUseOfIpNie"
REPORTED = pl.col("observation_status") == "reported"


SAID = ("value_usd", "observation_status")


@dataclass(frozen=True)
class Tree:
    """Codes of a column: ``nodes`` with the parent of each, what stands beside the tree left out; ``every`` code."""

    column: str
    nodes: pl.LazyFrame
    every: pl.LazyFrame

    @staticmethod
    def of(gate: GateInput, column: str, table: str, check_id: str, *, quarterly: bool = False) -> Tree:
        """The tree of a column from the source's table of codes: code, parent."""
        nodes = gate.table(table, check_id)
        nodes = nodes.filter("is_quarterly") if quarterly else nodes
        every = nodes.select("code", "parent")
        return Tree(column, every.drop_nulls("parent"), every)


def common(gate: GateInput) -> list[Check]:
    """Status, source, vintage: the rules that know nothing of areas or quarters."""
    return [_status_of_value(gate), _as_published(gate), _one_vintage(gate)]


def continuity(gate: GateInput, time: str) -> list[Check]:
    """No series stands still, none has another's figures, nothing old comes with a new date, nothing was rounded."""
    key = gate.contract.primary_key
    series = [c for c in key if c != time]
    return [
        flat_lines(gate, "no figure is carried forward", gate.data, series, time, "value_usd"),
        carried_periods(gate, "no period is the one before given again", gate.data, series, time, "value_usd"),
        figures_moved(gate, series, time, "value_usd"),
        no_news(gate, key, SAID),
        not_rounded(gate, "not_rounded", "figures are told as precisely as BEA tells them", gate.data),
    ]


def _status_of_value(gate: GateInput) -> Check:
    wrong = (pl.col("value_usd").is_not_null() != REPORTED).fill_null(True)
    off = gate.data.filter(wrong).select(*gate.contract.primary_key, "value_usd", "observation_status")
    title = "there is a figure if and only if it was reported: what is withheld is null, never 0"
    return none_of(gate, "status_of_value", title, "always", off, over=gate.data)


def _as_published(gate: GateInput) -> Check:
    """Each figure and reason as BEA gave it, and no row more or less."""
    key, said = list(gate.contract.primary_key), ["value_usd", "observation_status", "reported_precision_usd"]
    source = gate.table("observations", "as_published").select(
        *key, *[pl.col(c).alias(f"{c}_by_bea") for c in said], pl.lit(True).alias("by_bea")
    )
    both = gate.data.select(*key, *said, pl.lit(True).alias("here")).join(source, on=key, how="full", coalesce=True)
    differs = [pl.col(c).ne_missing(pl.col(f"{c}_by_bea")) for c in said]
    off = both.filter(pl.any_horizontal(differs) | pl.col("here").is_null() | pl.col("by_bea").is_null()).sort(key)
    title = "every row says what BEA's answer says, and none is missing or too many"
    return none_of(gate, "as_published", title, "the same rows, figures and reasons", off, over=both)


def _one_vintage(gate: GateInput) -> Check:
    other = gate.data.filter(pl.col("source_vintage").ne_missing(gate.vintage))
    off = other.group_by("source_vintage").len("rows").sort("source_vintage")
    return none_of(gate, "one_vintage", "all rows are of the version's vintage", gate.vintage, off, over=gate.data)


def adds_up(
    gate: GateInput, check_id: str, title: str, tree: Tree, data: pl.LazyFrame, first_year: pl.Expr | None = None
) -> Check:
    """The parts of each code add up to it, within a rounding of each, and within what codes have that are not in the
    tree yet: where one of those is withheld, nothing can be said, but of the top of the tree.

    Args:
        data: the rows to hold against each other, of the contract's columns.
        first_year: which rows a sum is asked of; None for all.
    """
    others = [c for c in gate.contract.primary_key if c != tree.column]
    # Near zero is nothing in a sum of millions, and within what rounding may add.
    amount = pl.when(pl.col("observation_status") == "near_zero").then(0).otherwise(pl.col("value_usd"))
    chosen = data if first_year is None else data.filter(first_year)
    rows = chosen.select(*others, tree.column, "reported_precision_usd", amount.alias("amount"))
    parts = (
        rows.join(tree.nodes.rename({"code": tree.column}), on=tree.column)
        .group_by(*others, "parent")
        .agg(
            pl.col("amount").sum().alias("sum_of_parts"),
            pl.col("amount").count().alias("parts_known"),
            pl.col("reported_precision_usd").max(),
        )
        .join(tree.nodes.group_by("parent").len("parts_listed"), on="parent")
    )
    sums = parts.join(
        rows.rename({tree.column: "parent"}).select(*others, "parent", "amount"), on=[*others, "parent"]
    ).rename({"parent": tree.column})
    sums = _with_unlisted(tree, rows, sums, others)
    told = (pl.col("parts_known") == pl.col("parts_listed")) & pl.col("amount").is_not_null()
    held = sums.filter(told & (pl.col("unlisted_withheld") == 0))
    tolerance = pl.col("parts_listed") * pl.col("reported_precision_usd") + pl.col("unlisted_usd")
    off = held.filter((pl.col("amount") - pl.col("sum_of_parts")).abs() > tolerance).sort(*others, tree.column)
    asked, could = (int(f.select(pl.len()).collect().item()) for f in (sums, held))
    expected = f"within a rounding of each part; {could:,} of {asked:,} sums have a figure for every part"
    return none_of(gate, check_id, title, expected, off, over=held)


def _with_unlisted(tree: Tree, rows: pl.LazyFrame, sums: pl.LazyFrame, others: list[str]) -> pl.LazyFrame:
    """Add unlisted_usd and unlisted_withheld: what codes that are new to the tree may have taken from a residual."""
    known = tree.every.rename({"code": tree.column})
    new = rows.join(known, on=tree.column, how="anti").group_by(others)
    amounts = new.agg(
        pl.col("amount").abs().sum().alias("unlisted_usd"), pl.col("amount").null_count().alias("unlisted_withheld")
    )
    top = tree.every.filter(pl.col("parent").is_null()).select(pl.col("code").alias(tree.column), is_top=pl.lit(True))
    both = sums.join(amounts, on=others, how="left").join(top, on=tree.column, how="left")
    free = pl.when(~pl.col("is_top").fill_null(False))
    return both.with_columns(
        free.then(pl.col(c)).otherwise(0).fill_null(0).alias(c) for c in ("unlisted_usd", "unlisted_withheld")
    )


def unit(gate: GateInput, totals: pl.LazyFrame, time: str) -> Check:
    """The United States receive and pay what they are known to, and receive more than they pay.

    Args:
        totals: direction, ``time`` and value_usd of the total with all countries, in years since 2000.
    """
    spans = {
        d: (bound(gate, "unit", f"{d}_lowest_usd"), bound(gate, "unit", f"{d}_highest_usd"))
        for d in ("exports", "imports")
    }
    wide = totals.group_by(time).agg(
        [pl.col("value_usd").filter(pl.col("direction") == d).first().alias(d) for d in spans]
    )
    within = [pl.col(d).is_between(*span) for d, span in spans.items()]
    right = pl.all_horizontal(*within, pl.col("exports") > pl.col("imports"))
    # A flow that is not there is null here: a violation, not a pass. So is a table without any total.
    none = totals.select(pl.len().cast(pl.Int64).alias("exports")).filter(pl.col("exports") == 0)
    off = pl.concat([wide.filter(~right.fill_null(False)).sort(time), none], how="diagonal_relaxed")
    expected = "; ".join(f"{d} from {low:,.0f} to {high:,.0f}" for d, (low, high) in spans.items())
    title = "the unit is US dollars and the flows are not swapped: the totals since 2000 are of their known size"
    return none_of(gate, "unit", title, f"{expected}; exports above imports", off)
