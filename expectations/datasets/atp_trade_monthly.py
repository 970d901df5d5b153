"""Checks of ``atp_trade_monthly``: everything adds up, over partners, groups and months, to the dollar.

The rules are the publisher's own (proven on 72,560 rows of its API): partners add up to the world, and so do continents
and what is in none; groups of partners to their members, the eleven groups to the total, months to the year to date. A
row that is absent means 0: an extract that leaves out zeros adds up as well. Sums are made by polars; Great
Expectations gets what does not add up.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from configs.technology_groups import GROUPS
from expectations.check import Check, GateInput, bound, none_of, not_made, once
from expectations.datasets.atp_trade_monthly_revisions import against_parent
from expectations.rules.atp_sums import BY, WORLD, Sums
from expectations.rules.beside import found_beside
from expectations.rules.continuity import copied, flat_lines
from expectations.rules.cross_source import new_months_agree, same_total, workbook_flows
from expectations.rules.magnitude import in_season, not_rounded
from expectations.rules.new_partners import groups_ended, new_partners
from expectations.rules.newest_months import new_since, newest_in_season
from expectations.rules.partner_groups import groups_near_members, groups_to_members
from expectations.rules.periods import every_month, vintage_month
from expectations.rules.revisions import before, incomparable
from expectations.rules.technology_groups import group_names
from expectations.rules.year_sums import known_years, settled_years, year_sums

FIRST = date(2010, 1, 1)
VALUES = ("value_usd", "value_ytd_usd")
KEY = ("flow", "technology_group", "partner_code", "period")


def checks(gate: GateInput) -> list[Check]:
    """See docs/quality.md for the list in words."""
    now, was = Sums.of(gate.data, pl.col("is_aggregate").all()), _published(gate)
    by_world = _by_world(gate)
    return [
        _no_gaps(gate),
        _no_unpublished(gate),
        _every_group(gate),
        group_names(gate),
        _partners_to_world(gate, by_world),
        _continents_to_world(gate, by_world),
        groups_to_members(gate),
        groups_near_members(gate, now.partners),
        _groups_to_total(gate, now.partners),
        *_along_the_rows(gate),
        _as_extracted(gate),
        _known_year(gate),
        _jumps(gate),
        _ft900(gate),
        found_beside(gate, "ft900_found", "FT-900", "ft900"),
        *_of_the_series(gate, now, was),
        *_of_the_newest(gate, now, was),
        *against_parent(gate, now, was),
    ]


def _published(gate: GateInput) -> Sums | None:
    """The same of the version before; None without one, or where it has other columns."""
    if incomparable(gate, *KEY, "value_usd"):
        return None
    return Sums.of(before(gate).select(*KEY, "value_usd"))


def _of_the_series(gate: GateInput, now: Sums, was: Sums | None) -> list[Check]:
    """What the series say of themselves, and the publisher's workbook of their total."""
    years, years_before = year_sums(now.totals), None if was is None else year_sums(was.totals)
    partners = gate.data.filter(~pl.col("is_aggregate"))
    series = ["flow", "technology_group"]
    return [
        known_years(gate, years, years_before),
        settled_years(gate, years, years_before),
        flat_lines(gate, "no figure is carried forward", partners, KEY[:3], "period", "value_usd"),
        copied(gate, "no month of a group is given twice", now.groups, series, "period", ["value_usd"]),
        in_season(
            gate, "in_season", "no group's month stands out from its own series", now.groups, series, "value_usd",
            published=was.groups if was else None,
        ),
        in_season(
            gate, "partners_in_season", "no large partner's share of a month stands out from its own",
            _shares(gate, now.partners), ["flow", "partner_code"], "share",
        ),
        not_rounded(gate, "not_rounded", "single dollars are told", partners),
        same_total(gate, "atp_world_monthly", now.totals, workbook_flows),
        new_months_agree(gate, "atp_world_monthly", now.totals, workbook_flows, was.totals if was else None),
        new_partners(gate, now.partners, was.partners if was else None),
    ]  # fmt: skip


def _of_the_newest(gate: GateInput, now: Sums, was: Sums | None) -> list[Check]:
    """Whether the newest month is what the series let expect: the total, large groups, and large partners."""
    newest = vintage_month(gate, "newest_in_season")
    since, share = new_since(gate, newest), bound(gate, "newest_partners", "least_share")
    return [
        newest_in_season(
            gate, "newest_in_season", "new months are what the year before lets expect", now.totals, ["flow"], since,
            was.totals if was else None,
        ),
        newest_in_season(
            gate, "newest_groups", "new months of large groups are what the year before lets expect",
            large(now.groups, "technology_group", now.totals, bound(gate, "newest_groups", "least_share")),
            ["flow", "technology_group"], since, was.groups if was else None,
        ),
        newest_in_season(
            gate, "newest_partners", "new months of large partners are what the year before lets expect",
            large(now.partners.filter(~pl.col("is_aggregate")), "partner_code", now.totals, share),
            ["flow", "partner_code"], since, was.partners if was else None,
        ),
        groups_ended(gate, now.partners, newest, was.partners if was else None),
    ]  # fmt: skip


def large(sums: pl.LazyFrame, column: str, totals: pl.LazyFrame, share: float) -> pl.LazyFrame:
    """flow, ``column``, period, value_usd of those that have that share of their flow's whole trade: a row for every
    month, 0 where there is none, because what has gone must be seen."""
    by = ["flow", column]
    whole = totals.group_by("flow").agg(pl.col("value_usd").sum().alias("whole"))
    each = sums.group_by(by).agg(pl.col("value_usd").sum()).join(whole, on="flow")
    kept = each.filter(pl.col("value_usd") >= share * pl.col("whole")).select(by)
    grid = kept.join(totals.select("flow", "period"), on="flow")
    months = sums.select(*by, "period", "value_usd")
    return once(grid.join(months, on=[*by, "period"], how="left").with_columns(pl.col("value_usd").fill_null(0)))


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


def _by_world(gate: GateInput) -> pl.LazyFrame:
    """By flow, group and month: the partners, the continents with the partners that are in none, and the world.

    Months only: years to date are the sums of their series' months (``months_to_year``), so they add up as well, and
    those of rows that are absent are not here to be added."""
    code = pl.col("partner_code")
    parts = {
        "value_usd": ~pl.col("is_aggregate"),
        "value_usd_world": code == WORLD,
        # Schedule C has what is not identified, and international organisations, above the continents.
        "continents_usd": code.str.contains(r"^[1-7]XXX$") | code.is_between(pl.lit("8000"), pl.lit("8999")),
    }
    each = [pl.when(where).then("value_usd").otherwise(0).sum().alias(name) for name, where in parts.items()]
    return once(gate.data.group_by(BY).agg(each))


def _partners_to_world(gate: GateInput, by_world: pl.LazyFrame) -> Check:
    off = by_world.filter(_differ([("value_usd", "value_usd_world")])).drop("continents_usd").sort(BY)
    title = "partners that are no aggregates add up to the world"
    return none_of(gate, "partners_to_world", title, "to the dollar", off, over=by_world)


def _continents_to_world(gate: GateInput, by_world: pl.LazyFrame) -> Check:
    off = by_world.filter(_differ([("continents_usd", "value_usd_world")]))
    shown = off.select(*BY, pl.col("continents_usd").alias("value_usd"), "value_usd_world").sort(BY)
    title = "continents and what is in none of them add up to the world"
    return none_of(gate, "continents_to_world", title, "to the dollar", shown, over=by_world)


def _groups_to_total(gate: GateInput, all_groups: pl.LazyFrame) -> Check:
    """The ten groups as staged and what the source calls no advanced technology, against the source's total."""
    by = ["flow", "partner_code", "period"]
    trade = gate.table("trade", "groups_to_total")
    ours = all_groups.select(*by, "value_usd")
    rest = trade.filter(pl.col("hitech") == "00").select(*by, pl.col("value_usd").alias("value_usd_00"))
    total = trade.filter(pl.col("hitech") == "-").select(*by, pl.col("value_usd").alias("value_usd_total"))
    both = total.join(ours, on=by, how="full", coalesce=True).join(rest, on=by, how="left")
    sums = both.with_columns(pl.col("value_usd").fill_null(0) + pl.col("value_usd_00").fill_null(0))
    off = sums.filter(_differ([("value_usd", "value_usd_total")])).sort(by)
    title = "the ten groups and what is no advanced technology add up to the publisher's total"
    return none_of(gate, "groups_to_total", title, "to the dollar", off, over=total)


def _along_the_rows(gate: GateInput) -> list[Check]:
    """What a row says beside the one before it of its flow, group, partner and year, of which one is the first, which
    ``begins``, and one the last, which ``ends``.

    Rows stand in the contract's order, a year a file, so a look at the row before does what a sort of the whole would.
    Rows in another order look like wrong sums, never like good ones.
    """
    year = pl.col("period").dt.year()
    begins = pl.any_horizontal([(c != c.shift(1)).fill_null(True) for c in (*map(pl.col, KEY[:3]), year)])
    marked = once(gate.data.select(*KEY, *VALUES, begins.alias("begins")))
    rows = marked.with_columns(pl.col("begins").shift(-1).fill_null(True).alias("ends"))
    return [_months_to_year(gate, rows), _from_first_trade(gate), _zeros_left_out(gate, rows)]


def _months_to_year(gate: GateInput, rows: pl.LazyFrame) -> Check:
    before = pl.when(pl.col("begins")).then(0).otherwise(pl.col("value_ytd_usd").shift(1))
    summed = rows.with_columns((before + pl.col("value_usd")).alias("months"))
    off = summed.filter(_differ([("value_ytd_usd", "months")])).select(*KEY, "value_ytd_usd", "months")
    return none_of(gate, "months_to_year", "months add up to the year to date", "to the dollar", off, over=gate.data)


def _from_first_trade(gate: GateInput) -> Check:
    """A row of nothing traded in the year yet. An absent row is no fault: it means 0, and ``months_to_year`` and
    ``partners_to_world`` contradict where it does not."""
    early = gate.data.filter(pl.col("value_ytd_usd") <= 0).select(*KEY, *VALUES)
    title = "a partner has no row before its first trade of the year"
    return none_of(gate, "from_first_trade", title, "a year to date above 0", early, over=gate.data)


def _zeros_left_out(gate: GateInput, rows: pl.LazyFrame) -> Check:
    """The API gives a row of 0 for a month without trade after one with. Where it leaves them out, readers meet absent
    rows that mean the same."""
    month = pl.col("period").dt.month().cast(pl.Int32)
    hole = ~pl.col("begins") & (month != month.shift(1) + 1)
    stops = pl.col("ends") & (month != 12) & (pl.col("period") != vintage_month(gate, "zeros_left_out"))
    off = rows.filter(hole | stops).select(*KEY, *VALUES)
    title = "a partner has a row for each month from its first trade of the year on"
    return none_of(gate, "zeros_left_out", title, "a row a month", off, "warning", over=gate.data)


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
