"""Whether a name, a code and an aggregate mark belong together, by the table of partners and the known names.

A name that belongs to another economy puts one economy's figures under another's name, and shows in no sum: it blocks.
A name that nobody has is a renamed economy, and is published with a warning.
"""

from __future__ import annotations

import polars as pl

from configs.economy_names import known_names, plain
from expectations.check import Check, GateInput, none_of, not_applicable

# Marked wrongly, these would do the most harm. Codes of the World Bank.
SURE_AGGREGATES = ("WLD", "EUU", "HIC", "OED", "EAS", "ECS", "NAC")
SURE_ECONOMIES = ("USA", "CHN", "DEU", "JPN", "GBR", "IND", "KOR", "NLD", "IRL", "FRA")
_PARTNERS = ["world_bank_code", "partner_name", "is_aggregate", "iso2"]


def identity(gate: GateInput) -> list[Check]:
    """Return the checks of names, ISO codes and marks."""
    return [_marks(gate), _names(gate), _names_of_others(gate), _renamed(gate), _iso_codes(gate), _one_of_each(gate)]


def _partners(gate: GateInput, check_id: str) -> pl.LazyFrame:
    """Return economy_code, and name, mark and ISO code in the table of partners."""
    known = gate.table("partners", check_id).select(_PARTNERS).drop_nulls("world_bank_code")
    return known.rename({"world_bank_code": "economy_code", "is_aggregate": "aggregate_in_partners"})


def _marks(gate: GateInput) -> Check:
    code, mark = pl.col("economy_code"), pl.col("is_aggregate")
    listed = gate.table("economies", "aggregate_marks").select(
        "economy_code", pl.col("is_aggregate").alias("listed_as_aggregate")
    )
    marks = gate.data.select("economy_code", "is_aggregate").unique()
    known = _partners(gate, "aggregate_marks").select("economy_code", "aggregate_in_partners")
    both = marks.join(listed, on="economy_code", how="left").join(known, on="economy_code", how="left")
    off = both.filter(
        mark.ne_missing(pl.col("listed_as_aggregate"))
        # An entry that is new to the table of partners is marked as the publisher lists it.
        | (mark != pl.col("aggregate_in_partners")).fill_null(False)
        | (code.is_in(SURE_AGGREGATES) & ~mark)
        | (code.is_in(SURE_ECONOMIES) & mark)
    ).sort("economy_code")
    title = "aggregates are marked as the publisher lists them, and as in the table of partners"
    return none_of(
        gate, "aggregate_marks", title, "the world and regions are aggregates, countries are not", off, over=marks
    )


def _names(gate: GateInput) -> Check:
    """A name that slipped to another code on the way to us."""
    listed = gate.table("economies", "economy_names").select("economy_code", pl.col("economy_name").alias("listed_as"))
    named = gate.data.select("economy_code", "economy_name").unique()
    codes = pl.col("economy_code").n_unique().over("economy_name").alias("codes_of_that_name")
    other = pl.col("economy_name").ne_missing(pl.col("listed_as"))
    off = named.join(listed, on="economy_code", how="left").with_columns(codes)
    off = off.filter(other | (pl.col("codes_of_that_name") > 1)).sort("economy_code")
    title = "an economy has the name that the publisher lists for it, and no other economy has it"
    return none_of(gate, "economy_names", title, "as listed, one code each", off, over=named)


def _owners(gate: GateInput, check_id: str) -> pl.LazyFrame:
    """Return economy_code, economy_name and belongs_to: the code whose name it is, null if nobody has it."""
    partners = _partners(gate, check_id).select("economy_code", "partner_name").collect()
    ours = {plain(name): code for code, name in partners.iter_rows()}
    owners = {**ours, **known_names()}
    named = gate.data.select("economy_code", "economy_name").unique().drop_nulls().collect()
    belongs = [owners.get(plain(name)) for name in named["economy_name"]]
    return named.with_columns(pl.Series("belongs_to", belongs, dtype=pl.String)).sort("economy_code").lazy()


def _names_of_others(gate: GateInput) -> Check:
    owners = _owners(gate, "names_of_others")
    off = owners.filter((pl.col("belongs_to") != pl.col("economy_code")).fill_null(False))
    title = "no economy has a name that belongs to another one"
    return none_of(gate, "names_of_others", title, "the known names of each code", off, over=owners)


def _renamed(gate: GateInput) -> Check:
    owners = _owners(gate, "renamed")
    off = owners.filter(pl.col("belongs_to").is_null())
    return none_of(gate, "renamed", "no economy has a new name", "a known name", off, "warning", over=owners)


def _iso_codes(gate: GateInput) -> Check:
    title = "no economy has the two-letter ISO code of another one"
    listed = gate.table("economies", "iso_codes")
    if "iso2" not in listed.collect_schema():
        return not_applicable(gate, "iso_codes", title, "the source gives no two-letter codes")
    owners = _partners(gate, "iso_codes").drop_nulls("iso2")
    both = listed.select("economy_code", "iso2").join(
        owners.select("iso2", pl.col("economy_code").alias("belongs_to")), on="iso2"
    )
    off = both.filter(pl.col("belongs_to") != pl.col("economy_code")).sort("economy_code")
    return none_of(gate, "iso_codes", title, "as in the table of partners", off, over=both)


def _one_of_each(gate: GateInput) -> Check:
    told = ("economy_name", "is_aggregate", "source_vintage")
    several = (
        gate.data.group_by("economy_code")
        .agg(pl.col(told).n_unique())
        .filter(pl.any_horizontal(pl.col(told) > 1))
        .sort("economy_code")
    )
    return none_of(
        gate, "one_of_each", "an economy has one name, one mark and one vintage", "one each", several, over=gate.data
    )
