"""Whether figures go back to what an older vintage had, where a later one has others.

A revision moves on. A publisher, a cache or a mirror that serves an old file moves back: each figure is right for its
day, adds up and is near the others, so only the history can tell. Whole dollars are compared, because a figure that is
computed anew differs by less than a cent; small figures return by chance, so there is a size and a number of cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from expectations.check import Check, GateInput, Observations, bound, none_of, not_applicable

TITLE = "figures do not go back to an older state"


def history_of(gate: GateInput, measures: Mapping[str, str]) -> pl.LazyFrame | None:
    """The key, ``measure``, value_usd and vintage of every state that ended, from the dataset's history; None without.

    Args:
        measures: those to take, with the word for each that stands in ``measure``.
    """
    found = gate.others(f"{gate.contract.name}_history")
    if found is None:
        return None
    ended = found.frame.filter(pl.col("vintage_until").is_not_null() & pl.col("measure").is_in(list(measures)))
    return ended.select(
        *gate.contract.primary_key,
        pl.col("measure").replace(dict(measures)),
        pl.col("value").alias("value_usd"),
        pl.col("vintage_from").alias("vintage"),
    )


def returning(
    gate: GateInput,
    key: Sequence[str],
    now: pl.LazyFrame,
    published: pl.LazyFrame | None,
    older: pl.LazyFrame | None,
) -> Check:
    """Fewer than ``cells`` figures above ``floor_usd`` differ from the version before and equal an older state.

    Args:
        now: ``key`` and value_usd of the candidate; ``published``: of the version before.
        older: ``key``, value_usd and vintage of states that ended; None if none is known.
    """
    cells, floor = int(bound(gate, "returning", "cells")), bound(gate, "returning", "floor_usd")
    if published is None or older is None:
        why = "there is no version before this one" if published is None else "no older state is known"
        return not_applicable(gate, "returning", TITLE, why, "hold")
    on, dollars = list(key), pl.col("value_usd").cast(pl.Float64).round()
    was = published.select(*on, dollars.alias("usual"))
    changed = now.select(*on, "value_usd", dollars.alias("dollars")).join(was, on=on)
    changed = changed.filter((pl.col("dollars") != pl.col("usual")) & (pl.col("dollars").abs() >= floor))
    states = (
        older.select(*on, dollars.alias("dollars"), "vintage").group_by(*on, "dollars").agg(pl.col("vintage").max())
    )
    back = changed.join(states, on=[*on, "dollars"]).drop("dollars").filter(pl.len() >= cells)
    told = f"fewer than {cells} figures above {floor:,.0f} dollars as in an older vintage, and not in the last"
    return none_of(
        gate,
        "returning",
        TITLE,
        told,
        back.sort(on),
        "hold",
        over=was,
        observed=Observations(tuple(key), now, published),
    )
