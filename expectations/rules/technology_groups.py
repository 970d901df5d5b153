"""What holds of technology groups wherever they stand."""

from __future__ import annotations

import polars as pl

from configs.technology_groups import GROUPS
from expectations.check import Check, GateInput, none_of


def group_names(gate: GateInput) -> Check:
    """A group is called what the publisher calls it."""
    listed = pl.LazyFrame({"technology_group": list(GROUPS), "listed_as": list(GROUPS.values())})
    named = gate.data.select("technology_group", "technology_group_name").unique()
    off = named.join(listed, on="technology_group").filter(
        pl.col("technology_group_name").ne_missing(pl.col("listed_as"))
    )
    title = "a group has its own name"
    return none_of(gate, "group_names", title, "as the contract lists them", off.sort("technology_group"), over=named)
