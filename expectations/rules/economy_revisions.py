"""Checks of a table by economy and year against the version before: what the World Bank revises, and what a fault does.

Losses are counted in *observations* (economy, direction, year), not in rows: the World Bank withdraws one measure and
keeps the other. Zeros do not count: it withdraws those everywhere. Whether a loss is the publisher's is seen from
``source_vintage``: an economy of the same vintage as before has lost nothing, but for a correction.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from configs.contract import Severity
from expectations.check import Check, GateInput, bound, none_of, not_applicable
from expectations.rules.by_size import by_size, not_applicable_by_size
from expectations.rules.continuity import moved, no_news
from expectations.rules.economy_observations import CELL, DIRECTIONS, KEY, figures, measures, observations, observed
from expectations.rules.returning import TITLE, history_of, returning
from expectations.rules.revisions import above_share, before, incomparable, ratio, shared

TITLES: dict[str, tuple[str, Severity]] = {
    "vintage_not_back": ("no economy goes back to an older vintage", "critical"),
    "figures_moved": ("no economy has the figures that another one, or another year, had before", "critical"),
    "rows_withdrawn": ("no observation was withdrawn by the publisher", "warning"),
    "large_withdrawn": ("no large figure was withdrawn with a newer vintage", "hold"),
    "withdrawn_share": ("the publisher withdraws no large part of the table", "critical"),
    "withdrawn_value": ("the publisher withdraws no large part of a year", "critical"),
    "size_of_change": ("no economy's history changes beyond belief", "critical"),
    "large_revision": ("no economy's history is revised by an unusual amount", "warning"),
    "aggregate_change": ("no aggregate's history changes beyond what a new membership explains", "critical"),
    "aggregate_revision": ("no aggregate's history is revised by an unusual amount", "warning"),
    "total_change": ("the sum of all economies does not change beyond belief", "critical"),
    "figures_revised": ("no very large figure is revised", "warning"),
}
BY_SIZE = {
    "economies_lost": "no economy of the version before loses all its {measures}",
    "rows_lost": "no observation is lost without a newer vintage of its economy",
    "figures_changed": "no figure changes without a newer vintage of its economy",
}


def against_parent(gate: GateInput) -> list[Check]:
    """Return the checks in TITLES and BY_SIZE; not applicable where the version before cannot be compared."""
    flows = shared(gate, measures(gate))
    if why := incomparable(gate, *KEY, *([] if flows else measures(gate))):
        graded = [c for i in BY_SIZE for c in not_applicable_by_size(gate, i, _title(gate, i), why)]
        found = [*[_not_applicable(gate, i, why) for i in TITLES], *graded]
        return [*found, not_applicable(gate, "returning", TITLE, why, "hold"), no_news(gate, KEY, measures(gate))]
    return [
        _vintage_not_back(gate),
        *_losses(gate, flows),
        *_figures_changed(gate, flows),
        _figures_moved(gate, flows),
        *_revisions(gate, flows),
        _figures_revised(gate, flows),
        _returning(gate),
        no_news(gate, KEY, flows),
    ]


def _title(gate: GateInput, check_id: str) -> str:
    named = " or all its ".join(name.replace("_", " ") for name in gate.contract.series)
    return BY_SIZE[check_id].format(measures=named)


def _not_applicable(gate: GateInput, check_id: str, why: str) -> Check:
    title, severity = TITLES[check_id]
    return not_applicable(gate, check_id, title, why, severity)


def _none_of(gate: GateInput, check_id: str, expected: str, off: pl.LazyFrame, over: pl.LazyFrame) -> Check:
    title, severity = TITLES[check_id]
    return none_of(gate, check_id, title, expected, off, severity, over, observed(gate) if severity == "hold" else None)


def _by_size(gate: GateInput, check_id: str, off: pl.LazyFrame, over: pl.LazyFrame) -> list[Check]:
    each = ("economy_code", "economies") if check_id == "economies_lost" else None
    return by_size(gate, check_id, _title(gate, check_id), off, over, observed(gate), each)


def _vintages(frame: pl.LazyFrame, name: str) -> pl.LazyFrame:
    return frame.group_by("economy_code").agg(pl.col("source_vintage").max().alias(name)).drop_nulls(name)


def _vintage_not_back(gate: GateInput) -> Check:
    """A newer version may hold an economy's figures as they were, never as they were before that."""
    if why := incomparable(gate, "source_vintage"):
        return _not_applicable(gate, "vintage_not_back", why)
    both = _vintages(gate.data, "vintage_now").join(_vintages(before(gate), "vintage_before"), on="economy_code")
    back = both.filter(pl.col("vintage_now") < pl.col("vintage_before")).sort("economy_code")
    return _none_of(gate, "vintage_not_back", "the vintage of the version before, or a newer one", back, both)


def _figures_changed(gate: GateInput, flows: Sequence[str]) -> list[Check]:
    """A revision comes with a newer vintage; a correction of a few figures may come without. The same number printed
    with more digits is the same figure."""
    if why := incomparable(gate, "source_vintage"):
        return not_applicable_by_size(gate, "figures_changed", _title(gate, "figures_changed"), why)
    tolerance = gate.contract.column(measures(gate)[0]).representation_tolerance
    key = ["economy_code", "source_vintage"]
    was, now = (
        observations(f, flows).join(_vintages(f, "source_vintage"), on="economy_code")
        for f in (before(gate), gate.data)
    )
    vintages = was.select(key).unique()
    both = now.join(vintages, on=key, how="semi").join(
        was.rename({"value_usd": "usual"}), on=[*CELL, "source_vintage"], how="left"
    )
    room = tolerance * pl.max_horizontal(pl.col("value_usd").abs(), pl.col("usual").abs())
    off = both.filter(((pl.col("value_usd") - pl.col("usual")).abs() > room).fill_null(True))
    return _by_size(gate, "figures_changed", off, both)


def _figures_moved(gate: GateInput, flows: Sequence[str]) -> Check:
    least, floor = int(bound(gate, "figures_moved", "least")), bound(gate, "figures_moved", "floor_usd")
    series = ["economy_code", "direction"]
    was, now = (observations(f, flows).filter(pl.col("value_usd").abs() >= floor) for f in (before(gate), gate.data))
    # An aggregate that is new repeats others where it has the same members.
    new = gate.data.filter("is_aggregate").join(before(gate), on="economy_code", how="anti")
    changed = now.join(was, on=[*series, "year", "value_usd"], how="anti").join(new, on="economy_code", how="anti")
    off = moved(changed, was, series, "year", "value_usd", least)
    return _none_of(gate, "figures_moved", f"fewer than {least} of an economy", off, was.select(series).unique())


def _returning(gate: GateInput) -> Check:
    """Measures are of the direction that they are of."""
    seen, older = observed(gate), history_of(gate, DIRECTIONS)
    states = None if older is None else older.rename({"measure": "direction"})
    return returning(gate, CELL, seen.now, seen.published, states)


def _losses(gate: GateInput, flows: Sequence[str]) -> list[Check]:
    was, now = observations(before(gate), flows, "is_aggregate"), observations(gate.data, flows)
    gone = was.join(now, on=list(CELL), how="anti").with_columns(usual=pl.col("value_usd"))
    # The figures that are gone have none now.
    missing = gone.with_columns(value_usd=pl.lit(None, dtype=pl.Float64))
    some, lost = was.filter(pl.col("value_usd") != 0), missing.filter(pl.col("usual") != 0)
    series = ["economy_code", "direction"]
    emptied = lost.join(figures(gate.data, flows), on=series, how="anti")
    partly = lost.join(emptied, on=series, how="anti")
    most = bound(gate, "withdrawn_share", "share")
    share = above_share(lost, some, most)
    whole = some.select(pl.len().alias("before")).filter(pl.col("before") > 0)
    return [
        *_by_size(gate, "economies_lost", emptied, some),
        *_by_vintage(gate, gone, partly, some),
        _none_of(gate, "withdrawn_share", f"at most {most:.0%} of all observations that are not zero", share, whole),
        _withdrawn_value(gate, lost, some),
    ]


def _withdrawn_value(gate: GateInput, lost: pl.LazyFrame, some: pl.LazyFrame) -> Check:
    share, least = bound(gate, "withdrawn_value", "share"), int(bound(gate, "withdrawn_value", "economies"))
    year = ["direction", "year"]
    sums = some.filter(~pl.col("is_aggregate")).group_by(year).agg(pl.col("value_usd").sum().alias("before_usd"))
    gone = lost.filter(~pl.col("is_aggregate")).group_by(year)
    both = gone.agg(pl.col("usual").sum().alias("gone_usd"), pl.len().alias("economies")).join(sums, on=year)
    off = both.filter((pl.col("economies") >= least) & (pl.col("gone_usd") > share * pl.col("before_usd"))).sort(year)
    return _none_of(gate, "withdrawn_value", f"at most {share:.0%} of a year, from {least} economies on", off, sums)


def _by_vintage(gate: GateInput, gone: pl.LazyFrame, partly: pl.LazyFrame, was: pl.LazyFrame) -> list[Check]:
    if why := incomparable(gate, "source_vintage"):
        graded = not_applicable_by_size(gate, "rows_lost", _title(gate, "rows_lost"), why)
        return [*graded, *[_not_applicable(gate, i, why) for i in ("large_withdrawn", "rows_withdrawn")]]
    # An economy without any row now is withdrawn, not lost on the way: its vintage is that of the version.
    now = _vintages(gate.data, "vintage_now")
    both = _vintages(before(gate), "vintage_before").join(now, on="economy_code", how="left")
    same = both.filter(pl.col("vintage_now") == pl.col("vintage_before"))
    floor = bound(gate, "large_withdrawn", "floor_usd")
    large = partly.join(same, on="economy_code", how="anti").filter(pl.col("usual").abs() >= floor)
    told = gone.select(*CELL, "usual")
    zero = told.filter(pl.col("usual") == 0)
    withdrawn = told.filter(pl.col("usual") != 0).join(same, on="economy_code", how="anti")
    return [
        *_by_size(gate, "rows_lost", partly.join(same, on="economy_code", how="semi"), was),
        _none_of(gate, "large_withdrawn", f"none from {floor:,.0f} dollars on", large.sort(CELL), was),
        _none_of(gate, "rows_withdrawn", "none", pl.concat([withdrawn, zero]).sort(CELL), was),
    ]


def _revisions(gate: GateInput, flows: Sequence[str]) -> list[Check]:
    both = gate.data.join(before(gate).select(*KEY, *[pl.col(c).alias(f"{c}_before") for c in flows]), on=KEY)
    common = [
        pl.col(c, f"{c}_before").filter(pl.col(c).is_not_null() & pl.col(f"{c}_before").is_not_null()) for c in flows
    ]
    both = both.filter(pl.any_horizontal(pl.col(c).is_not_null() & pl.col(f"{c}_before").is_not_null() for c in flows))
    by_economy = both.group_by("is_aggregate", "economy_code").agg([e.abs().sum() for e in common])
    by_economy = by_economy.sort("economy_code")
    economies, aggregates = by_economy.filter(~pl.col("is_aggregate")), by_economy.filter("is_aggregate")
    total = economies.select(pl.len().alias("economies"), pl.col(*flows, *[f"{c}_before" for c in flows]).sum())
    floor = bound(gate, "size_of_change", "floor_usd")
    return [
        ratio(gate, check_id, TITLES[check_id][0], sums, flows, TITLES[check_id][1], above)
        for check_id, sums, above in (
            ("size_of_change", economies, floor),
            ("large_revision", economies, floor),
            ("aggregate_change", aggregates, floor),
            ("aggregate_revision", aggregates, floor),
            ("total_change", total.filter(pl.col("economies") > 0), 0),
        )
    ]


def _figures_revised(gate: GateInput, flows: Sequence[str]) -> Check:
    """A headline that moved: true revisions are as large as faults, so a person looks."""
    share, floor = bound(gate, "figures_revised", "share"), bound(gate, "figures_revised", "floor_usd")
    was = observations(before(gate), flows).rename({"value_usd": "usual"})
    both = observations(gate.data, flows).join(was, on=list(CELL)).filter(pl.col("usual").abs() >= floor)
    off = both.filter((pl.col("value_usd") - pl.col("usual")).abs() > share * pl.col("usual").abs()).sort(CELL)
    return _none_of(gate, "figures_revised", f"within {share:.0%}, from {floor:,.0f} dollars on", off, both)
