"""Checks of ``us_ip_trade_annual``: types, affiliations and areas add up, and flows to BEA's balance."""

from __future__ import annotations

import polars as pl

from configs.vintages import last_day
from expectations.check import Check, GateInput, Observations, bound, none_of, not_applicable
from expectations.rules.cross_source import bea_totals, quarter_sums, quarters_to_year, same_us_total_as_bank
from expectations.rules.exchanged import pair_exchanged
from expectations.rules.magnitude import among_neighbours
from expectations.rules.periods import fresh, vintage_year
from expectations.rules.revisions import before, incomparable
from expectations.rules.us_ip_trade import TOTAL, Tree, adds_up, common, continuity, unit
from expectations.rules.us_ip_trade_revisions import losses, size_of_change

ALL_TYPES = pl.col("ip_type") == TOTAL
ALL_AFFILIATIONS = pl.col("affiliation") == "AllAffiliations"
ALL_COUNTRIES = pl.col("partner_code") == "AllCountries"
KEY = ("ip_type", "affiliation", "partner_code", "year")


def checks(gate: GateInput) -> list[Check]:
    """See docs/quality.md for the list in words."""
    totals = gate.data.filter(ALL_TYPES & ALL_AFFILIATIONS & ALL_COUNTRIES & (pl.col("year") >= 2000))
    return [
        *common(gate),
        _marks(gate),
        unit(gate, totals, "year"),
        fresh(gate, gate.data.drop_nulls("value_usd")),
        _fresh_update(gate),
        _no_future_year(gate),
        *_sums(gate),
        _areas_complete(gate),
        _no_holes(gate),
        _balance(gate),
        *continuity(gate, "year"),
        _year_in_line(gate),
        _partners_exchanged(gate),
        same_us_total_as_bank(gate),
        quarters_to_year(gate, "us_ip_trade_quarterly", bea_totals, quarter_sums),
        *losses(gate, {"ip_type": "types", "affiliation": "affiliations", "partner_code": "areas"}),
        *_changes(gate),
    ]


def _marks(gate: GateInput) -> Check:
    """The table of partners is kept by other people than the tree of areas; a region must be one in both."""
    known = gate.table("partners", "aggregate_marks").select(
        pl.col("bea_code").alias("partner_code"), pl.col("is_aggregate").alias("is_aggregate_in_partners")
    )
    marks = gate.data.select("partner_code", "partner_parent", "partner_is_overlap", "is_aggregate").unique()
    parents = marks.select(pl.col("partner_parent").alias("partner_code")).drop_nulls().unique()
    contains = marks.join(parents.with_columns(contains=pl.lit(True)), on="partner_code", how="left")
    must = pl.col("contains").fill_null(False) | pl.col("partner_is_overlap")
    off = contains.join(known, on="partner_code", how="left").filter(
        # An area that is new to the table of partners is found by unknown_partner_code.
        (pl.col("is_aggregate") != pl.col("is_aggregate_in_partners")).fill_null(False)
        | (must & ~pl.col("is_aggregate")).fill_null(True)
    )
    title = "areas that contain others are marked as aggregates, as in the table of partners"
    return none_of(gate, "aggregate_marks", title, "the same mark in both", off.sort("partner_code"), over=marks)


def _fresh_update(gate: GateInput) -> Check:
    """The update of July brings the year before; figures without it are the update before under a new date."""
    last = last_day(gate.vintage)
    month = int(bound(gate, "fresh_update", "month"))
    title = "an annual update brings the year before"
    if last is None or last.month < month:
        return not_applicable(
            gate, "fresh_update", title, f"the vintage {gate.vintage} is not of month {month} or later", "warning"
        )
    newest = gate.data.drop_nulls("value_usd").select(pl.col("year").max())
    stale = newest.filter(pl.col("year").fill_null(0) < last.year - 1)
    return none_of(gate, "fresh_update", title, f"figures of {last.year - 1}", stale, "warning")


def _no_future_year(gate: GateInput) -> Check:
    last = vintage_year(gate) - 1
    early = gate.data.filter(pl.col("year") > last).group_by("year").len("rows")
    title = "no figures of a year that was not over"
    return none_of(gate, "no_future_year", title, f"{last} at the latest", early, over=gate.data)


def _sums(gate: GateInput) -> list[Check]:
    since = pl.col("year") >= bound(gate, "types_add_up", "first_year")
    trees = (
        ("types_add_up", "types of intellectual property add up", "ip_type", "types", since),
        ("affiliations_add_up", "affiliations add up", "affiliation", "affiliations", None),
        ("areas_add_up", "partners add up to areas, and areas to all countries", "partner_code", "areas", None),
    )
    return [
        adds_up(gate, check_id, title, Tree.of(gate, column, table, check_id), gate.data, chosen)
        for check_id, title, column, table, chosen in trees
    ]


def _areas_complete(gate: GateInput) -> Check:
    newest = gate.data.filter(ALL_TYPES & ALL_AFFILIATIONS & (pl.col("year") == pl.col("year").max()))
    listed = gate.table("areas", "areas_complete").select(pl.col("code").alias("partner_code"))
    wanted = listed.join(newest.select("direction").unique(), how="cross")
    off = wanted.join(newest, on=["direction", "partner_code"], how="anti").sort("direction", "partner_code")
    title = "the newest year has a row for every area"
    return none_of(gate, "areas_complete", title, "all of configs/reference/bea/areas.csv", off, "warning", over=wanted)


def _no_holes(gate: GateInput) -> Check:
    """By direction, type, affiliation and area: a row for each year between the first and the newest of all."""
    series = ["direction", *KEY[:3]]
    newest = gate.data.select(pl.col("year").max().alias("newest"))
    spans = gate.data.group_by(series).agg(pl.col("year").min().alias("first"), pl.len().cast(pl.Int32).alias("years"))
    whole = pl.col("years") == pl.col("newest") - pl.col("first") + 1
    off = spans.join(newest, how="cross").filter(~whole).sort(series)
    title = "every series has a row for each year up to the newest"
    return none_of(gate, "no_holes", title, "no year missing", off, "warning", over=spans)


def _year_in_line(gate: GateInput) -> Check:
    """By type, and by partner, with all affiliations: the finest that is hardly ever withheld."""
    shown = gate.data.filter(ALL_AFFILIATIONS & (ALL_TYPES | ALL_COUNTRIES))
    title = "no large type's or partner's year is out of proportion to those around it"
    return among_neighbours(gate, "year_in_line", title, shown, ["direction", "ip_type", "partner_code"], "value_usd")


def _partners_exchanged(gate: GateInput) -> Check:
    """By partner, all types together: what has the same parent can take each other's place without a trace in a sum."""
    key = list(gate.contract.primary_key)
    partners = gate.data.filter(ALL_TYPES & ALL_AFFILIATIONS & ~pl.col("is_aggregate"))
    cells = partners.select(*key, "value_usd").drop_nulls("value_usd")
    published = None if incomparable(gate, *key, "value_usd") else before(gate).select(*key, "value_usd")
    seen = Observations(tuple(key), cells, published)
    title = "no two partners took each other's place in a year"
    return pair_exchanged(gate, "partners_exchanged", title, cells, "partner_code", ["direction"], seen, "warning")


def _balance(gate: GateInput) -> Check:
    flows = gate.data.drop_nulls("value_usd")
    exports, imports = (
        flows.filter(pl.col("direction") == d).select(*KEY, pl.col("value_usd").alias(d))
        for d in ("exports", "imports")
    )
    both = exports.join(imports, on=KEY).join(gate.table("balance", "balance"), on=KEY)
    tolerance = bound(gate, "balance", "tolerance_usd")
    wrong = (pl.col("exports") - pl.col("imports") - pl.col("balance_usd")).abs() > tolerance
    title = "exports less imports are BEA's own balance"
    return none_of(gate, "balance", title, f"within {tolerance:,.0f}", both.filter(wrong).sort(KEY), over=both)


def _changes(gate: GateInput) -> list[Check]:
    world, every = ALL_COUNTRIES & ALL_AFFILIATIONS, ALL_TYPES & ALL_AFFILIATIONS
    by_type, by_partner = ["direction", "ip_type"], ["direction", "partner_code"]
    return [
        size_of_change(gate, "size_of_change", "no type changes beyond belief", world, by_type),
        size_of_change(gate, "size_of_change_partner", "no partner changes beyond belief", every, by_partner),
        size_of_change(gate, "large_revision", "no type is revised by an unusual amount", world, by_type, "warning"),
        size_of_change(
            gate, "year_revised", "no year is revised by an unusual amount", world & ALL_TYPES, ["direction", "year"],
            "warning",
        ),
    ]  # fmt: skip
