"""The years of the United States, whose figures the World Bank has from BEA: they tell the unit of a whole table.

A factor on every row (euros for dollars) leaves every sum and every ratio as it was. The United States' settled years
were the same to the dollar in each vintage since 2021, so they show it. A rebasing of the balance of payments would
move them too, and BEA's figures with them: so this holds, and BEA confirms.
"""

from __future__ import annotations

import re

import polars as pl

from configs.contract import Severity
from expectations.check import Check, GateInput, bound, none_of
from expectations.rules.economy_observations import CELL, DIRECTIONS, figures, measures, observed

KNOWN = re.compile(r"(?P<name>[a-z_]+)_(?P<year>[0-9]{4})_usd(?:_[0-9])?")


def us_years(gate: GateInput) -> list[Check]:
    """Return ``us_years``, ``us_recent`` and ``us_growth``, each where the contract has its bounds."""
    settled = "settled years of the United States are what they have been in every vintage"
    recent = "recent years of the United States are in a state that is known"
    given = gate.contract.quality
    return [
        *([_known(gate, "us_years", settled, "hold")] if "us_years" in given else []),
        *([_known(gate, "us_recent", recent, "warning")] if "us_recent" in given else []),
        *([_growth(gate)] if "us_growth" in given else []),
    ]


def _usa(gate: GateInput) -> pl.LazyFrame:
    return figures(gate.data.filter(pl.col("economy_code") == "USA"), measures(gate))


def _known(gate: GateInput, check_id: str, title: str, severity: Severity) -> Check:
    """Hold each year that the contract names (``receipts_2015_usd``, or ``receipts_2022_usd_2`` for another state of
    it) against the nearest of its known states. Settled years must be there; recent ones may be missing."""
    share, bounds = bound(gate, check_id, "share"), gate.contract.quality[check_id].bounds
    found = [(KNOWN.fullmatch(key), value) for key, value in bounds.items()]
    known = [("USA", DIRECTIONS[f"{m['name']}_usd"], int(m["year"]), value) for m, value in found if m]
    schema = {"economy_code": pl.String, "direction": pl.String, "year": pl.Int32, "usual": pl.Float64}
    wanted = pl.LazyFrame(known, schema=schema, orient="row")
    both = wanted.join(_usa(gate), on=list(CELL), how="left" if severity == "hold" else "inner")
    apart = (pl.col("value_usd") - pl.col("usual")).abs().alias("apart")
    nearest = both.with_columns(apart).sort("apart").unique(CELL, keep="first")
    off = nearest.filter(~(pl.col("apart") <= share * pl.col("usual")).fill_null(False)).drop("apart").sort(CELL)
    seen = observed(gate)
    return none_of(gate, check_id, title, f"within {share:.1%}", off, severity, over=wanted, observed=seen)


def _growth(gate: GateInput) -> Check:
    """From year to year, within what each flow has done since the first of the settled years."""
    usa = _usa(gate)
    was = usa.select("economy_code", "direction", pl.col("year") + 1, pl.col("value_usd").alias("usual"))
    steps = usa.join(was, on=list(CELL)).filter(pl.col("year") > bound(gate, "us_growth", "first_year"))
    spans = [
        (DIRECTIONS[m], bound(gate, "us_growth", f"{m[:-4]}_least"), bound(gate, "us_growth", f"{m[:-4]}_most"))
        for m in measures(gate)
    ]
    wanted = pl.LazyFrame(spans, schema=["direction", "least", "most"], orient="row")
    change = pl.col("value_usd") / pl.col("usual") - 1
    off = steps.join(wanted, on="direction").filter(~change.is_between("least", "most")).sort(CELL)
    title = "the United States' flows move from year to year as they have"
    expected = "; ".join(f"{direction} from {least:+.0%} to {most:+.0%}" for direction, least, most in spans)
    return none_of(gate, "us_growth", title, expected, off, "hold", over=steps, observed=observed(gate))
