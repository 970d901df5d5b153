"""Failing rows in words: ``1989-01-01: exports_usd 5,762,200,000,000 (5,762,200,000 in the version before)``.

Evidence keeps rows as JSON, for programs. People read them in alerts, mails and terminals, where a row is a place (its
texts and times) and the figures found there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tasks.common.text import figure
from tasks.quality.deviation import BESIDE, NAMED

TIMES = ("period", "year")
# Of a figure that is gone there is only what was expected.
LABELS = {"usual": "expected"}


def row_words(row: str) -> str:
    """Return one failing row, given as a JSON object, in words; anything else as it is."""
    try:
        cells = json.loads(row)
    except ValueError:
        return row
    return _words(cells) if isinstance(cells, dict) else row


def _words(cells: Mapping[str, Any]) -> str:
    where, figures, beside = [], [], _beside(cells)
    for name, value in cells.items():
        if name in TIMES and value is not None:
            where.append(str(value))
        elif isinstance(value, str):
            where.append(f"{name} {value}")
        elif name not in {other for other, _ in beside.values()}:
            other, words = beside.get(name, ("", ""))
            # A rule about the form of a figure, as its precision, compares it with itself.
            against = f" ({_figure(cells[other])} {words})" if other and cells[other] != value else ""
            figures.append(f"{LABELS.get(name, name)} {_figure(value)}{against}")
    return ": ".join(part for part in (", ".join(where), ", ".join(figures)) if part)


def _beside(cells: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return for each figure the one that it was compared with, and what that is."""
    suffixed = [(name, f"{name}_{suffix}", words) for name in cells for suffix, words in BESIDE.items()]
    pairs = [*suffixed, *((name, other, words) for name, other, words in NAMED if name in cells)]
    return {name: (other, words) for name, other, words in pairs if other in cells}


def _figure(value: Any) -> str:
    if value is None:
        return "missing"
    return figure(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
