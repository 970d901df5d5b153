"""All publishers in turn: which probes each has, and whether they agree with one another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from configs.errors import UsageError
from configs.settings import Keys, from_environment
from configs.words import did_you_mean
from tasks.extract.probe import bea, bulk, census, leads, world_bank
from tasks.extract.probe.findings import Finding
from tasks.extract.probe.visit import Visit

# In the order of asking: www.census.gov first, whose bot filter is the likeliest to refuse.
PROBES: Mapping[str, Callable[[Visit], None]] = {
    "census_balance": census.balance,
    "census_ft900": census.releases,
    "census_atp_lists": census.lists,
    "census_bulk": bulk.months,
    "census_hitech": census.trade,
    "world_bank": world_bank.series,
    "world_bank_archives": world_bank.versions,
    "bea": bea.statistics,
}
# FT-900 prints millions, the workbook thousands at the least; both are of one release.
AGREE = 0.002


@dataclass(frozen=True)
class Probed:
    """What a round of probes found. ``findings``: all of them, the worst first."""

    at: datetime
    visits: tuple[Visit, ...]
    between: tuple[Finding, ...]

    @property
    def findings(self) -> list[Finding]:
        order = ("breaks us", "look at", "good to know")
        found = [f for v in self.visits for o in v.outcomes for f in o.findings]
        return sorted([*found, *self.between], key=lambda f: order.index(f.severity))

    @property
    def as_believed(self) -> bool:
        """Whether every probe was made and answered, and nothing needs a person."""
        outcomes = [o for v in self.visits for o in v.outcomes]
        quiet = all(f.severity == "good to know" for f in self.findings)
        return quiet and all(o.state == "as believed" for o in outcomes if not o.probe.startswith("lead: "))


def refuse_unknown(names: Iterable[str]) -> None:
    """Raises ``UsageError`` for a name that is no publisher's."""
    for name in names:
        if name not in PROBES:
            raise UsageError(f"no publisher {name!r}{did_you_mean(name, PROBES)}; there are: {', '.join(PROBES)}")


def probe(names: tuple[str, ...], now: datetime, keys: Keys = from_environment) -> Probed:
    """Ask publishers (all where none is named), one after another.

    Raises:
        UsageError: no such publisher.
    """
    refuse_unknown(names)
    shut: set[str] = set()
    visits = []
    for source in names or tuple(PROBES):
        visit = Visit(source, now, keys, shut)
        visits.append(visit)
        if not visit.settings.url:
            visit.probe("address", lambda outcome: None)
            visit.outcomes[-1].not_made = "its address is empty: the source is switched off"
            continue
        PROBES[source](visit)
        leads.look(visit)
    return Probed(now, tuple(visits), tuple(_between(visits)))


def _between(visits: list[Visit]) -> Iterator[Finding]:
    """Compare totals of one flow and month that two publishers give."""
    for number, first in enumerate(visits):
        for second in visits[number + 1 :]:
            for flow, month in sorted(set(first.figures) & set(second.figures)):
                one, other = first.figures[flow, month], second.figures[flow, month]
                if abs(one - other) <= AGREE * max(abs(one), abs(other)):
                    continue
                text = (
                    f"{flow.capitalize()} of {month} are {one / 1e9:,.3f} billion US dollars by {first.source} and "
                    f"{other / 1e9:,.3f} billion by {second.source}."
                )
                yield Finding(first.source, f"compared with {second.source}", "look at", text)
