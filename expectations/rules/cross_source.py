"""Whether two publishers, or two tables of one, say the same of the same thing.

Only against what readers get of the other dataset, only in matching vintages (the rule stands with each check), and
only as a warning: which of the two is wrong is for a person to say, and the right one must not be held back by it.

There is nothing yet to hold ``atp_products`` against: trade by ten-digit code is not among the datasets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import polars as pl

from configs.vintages import last_day
from expectations.check import Check, GateInput, Observations, Other, bound, none_of, not_applicable

Frame = Callable[[pl.LazyFrame], pl.LazyFrame]
TOTAL = pl.col("ip_type") == "ChargesForTheUseOfIpNie"

# ------------------------------------------------------------- ATP: workbook and API


def workbook_flows(frame: pl.LazyFrame, flows: Sequence[str] = ("exports_usd", "imports_usd")) -> pl.LazyFrame:
    """flow, period, value_usd of ``atp_world_monthly``."""
    long = frame.unpivot(list(flows), index="period", variable_name="flow", value_name="value_usd")
    return long.select(pl.col("flow").str.strip_suffix("_usd"), "period", "value_usd")


def group_totals(frame: pl.LazyFrame) -> pl.LazyFrame:
    """flow, period, value_usd of ``atp_trade_monthly``: the ten groups with the world."""
    return frame.filter(pl.col("partner_code") == "-").group_by("flow", "period").agg(pl.col("value_usd").sum())


def same_total(gate: GateInput, other: str, ours: pl.LazyFrame, theirs: Frame) -> Check:
    """The workbook's ATP total and the sum of the ten groups with the world, by flow and month that both have.

    Months that a revision may have moved between two vintages are given more room (``revised_share``), unless the
    vintages are the same.
    """
    title = "the total of all advanced technology is the same in the workbook and in the API"
    found = gate.others(other)
    if found is None:
        return not_applicable(gate, "same_total", title, f"nothing of {other} is published", "warning")
    share, revised = bound(gate, "same_total", "share"), bound(gate, "same_total", "revised_share")
    since = int(min(gate.vintage, found.vintage)[:4]) - int(bound(gate, "same_total", "window_years"))
    fixed = pl.lit(gate.vintage == found.vintage) | (pl.col("period").dt.year() < since)
    told = f"{share:.1%}, or {revised:.0%} where another vintage may have revised it,"
    room = pl.when(fixed).then(share).otherwise(revised)
    return _agree(gate, "same_total", title, ours, theirs(found.frame), ["flow", "period"], room, f"{told} of {other}")


def new_months_agree(
    gate: GateInput, other: str, ours: pl.LazyFrame, theirs: Frame, published: pl.LazyFrame | None
) -> Check:
    """Of the last ``window_years`` and of one vintage, totals that readers do not have yet agree within ``share``.

    Two documents of one release are the same records added up: where they differ, one is wrong, and a third source or
    a person says which.
    """
    title = "new months are the same in the workbook and in the API of the same vintage"
    found = gate.others(other)
    if found is None or found.vintage != gate.vintage:
        why = f"nothing of {other} is published" if found is None else f"{other} is of {found.vintage}"
        return not_applicable(gate, "new_months_agree", title, why, "hold")
    share, since = bound(gate, "new_months_agree", "share"), bound(gate, "new_months_agree", "window_years")
    usual = theirs(found.frame).with_columns(pl.col("value_usd").cast(pl.Float64).alias("usual")).drop("value_usd")
    both = ours.filter(pl.col("period").dt.year() >= int(gate.vintage[:4]) - since).join(usual, on=["flow", "period"])
    off = both.filter((pl.col("value_usd") - pl.col("usual")).abs() > share * pl.col("usual").abs())
    return none_of(
        gate, "new_months_agree", title, f"within {share:.1%} of {other}", off.sort("flow", "period"), "hold",
        over=both, observed=Observations(("flow", "period"), ours, published),
    )  # fmt: skip


# --------------------------------------------- US intellectual property: BEA and World Bank


def usa_flows(frame: pl.LazyFrame) -> pl.LazyFrame:
    """direction, year, value_usd of the United States in ``ip_trade_annual``."""
    usa = frame.filter(pl.col("economy_code") == "USA").rename({"receipts_usd": "exports", "payments_usd": "imports"})
    return usa.unpivot(["exports", "imports"], index="year", variable_name="direction", value_name="value_usd")


def bea_totals(frame: pl.LazyFrame) -> pl.LazyFrame:
    """direction, year, value_usd of ``us_ip_trade_annual``: all types, affiliations and countries."""
    every = TOTAL & (pl.col("affiliation") == "AllAffiliations") & (pl.col("partner_code") == "AllCountries")
    return frame.filter(every).select("direction", "year", "value_usd")


def same_us_total_as_bank(gate: GateInput) -> Check:
    """For ``us_ip_trade_annual``; see ``_same_us_total``."""
    bank = gate.others("ip_trade_annual")
    taken = _usa_vintage(bank.frame) if bank else ""
    return _same_us_total(gate, "ip_trade_annual", bank, bea_totals, usa_flows, gate.vintage, taken)


def same_us_total_as_bea(gate: GateInput) -> Check:
    """For ``ip_trade_annual``; see ``_same_us_total``."""
    bea = gate.others("us_ip_trade_annual")
    updated = bea.vintage if bea else ""
    return _same_us_total(
        gate, "us_ip_trade_annual", bea, usa_flows, bea_totals, updated, _usa_vintage(gate.data) if bea else ""
    )


def _same_us_total(
    gate: GateInput, other: str, found: Other | None, ours: Frame, theirs: Frame, updated: str, taken: str
) -> Check:
    """BEA's total and the World Bank's figures of the United States, who has them from BEA.

    Vintages match where the World Bank's (of the rows of the United States) is ``lag_days`` or more after BEA's annual
    update and before the next July: before, it holds the figures of the update before; after, those of the next.
    """
    title = "BEA's total of the United States is the World Bank's, who has it from BEA"
    if found is None:
        return not_applicable(gate, "same_us_total", title, f"nothing of {other} is published", "warning")
    if why := _unmatched(updated, taken, int(bound(gate, "same_us_total", "lag_days"))):
        return not_applicable(gate, "same_us_total", title, why, "warning")
    share = bound(gate, "same_us_total", "share")
    told = f"{share:.1%} of {other}, vintage {found.vintage}"
    return _agree(
        gate, "same_us_total", title, ours(gate.data), theirs(found.frame), ["direction", "year"], pl.lit(share), told
    )


def unmatched_us_vintages(gate: GateInput, other: Other) -> str:
    """Return why BEA's table and the World Bank's are of different updates, whichever is the candidate; empty if they
    are of the same."""
    lag = int(bound(gate, "same_us_total", "lag_days"))
    if gate.contract.name == "us_ip_trade_annual":
        return _unmatched(gate.vintage, _usa_vintage(other.frame), lag)
    return _unmatched(other.vintage, _usa_vintage(gate.data), lag)


def _usa_vintage(frame: pl.LazyFrame) -> str:
    newest = frame.filter(pl.col("economy_code") == "USA").select(pl.col("source_vintage").max()).collect().item()
    return str(newest or "")


def _unmatched(updated: str, taken: str, lag_days: int) -> str:
    """Why BEA's and the World Bank's vintage do not match; empty if they do."""
    bea, bank = last_day(updated), last_day(taken)
    if bea is None or bank is None:
        return f"the vintages {updated!r} (BEA) and {taken!r} (World Bank) name no days"
    first, until = bea + timedelta(days=lag_days), date(bea.year + (bea.month >= 6), 7, 1)
    if first <= bank < until:
        return ""
    return f"the World Bank's vintage {taken} is not from {first} to {until}, when it has BEA's update of {updated}"


# ------------------------------------------------------------------ BEA: quarters and years


def quarter_sums(frame: pl.LazyFrame) -> pl.LazyFrame:
    """direction, year, value_usd of ``us_ip_trade_quarterly``: years with four unadjusted quarters of the total."""
    unadjusted = frame.filter(TOTAL & (pl.col("seasonal_adjustment") == "not_seasonally_adjusted"))
    years = unadjusted.drop_nulls("value_usd").group_by("direction", pl.col("period").dt.year().alias("year"))
    sums = years.agg(pl.col("value_usd").sum(), pl.len().alias("quarters"))
    return sums.filter(pl.col("quarters") == 4).select("direction", "year", "value_usd")


def quarters_to_year(gate: GateInput, other: str, ours: Frame, theirs: Frame) -> Check:
    """BEA's four unadjusted quarters and its year, where both tables are of one annual update: the quarters in June,
    the years in July, so that vintages at most ``days`` apart match."""
    title = "unadjusted quarters add up to the year, between BEA's two tables"
    found = gate.others(other)
    if found is None:
        return not_applicable(gate, "quarters_to_year", title, f"nothing of {other} is published", "warning")
    days, share = int(bound(gate, "quarters_to_year", "days")), bound(gate, "quarters_to_year", "share")
    here, there = last_day(gate.vintage), last_day(found.vintage)
    if here is None or there is None or abs((here - there).days) > days:
        why = f"{other} is of {found.vintage}, not within {days} days of {gate.vintage}: of another update"
        return not_applicable(gate, "quarters_to_year", title, why, "warning")
    told = f"{share:.1%} of {other}, vintage {found.vintage}"
    on = ["direction", "year"]
    return _agree(
        gate, "quarters_to_year", title, ours(gate.data), theirs(found.frame), on, pl.lit(share), told
    )  # fmt: skip


def _agree(
    gate: GateInput,
    check_id: str,
    title: str,
    ours: pl.LazyFrame,
    theirs: pl.LazyFrame,
    on: Sequence[str],
    room: pl.Expr,
    told: str,
) -> Check:
    """Where both have a figure, ``value_usd`` is within the share ``room`` of it."""
    numbers = pl.col("value_usd").cast(pl.Float64)
    years = [pl.col("year").cast(pl.Int32)] if "year" in on else []
    here = ours.drop_nulls("value_usd").with_columns(numbers, *years)
    there = theirs.drop_nulls("value_usd").with_columns(numbers.alias("value_usd_there"), *years).drop("value_usd")
    both = here.join(there, on=list(on))
    wrong = (pl.col("value_usd") - pl.col("value_usd_there")).abs() > room * pl.col("value_usd_there").abs()
    return none_of(gate, check_id, title, f"within {told}", both.filter(wrong).sort(on), "warning", over=both)
