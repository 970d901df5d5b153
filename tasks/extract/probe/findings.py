"""A difference between what a publisher sends and what our parsers and doubles believe, as one sentence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tasks.extract.drift.check import DriftItem

Severity = Literal["breaks us", "look at", "good to know"]
SEVERITIES: tuple[Severity, ...] = ("breaks us", "look at", "good to know")


@dataclass(frozen=True)
class Finding:
    """``breaks us``: nothing is published, or something wrong is. ``look at``: a person has to say whether it is
    right."""

    source: str
    probe: str
    severity: Severity
    text: str


def of_metadata(source: str, probe: str, items: Iterable[DriftItem]) -> list[Finding]:
    """Describe differences from the frozen metadata (``configs/drift``)."""
    said: dict[str, tuple[Severity, str]] = {
        "gone": ("breaks us", "{name} ({expected}) is no longer there."),
        "changed": ("look at", "{name} was {expected} and is {seen} now."),
        "new": ("look at", "{name} ({seen}) is there, and is new to us."),
    }
    found = []
    for item in items:
        severity, text = said[item.kind]
        found.append(
            Finding(source, probe, severity, text.format(name=item.name, expected=item.expected, seen=item.seen))
        )
    return found
