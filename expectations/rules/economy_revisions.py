"""Checks of a table by economy and year against the version before: what the World Bank revises, and what a fault does.

Losses are counted in *observations* (economy, year, measure), not in rows: the World Bank withdraws one measure and
keeps the other (Jamaica's receipts of 1976 to 1985 went in the vintage of 2025-01-28, in rows that partly stayed).
Whether a loss is the publisher's is seen from ``source_vintage``: an economy of the same vintage as before cannot
have lost anything.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from configs.contract import Severity
from expectations.check import Check, GateInput, bound, none_of, not_applicable
from expectations.rules.continuity import moved, no_news
from expectations.rules.revisions import above_share, before, incomparable, ratio, shared

KEY = ("economy_code", "year")
TITLES: dict[str, tuple[str, Severity]] = {
    "vintage_not_back": ("no economy goes back to an older vintage", "critical"),
    "economies_lost": ("no economy of the version before is lost", "critical"),
    "measures_lost": ("no economy loses all its {measures}", "critical"),
    "rows_lost": ("no observation is lost without a newer vintage of its economy", "critical"),
    "figures_changed": ("no figure changes without a newer vintage of its economy", "critical"),
    "figures_moved": ("no economy has the figures that another one, or another year, had before", "critical"),
    "rows_withdrawn": ("no observation was withdrawn by the publisher", "warning"),
    "withdrawn_share": ("the publisher withdraws no large part of the table", "critical"),
    "size_of_change": ("no economy's history changes beyond belief", "critical"),
    "large_revision": ("no economy's history is revised by an unusual amount", "warning"),
    "total_change": ("the sum of all economies does not change beyond belief", "critical"),
}


def measures(gate: GateInput) -> list[str]:
    """Return the columns that hold a series of the publisher."""
    return [f"{name}_usd" for name in gate.contract.series]


def against_parent(gate: GateInput) -> list[Check]:
    """The checks in TITLES; not applicable, with the reason, where the version before cannot be compared."""
    flows = shared(gate, measures(gate))
    if why := incomparable(gate, *KEY, *([] if flows else measures(gate))):
        return [*[_not_applicable(gate, i, why) for i in TITLES], no_news(gate, KEY, measures(gate))]
    return [
        _vintage_not_back(gate),
        *_losses(gate, flows),
        _figures_changed(gate, flows),
        _figures_moved(gate, flows),
        *_revisions(gate, flows),
        no_news(gate, KEY, flows),
    ]


def _title(gate: GateInput, check_id: str) -> tuple[str, Severity]:
    title, severity = TITLES[check_id]
    named = " or all its ".join(name.replace("_", " ") for name in gate.contract.series)
    return title.format(measures=named), severity


def _not_applicable(gate: GateInput, check_id: str, why: str) -> Check:
    title, severity = _title(gate, check_id)
    return not_applicable(gate, check_id, title, why, severity)


def _none_of(gate: GateInput, check_id: str, expected: str, off: pl.LazyFrame, over: pl.LazyFrame) -> Check:
    title, severity = _title(gate, check_id)
    return none_of(gate, check_id, title, expected, off, severity, over)


def _observations(frame: pl.LazyFrame, flows: Sequence[str]) -> pl.LazyFrame:
    """economy_code, year, measure, value (US dollars): what is known, one row each."""
    return frame.unpivot(flows, index=KEY, variable_name="measure", value_name="value").drop_nulls("value")


def _vintages(frame: pl.LazyFrame, name: str) -> pl.LazyFrame:
    return frame.group_by("economy_code").agg(pl.col("source_vintage").max().alias(name)).drop_nulls(name)


def _vintage_not_back(gate: GateInput) -> Check:
    """A newer version may hold an economy's figures as they were, never as they were before that."""
    if why := incomparable(gate, "source_vintage"):
        return _not_applicable(gate, "vintage_not_back", why)
    both = _vintages(gate.data, "vintage_now").join(_vintages(before(gate), "vintage_before"), on="economy_code")
    back = both.filter(pl.col("vintage_now") < pl.col("vintage_before")).sort("economy_code")
    return _none_of(gate, "vintage_not_back", "the vintage of the version before, or a newer one", back, both)


def _figures_changed(gate: GateInput, flows: Sequence[str]) -> Check:
    """Whatever the publisher revises gets a newer vintage: a figure that is another, or new, within a vintage was made
    here. The same number printed with more digits is the same figure."""
    if why := incomparable(gate, "source_vintage"):
        return _not_applicable(gate, "figures_changed", why)
    tolerance = gate.contract.column(measures(gate)[0]).representation_tolerance
    key = ["economy_code", "source_vintage"]
    was, now = (
        _observations(f, flows).join(_vintages(f, "source_vintage"), on="economy_code")
        for f in (before(gate), gate.data)
    )
    vintages = was.select(key).unique()
    both = now.join(vintages, on=key, how="semi").join(
        was.rename({"value": "value_before"}), on=[*key, "year", "measure"], how="left"
    )
    room = tolerance * pl.max_horizontal(pl.col("value").abs(), pl.col("value_before").abs())
    off = both.filter(((pl.col("value") - pl.col("value_before")).abs() > room).fill_null(True))
    return _none_of(gate, "figures_changed", "none within a vintage", off.sort(*KEY, "measure"), both)


def _figures_moved(gate: GateInput, flows: Sequence[str]) -> Check:
    least, floor = int(bound(gate, "figures_moved", "least")), bound(gate, "figures_moved", "floor_usd")
    series = ["economy_code", "measure"]
    was, now = (_observations(f, flows).filter(pl.col("value").abs() >= floor) for f in (before(gate), gate.data))
    off = moved(now.join(was, on=[*series, "year", "value"], how="anti"), was, series, "year", "value", least)
    return _none_of(gate, "figures_moved", f"fewer than {least} of an economy", off, was)


def _losses(gate: GateInput, flows: Sequence[str]) -> list[Check]:
    was, now = _observations(before(gate), flows), _observations(gate.data, flows)
    gone = was.join(now, on=[*KEY, "measure"], how="anti")
    economies = gate.data.group_by("economy_code").agg(pl.col("source_vintage").max().alias("vintage_now"))
    lost = was.join(economies, on="economy_code", how="anti").group_by("economy_code").len("observations")
    floor = bound(gate, "measures_lost", "floor_usd")
    emptied = (
        was.join(now, on=["economy_code", "measure"], how="anti")
        .join(economies, on="economy_code", how="semi")
        .group_by("economy_code", "measure")
        .agg(pl.col("value").abs().sum().alias("sum_before"))
        .filter(pl.col("sum_before") > floor)
    )
    most = bound(gate, "withdrawn_share", "share")
    return [
        _none_of(gate, "economies_lost", "none", lost.sort("economy_code"), was),
        _none_of(gate, "measures_lost", f"none that added up to {floor:,.0f}", emptied.sort("economy_code"), was),
        *_by_vintage(gate, gone.join(economies, on="economy_code").sort(*KEY, "measure"), was),
        _none_of(gate, "withdrawn_share", f"at most {most:.0%} of all observations", above_share(gone, was, most), was),
    ]


def _by_vintage(gate: GateInput, gone: pl.LazyFrame, was: pl.LazyFrame) -> list[Check]:
    if why := incomparable(gate, "source_vintage"):
        return [_not_applicable(gate, i, why) for i in ("rows_lost", "rows_withdrawn")]
    vintages = before(gate).group_by("economy_code").agg(pl.col("source_vintage").max())
    told = gone.join(vintages, on="economy_code").sort(*KEY, "measure")
    same = pl.col("source_vintage") == pl.col("vintage_now")
    return [
        _none_of(gate, "rows_lost", "none", told.filter(same), was),
        _none_of(gate, "rows_withdrawn", "none", told.filter(~same), was),
    ]


def _revisions(gate: GateInput, flows: Sequence[str]) -> list[Check]:
    both = gate.data.join(before(gate).select(*KEY, *[pl.col(c).alias(f"{c}_before") for c in flows]), on=KEY)
    common = [
        pl.col(c, f"{c}_before").filter(pl.col(c).is_not_null() & pl.col(f"{c}_before").is_not_null()) for c in flows
    ]
    by_economy = both.group_by("economy_code").agg([e.abs().sum() for e in common]).sort("economy_code")
    total = both.filter(~pl.col("is_aggregate")).select([e.sum() for e in common])
    floor = bound(gate, "size_of_change", "floor_usd")
    judged = both.filter(
        pl.any_horizontal(pl.col(c).is_not_null() & pl.col(f"{c}_before").is_not_null() for c in flows)
    )
    return [
        ratio(gate, check_id, TITLES[check_id][0], sums, flows, TITLES[check_id][1], above, judged)
        for check_id, sums, above in (
            ("size_of_change", by_economy, floor),
            ("large_revision", by_economy, floor),
            ("total_change", total, 0),
        )
    ]
