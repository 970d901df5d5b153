"""Why a corruption that is published cannot be told from true figures."""

from __future__ import annotations

REASONS: dict[tuple[str, str], str] = {}
CASES: dict[tuple[str, str, str], str] = {}


def reason_of(dataset: str, kind: str, case: str) -> str:
    """Return the reason of a case, or of its kind; empty if none is given."""
    return CASES.get((dataset, kind, case)) or REASONS.get((dataset, kind), "")
