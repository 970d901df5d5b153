"""Codes that are not in the table of partners: a publisher adds one, and the table must not have to be complete.

A small one is published, marked by having no more than its code and the publisher's name; a large one waits until a
person has entered it, or says that it may go out so.
"""

from __future__ import annotations

import polars as pl

from configs.columns import Column
from expectations.check import Check, GateInput, Observations, bound, none_of
from expectations.rules.economy_observations import measures, observed
from expectations.rules.revisions import before, incomparable

VALUE = "value_usd"


def resolves(gate: GateInput, column: Column) -> list[Check]:
    """Return ``resolves_<column>`` and, where the contract gives it a ``floor_usd``, ``unknown_<column>``.

    Without that bound no unknown code passes. With it the first is about codes with a figure of that size, and the
    second, a warning, about the others.
    """
    name, check_id, code = column.name, f"resolves_{column.name}", str(column.references).partition(".")[2]
    known = gate.table("partners", check_id).select(pl.col(code).alias(name)).drop_nulls().unique()
    present = gate.data.drop_nulls(name)
    title = f"every {name} is in the table of partners"
    policy = gate.contract.quality.get(check_id)
    if policy is None or "floor_usd" not in policy.bounds:
        unknown = present.join(known, on=name, how="anti").group_by(name).len("rows").sort(name)
        return [none_of(gate, check_id, title, f"a {code} of partners", unknown, over=present)]
    floor, seen = bound(gate, check_id, "floor_usd"), _observed(gate)
    unknown = seen.now.join(known, on=name, how="anti").with_columns(usual=pl.lit(None, dtype=pl.Float64))
    large = (pl.col(VALUE).abs().max().over(name) >= floor).fill_null(False)
    expected = f"from {floor:,.0f} dollars on, a {code} of partners"
    small = unknown.filter(~large).group_by(name).agg(pl.col(VALUE).abs().max().alias("largest_usd")).sort(name)
    return [
        none_of(gate, check_id, f"{title}, if it is large", expected, unknown.filter(large).drop_nulls(VALUE),
                "hold", over=seen.now, observed=seen),
        none_of(gate, f"unknown_{name}", f"{title}, if it is small", f"a {code} of partners", small, "warning",
                over=present.select(name).unique()),
    ]  # fmt: skip


def _observed(gate: GateInput) -> Observations:
    if measures(gate):
        return observed(gate)
    key = gate.contract.primary_key
    published = None if incomparable(gate, *key, VALUE) else before(gate).select(*key, VALUE)
    return Observations(key, gate.data.select(*key, VALUE), published)
