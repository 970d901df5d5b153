"""Checks of ``partners``: a mistake here shows in no sum, because it only gives figures the wrong name.

The table is kept by hand, so it is held against what can be known apart from it: its own redundancies, a short list
of codes that are easily mixed up, and the version before.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from expectations.check import Check, GateInput, none_of, not_applicable
from expectations.rules.revisions import before, incomparable, shared

ISO = ("iso2", "iso3", "m49")
PUBLISHERS = {"bea": "bea_code", "census": "schedule_c_code", "world_bank": "world_bank_code"}
CODES = (*ISO, *PUBLISHERS.values())
AGGREGATES = ("group", "world")
PLACELESS = ("residual", *AGGREGATES)
WITHOUT_ISO = {"world_bank:XKX": "ISO 3166-1 has no entry for Kosovo; XKX is the World Bank's"}
EAST_ASIA = ("CHN", "HKG", "JPN", "KOR", "MAC", "MNG", "PRK", "TWN")
# partner, Schedule C, World Bank, BEA. None means that this publisher has none for it.
KNOWN: tuple[tuple[str, str | None, str | None, str | None], ...] = (
    ("world", "-", "WLD", "AllCountries"),
    ("USA", None, "USA", None),
    ("CHN", "5700", "CHN", "China"),
    ("TWN", "5830", None, "Taiwan"),
    ("HKG", "5820", "HKG", "HongKong"),
    ("KOR", "5800", "KOR", "SouthKorea"),
    ("PRK", "5790", "PRK", None),
    ("GBR", "4120", "GBR", "UnitedKingdom"),
    ("IRL", "4190", "IRL", "Ireland"),
    ("CAN", "1220", "CAN", "Canada"),
    ("NER", "7510", "NER", None),
    ("NGA", "7530", "NGA", "Nigeria"),
    ("COD", "7660", "COD", None),
    ("COG", "7630", "COG", None),
    ("GIN", "7460", "GIN", None),
    ("GNB", "7642", "GNB", None),
    ("GNQ", "7380", "GNQ", None),
    ("PNG", "6040", "PNG", None),
    ("DMA", "2486", "DMA", None),
    ("DOM", "2470", "DOM", "DominicanRep"),
    ("WSM", "6150", "WSM", None),
    ("ASM", "9510", "ASM", None),
    ("VGB", "2482", "VGB", None),
    ("VIR", "9110", "VIR", None),
    ("SXM", "2774", "SXM", None),
    ("MAF", None, "MAF", None),
    ("AUS", "6021", "AUS", "Australia"),
    ("AUT", "4330", "AUT", "Austria"),
    ("world_bank:XKX", "4803", "XKX", None),
)


def checks(gate: GateInput) -> list[Check]:
    """See docs/quality.md for the list in words."""
    return [
        _codes_unique(gate),
        _id_is_its_code(gate),
        _aggregate_marks(gate),
        _iso_given(gate),
        _region_given(gate),
        _east_asia(gate),
        _sources(gate),
        _known_codes(gate),
        _validity(gate),
        _predecessors(gate),
        *_against_parent(gate),
    ]


def _codes(frame: pl.LazyFrame, columns: Sequence[str] = CODES) -> pl.LazyFrame:
    """partner_id, column, code: the codes that are given, one row each."""
    return frame.unpivot(columns, index="partner_id", variable_name="column", value_name="code").drop_nulls("code")


def _codes_unique(gate: GateInput) -> Check:
    codes = _codes(gate.data)
    twice = codes.filter(pl.len().over("column", "code") > 1).sort("column", "code", "partner_id")
    title = "a code of a publisher, of ISO or of M49 stands for one partner"
    return none_of(gate, "codes_unique", title, "each code once", twice, over=codes)


def _id_is_its_code(gate: GateInput) -> Check:
    """An id tells which code it is made of: then a row that was pasted over another shows."""
    prefix = {"bea": "bea:", "census": "schedule_c:", "world_bank": "world_bank:"}
    made = [pl.lit(prefix[name]) + pl.col(code) for name, code in PUBLISHERS.items()]
    right = (
        pl.when(pl.col("kind") == "world")
        .then(pl.col("partner_id") == "world")
        .when(pl.col("iso3").is_not_null())
        .then(pl.col("partner_id") == pl.col("iso3"))
        .otherwise(pl.any_horizontal([(pl.col("partner_id") == m).fill_null(False) for m in made]))
    )
    own_code = (pl.col("world_bank_code") == pl.col("iso3")).fill_null(True)
    off = gate.data.filter(~(right & own_code)).select("partner_id", "kind", *CODES)
    title = "the id is the ISO code, or a publisher and its code; the World Bank's code of an economy is its ISO code"
    return none_of(gate, "id_is_its_code", title, "always", off, over=gate.data)


def _aggregate_marks(gate: GateInput) -> Check:
    off = gate.data.filter(pl.col("is_aggregate") != pl.col("kind").is_in(AGGREGATES))
    title = "groups and the world are marked as aggregates, and nothing else is"
    told = off.select("partner_id", "kind", "is_aggregate")
    return none_of(gate, "aggregate_marks", title, "is_aggregate where kind is group or world", told, over=gate.data)


def _iso_given(gate: GateInput) -> Check:
    due = (pl.col("kind") == "economy") & ~pl.col("partner_id").is_in(list(WITHOUT_ISO))
    letters = [pl.col(c).is_not_null() != due for c in ("iso2", "iso3")]
    number = (pl.col("m49").is_null() & due) | (pl.col("m49").is_not_null() & pl.col("kind").is_in(PLACELESS))
    off = gate.data.filter(pl.any_horizontal(*letters, number)).select("partner_id", "kind", *ISO)
    expected = f"all but {'; '.join(f'{k}: {why}' for k, why in WITHOUT_ISO.items())}"
    return none_of(
        gate, "iso_given", "economies have their ISO codes, and nothing else has", expected, off, over=gate.data
    )


def _region_given(gate: GateInput) -> Check:
    off = gate.data.filter(pl.col("region").is_null() != pl.col("kind").is_in(PLACELESS))
    title = "what lies somewhere has a region; groups, residuals and the world have none"
    return none_of(gate, "region_given", title, "always", off.select("partner_id", "kind", "region"), over=gate.data)


def _east_asia(gate: GateInput) -> Check:
    wanted = pl.LazyFrame({"partner_id": EAST_ASIA, "listed": [True] * len(EAST_ASIA)})
    marked = gate.data.filter(pl.col("region") == "East Asia").select("partner_id", marked=True)
    both = wanted.join(marked, on="partner_id", how="full", coalesce=True).sort("partner_id")
    off = both.filter(pl.col("listed").is_null() | pl.col("marked").is_null())
    return none_of(
        gate, "east_asia", "East Asia is the list that the contract gives", ", ".join(EAST_ASIA), off, over=wanted
    )


def _sources(gate: GateInput) -> Check:
    names = [pl.when(pl.col(code).is_not_null()).then(pl.lit(name)) for name, code in PUBLISHERS.items()]
    told = pl.concat_str(names, separator=",", ignore_nulls=True)
    off = gate.data.filter(pl.col("source") != told).select("partner_id", "source", *PUBLISHERS.values())
    return none_of(
        gate, "sources", "the publishers named are those whose codes are given", "always", off, over=gate.data
    )


def _known_codes(gate: GateInput) -> Check:
    columns = ["schedule_c_code", "world_bank_code", "bea_code"]
    wanted = pl.LazyFrame(KNOWN, schema=dict.fromkeys(["partner_id", *columns], pl.String), orient="row")
    seen = gate.data.select("partner_id", *[pl.col(c).alias(f"{c}_seen") for c in columns])
    # A partner that is not in the table has no codes here, and every entry has one.
    other = [pl.col(c).ne_missing(pl.col(f"{c}_seen")) for c in columns]
    off = wanted.join(seen, on="partner_id", how="left").filter(pl.any_horizontal(*other))
    title = "the world, the United States and partners with names alike have their own codes"
    return none_of(gate, "known_codes", title, "the codes known apart from the table", off, over=wanted)


def _validity(gate: GateInput) -> Check:
    start, end = pl.col("valid_from"), pl.col("valid_to")
    wrong = [
        (start >= end).fill_null(False),
        (start.dt.day() != 1).fill_null(False),
        (end.dt.day() != 1).fill_null(False),
        end.is_not_null() & ~pl.col("kind").is_in(["former", "group"]),
    ]
    off = gate.data.filter(pl.any_horizontal(wrong)).select("partner_id", "kind", "valid_from", "valid_to")
    title = "what began ended later, in whole months, and only what is former or a group has ended"
    return none_of(gate, "validity", title, "valid_from before valid_to", off, over=gate.data)


def _predecessors(gate: GateInput) -> Check:
    known = gate.data.select(
        pl.col("partner_id").alias("predecessor_id"),
        pl.col("valid_from").alias("predecessor_from"),
        pl.col("valid_to").alias("predecessor_to"),
        pl.col("predecessor_id").alias("its_own"),
        found=True,
    )
    have = gate.data.drop_nulls("predecessor_id").select("partner_id", "predecessor_id", "valid_from")
    wrong = [
        pl.col("found").is_null(),
        (pl.col("its_own") == pl.col("partner_id")).fill_null(False),
        (pl.col("predecessor_from") >= pl.col("valid_from")).fill_null(False),
        (pl.col("predecessor_to") < pl.col("valid_from")).fill_null(False),
    ]
    off = have.join(known, on="predecessor_id", how="left").filter(pl.any_horizontal(wrong)).sort("partner_id")
    title = "a predecessor is in the table, began earlier, and did not end before its successor began"
    return none_of(gate, "predecessors", title, "always", off, over=have)


def _against_parent(gate: GateInput) -> list[Check]:
    lost = ("codes_lost", "no code of the version before is lost")
    moved = ("codes_moved", "no code goes to another partner than before")
    columns = shared(gate, CODES)
    if why := incomparable(gate, "partner_id", *([] if columns else CODES)):
        return [not_applicable(gate, *lost, why), not_applicable(gate, *moved, why, "warning")]
    was = _codes(before(gate), columns)
    now = _codes(gate.data, columns).rename({"partner_id": "partner_id_now"})
    gone = was.join(now, on=["column", "code"], how="anti").sort("column", "code")
    other = (
        was.join(now, on=["column", "code"])
        .filter(pl.col("partner_id") != pl.col("partner_id_now"))
        .sort("column", "code")
    )
    return [
        none_of(gate, *lost, "none", gone, over=was),
        none_of(gate, *moved, "none", other, "warning", over=was),
    ]
