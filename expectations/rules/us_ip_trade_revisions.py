"""Checks of both BEA datasets against the version before: what BEA revises or withholds, and what only a fault does.

Losses are counted in figures, not in rows: BEA keeps the row when it withholds the figure. A code that is lost is a
fault while ``configs/reference/bea`` still has it, and news once a person has taken it out there.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from configs.contract import Severity
from expectations.check import Check, GateInput, bound, none_of, not_applicable
from expectations.rules.revisions import above_share, before, incomparable, ratio

TITLES: dict[str, tuple[str, Severity]] = {
    "codes_lost": ("no code of the version before is lost", "critical"),
    "codes_retired": ("no code of the version before has ended", "warning"),
    "figures_lost": ("no figure is lost without a newer vintage", "critical"),
    "figures_withdrawn": ("no figure was withdrawn by the publisher", "warning"),
    "figures_changed": ("no figure changes without a newer vintage", "critical"),
    "withdrawn_share": ("the publisher withdraws no large part of the table", "critical"),
}


def losses(gate: GateInput, codes: Mapping[str, str]) -> list[Check]:
    """The checks in TITLES; not applicable, with the reason, where the version before cannot be compared.

    Args:
        codes: columns that hold codes, with the source's table of the codes there are.
    """
    key = list(gate.contract.primary_key)
    if why := incomparable(gate, *key, "value_usd", "source_vintage"):
        return [not_applicable(gate, i, title, why, severity) for i, (title, severity) in TITLES.items()]
    was, now = (f.drop_nulls("value_usd").select(*key, "source_vintage") for f in (before(gate), gate.data))
    gone = was.join(now, on=key, how="anti").sort(key)
    same = pl.col("source_vintage") == gate.vintage
    most = bound(gate, "withdrawn_share", "share")
    lost = _codes_gone(gate, was, codes)
    return [
        _none_of(gate, "codes_lost", "none that configs/reference/bea has", lost.filter("still_listed"), was),
        _none_of(gate, "codes_retired", "none", lost.filter(~pl.col("still_listed")), was),
        _none_of(gate, "figures_lost", "none", gone.filter(same), was),
        _none_of(gate, "figures_withdrawn", "none", gone.filter(~same), was),
        _figures_changed(gate, key),
        _none_of(gate, "withdrawn_share", f"at most {most:.0%} of all figures", above_share(gone, was, most), was),
    ]


def _figures_changed(gate: GateInput, key: list[str]) -> Check:
    said = [*key, "source_vintage", "value_usd"]
    was = before(gate).select(said).rename({"value_usd": "value_usd_before"})
    both = gate.data.select(said).join(was, on=said[:-1])
    off = both.filter(pl.col("value_usd").ne_missing(pl.col("value_usd_before"))).sort(key)
    return _none_of(gate, "figures_changed", "none within a vintage", off, both)


def _codes_gone(gate: GateInput, was: pl.LazyFrame, codes: Mapping[str, str]) -> pl.LazyFrame:
    """column, code, still_listed: codes that had figures in the version before and have no row in this one."""
    found = []
    for column, table in codes.items():
        listed = gate.table(table, "codes_lost").select(pl.col("code").alias(column), pl.lit(True).alias("listed"))
        found.append(
            was.select(column)
            .unique()
            .join(gate.data, on=column, how="anti")
            .join(listed, on=column, how="left")
            .select(
                pl.lit(column).alias("column"),
                pl.col(column).alias("code"),
                pl.col("listed").fill_null(False).alias("still_listed"),
            )
        )
    return pl.concat(found).sort("column", "code")


def _none_of(gate: GateInput, check_id: str, expected: str, off: pl.LazyFrame, over: pl.LazyFrame) -> Check:
    title, severity = TITLES[check_id]
    return none_of(gate, check_id, title, expected, off, severity, over)


def size_of_change(
    gate: GateInput, check_id: str, title: str, rows: pl.Expr, by: list[str], default: Severity = "critical"
) -> Check:
    """The figures that both versions have, added up over time, by the columns ``by``: within a factor of each other."""
    key = list(gate.contract.primary_key)
    if why := incomparable(gate, *key, "value_usd"):
        return not_applicable(gate, check_id, title, why, default)
    parent = before(gate).select(*key, pl.col("value_usd").alias("value_usd_before"))
    both = gate.data.filter(rows).join(parent, on=key).drop_nulls(["value_usd", "value_usd_before"])
    sums = both.group_by(by).agg(pl.col("value_usd", "value_usd_before").abs().sum()).sort(by)
    return ratio(gate, check_id, title, sums, ["value_usd"], default, bound(gate, check_id, "floor_usd"), both)
