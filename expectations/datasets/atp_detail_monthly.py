"""Checks of ``atp_detail_monthly``: every record of the files is there once, and adds up to what others say of it.

Only what differs from the version before is judged, a partition at a time, because the rest was judged when it was new.
What the files said of themselves (counts, sums, control totals, concordance) comes as the table ``facts``, so that no
file is read again. Everything is boiled down to sums by polars before Great Expectations sees it.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from configs.merchandise_records import RECORDS, fields
from configs.release_calendar import load_calendar
from expectations.check import Check, GateInput, Other, bound, none_of, not_applicable, once
from expectations.from_contract import each_after_the_one_before
from expectations.rules.periods import vintage_month
from expectations.rules.technology_groups import group_names

MONTH = ["flow", "period"]
HITECH, LISTS = "atp_trade_monthly", "atp_products"
AIRCRAFT = "08"


def checks(gate: GateInput) -> list[Check]:
    """See docs/quality.md for the list in words."""
    facts = gate.table("facts", "as_extracted")
    measures = [c.name for c in gate.contract.measures]
    months = once(gate.data.group_by(MONTH).agg(pl.len().alias("rows"), pl.col(measures).sum()))
    groups = once(
        gate.data.group_by("flow", "technology_group", "partner_code", "period").agg(pl.col("value_usd").sum())
    )
    return [
        _no_gaps(gate, months),
        _as_extracted(gate, facts, months),
        _every_record(gate, facts),
        _in_order(gate),
        _control_totals(gate, facts),
        _not_negative(gate),
        group_names(gate),
        _concordance(gate, facts),
        _parts_of_value(gate),
        _months_to_year(gate),
        *_as_hitech(gate, groups),
        _in_lists(gate),
        _size_of_change(gate, groups),
    ]


def _no_gaps(gate: GateInput, months: pl.LazyFrame) -> Check:
    """Within the years that are judged; that years follow each other is seen to when documents are put together."""
    last = vintage_month(gate, "no_gaps")
    years = [y for (y,) in months.select(pl.col("period").dt.year().unique()).collect().iter_rows()]
    ends = [(date(y, 1, 1), min(date(y, 12, 1), last)) for y in sorted(years)]
    there = months.select(*MONTH)
    first = there.select(pl.col("period").min()).collect().item()
    wanted = [m for a, b in ends for m in pl.date_range(a, b, "1mo", eager=True) if m >= first]
    both = pl.LazyFrame({"flow": list(RECORDS)}).join(
        pl.LazyFrame({"period": wanted}, schema={"period": pl.Date}), how="cross"
    )
    off = pl.concat([both.join(there, on=MONTH, how="anti"), there.filter(pl.col("period") > last)])
    title = "no month is missing, and none is there that is not published"
    return none_of(gate, "no_gaps", title, f"every month up to {gate.vintage}, both flows", off.sort(MONTH), over=both)


def _as_extracted(gate: GateInput, facts: pl.LazyFrame, months: pl.LazyFrame) -> Check:
    """Nothing got lost, doubled or into another column between the files and the dataset."""
    names = [
        pl.DataFrame({"flow": flow, "field": list(of.values()), "measure": list(of)})
        for flow, record in RECORDS.items()
        for of in [fields(record)]
    ]
    sums = facts.filter(pl.col("kind") == "sum").rename({"measure": "field"})
    kept = facts.filter((pl.col("kind") == "count") & (pl.col("measure") == "kept"))
    theirs = pl.concat(
        [
            sums.join(pl.concat(names).lazy(), on=["flow", "field"]).select(*MONTH, "measure", "detail"),
            kept.select(*MONTH, pl.lit("rows").alias("measure"), "detail"),
        ]
    )
    wide = months.with_columns(pl.col("rows").cast(pl.Int64))
    ours = wide.unpivot(index=MONTH, variable_name="measure", value_name="here")
    # Figures that a flow does not have are null in each row, and add up to 0.
    both = once(theirs.join(ours, on=[*MONTH, "measure"], how="full", coalesce=True))
    off = both.filter(pl.col("detail").fill_null(0) != pl.col("here").fill_null(0)).sort(*MONTH, "measure")
    title = "each month has the rows of its files, and every measure their sum"
    return none_of(gate, "as_extracted", title, "no difference", off, over=both)


def _every_record(gate: GateInput, facts: pl.LazyFrame) -> Check:
    """A record is kept, or left out by a rule: nothing traded in the month, or a code out of scope."""
    counts = (
        facts.filter(pl.col("kind") == "count")
        .group_by(MONTH)
        .agg(
            [
                pl.col("detail").filter(pl.col("measure") == name).sum().alias(name)
                for name in ("records", "kept", "idle", "other")
            ]
        )
    )
    off = counts.filter(
        (pl.col("records") != pl.col("kept") + pl.col("idle") + pl.col("other")) | (pl.col("kept") == 0)
    )
    title = "every record of a file is kept, or left out by a rule"
    return none_of(gate, "every_record", title, "kept, without trade in the month, or out of scope", off, over=counts)


def _in_order(gate: GateInput) -> Check:
    """Readers prune by it, sums along the rows and the content hash go by it."""
    told = [] if each_after_the_one_before(gate) else ["not in order"]
    rows = pl.LazyFrame({"rows": told}, schema={"rows": pl.String})
    expected = f"each row after the one before it, by {', '.join(gate.contract.sort_by)}"
    return none_of(gate, "in_order", "rows stand in the order that is promised", expected, rows)


def _control_totals(gate: GateInput, facts: pl.LazyFrame) -> Check:
    over = facts.filter(pl.col("kind") == "compared").select(*MONTH, "record", "detail")
    off = facts.filter(pl.col("kind") == "control").select(*MONTH, "record", "code", "measure", "detail", "control")
    title = "records add up to the control files that came with them, by code and by partner"
    return none_of(gate, "control_totals", title, "no difference", off.sort(pl.all()), over=over)


def _not_negative(gate: GateInput) -> Check:
    """One rule for all measures, where a range for each would be 44: Great Expectations takes its time for each."""
    measures = [c.name for c in gate.contract.measures]
    least = gate.data.select(pl.col(measures).min()).unpivot(variable_name="measure", value_name="least")
    off = least.filter(pl.col("least") < 0)
    return none_of(gate, "not_negative", "no figure is negative", "0 or more, or null", off, over=gate.data)


def _concordance(gate: GateInput, facts: pl.LazyFrame) -> Check:
    by = ["flow", "period", "hs10"]
    theirs = facts.filter(pl.col("kind") == "concordance").select(
        *MONTH, pl.col("code").alias("hs10"), pl.col("technology_group").alias("in_concordance")
    )
    ours = once(gate.data.select(*by, "technology_group").unique())
    joined = ours.join(theirs, on=by, how="left")
    off = joined.filter(
        pl.when(pl.col("technology_group") == "00")
        .then(pl.col("in_concordance").is_not_null())
        .otherwise(pl.col("technology_group").ne_missing(pl.col("in_concordance")))
    )
    title = "a code is in the group of the month's own concordance"
    return none_of(gate, "concordance", title, "the same group", off.sort(by), over=ours)


def _parts_of_value(gate: GateInput) -> Check:
    """By month and group, so that a handful of records of the publisher's own making does not stand for a fault."""
    sums = once(
        gate.data.group_by("flow", "technology_group", "period").agg(
            pl.col("value_usd", "air_value_usd", "vessel_value_usd", "container_value_usd", "cif_value_usd").sum()
        )
    )
    over = pl.col("air_value_usd") + pl.col("vessel_value_usd") > pl.col("value_usd")
    boxed = pl.col("container_value_usd") > pl.col("vessel_value_usd")
    cif = (pl.col("flow") == "imports") & (pl.col("cif_value_usd") < pl.col("value_usd"))
    off = sums.filter(over | boxed | cif).sort("flow", "technology_group", "period")
    title = "what went by air and vessel is part of the value, containers part of vessels, and charges come on top"
    return none_of(gate, "parts_of_value", title, "no part larger than the whole", off, over=sums)


def _months_to_year(gate: GateInput) -> Check:
    """A row is left out in months without trade, which add nothing: so the year to date of a row is the sum of those
    before it. By flow and group, because a record that the publisher corrects moves within the year."""
    by = ["flow", "technology_group"]
    year = pl.col("period").dt.year().alias("year")
    months = gate.data.group_by(*by, year, "period").agg(pl.col("value_usd").sum())
    first = gate.data.select(pl.col("period").min()).collect().item()
    summed = months.group_by(*by, "year").agg(pl.col("value_usd").sum().alias("months"))
    # The last row of a key in a year has all of its year to date.
    key = [k for k in gate.contract.primary_key if k != "period"]
    last = gate.data.select(*key, "period", "value_ytd_usd", year).with_columns(
        last=pl.any_horizontal([pl.col(k) != pl.col(k).shift(-1) for k in key]).fill_null(True)
        | (pl.col("year") != pl.col("year").shift(-1)).fill_null(True)
    )
    to_date = last.filter("last").group_by(*by, "year").agg(pl.col("value_ytd_usd").sum())
    both = once(
        summed.join(to_date, on=[*by, "year"], how="full", coalesce=True).filter(
            pl.col("year") > (first.year if first and first.month > 1 else 0)
        )
    )
    share = bound(gate, "months_to_year", "share")
    off = both.filter((pl.col("months") - pl.col("value_ytd_usd")).abs() > share * pl.col("months"))
    title = "months add up to the year to date"
    return none_of(gate, "months_to_year", title, f"within {share:.1%}", off.sort(*by, "year"), "warning", over=both)


def _as_hitech(gate: GateInput, groups: pl.LazyFrame) -> list[Check]:
    """By flow, group, partner and month, where both datasets hold the same state of a month: up to the older of the two
    vintages, unless the annual revision came between them."""
    title = "records add up to the groups and partners of the API"
    aircraft = "records of aerospace add up to the API, which has what is suppressed in them"
    found = gate.others(HITECH)
    why = _unmatched(gate, found)
    if found is None or why:
        return [
            not_applicable(gate, "as_hitech", title, why),
            not_applicable(gate, "as_hitech_aircraft", aircraft, why, "warning"),
        ]
    by = ["flow", "technology_group", "partner_code", "period"]
    until = date.fromisoformat(f"{min(gate.vintage, found.vintage)}-01")
    periods = groups.select("period").unique().filter(pl.col("period") <= until)
    theirs = found.frame.filter(~pl.col("is_aggregate") & (pl.col("value_usd") > 0)).join(
        periods, on="period", how="semi"
    )
    ours = groups.filter((pl.col("technology_group") != "00") & (pl.col("period") <= until))
    both = once(
        ours.join(theirs.select(*by, pl.col("value_usd").alias("value_usd_api")), on=by, how="full", coalesce=True)
    )
    share, floor = bound(gate, "as_hitech", "share"), bound(gate, "as_hitech", "floor_usd")
    here, there = pl.col("value_usd").fill_null(0), pl.col("value_usd_api").fill_null(0)
    off = both.filter((here - there).abs() > pl.max_horizontal(share * there, pl.lit(floor))).sort(by)
    told = f"within {share:.1%} or {floor:,.0f} dollars of {HITECH}, vintage {found.vintage}"
    is_aircraft = pl.col("technology_group") == AIRCRAFT
    return [
        none_of(gate, "as_hitech", title, told, off.filter(~is_aircraft), over=both.filter(~is_aircraft)),
        none_of(
            gate, "as_hitech_aircraft", aircraft, told, off.filter(is_aircraft), "warning", both.filter(is_aircraft)
        ),
    ]


def _unmatched(gate: GateInput, found: Other | None) -> str:
    if found is None:
        return f"nothing of {HITECH} is published"
    older, newer = sorted((gate.vintage, found.vintage))
    between = [date.fromisoformat(f"{v}-01") for v in (older, newer)]
    if load_calendar("ft900").revised_between(between[0], between[1]):
        return f"the annual revision came between {older} and {newer}, the vintages of the two"
    return ""


def _in_lists(gate: GateInput) -> Check:
    """The concordance is the authority for its month; a list that says otherwise is to be looked at."""
    title = "codes are in the lists of advanced technology products, in the same group"
    found = gate.others(LISTS)
    if found is None:
        return not_applicable(gate, "in_lists", title, f"nothing of {LISTS} is published", "warning")
    ours = once(
        gate.data.filter(pl.col("technology_group") != "00").select(*MONTH, "hs10", "technology_group").unique()
    )
    lists = found.frame.select("flow", "hs10", "valid_from", "valid_to", pl.col("technology_group").alias("listed_in"))
    in_force = pl.col("period").is_between("valid_from", "valid_to")
    # Of a month that no list covers nothing is known.
    covered = ours.select("flow", "period").unique().join(lists, on="flow").filter(in_force).select("flow", "period")
    judged = ours.join(covered.unique(), on=["flow", "period"], how="semi")
    matched = judged.join(lists, on=["flow", "hs10"], how="left").filter(in_force)
    off = judged.join(matched, on=["flow", "hs10", "period"], how="left", suffix="_m").filter(
        pl.col("listed_in").ne_missing(pl.col("technology_group"))
    )
    shown = off.select(*MONTH, "hs10", "technology_group", "listed_in").sort(*MONTH, "hs10")
    return none_of(gate, "in_lists", title, "the same group", shown, "warning", over=judged)


def _size_of_change(gate: GateInput, groups: pl.LazyFrame) -> Check:
    title = "no month of a flow and group was moved out of all proportion"
    if gate.parent is None:
        return not_applicable(gate, "size_of_change", title, "there is no version before")
    by = ["flow", "technology_group", "period"]
    now = groups.group_by(by).agg(pl.col("value_usd").sum())
    before = gate.parent.group_by(by).agg(pl.col("value_usd").sum().alias("value_usd_before"))
    both = once(before.join(now, on=by, how="left"))
    factor, floor = bound(gate, "size_of_change", "factor"), bound(gate, "size_of_change", "floor_usd")
    ratio = pl.col("value_usd").fill_null(0) / pl.col("value_usd_before")
    off = both.filter((pl.col("value_usd_before") > floor) & ~ratio.is_between(1 / factor, factor)).sort(by)
    return none_of(gate, "size_of_change", title, f"within a factor of {factor:g}", off, over=both)
