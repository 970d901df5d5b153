"""What the verdicts add up to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.quality_mutations.judge import OUTCOMES, Outcome, Verdict


@dataclass(frozen=True)
class Score:
    """Counts over verdicts. ``ways``: corruptions, each of which was judged in several ways. ``movers``: judgements of
    those that move a headline total by a percent or more."""

    ways: int
    judged: int
    counts: dict[Outcome, int]
    movers: int
    movers_silent: int
    movers_stopped: int

    @staticmethod
    def of(verdicts: Iterable[Verdict]) -> Score:
        found = list(verdicts)
        movers = [v for v in found if v.headline]
        return Score(
            ways=len({(v.dataset, v.kind, v.case) for v in found}),
            judged=len(found),
            counts={o: sum(v.outcome == o for v in found) for o in OUTCOMES},
            movers=len(movers),
            movers_silent=sum(v.outcome == "silent" for v in movers),
            movers_stopped=sum(v.stopped for v in movers),
        )

    @property
    def silent(self) -> float:
        """The share that was published without a word."""
        return self.counts["silent"] / self.judged if self.judged else 0.0

    @property
    def stopped(self) -> float:
        """Of the headline movers, the share that was held or blocked."""
        return self.movers_stopped / self.movers if self.movers else 1.0
