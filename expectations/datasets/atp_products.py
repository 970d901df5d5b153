"""Checks of ``atp_products``: the intervals say what the lists say, and nothing that no list says.

Against the version before see ``atp_products_revisions``. In words: docs/atp-products.md.
"""

from __future__ import annotations

import polars as pl

from expectations.check import Check, GateInput, bound, none_of
from expectations.datasets.atp_products_revisions import against_parent, count, list_changes
from expectations.rules.periods import vintage_month

CODE = ["flow", "hs10"]
KEY = [*CODE, "valid_from"]
# Rows of a flow's newest list.
NEWEST = pl.col("ended") == "newest_list"
GROUPS = tuple(f"{n:02d}" for n in range(1, 11))


def checks(gate: GateInput) -> list[Check]:
    """See docs/atp-products.md for the list in words."""
    return [
        _intervals(gate),
        _no_overlap(gate),
        _neighbours(gate),
        _matches_lists(gate),
        _years_with_a_list(gate),
        _one_vintage(gate),
        _newest_list(gate),
        _flows_differ(gate),
        _all_groups(gate),
        _in_force(gate),
        *list_changes(gate),
        *against_parent(gate),
    ]


def _intervals(gate: GateInput) -> Check:
    newest = vintage_month(gate, "intervals")
    first, last = pl.col("valid_from"), pl.col("valid_to")
    newest_year = pl.col("source_vintage").str.slice(0, 4).str.to_integer(strict=False)
    wrong = (
        (first > newest)
        | (first.dt.day() != 1)
        | ((last < first) | (last.dt.day() != 1)).fill_null(True)
        | pl.col("ended").is_null()
        | (NEWEST & (last != pl.date(newest_year, 12, 1)))
    )
    title = "an interval runs from a month to one not before it, and has a reason to end"
    expected = f"first days of months, none that begins after {gate.vintage}"
    return none_of(gate, "intervals", title, expected, gate.data.filter(wrong), over=gate.data)


def _ordered(gate: GateInput) -> pl.LazyFrame:
    """The intervals with those before and after of the same code. ``met``: the one before ends in the month before."""
    first, last, group = pl.col("valid_from"), pl.col("valid_to"), pl.col("technology_group")
    return (
        gate.data.sort(KEY)
        .with_columns(
            earlier=first.shift(1).over(CODE).is_not_null(),
            to_before=last.shift(1).over(CODE),
            group_before=group.shift(1).over(CODE),
            ended_before=pl.col("ended").shift(1).over(CODE),
        )
        .with_columns(met=(pl.col("to_before").dt.offset_by("1mo") == first).fill_null(False))
    )


def _no_overlap(gate: GateInput) -> Check:
    overlap = pl.col("earlier") & (pl.col("to_before") >= pl.col("valid_from")).fill_null(True)
    off = _ordered(gate).filter(overlap).select(*KEY, "to_before")
    title = "a code is in one group at a time: intervals of one flow and code do not overlap"
    return none_of(gate, "no_overlap", title, "each begins after the one before has ended", off, over=gate.data)


def _neighbours(gate: GateInput) -> Check:
    """Adjacent intervals are a change of group, or coverage that begins anew; one interval is not cut in two."""
    began, ended = pl.col("began"), pl.col("ended_before")
    changed = pl.col("met") & (pl.col("group_before") != pl.col("technology_group"))
    told = (began == "changed_group") & (ended == "changed_group").fill_null(False)
    wrong = (changed != told) | (pl.col("met") & ~changed) | ((began == "changed_group") & ~changed)
    unmet = (pl.col("ended") == "changed_group") & ~(
        (pl.col("valid_from").shift(-1).over(CODE) == pl.col("valid_to").dt.offset_by("1mo")).fill_null(False)
    )
    off = _ordered(gate).filter(wrong | unmet.fill_null(False)).select(*KEY, "began", "ended_before", "ended")
    title = "a row that changed group has its other half beside it, and no row is cut in two"
    return none_of(gate, "neighbours", title, "always", off, over=gate.data)


def _matches_lists(gate: GateInput) -> Check:
    what = ["flow", "list_month", "hs10", "technology_group"]
    lists = gate.table("lists", "matches_lists").select(what)
    months = lists.select("flow", "list_month").unique()
    in_force = pl.col("list_month").is_between("valid_from", "valid_to")
    ours = gate.data.join(months, on="flow").filter(in_force).select(what)
    off = pl.concat(
        [
            lists.join(ours, on=what, how="anti").with_columns(only_in=pl.lit("the list")),
            ours.join(lists, on=what, how="anti").with_columns(only_in=pl.lit("the dataset")),
        ]
    ).sort(what)
    title = "in the month of each list exactly its codes are in force, in its groups"
    return none_of(gate, "matches_lists", title, "no difference", off, over=lists)


def _years_with_a_list(gate: GateInput) -> Check:
    lists = gate.table("lists", "years_with_a_list")
    listed = lists.select("flow", pl.col("list_month").dt.year().cast(pl.Int64).alias("year")).unique()
    first, last = (pl.col(c).dt.year().cast(pl.Int64) for c in ("valid_from", "valid_to"))
    # An interval without an end claims the years to come, too: one of them is enough to be seen.
    newest = pl.coalesce(last, vintage_month(gate, "years_with_a_list").year + 1)
    claimed = gate.data.with_columns(year=pl.int_ranges(first, newest + 1)).explode("year").select(*KEY, "year")
    off = claimed.join(listed, on=["flow", "year"], how="anti").sort(*KEY, "year")
    title = "nothing is claimed of a year without a list"
    return none_of(
        gate, "years_with_a_list", title, "a list of the flow in every year of an interval", off, over=claimed
    )


def _one_vintage(gate: GateInput) -> Check:
    newest = (
        gate.table("lists", "one_vintage")
        .group_by("flow")
        .agg(pl.col("list_month").max().dt.strftime("%Y-%m").alias("newest_list"))
    )
    off = (
        gate.data.select("flow", "source_vintage")
        .unique()
        .join(newest, on="flow", how="full", coalesce=True)
        .filter(pl.col("source_vintage").ne_missing(pl.col("newest_list")))
        .sort("flow")
    )
    return none_of(
        gate, "one_vintage", "the rows of a flow name the flow's newest list", "one vintage a flow", off, over=newest
    )


def _newest_list(gate: GateInput) -> Check:
    newest = gate.table("lists", "newest_list").select(
        pl.col("list_month").max().dt.strftime("%Y-%m").alias("newest_list"), pl.lit(gate.vintage).alias("vintage")
    )
    off = newest.filter(pl.col("newest_list").ne_missing(pl.col("vintage")))
    return none_of(gate, "newest_list", "the version is named after its newest list", gate.vintage, off)


def _flows_differ(gate: GateInput) -> Check:
    """One list under both flows: each would be whole and in order."""
    most = bound(gate, "flows_differ", "share")
    exports, imports = (
        gate.data.filter((pl.col("flow") == f) & NEWEST).select("hs10").unique() for f in ("exports", "imports")
    )
    counts = pl.concat(
        [
            count(exports.join(imports, on="hs10"), "in_both"),
            count(exports, "exports"),
            count(imports, "imports"),
        ],
        how="horizontal",
    )
    off = counts.filter(pl.col("in_both") > most * pl.min_horizontal("exports", "imports"))
    title = "exports and imports have lists of their own"
    return none_of(gate, "flows_differ", title, f"at most {most:.0%} of the codes in both", off, over=exports)


def _all_groups(gate: GateInput) -> Check:
    wanted = gate.data.select("flow").unique().join(pl.LazyFrame({"technology_group": GROUPS}), how="cross")
    now = gate.data.filter(NEWEST)
    missing = wanted.join(now, on=["flow", "technology_group"], how="anti").sort("flow", "technology_group")
    return none_of(
        gate, "all_groups", "each flow has codes in force in all ten groups", "01 to 10", missing, over=wanted
    )


def _in_force(gate: GateInput) -> Check:
    spans = [
        (flow, bound(gate, "in_force", f"{flow}_fewest"), bound(gate, "in_force", f"{flow}_most"))
        for flow in ("exports", "imports")
    ]
    wanted = pl.LazyFrame(spans, schema=["flow", "fewest", "most"], orient="row")
    now = NEWEST.sum().alias("in_force")
    counts = gate.data.group_by("flow").agg(now).join(wanted, on="flow", how="left").sort("flow")
    off = counts.filter(~pl.col("in_force").is_between("fewest", "most").fill_null(False))
    expected = "; ".join(f"{flow} {low:g} to {high:g}" for flow, low, high in spans)
    return none_of(gate, "in_force", "as many codes are in force as a list has", expected, off, over=counts)
