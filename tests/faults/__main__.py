"""``make faults``, or ``python -m tests.faults [ROW ...] [--write]``: try every fault and print the table.

Ends with 1 if an outcome was wrong. ``--write`` puts the table into ``docs/faults.md`` (all rows only).
"""

from __future__ import annotations

import os
import sys
import time

from tests.faults import table
from tests.faults.harness import ground, rows, tried


def main(arguments: list[str]) -> int:
    os.environ.setdefault("TECHTRADE_FOLLOW", "false")
    names = [a for a in arguments if not a.startswith("-")]
    known = rows()
    unknown = set(names) - {r.name for r in known}
    if unknown:
        print(f"no rows {sorted(unknown)}; there are: {', '.join(r.name for r in known)}", file=sys.stderr)
        return 2
    tallies = []
    with ground() as where:
        for row in known:
            if names and row.name not in names:
                continue
            began = time.monotonic()
            tally = tried(row, where)
            took = time.monotonic() - began
            print(f"{row.name}: faults tried: {tally.tried}, wrong outcome: {len(tally.wrong)} ({took:.0f} s)")
            for name, told in tally.wrong.items():
                print(f"  {name}: {told}")
            tallies.append(tally)
    if "--write" in arguments and not names:
        table.write(tallies)
    return 1 if any(t.wrong for t in tallies) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
