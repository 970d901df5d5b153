"""Whether figures moved by one factor. A true event moves groups of goods differently; a wrong unit, a weight or a part
of the records that is missing moves them alike, in every table that is made from the same records."""

from __future__ import annotations

import polars as pl

from configs.contract import Contract
from expectations.check import GateInput, Other
from expectations.rules.newest_months import one_step

# Figures that changed, of which the ratio is one and the same within SPREAD.
LEAST, SPREAD = 3, 0.002
# What a group must be worth for its ratio to say something, and how many groups must be.
FLOOR_USD, GROUPS = 1e8, 5
# From how far on a total moved (natural logarithm of a ratio), and of that the part that its usual group moved too:
# medicines and computers before the tariffs of 2025 are two groups of ten.
MOVED, ALIKE = 0.05, 0.5


def moved_by_one_factor(gate: GateInput, other: Other | None) -> bool:
    """Return whether the candidate differs from the version before by one factor, or its new months from their season
    alike in all groups (those of the candidate, or of ``other``)."""
    if _changed_alike(gate.contract, gate.data, gate.parent):
        return True
    frames = [f for f in (gate.data, other.frame if other else None) if f is not None]
    by_group = next((f for f in frames if "technology_group" in f.collect_schema()), None)
    return by_group is not None and _groups_alike(by_group, gate.parent)


def _changed_alike(contract: Contract, now: pl.LazyFrame, was: pl.LazyFrame | None) -> bool:
    if was is None:
        return False
    key, have = list(contract.primary_key), was.collect_schema().names()
    measures = [m.name for m in contract.measures if m.polars.is_numeric() and m.name in have]
    by = [c for c in ("flow", "direction") if c in key]
    both = now.select(*key, *measures).join(was.select(*key, *[pl.col(m).alias(f"{m}__was") for m in measures]), on=key)
    for measure in measures:
        ratio = (pl.col(measure).cast(pl.Float64) / pl.col(f"{measure}__was").cast(pl.Float64)).alias("ratio")
        changed = both.filter((pl.col(measure) != pl.col(f"{measure}__was")) & (pl.col(f"{measure}__was") != 0))
        sizes = changed.select(*by, ratio)
        stats = [
            pl.len().alias("n"), pl.col("ratio").median().alias("mid"),
            pl.col("ratio").quantile(0.05).alias("low"), pl.col("ratio").quantile(0.95).alias("high"),
        ]  # fmt: skip
        found = (sizes.group_by(by).agg(stats) if by else sizes.select(stats)).collect()
        alike = (pl.col("n") >= LEAST) & ((pl.col("high") - pl.col("low")) <= SPREAD * pl.col("mid").abs())
        if not found.filter(alike).is_empty():
            return True
    return False


def _groups_alike(frame: pl.LazyFrame, was: pl.LazyFrame | None) -> bool:
    """Return whether in a new month the usual group moved as far from its season as the total did."""
    newest = was.select(pl.col("period").max()).collect().item() if was is not None else None
    groups = frame.filter(pl.col("partner_code") == "-").select("flow", "technology_group", "period", "value_usd")
    totals = groups.group_by("flow", "period").agg(pl.col("value_usd").sum())
    whole = one_step(totals, ["flow"]).select("flow", "period", pl.col("off").alias("whole"))
    each = one_step(groups, ["flow", "technology_group"]).filter(pl.col("value_usd") >= FLOOR_USD)
    usual = each.group_by("flow", "period").agg(pl.col("off").median().alias("usual"), pl.len().alias("groups"))
    months = whole.join(usual.filter(pl.col("groups") >= GROUPS), on=["flow", "period"])
    last = pl.col("period").max() if newest is None else pl.lit(newest).dt.offset_by("1d")
    moved = months.filter((pl.col("period") >= last) & (pl.col("whole").abs() > MOVED))
    alike = moved.filter(pl.col("usual") / pl.col("whole") >= ALIKE)
    return not alike.collect().is_empty()
