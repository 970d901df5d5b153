"""Whether figures moved by one factor. A true event moves groups of goods differently; a wrong unit, a weight or a part
of the records that is missing moves them alike, in every table that is made from the same records."""

from __future__ import annotations

import polars as pl

from configs.contract import Contract
from expectations.check import GateInput, Other

# Figures that changed, of which the ratio is one and the same within SPREAD.
LEAST, SPREAD = 3, 0.002
# What a group must be worth for its ratio to say something; how many groups; the months that say what is usual.
FLOOR_USD, GROUPS, MONTHS = 1e8, 5, 24
# Of the usual spread between groups: below it they moved alike.
ALIKE = 2.0


def moved_by_one_factor(gate: GateInput, other: Other | None) -> bool:
    """Return whether the candidate differs from the version before by one factor, or its newest months from the year
    before by one factor in all groups (those of the candidate, or of ``other``)."""
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
    """Return whether in a new month the groups of a flow moved alike against the year before."""
    newest = was.select(pl.col("period").max()).collect().item() if was is not None else None
    groups = frame.filter(pl.col("partner_code") == "-").select("flow", "technology_group", "period", "value_usd")
    before = groups.with_columns(pl.col("period").dt.offset_by("12mo")).rename({"value_usd": "before"})
    ratios = (
        groups.join(before, on=["flow", "technology_group", "period"])
        .filter(pl.min_horizontal("value_usd", "before") >= FLOOR_USD)
        .with_columns((pl.col("value_usd") / pl.col("before")).log().alias("log"))
    )
    middle = pl.col("log").median().over("flow", "period")
    spread = (
        ratios.with_columns((pl.col("log") - middle).abs().alias("off"))
        .group_by("flow", "period")
        .agg(pl.col("off").median().alias("spread"), pl.len().alias("groups"))
        .filter(pl.col("groups") >= GROUPS)
        .sort("flow", "period")
        .with_columns(pl.col("spread").rolling_median(MONTHS, min_samples=6).shift(1).over("flow").alias("usual"))
        .drop_nulls("usual")
    )
    new = (
        spread.filter(pl.col("period") > newest)
        if newest is not None
        else spread.filter(pl.col("period") == pl.col("period").max())
    )
    # Above a threshold they moved apart in every new month: an event of some groups.
    return not new.filter(pl.col("spread") < ALIKE * pl.col("usual")).collect().is_empty()
