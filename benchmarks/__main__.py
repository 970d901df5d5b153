"""``make bench``: every measurement as a ratio of two things timed in one run on this machine.

Absolute seconds depend on the machine; the ratios are what to compare. Ends with 1 if a ratio misses its target.
"""

from __future__ import annotations

import json
import sys

from benchmarks.commands import empty_run_against_first, help_against_interpreter
from benchmarks.detail import everything as product_detail
from benchmarks.harness import Ratio
from benchmarks.hitech import history
from benchmarks.publishing import fiftieth_against_fifth, nothing_new_against_publish
from benchmarks.start_up import small_publish_against_empty_flow, small_version_against_bare_flow
from benchmarks.vintages import everything as vintages
from flows.cli.output import table


def main(arguments: list[str]) -> int:
    found = [
        small_version_against_bare_flow(),
        small_publish_against_empty_flow(),
        nothing_new_against_publish(),
        help_against_interpreter(),
        fiftieth_against_fifth(),
        *history(),
        *vintages(),
        empty_run_against_first(),
        *product_detail(),
    ]
    if "--json" in arguments:
        print(json.dumps([vars(r) | {"ratio": r.ratio} for r in found], indent=2))
    else:
        columns = ("measured", "seconds", "against", "base seconds", "ratio", "target")
        table(columns, [_row(r) for r in found], right=("seconds", "base seconds", "ratio", "target"))
    return 0 if all(r.target is None or r.ratio <= r.target for r in found) else 1


def _row(r: Ratio) -> tuple[str, ...]:
    target = "" if r.target is None else f"{r.target:g}"
    return (r.what, f"{r.seconds:.3f}", r.against, f"{r.base_seconds:.3f}", f"{r.ratio:.2f}", target)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
