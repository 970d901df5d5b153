"""What a press article of 2025 states on this subject: claims to test against the data, no facts."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import Literal, cast

from configs import CONFIGS

Superlative = Literal["", "highest", "lowest"]


@dataclass(frozen=True)
class Claim:
    """A statement with its figure.

    ``rounded_to_usd``: the unit that the statement rounds to, which is all the room that it has. ``superlative``: it
    also says that the figure is the highest or the lowest of its series on record.
    """

    claim: str
    title: str
    statement: str
    dataset: str
    subject: str
    period: str
    measure: str
    claimed_usd: float
    rounded_to_usd: float
    superlative: Superlative = ""


def load_claims() -> tuple[Claim, ...]:
    """The claims of ``configs/claims.csv``, in its order."""
    texts = ("claim", "title", "statement", "dataset", "subject", "period", "measure")
    with open(CONFIGS / "claims.csv", encoding="utf-8", newline="") as f:
        return tuple(
            Claim(
                **{k: r[k] for k in texts},
                claimed_usd=float(r["claimed_usd"]),
                rounded_to_usd=float(r["rounded_to_usd"]),
                superlative=cast(Superlative, r["superlative"]),
            )
            for r in csv.DictReader(f)
        )


def claims_of(dataset: str) -> tuple[Claim, ...]:
    """The claims about the figures of a dataset."""
    return tuple(c for c in load_claims() if c.dataset == dataset)
