"""Checks of ``atp_products`` from list to list, and against the version before.

A list applies forward: what it changes begins with its own month. So nothing of a published past may go, and little of
it may change.
"""

from __future__ import annotations

import polars as pl

from configs.contract import Severity
from expectations.check import Check, GateInput, bound, none_of, not_applicable
from expectations.rules.revisions import before, incomparable

CODE = ["flow", "hs10"]
TITLES: dict[str, tuple[str, Severity]] = {
    "history_lost": ("no code of the version before loses a month in which it was in force", "critical"),
    "history_changed": ("no past interval ends elsewhere or is in another group", "warning"),
    "history_rewritten": ("no large part of the past is changed", "critical"),
}


def list_changes(gate: GateInput) -> list[Check]:
    """Each list against the one before it in its flow: how many codes entered, left or changed group."""
    pairs = _pairs(gate.table("lists", "churn").select("flow", "list_month", "hs10", "technology_group"))
    fresh = pairs if incomparable(gate, "flow", "source_vintage") else _newer_than_parent(gate, pairs)
    usual, most = bound(gate, "churn", "share"), bound(gate, "list_exchanged", "share")
    share = (pl.max_horizontal("entered", "left") + pl.col("changed_group")) / pl.col("codes_before")
    same = pl.sum_horizontal("entered", "left", "changed_group") == 0
    return [
        none_of(
            gate, "churn", "a new list changes no more than lists usually do",
            f"at most {usual:.0%} of the codes", fresh.filter(share > usual), "warning", over=fresh,
        ),
        none_of(
            gate, "list_exchanged", "a list is of the flow of the one before it",
            f"at most {most:.0%} of the codes changed", pairs.filter(share > most), over=pairs,
        ),
        none_of(
            gate, "same_list", "a new list is not the one before under another month",
            "at least one code changed", fresh.filter(same), "warning", over=fresh,
        ),
    ]  # fmt: skip


def _pairs(lists: pl.LazyFrame) -> pl.LazyFrame:
    """flow, month_before, list_month, codes_before, entered, left, changed_group; a row a list that has one before."""
    months = lists.select("flow", "list_month").unique().sort("flow", "list_month")
    neighbours = months.with_columns(month_before=pl.col("list_month").shift(1).over("flow")).drop_nulls()
    now = neighbours.join(lists, on=["flow", "list_month"])
    was = neighbours.join(lists, left_on=["flow", "month_before"], right_on=["flow", "list_month"])
    pair = ["flow", "month_before", "list_month"]
    both = now.join(was, on=[*pair, "hs10"], how="full", coalesce=True, suffix="_before")
    group, group_before = pl.col("technology_group"), pl.col("technology_group_before")
    return (
        both.group_by(pair)
        .agg(
            codes_before=group_before.is_not_null().sum(),
            entered=group_before.is_null().sum(),
            left=group.is_null().sum(),
            changed_group=(group != group_before).sum(),
        )
        .sort(pair)
    )


def _newer_than_parent(gate: GateInput, pairs: pl.LazyFrame) -> pl.LazyFrame:
    known = before(gate).group_by("flow").agg((pl.col("source_vintage").max() + "-01").str.to_date().alias("known"))
    newer = (pl.col("list_month") > pl.col("known")).fill_null(True)
    return pairs.join(known, on="flow", how="left").filter(newer).drop("known").sort("flow", "list_month")


def against_parent(gate: GateInput) -> list[Check]:
    """The checks in TITLES; not applicable, with the reason, where the version before cannot be compared."""
    why = incomparable(gate, *CODE, "valid_from", "valid_to", "technology_group", "ended", "source_vintage")
    if why:
        return [not_applicable(gate, i, title, why, severity) for i, (title, severity) in TITLES.items()]
    was = before(gate).sort(*CODE, "valid_from")
    now = gate.data.select(
        *CODE, *[pl.col(c).alias(f"{c}_now") for c in ("valid_from", "valid_to", "technology_group")]
    )
    first, last = pl.col("valid_from"), pl.coalesce("valid_to", (pl.col("source_vintage") + "-01").str.to_date())
    last_now = pl.col("valid_to_now")
    at_its_beginning = (pl.col("valid_from_now") <= first) & (last_now.is_null() | (last_now >= first))
    still = was.join(now, on=CODE).filter(at_its_beginning)
    gone = was.join(still, on=[*CODE, "valid_from"], how="anti")
    # What was open, or ended only because a list was missing, may go on; what ended for a reason ends there still.
    may_go_on = pl.col("ended").is_null() | (pl.col("ended") == "coverage_gap")
    ends_alike = pl.when(may_go_on).then(last_now.is_null() | (last_now >= last)).otherwise(last_now == last)
    alike = (pl.col("technology_group_now") == pl.col("technology_group")) & ends_alike.fill_null(False)
    changed = still.filter(~alike)
    most = bound(gate, "history_rewritten", "share")
    share = (
        pl.concat([count(gone, "lost"), count(changed, "changed"), count(was, "before")], how="horizontal")
        .with_columns(share=(pl.col("lost") + pl.col("changed")) / pl.col("before"))
        .filter((pl.col("before") > 0) & (pl.col("share") > most))
    )
    found = {
        "history_lost": ("none", gone),
        "history_changed": ("none", changed),
        "history_rewritten": (f"at most {most:.0%} of the rows", share),
    }
    return [none_of(gate, i, TITLES[i][0], told, off, TITLES[i][1], over=was) for i, (told, off) in found.items()]


def count(frame: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """The number of rows, under that name."""
    return frame.select(pl.len().cast(pl.Int64).alias(name))
