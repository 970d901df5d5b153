"""Whether a source that only checks need can still be had.

One release without it is a passing fault, and the checks that need it say so. Two in a row mean that its address or
form has changed: without a warning they would not apply for ever, and nobody would know.
"""

from __future__ import annotations

import polars as pl

from expectations.check import Check, GateInput, none_of, not_applicable, not_made


def found_beside(gate: GateInput, check_id: str, name: str, table: str) -> Check:
    """That a table beside the dataset's source was had in this release or the one before it."""
    title = f"{name} could be had in one of the last two releases"
    if table not in gate.tables or (table not in gate.unavailable and _is_empty(gate.tables[table])):
        return not_applicable(gate, check_id, title, f"{name} was not asked for", "warning")
    if not _is_empty(gate.tables[table]):
        return none_of(gate, check_id, title, "it is there", pl.LazyFrame(schema={"release": pl.String}), "warning")
    before = gate.before.get(check_id)
    if before == "failed" or (before == "not_applicable" and gate.parent_vintage != gate.vintage):
        missing = pl.LazyFrame({"release": [gate.vintage], "reason": [gate.unavailable[table]]})
        return none_of(gate, check_id, title, "it is there", missing, "warning")
    return not_made(gate, check_id, title, table, "")


def _is_empty(table: pl.LazyFrame) -> bool:
    return table.head(1).collect().is_empty()
