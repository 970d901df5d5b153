"""Checks of ``atp_world_monthly``: a gapless series of months that adds up, and moves as trade moves."""

from __future__ import annotations

from datetime import date

import polars as pl

from configs import CONFIGS
from configs.contract import Severity
from expectations.check import Check, GateInput, Observations, bound, none_of, not_applicable, once
from expectations.rules.beside import found_beside
from expectations.rules.continuity import copied, flat_lines
from expectations.rules.cross_source import group_totals, new_months_agree, same_total, workbook_flows
from expectations.rules.magnitude import in_season, not_rounded
from expectations.rules.newest_months import new_since, newest_in_season, newest_proportion, seasonal_pattern
from expectations.rules.periods import every_month, vintage_month
from expectations.rules.precision import coarser_months
from expectations.rules.returning import history_of, returning
from expectations.rules.revisions import before, incomparable, shared
from expectations.rules.year_sums import (
    known_years,
    month_revised,
    settled_years,
    size_of_change,
    year_revised,
    year_sums,
)

FLOWS = ("exports_usd", "imports_usd")
MEASURES = {"exports_usd": "exports", "imports_usd": "imports"}
KEY = ("flow", "period")
MILLION = 1_000_000


def checks(gate: GateInput) -> list[Check]:
    """See docs/quality.md for the list in words."""
    flows, published = once(workbook_flows(gate.data)), _published(gate)
    return [
        _no_gaps(gate),
        _no_unpublished(gate),
        _balance(gate),
        _precision(gate),
        _year_totals(gate),
        _jumps(gate),
        _known_year(gate),
        found_beside(gate, "ft900_found", "FT-900", "ft900"),
        *_of_the_series(gate, flows, published),
        *_against_parent(gate, flows, published),
    ]


def _published(gate: GateInput) -> pl.LazyFrame | None:
    """flow, period, value_usd of the version before, of the flows that it has; None without such a version."""
    have = shared(gate, FLOWS)
    if incomparable(gate, "period") or not have:
        return None
    return once(workbook_flows(before(gate), have))


def _of_the_series(gate: GateInput, flows: pl.LazyFrame, published: pl.LazyFrame | None) -> list[Check]:
    """What the series says of itself, and another table of the publisher of it."""
    sums, sums_before = year_sums(flows), None if published is None else year_sums(published)
    since = gate.data.filter(pl.col("reported_precision_usd") == 1)
    newest = vintage_month(gate, "newest_in_season")
    season = "no month stands out from its own series"
    return [
        known_years(gate, sums, sums_before),
        settled_years(gate, sums, sums_before),
        flat_lines(gate, "no figure is carried forward", flows, ["flow"], "period", "value_usd"),
        copied(gate, "no month is given twice", gate.data, [], "period", FLOWS),
        in_season(gate, "in_season", season, flows, ["flow"], "value_usd", "hold", published),
        newest_in_season(
            gate, "newest_in_season", "new months are what the year before lets expect", flows, ["flow"],
            new_since(gate, newest), published,
        ),
        newest_proportion(gate, flows, newest, published),
        seasonal_pattern(gate, flows, newest, published),
        _proportion(gate),
        not_rounded(gate, "not_rounded", "single dollars are told where they are given", workbook_flows(since)),
        coarser_months(gate, flows, published),
        same_total(gate, "atp_trade_monthly", flows, group_totals),
        new_months_agree(gate, "atp_trade_monthly", flows, group_totals, published),
    ]  # fmt: skip


def _no_gaps(gate: GateInput) -> Check:
    every = every_month(date(1989, 1, 1), vintage_month(gate, "no_gaps"))
    missing = every.join(gate.data, on="period", how="anti")
    expected = f"every month from 1989-01 to {gate.vintage}"
    return none_of(gate, "no_gaps", "no month is missing, up to the vintage", expected, missing, over=every)


def _no_unpublished(gate: GateInput) -> Check:
    zero = (pl.col("exports_usd") == 0) | (pl.col("imports_usd") == 0)
    late = gate.data.filter(
        (pl.col("period") > vintage_month(gate, "no_unpublished")) | zero | (pl.col("period").dt.day() != 1)
    )
    expected = f"no month after {gate.vintage}, none of 0"
    title = "no month that the publisher has not published"
    return none_of(gate, "no_unpublished", title, expected, late, over=gate.data.drop_nulls("period"))


def _balance(gate: GateInput) -> Check:
    off = gate.data.filter(pl.col("exports_usd") - pl.col("imports_usd") != pl.col("balance_usd"))
    title = "exports less imports is the balance, to the dollar"
    return none_of(gate, "balance", title, "no difference", off, over=gate.data.drop_nulls([*FLOWS, "balance_usd"]))


def _precision(gate: GateInput) -> Check:
    year, precision = pl.col("period").dt.year(), pl.col("reported_precision_usd")
    tier = pl.when(year <= 1995).then(100_000).when(year <= 2008).then(MILLION).otherwise(1)
    # A month may be given more coarsely than its years are: ``coarser_months`` warns of it.
    off = gate.data.filter((precision < tier) | pl.any_horizontal([pl.col(c) % precision != 0 for c in FLOWS]))
    expected = "100,000 dollars to 1995, 1,000,000 to 2008, then 1 or coarser, and figures are multiples of it"
    judged = gate.data.drop_nulls(["period", "reported_precision_usd"])
    return none_of(gate, "precision", "figures are rounded as the publisher rounded them", expected, off, over=judged)


def _year_totals(gate: GateInput) -> Check:
    title = "months add up to the publisher's own year column"
    annual = gate.table("annual", "year_totals")
    if annual.head(1).collect().is_empty():
        return not_applicable(gate, "year_totals", title, "the source gives no year column")
    tolerance = bound(gate, "year_totals", "tolerance_usd")
    ours = gate.data.group_by(pl.col("period").dt.year().cast(pl.Int32).alias("year")).agg(pl.col(FLOWS).sum())
    theirs = annual.select("year", *[(pl.col(f"{c[:-4]}_musd") * MILLION).alias(f"{c}_published") for c in FLOWS])
    both = ours.join(theirs, on="year", how="full", coalesce=True).sort("year")
    # The total of the year under way may be blank.
    both = both.filter((pl.col("year") < int(gate.vintage[:4])) | pl.col(f"{FLOWS[0]}_published").is_not_null())
    off = both.filter(
        pl.any_horizontal([((pl.col(c) - pl.col(f"{c}_published")).abs() > tolerance).fill_null(True) for c in FLOWS])
    )
    return none_of(gate, "year_totals", title, f"within {tolerance:,.0f} dollars, the same years", off, over=both)


def _known_year(gate: GateInput) -> Check:
    """A year that is never revised any more: it tells the unit, the flow and the partner without a version before,
    and covers the first twelve months, which ``jumps`` cannot."""
    share, year = bound(gate, "known_year", "share"), int(bound(gate, "known_year", "year"))
    known = {c: bound(gate, "known_year", c) for c in FLOWS}
    # A sum over no rows is one row of 0: the year missing is a violation, not a pass.
    sums = gate.data.filter(pl.col("period").dt.year() == year).select(pl.col(FLOWS).sum())
    off = sums.filter(pl.any_horizontal([(pl.col(c) - known[c]).abs() > share * known[c] for c in FLOWS]))
    title = f"{year} is what is known of it, so unit, flow and partner are the right ones"
    expected = f"within {share:.0%} of " + " and ".join(f"{c} {v:,.0f}" for c, v in known.items())
    return none_of(gate, "known_year", title, expected, off)


def _jumps(gate: GateInput) -> Check:
    factor = bound(gate, "jumps", "factor")
    ordered = gate.data.select("period", *FLOWS).sort("period")
    usual = ordered.with_columns(
        [pl.col(c).cast(pl.Float64).rolling_median(12).shift(1).alias(f"{c}_usual") for c in FLOWS]
    )
    wild = [
        ~(pl.col(c) / pl.col(f"{c}_usual")).is_between(1 / factor, factor) & pl.col(f"{c}_usual").is_not_null()
        for c in FLOWS
    ]
    expected = f"within a factor of {factor:g} of the median of the 12 months before"
    title = "no month is out of all proportion to those before it"
    judged = usual.drop_nulls([*FLOWS, *(f"{c}_usual" for c in FLOWS)])
    return none_of(gate, "jumps", title, expected, usual.filter(pl.any_horizontal(wild)), over=judged)


def _proportion(gate: GateInput) -> Check:
    """Flows exchanged in a month or a year stay within the size of the series, and turn their proportion over."""
    factor = bound(gate, "proportion", "factor")
    proportion = (pl.col("exports_usd") / pl.col("imports_usd")).alias("exports_to_imports")
    months = gate.data.select("period", proportion).drop_nulls().sort("period")
    usual = pl.col("exports_to_imports").rolling_median(61, center=True, min_samples=30)
    around = months.with_columns(usual.alias("usual")).drop_nulls("usual")
    off = around.filter(~(pl.col("exports_to_imports") / pl.col("usual")).is_between(1 / factor, factor))
    expected = f"within a factor of {factor:g} of the median of five years"
    return none_of(
        gate, "proportion", "exports and imports keep their proportion", expected, off, "warning", over=around
    )


def _against_parent(gate: GateInput, flows: pl.LazyFrame, published: pl.LazyFrame | None) -> list[Check]:
    titles: dict[str, tuple[str, Severity]] = {
        "months_lost": ("no month of the version before is lost", "critical"),
        "size_of_change": ("no year's total changes beyond belief", "critical"),
        "year_revised": ("no year's flow or balance moves by more than revisions do", "hold"),
        "old_revision": ("nothing before the revision window changes", "warning"),
        "month_revised": ("no month is revised by an unusual amount", "hold"),
        "figures_moved": ("no month has the figures that another, or the other flow, had before", "critical"),
        "returning": ("figures do not go back to an older state", "hold"),
    }
    if published is None:
        reason = incomparable(gate, "period") or incomparable(gate, *FLOWS)
        return [not_applicable(gate, i, title, reason, severity) for i, (title, severity) in titles.items()]
    was = published.rename({"value_usd": "value_usd_before"})
    both = flows.join(was, on=KEY)
    window = bound(gate, "old_revision", "years")
    changed = pl.col("value_usd") != pl.col("value_usd_before")
    old = both.filter(changed & (pl.col("period").dt.year() < vintage_month(gate, "old_revision").year - window))
    parent = was.select("period").unique()
    gone = parent.join(gate.data, on="period", how="anti").sort("period")
    t = {i: title for i, (title, _) in titles.items()}
    unmoved = f"none older than {window:g} years"
    observed = Observations(KEY, flows, published, against="value_usd_before")
    return [
        none_of(gate, "months_lost", t["months_lost"], "none", gone, over=parent),
        size_of_change(gate, t["size_of_change"], both),
        year_revised(gate, t["year_revised"], year_sums(flows), year_sums(published)),
        none_of(gate, "old_revision", t["old_revision"], unmoved, old.sort(KEY), "warning", both, observed),
        month_revised(gate, t["month_revised"], flows, published),
        none_of(gate, "figures_moved", t["figures_moved"], "none", _moved(flows, published), over=parent),
        returning(gate, KEY, flows, published, _older_states(gate)),
    ]


def _moved(flows: pl.LazyFrame, published: pl.LazyFrame) -> pl.LazyFrame:
    """Figures that stood, to the dollar, in another month or the other flow of the version before."""
    stood = published.select("value_usd", pl.col("flow").alias("from"), pl.col("period").alias("stood_in"))
    precise = flows.filter(pl.col("period").dt.year() >= 2009)
    elsewhere = (pl.col("flow") != pl.col("from")) | (pl.col("period") != pl.col("stood_in"))
    found = precise.join(stood, on="value_usd").filter(elsewhere).sort("flow", "period")
    return found.with_columns(pl.col("flow", "from") + "_usd")


def _older_states(gate: GateInput) -> pl.LazyFrame | None:
    """The history has them; without one, the bundled vintages that are older than the version before."""
    if (found := history_of(gate, MEASURES)) is not None:
        return found.rename({"measure": "flow"})
    folder = CONFIGS / "snapshot" / gate.contract.name
    names = [p for p in sorted(folder.glob("*.csv")) if p.stem < (gate.parent_vintage or gate.vintage)]
    states = [_bundled(p.read_bytes(), p.stem) for p in names]
    return pl.concat(states) if states else None


def _bundled(body: bytes, vintage: str) -> pl.LazyFrame:
    months = pl.read_csv(body).lazy()
    musd = [(pl.col(f"{flow}_musd") * MILLION).alias(column) for column, flow in MEASURES.items()]
    wide = months.select((pl.col("month") + "-01").str.to_date().alias("period"), *musd)
    return workbook_flows(wide).with_columns(pl.lit(vintage).alias("vintage"))
