"""Checks of ``atp_trade_monthly``: everything adds up, over partners, groups and months, to the dollar.

The rules are the publisher's own (proven on 72,560 rows of its API): partners add up to the world, the eleven groups to
the total, months to the year to date, and a row is there from a partner's first trade of the year on. Sums are made by
polars; Great Expectations gets what does not add up.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from configs.technology_groups import GROUPS
from expectations.check import Check, GateInput, bound, none_of, not_made, once
from expectations.datasets.atp_trade_monthly_revisions import against_parent
from expectations.rules.beside import found_beside
from expectations.rules.continuity import copied, flat_lines
from expectations.rules.cross_source import group_totals, same_total, workbook_flows
from expectations.rules.magnitude import in_season, known_years, not_rounded
from expectations.rules.periods import every_month, vintage_month
from expectations.rules.technology_groups import group_names

FIRST = date(2010, 1, 1)
WORLD = "-"
VALUES = ("value_usd", "value_ytd_usd")
KEY = ("flow", "technology_group", "partner_code", "period")


def checks(gate: GateInput) -> list[Check]:
    """See docs/quality.md for the list in words."""
    all_groups = once(
        gate.data.group_by("flow", "partner_code", "period").agg(pl.col(VALUES).sum(), pl.col("is_aggregate").all())
    )
    return [
        _no_gaps(gate),
        _no_unpublished(gate),
        _every_group(gate),
        group_names(gate),
        _partners_to_world(gate),
        _groups_to_total(gate, all_groups),
        *_along_the_rows(gate),
        _as_extracted(gate),
        _known_year(gate),
        _jumps(gate),
        _ft900(gate),
        found_beside(gate, "ft900_found", "FT-900", "ft900"),
        *_of_the_series(gate, all_groups),
        *against_parent(gate),
    ]


def _of_the_series(gate: GateInput, all_groups: pl.LazyFrame) -> list[Check]:
    """What the series say of themselves, and the publisher's workbook of their total."""
    totals, groups = group_totals(gate.data), world(gate)
    years = totals.group_by("flow", pl.col("period").dt.year().alias("year")).agg(pl.col("value_usd").sum())
    partners = gate.data.filter(~pl.col("is_aggregate"))
    series = ["flow", "technology_group"]
    return [
        known_years(gate, "known_years", "years past revision are as they have been", years, ("exports", "imports")),
        flat_lines(gate, "no figure is carried forward", partners, KEY[:3], "period", "value_usd"),
        copied(gate, "no month of a group is given twice", groups, series, "period", ["value_usd"]),
        in_season(gate, "in_season", "no group's month stands out from its own series", groups, series, "value_usd"),
        in_season(
            gate, "partners_in_season", "no large partner's share of a month stands out from its own",
            _shares(gate, all_groups), ["flow", "partner_code"], "share",
        ),
        not_rounded(gate, "not_rounded", "single dollars are told", partners),
        same_total(gate, "atp_world_monthly", totals, workbook_flows),
    ]  # fmt: skip


def _shares(gate: GateInput, all_groups: pl.LazyFrame) -> pl.LazyFrame:
    """flow, partner_code, period, share: of each partner that has the contract's ``least_share`` of its flow as a rule.

    A share, because it leaves out what moves all partners; all groups together, because one group of one partner is too
    restless to be held to anything."""
    months = all_groups.filter(~pl.col("is_aggregate"))
    share = pl.col("value_usd") / pl.col("value_usd").sum().over("flow", "period")
    told = months.select("flow", "partner_code", "period", share.alias("share"))
    large = pl.col("share").median().over("flow", "partner_code") >= bound(gate, "partners_in_season", "least_share")
    return once(told.filter(large))


def world(gate: GateInput) -> pl.LazyFrame:
    """The world's rows."""
    return gate.data.filter(pl.col("partner_code") == WORLD)


def _no_gaps(gate: GateInput) -> Check:
    months = every_month(FIRST, vintage_month(gate, "no_gaps"))
    wanted = pl.LazyFrame({"flow": ["exports", "imports"]}).join(months, how="cross")
    missing = wanted.join(gate.data.select("flow", "period").unique(), on=["flow", "period"], how="anti")
    expected = f"every month from {FIRST:%Y-%m} to {gate.vintage}, both flows"
    return none_of(gate, "no_gaps", "no month is missing, up to the vintage", expected, missing, over=wanted)


def _no_unpublished(gate: GateInput) -> Check:
    late = gate.data.filter(
        (pl.col("period") > vintage_month(gate, "no_unpublished")) | (pl.col("period").dt.day() != 1)
    ).select(KEY)
    title = "no month that the publisher has not published"
    return none_of(gate, "no_unpublished", title, f"none after {gate.vintage}", late, over=gate.data)


def _every_group(gate: GateInput) -> Check:
    """A group without any trade of the world in a month would be a group that was not asked for."""
    seen = world(gate).filter(pl.col("value_usd") > 0)
    wanted = (
        gate.data.select("flow", "period")
        .unique()
        .join(pl.LazyFrame({"technology_group": list(GROUPS)}), how="cross")
        .sort("flow", "period", "technology_group")
    )
    missing = wanted.join(seen, on=["flow", "period", "technology_group"], how="anti")
    title = "each month of each flow has trade of the world in all ten groups"
    return none_of(gate, "every_group", title, "all ten", missing, over=wanted)


def _partners_to_world(gate: GateInput) -> Check:
    by = ["flow", "technology_group", "period"]
    partners = gate.data.filter(~pl.col("is_aggregate")).group_by(by).agg(pl.col(VALUES).sum())
    theirs = world(gate).select(*by, *[pl.col(v).alias(f"{v}_world") for v in VALUES])
    both = once(partners.join(theirs, on=by, how="full", coalesce=True))
    off = both.filter(_differ([(v, f"{v}_world") for v in VALUES])).sort(by)
    title = "partners that are no aggregates add up to the world"
    return none_of(gate, "partners_to_world", title, "to the dollar", off, over=both)


def _groups_to_total(gate: GateInput, all_groups: pl.LazyFrame) -> Check:
    """The ten groups as staged and what the source calls no advanced technology, against the source's total."""
    by = ["flow", "partner_code", "period"]
    trade = gate.table("trade", "groups_to_total")
    ours = all_groups.drop("is_aggregate")
    rest = trade.filter(pl.col("hitech") == "00").select(*by, *[pl.col(v).alias(f"{v}_00") for v in VALUES])
    total = trade.filter(pl.col("hitech") == "-").select(*by, *[pl.col(v).alias(f"{v}_total") for v in VALUES])
    both = total.join(ours, on=by, how="full", coalesce=True).join(rest, on=by, how="left")
    sums = both.with_columns([(pl.col(v).fill_null(0) + pl.col(f"{v}_00").fill_null(0)).alias(v) for v in VALUES])
    off = sums.filter(_differ([(v, f"{v}_total") for v in VALUES])).sort(by)
    title = "the ten groups and what is no advanced technology add up to the publisher's total"
    return none_of(gate, "groups_to_total", title, "to the dollar", off, over=total)


def _along_the_rows(gate: GateInput) -> list[Check]:
    """What a row says beside the one before it of its flow, group, partner and year, of which one is the first, which
    ``begins``, and one the last, which ``ends``.

    Rows stand in the contract's order, a year a file, so a look at the row before does what a sort of the whole would.
    Rows in another order look like holes and wrong sums, never like good ones.
    """
    year = pl.col("period").dt.year()
    begins = pl.any_horizontal([(c != c.shift(1)).fill_null(True) for c in (*map(pl.col, KEY[:3]), year)])
    marked = once(gate.data.select(*KEY, *VALUES, begins.alias("begins")))
    rows = marked.with_columns(pl.col("begins").shift(-1).fill_null(True).alias("ends"))
    return [_months_to_year(gate, rows), _from_first_trade(gate, rows)]


def _months_to_year(gate: GateInput, rows: pl.LazyFrame) -> Check:
    before = pl.when(pl.col("begins")).then(0).otherwise(pl.col("value_ytd_usd").shift(1))
    summed = rows.with_columns((before + pl.col("value_usd")).alias("months"))
    off = summed.filter(_differ([("value_ytd_usd", "months")])).select(*KEY, "value_ytd_usd", "months")
    return none_of(gate, "months_to_year", "months add up to the year to date", "to the dollar", off, over=gate.data)


def _from_first_trade(gate: GateInput, rows: pl.LazyFrame) -> Check:
    """A row of nothing traded in the year yet, or a month without a row after one with: then an absent row would not
    mean what the contract says."""
    month = pl.col("period").dt.month().cast(pl.Int32)
    last = vintage_month(gate, "from_first_trade")
    hole = ~pl.col("begins") & (month != month.shift(1) + 1)
    stops = pl.col("ends") & (month != 12) & (pl.col("period") != last)
    off = rows.filter(hole | stops | (pl.col("value_ytd_usd") <= 0)).select(*KEY, *VALUES)
    title = "a partner has a row for each month from its first trade of the year on, and none before"
    return none_of(gate, "from_first_trade", title, "a row a month, with a year to date above 0", off, over=gate.data)


def _as_extracted(gate: GateInput) -> Check:
    """Nothing got lost or doubled between the answers and the files."""
    by = ["flow", "period"]
    source = gate.table("trade", "as_extracted").filter(pl.col("hitech").is_in(list(GROUPS)))
    theirs = source.group_by(by).agg(pl.len().alias("rows_source"), pl.col(VALUES).sum().name.suffix("_source"))
    ours = gate.data.group_by(by).agg(pl.len().alias("rows"), pl.col(VALUES).sum())
    both = once(theirs.join(ours, on=by, how="full", coalesce=True))
    off = both.filter(_differ([("rows", "rows_source"), *[(v, f"{v}_source") for v in VALUES]])).sort(by)
    title = "each month has the rows and sums of what was extracted"
    return none_of(gate, "as_extracted", title, "no difference", off, over=both)


def _known_year(gate: GateInput) -> Check:
    share, year = bound(gate, "known_year", "share"), int(bound(gate, "known_year", "year"))
    known = pl.LazyFrame(
        {
            "flow": ["exports", "imports"],
            "known": [bound(gate, "known_year", f"{f}_usd") for f in ("exports", "imports")],
        }
    )
    sums = world(gate).filter(pl.col("period").dt.year() == year).group_by("flow").agg(pl.col("value_usd").sum())
    # A flow without that year is 0 here: missing is a violation, not a pass.
    both = known.join(sums, on="flow", how="left").with_columns(pl.col("value_usd").fill_null(0))
    off = both.filter((pl.col("value_usd") - pl.col("known")).abs() > share * pl.col("known"))
    title = f"{year} is what is known of it, so unit, flow and groups are the right ones"
    return none_of(gate, "known_year", title, f"within {share:.0%} of the balance workbook", off)


def _jumps(gate: GateInput) -> Check:
    factor = bound(gate, "jumps", "factor")
    months = world(gate).group_by("flow", "period").agg(pl.col("value_usd").sum()).sort("flow", "period")
    usual = months.with_columns(
        pl.col("value_usd").cast(pl.Float64).rolling_median(12).shift(1).over("flow").alias("usual")
    ).drop_nulls("usual")
    off = usual.filter(~(pl.col("value_usd") / pl.col("usual")).is_between(1 / factor, factor))
    title = "no month of all groups together is out of all proportion to those before it"
    return none_of(
        gate, "jumps", title, f"within a factor of {factor:g} of the median of the 12 months before", off, over=usual
    )


def _ft900(gate: GateInput) -> Check:
    title = "groups of the world agree with FT-900, Exhibit 16a, of the newest month"
    printed = gate.table("ft900", "ft900").filter(pl.col("technology_group").is_in(list(GROUPS)))
    if printed.head(1).collect().is_empty():
        return not_made(gate, "ft900", title, "ft900", "the publisher has no FT-900 of the newest month")
    share, floor = bound(gate, "ft900", "share"), bound(gate, "ft900", "floor_musd")
    ours = world(gate).select("flow", "technology_group", "period", (pl.col("value_usd") / 1e6).alias("ours_musd"))
    both = printed.join(ours, on=["flow", "technology_group", "period"], how="left")
    room = pl.max_horizontal(share * pl.col("value_musd").abs(), pl.lit(floor))
    off = both.filter(~((pl.col("value_musd") - pl.col("ours_musd")).abs() <= room).fill_null(False))
    expected = f"within {share:.0%} or {floor:g} million dollars"
    return none_of(gate, "ft900", title, expected, off.sort("flow", "technology_group"), "warning", over=both)


def _differ(pairs: list[tuple[str, str]]) -> pl.Expr:
    """A row missing on one side is a difference, unless the other side is 0: an absent row means 0."""
    return pl.any_horizontal([pl.col(a).fill_null(0) != pl.col(b).fill_null(0) for a, b in pairs])
