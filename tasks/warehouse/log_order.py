"""What follows from the order of events in a log: what readers got after each, and how versions are sorted."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from tasks.warehouse.records import LogEntry, misdated


def readers_got(log: Sequence[LogEntry]) -> list[str]:
    """The version that readers of latest got after each event of a log."""
    now, good, found = "", list[str](), list[str]()
    for entry in log:
        if entry.event == "yanked":
            good = [v for v in good if v != entry.version]
            if entry.version == now:
                now = entry.fallback or (good[-1] if good else now)
        else:
            good.append(entry.version)
            now = entry.version
        found.append(now)
    return found


def in_order(log: Sequence[LogEntry]) -> Callable[[str], tuple[int, str]]:
    """Return the key by which versions are sorted: published ones as in the log, others by name between them.

    Names alone do not do it: a clock that was wrong may have named one of them.
    """
    published = {e.version: n for n, e in enumerate(log) if e.event != "yanked"}
    dated = sorted(published.keys() - misdated(log).keys())

    def key(version: str) -> tuple[int, str]:
        if version in published:
            return published[version], version
        before = bisect_left(dated, version)
        return (published[dated[before - 1]] if before else -1), version

    return key
