"""``python -m benchmarks.quality_mutations [--json] [--all] [--write] [DATASET ...]``: the score of the gate.

Prints what became of each corruption and true event, the counts and the targets; exit code 1 if a target is not met.
``--all``: the blocked corruptions too. ``--write``: the tables in docs/quality-score.md.
"""

from __future__ import annotations

import json
import sys

from benchmarks.quality_mutations import report
from benchmarks.quality_mutations.cases import CASES
from benchmarks.quality_mutations.counted import counting
from benchmarks.quality_mutations.event import happened
from benchmarks.quality_mutations.events import EVENTS
from benchmarks.quality_mutations.judge import run_all
from benchmarks.quality_mutations.price import real_vintages
from benchmarks.quality_mutations.targets import of_price, of_score


def main(arguments: list[str]) -> int:
    """Return 1 if a target is not met."""
    datasets = [a for a in arguments if not a.startswith("-")]
    verdicts = run_all([c for c in CASES if not datasets or c.dataset in datasets])
    with counting():
        aftermaths = [happened(e) for e in EVENTS if not datasets or e.dataset in datasets]
        vintages = [v for v in real_vintages() if not datasets or v.dataset in datasets]
    targets = [*of_score(verdicts), *of_price(vintages, aftermaths)]
    if "--json" in arguments:
        print(json.dumps(report.as_json(verdicts, aftermaths, targets), indent=1))
    else:
        report.show(verdicts, aftermaths, targets, every="--all" in arguments)
    if "--write" in arguments:
        report.write(verdicts, aftermaths, targets)
    return 0 if all(t.met for t in targets) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
