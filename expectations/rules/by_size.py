"""One fault in three degrees: many at once are structural, a large one waits for a person, a small one is published.

A publisher does empty an economy, add an aggregate or correct one figure. None of these may stop the whole table, and
none of them comes in dozens.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from configs.contract import Severity
from expectations.check import Check, GateInput, Observations, bound, none_of, not_applicable

DEGREES: tuple[tuple[str, str, Severity], ...] = (
    ("", "in more than a few places at once", "critical"),
    ("_large", "of a large figure", "hold"),
    ("_small", "of a small figure", "warning"),
)


def by_size(
    gate: GateInput,
    check_id: str,
    title: str,
    off: pl.LazyFrame,
    over: pl.LazyFrame,
    observed: Observations,
    each: tuple[str, str] | None = None,
) -> list[Check]:
    """Return ``check_id`` (more than ``most``), ``check_id_large`` (from ``floor_usd``) and ``check_id_small``.

    Args:
        each: column and noun of what ``most`` counts; None for observations.
        off: economy_code and the rest of ``observed.key``, value_usd (null if it is gone) and usual (null if it is
            new); one row an observation.
    """
    most, floor = int(bound(gate, check_id, "most")), bound(gate, check_id, "floor_usd")
    size = pl.max_horizontal(pl.col("value_usd").abs(), pl.col("usual").abs())
    of_economy = size.max().over("economy_code") >= floor
    many = off.filter((pl.col(each[0]).n_unique() if each else pl.len()) > most)
    parts = (many, off.filter(of_economy), off.filter(~of_economy))
    told = (
        f"at most {most} {each[1] if each else 'observations'}",
        f"none from {floor:,.0f} dollars on",
        f"none below {floor:,.0f} dollars",
    )
    checks = [
        none_of(gate, f"{check_id}{suffix}", f"{title}, {degree}", expected, part.sort(observed.key), severity, over,
                observed if severity == "hold" else None)
        for (suffix, degree, severity), part, expected in zip(DEGREES, parts, told, strict=True)
    ]  # fmt: skip
    # The three share the bounds, and their reason.
    return [replace(c, reason=c.reason or gate.contract.policy(check_id, "critical").reason) for c in checks]


def not_applicable_by_size(gate: GateInput, check_id: str, title: str, why: str) -> list[Check]:
    """Return the three checks as not applicable, with the reason."""
    return [not_applicable(gate, f"{check_id}{s}", f"{title}, {d}", why, severity) for s, d, severity in DEGREES]
