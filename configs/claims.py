"""What a press article of 2025 states on this subject: claims to hold against the data, no facts."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from configs import CONFIGS


@dataclass(frozen=True)
class Claim:
    """A statement with its figure. ``tolerance_pct``: how far off the data may be for the wording to hold."""

    claim: str
    statement: str
    dataset: str
    subject: str
    period: str
    measure: str
    claimed_usd: float
    tolerance_pct: float


def load_claims() -> tuple[Claim, ...]:
    """The claims of ``configs/claims.csv``, in its order."""
    with open(CONFIGS / "claims.csv", encoding="utf-8", newline="") as f:
        return tuple(
            Claim(
                **{k: r[k] for k in ("claim", "statement", "dataset", "subject", "period", "measure")},
                claimed_usd=float(r["claimed_usd"]),
                tolerance_pct=float(r["tolerance_pct"]),
            )
            for r in csv.DictReader(f)
        )


def claims_of(dataset: str) -> tuple[Claim, ...]:
    """The claims about the figures of a dataset."""
    return tuple(c for c in load_claims() if c.dataset == dataset)
