"""What the gate must reach, and whether it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.quality_mutations.event import Aftermath
from benchmarks.quality_mutations.grounds.ground import ANNUAL, ATP, IP, PARTNERS, PRODUCTS, QUARTERLY, TRADE
from benchmarks.quality_mutations.judge import Verdict
from benchmarks.quality_mutations.price import RealVintage
from benchmarks.quality_mutations.score import Score

TRADE_DATA = (ATP, TRADE)
OTHERS = (ANNUAL, QUARTERLY, PRODUCTS, PARTNERS)


@dataclass(frozen=True)
class Target:
    """``wanted`` and ``seen`` in words."""

    what: str
    wanted: str
    seen: str
    met: bool


def of_score(verdicts: Sequence[Verdict]) -> list[Target]:
    """Over the corruptions of the fixed list, while the second source is there, as the score has always been made.

    Without it a month a tenth too low looks like a true one; how many are then silent has no target and is
    shown beside the others (``ways`` in the report)."""
    found = [v for v in verdicts if v.of != "ours" and v.second]

    def some(datasets: tuple[str, ...], keep: Callable[[Verdict], bool] = lambda v: True) -> Score:
        return Score.of(v for v in found if v.dataset in datasets and keep(v))

    targets = [
        _silent("trade in advanced technology", some(TRADE_DATA)),
        _stopped("as next version", 0.95, some(TRADE_DATA, lambda v: v.stance == "next")),
        _stopped("as first version", 0.85, some(TRADE_DATA, lambda v: v.stance == "first")),
        _silent("intellectual property by economy", some((IP,))),
        _silent("BEA, products, partners", some(OTHERS)),
    ]
    every = Score.of(found)
    share = f"{every.silent:.1%} ({every.counts['silent']} of {every.judged})"
    return [*targets, Target("all corruptions: silent", "at most 5 %", share, every.silent <= 0.05)]


def _silent(what: str, score: Score) -> Target:
    seen = f"{score.movers_silent} of {score.movers}"
    return Target(f"{what}: silent headline movers", "none", seen, score.movers_silent == 0)


def _stopped(what: str, share: float, score: Score) -> Target:
    seen = f"{score.stopped:.1%} of {score.movers}"
    told = f"trade in advanced technology, {what}: headline movers held or blocked"
    return Target(told, f"at least {share:.0%}", seen, score.stopped >= share)


def of_price(vintages: Sequence[RealVintage], aftermaths: Sequence[Aftermath]) -> list[Target]:
    """Over the real vintages, and the true events."""
    blocked = [v for v in vintages if v.report.rejected]
    held = [v for v in vintages if v.second and v.report.held]
    kept = [a for a in aftermaths if a.ending == "blocked"]
    alone = sum(a.ending in ("published", "warned", "confirmed") for a in aftermaths)
    share = alone / len(aftermaths) if aftermaths else 1.0
    return [
        Target("real vintages: blocked", "none", f"{len(blocked)} of {len(vintages)}", not blocked),
        Target("real vintages: held beside their second source", "none", str(len(held)), not held),
        Target("true events: blocked", "none", f"{len(kept)} of {len(aftermaths)}", not kept),
        Target("true events: published without a person", "at least 80%", f"{share:.0%}", share >= 0.8),
    ]
