"""Checks of ``revision_profile``: numbers that can be, and every history that is published."""

from __future__ import annotations

import polars as pl

from expectations.check import Check, GateInput, bound, none_of


def checks(gate: GateInput) -> list[Check]:
    """See docs/quality.md for the list in words."""
    data = gate.data
    size, mean = pl.col("mean_absolute_revision"), pl.col("mean_revision").abs()
    enough = bound(gate, "percentiles", "observations")
    few = pl.col("observations") < enough
    percentile = pl.col("p90_absolute_revision").is_not_null() | pl.col("median_absolute_revision").is_not_null()
    of_all = data.filter(pl.col("series_group") == "all").select("dataset", "measure", "age", total="observations")
    more = data.join(of_all, on=["dataset", "measure", "age"], how="left").filter(
        pl.col("total").is_null() | (pl.col("observations") > pl.col("total"))
    )
    return [
        none_of(
            gate,
            "sizes",
            "a mean is no larger than the mean size",
            "at most that",
            data.filter(mean > size + 1e-12),
            over=data,
        ),
        none_of(
            gate,
            "percentiles",
            "percentiles are given from a sample on",
            f"from {enough:g} figures",
            data.filter(few & percentile),
            over=data,
        ),
        none_of(gate, "groups", "no group has more figures than all together", "at most as many", more, over=data),
    ]
