"""``python -m benchmarks.quality_mutations [--json] [--alone] [DATASET ...]``: the table and the score.

``--alone``: only as first publications into an empty store, where there is nothing at all to compare with.
"""

from __future__ import annotations

import json
import sys

from benchmarks.quality_mutations.cases import CASES
from benchmarks.quality_mutations.score import STANCES, Score, Verdict, run
from flows.cli.output import table


def main(arguments: list[str]) -> int:
    """1 if a corruption was missed that moves a headline total by 1 % or more, or fewer than 95 % were caught."""
    datasets = [a for a in arguments if not a.startswith("-")]
    chosen = (c for c in CASES if not datasets or c.dataset in datasets)
    verdicts = list(run(chosen, ("alone",) if "--alone" in arguments else STANCES))
    score = Score.of(verdicts)
    if "--json" in arguments:
        print(json.dumps({"score": vars(score), "verdicts": [vars(v) for v in verdicts]}, indent=2))
    else:
        _print(verdicts, score)
    return 1 if score.headline_missed or score.caught < 0.95 else 0


def _print(verdicts: list[Verdict], score: Score) -> None:
    columns = ("dataset", "kind", "corruption", "version", "headline", "caught", "by")
    table(columns, [_row(v) for v in verdicts], right=("headline",))
    print()
    by_dataset = sorted({v.dataset for v in verdicts})
    rows = [(d, Score.of(v for v in verdicts if v.dataset == d)) for d in by_dataset] + [("all", score)]
    counts = ("dataset", "ways", "judged", "blocked", "warned", "missed", "caught", "headline movers", "missed of them")
    table(
        counts,
        [
            (d, *map(str, (s.ways, s.judged, s.critical, s.warning, s.missed)), f"{s.caught:.1%}",
             str(s.headline), str(s.headline_missed))
            for d, s in rows
        ],
        right=counts[1:],
    )  # fmt: skip


def _row(v: Verdict) -> tuple[str, ...]:
    moved = f"{v.moved:.1%}" if v.moved < 10 else f"{v.moved:.0e}"
    return (v.dataset, v.kind, v.case, v.stance, moved, v.caught, ", ".join(v.by[:4]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
