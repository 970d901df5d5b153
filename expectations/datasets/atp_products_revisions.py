"""Checks of ``atp_products`` from list to list, and against the version before.

A list applies forward: what it changes begins with its own month. So nothing of a published past may go, and little of
it may change.
"""

from __future__ import annotations

import polars as pl

from configs.bundled_lists import bundled_codes
from configs.contract import Severity
from configs.words import plural
from expectations.check import Check, GateInput, bound, none_of, not_applicable, once
from expectations.rules.revisions import before, incomparable

CODE = ["flow", "hs10"]
LIST = ["flow", "list_month"]
PAIR = ["month_before", "list_month"]
TITLES: dict[str, tuple[str, Severity]] = {
    "history_lost": ("no code of the version before loses a month in which it was in force", "critical"),
    "history_changed": ("no past interval ends elsewhere or is in another group", "warning"),
    "history_rewritten": ("no large part of the past is changed", "critical"),
}


def list_changes(gate: GateInput) -> list[Check]:
    """Each list against the one before it in its flow: how many codes entered, left or changed group."""
    lists = gate.table("lists", "churn").select("flow", "list_month", "hs10", "technology_group")
    new = once(_new_lists(gate, lists))
    fresh = once(_pairs(lists, new))
    usual, least = bound(gate, "churn", "share"), bound(gate, "list_exchanged", "jaccard")
    share = (pl.max_horizontal("entered", "left") + pl.col("changed_group")) / pl.col("codes_before")
    kept = pl.col("codes_before") - pl.col("left")
    jaccard = kept / (pl.col("codes_before") + pl.col("entered"))
    same = pl.sum_horizontal("entered", "left", "changed_group") == 0
    return [
        none_of(
            gate, "churn", "a new list changes no more than lists usually do",
            f"at most {usual:.0%} of the codes", fresh.filter(share > usual), "warning", over=fresh,
        ),
        none_of(
            gate, "list_exchanged", "a new list is of the flow of the one before it",
            f"at least {least:.0%} of all codes of the two in both", fresh.filter(jaccard < least), over=fresh,
        ),
        none_of(
            gate, "groups_kept", "no code changes its technology group from list to list", "none",
            fresh.filter(pl.col("changed_group") > 0), "hold", over=fresh,
        ),
        _groups_of_both(gate, lists, new),
        _of_its_flow(gate, lists.join(new, on=LIST, how="semi")),
        _chapters_thinned(gate, lists, new),
        _both_flows(gate, lists),
        none_of(
            gate, "same_list", "a new list is not the one before under another month",
            "at least one code changed", fresh.filter(same), "warning", over=fresh,
        ),
    ]  # fmt: skip


def _new_lists(gate: GateInput, lists: pl.LazyFrame) -> pl.LazyFrame:
    """flow, list_month of the lists that the version before did not have as they are now: not exactly their codes were
    in force in their month. All, if it cannot be compared."""
    if incomparable(gate, *CODE, "valid_from", "valid_to", "technology_group", "source_vintage"):
        return lists.select(LIST).unique().sort(LIST)
    listed = [*LIST, "hs10", "technology_group"]
    # Versions before schema 2 left the rows of the newest list open.
    december = pl.date(pl.col("source_vintage").str.slice(0, 4).str.to_integer(), 12, 1)
    in_force = pl.col("list_month").is_between("valid_from", pl.coalesce("valid_to", december))
    known = before(gate).join(lists.select(LIST).unique(), on="flow").filter(in_force).select(listed)
    differ = [lists.join(known, on=listed, how="anti"), known.join(lists, on=listed, how="anti")]
    return pl.concat([d.select(LIST) for d in differ]).unique().sort(LIST)


def _groups_of_both(gate: GateInput, lists: pl.LazyFrame, new: pl.LazyFrame) -> Check:
    """Codes that both flows list in a month are of one group in both; a list whose groups were exchanged shows here
    without a list before it."""
    share = bound(gate, "groups_of_both", "share")
    of = {f: lists.filter(pl.col("flow") == f) for f in ("exports", "imports")}
    both = of["exports"].join(of["imports"], on=["list_month", "hs10"], suffix="_imports")
    months = both.join(new.select("list_month").unique(), on="list_month", how="semi").group_by("list_month")
    differ = (pl.col("technology_group") != pl.col("technology_group_imports")).sum().alias("differ")
    counts = months.agg(pl.len().cast(pl.Int64).alias("common"), differ).sort("list_month")
    off = counts.filter(pl.col("differ") > share * pl.col("common"))
    title = "a code that both flows list is of one technology group in both"
    return none_of(gate, "groups_of_both", title, f"but for {share:.0%} of them", off, "hold", over=counts)


def _chapters_thinned(gate: GateInput, lists: pl.LazyFrame, new: pl.LazyFrame) -> Check:
    """A file that was cut short lacks the end of the codes, which are in order: whole chapters, where a revision of the
    Harmonized System moves some codes of many."""
    share, least = bound(gate, "chapters_thinned", "share"), bound(gate, "chapters_thinned", "codes")
    chapter = pl.col("hs10").str.slice(0, 2).alias("chapter")
    counts = lists.group_by(*LIST, chapter).agg(pl.len().cast(pl.Int64).alias("codes"))
    neighbours = _neighbours(lists, new)
    was = neighbours.join(counts, left_on=["flow", "month_before"], right_on=LIST).rename({"codes": "codes_before"})
    both = was.join(counts, on=[*LIST, "chapter"], how="left").with_columns(pl.col("codes").fill_null(0))
    lost = pl.col("codes_before") - pl.col("codes")
    off = both.filter((pl.col("codes_before") >= least) & (lost > share * pl.col("codes_before")))
    title = "a new list has the chapters of the one before it"
    told = f"no chapter of {plural(int(least), 'code')} or more loses over {share:.0%} of them"
    return none_of(gate, "chapters_thinned", title, told, off.sort(*LIST, "chapter"), "hold", over=both)


def _both_flows(gate: GateInput, lists: pl.LazyFrame) -> Check:
    newest = lists.group_by("flow").agg(pl.col("list_month").max())
    title = "the newest lists of both flows are of one year"
    if newest.select(pl.len()).collect().item() < 2:
        return not_applicable(gate, "lists_of_one_year", title, "there are lists of one flow only", "warning")
    year = pl.col("list_month").dt.year()
    behind = newest.filter(year < year.max()).sort("flow")
    return none_of(gate, "lists_of_one_year", title, "none behind the other", behind, "warning", over=newest)


def _of_its_flow(gate: GateInput, lists: pl.LazyFrame) -> Check:
    """A list under the wrong flow has no neighbour to differ from in an empty store; bundled lists are always there."""
    codes = [{"of": flow, "bundled_month": m, "hs10": list(c)} for flow, m, c in bundled_codes()]
    bundled = pl.LazyFrame(codes, schema={"of": pl.String, "bundled_month": pl.String, "hs10": pl.List(pl.String)})
    sizes = bundled.with_columns(there=pl.col("hs10").list.len().cast(pl.Int64)).drop("hs10")
    shared = lists.join(bundled.explode("hs10"), on="hs10").group_by(*LIST, "of", "bundled_month").agg(shared=pl.len())
    alike = pl.col("shared") / (pl.col("codes") + pl.col("there") - pl.col("shared"))
    own = pl.col("of") == pl.col("flow")
    compared = (
        shared.join(lists.group_by(LIST).agg(codes=pl.len()), on=LIST)
        .join(sizes, on=["of", "bundled_month"])
        .with_columns(alike=alike)
        .group_by(LIST)
        .agg(
            alike_its_flow=pl.col("alike").filter(own).max().fill_null(0.0),
            alike_other_flow=pl.col("alike").filter(~own).max().fill_null(0.0),
        )
        .sort(LIST)
    )
    off = compared.filter(pl.col("alike_its_flow") <= pl.col("alike_other_flow"))
    title = "a new list is more like the bundled lists of its flow than like those of the other"
    expected = "a larger share of common codes with one of its flow"
    return none_of(gate, "list_of_its_flow", title, expected, off, over=lists)


def _pairs(lists: pl.LazyFrame, new: pl.LazyFrame) -> pl.LazyFrame:
    """flow, month_before, list_month, codes_before, entered, left, changed_group; a row a list that has one before,
    where one of the two is new. Others were judged when they were new, or a person has promoted them."""
    neighbours = _neighbours(lists, new)
    now = neighbours.join(lists, on=["flow", "list_month"])
    was = neighbours.join(lists, left_on=["flow", "month_before"], right_on=["flow", "list_month"])
    pair = ["flow", *PAIR]
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


def _neighbours(lists: pl.LazyFrame, new: pl.LazyFrame) -> pl.LazyFrame:
    """flow, list_month, month_before: each list and the one before it in its flow, where one of the two is new."""
    months = lists.select("flow", "list_month").unique().sort("flow", "list_month")
    neighbours = months.with_columns(month_before=pl.col("list_month").shift(1).over("flow")).drop_nulls()
    fresh = [neighbours.join(new, left_on=["flow", side], right_on=LIST, how="semi") for side in PAIR]
    return pl.concat(fresh).unique()


def against_parent(gate: GateInput) -> list[Check]:
    """The checks in TITLES; not applicable, with the reason, where the version before cannot be compared."""
    why = incomparable(gate, *CODE, "valid_from", "valid_to", "technology_group", "ended", "source_vintage")
    if why:
        return [not_applicable(gate, i, title, why, severity) for i, (title, severity) in TITLES.items()]
    was = before(gate).sort(*CODE, "valid_from")
    now = gate.data.select(
        *CODE, *[pl.col(c).alias(f"{c}_now") for c in ("valid_from", "valid_to", "technology_group")]
    )
    # The newest list vouches for its own month; the rest of its year is told by a list of July, if one comes.
    newest = pl.col("ended").is_null() | (pl.col("ended") == "newest_list")
    month = (pl.col("source_vintage") + "-01").str.to_date()
    first, last = pl.col("valid_from"), pl.when(newest).then(month).otherwise("valid_to")
    last_now = pl.col("valid_to_now")
    at_its_beginning = (pl.col("valid_from_now") <= first) & (last_now.is_null() | (last_now >= first))
    still = was.join(now, on=CODE).filter(at_its_beginning)
    gone = was.join(still, on=[*CODE, "valid_from"], how="anti")
    # What is in the newest list, or ended only because a list was missing, may go on; what ended for a reason does not.
    may_go_on = newest | (pl.col("ended") == "coverage_gap")
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
