"""One true event: figures that are right, however strange, and must reach their readers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.quality_mutations.case import Case, Level, List
from benchmarks.quality_mutations.grounds import Ground, Of, Tables, grounds, without_second
from benchmarks.quality_mutations.judge import corrupted
from benchmarks.quality_mutations.operations import Corruption
from tasks.quality.gate import run_gate
from tasks.quality.results import GateResult

Ending = Literal["published", "warned", "confirmed", "person", "blocked"]
# Days from a dataset's own release to that of its second source: Census releases workbook, API and FT-900 on the same
# day; the World Bank takes BEA's update of July over in October, when BEA's own has long been there.
WAIT = {"atp_world_monthly": 0, "atp_trade_monthly": 0, "ip_trade_annual": 0, "us_ip_trade_annual": 95}


@dataclass(frozen=True)
class Event:
    """``size``: how large it was, and where that is from. ``ground``: makes the good candidate and the version before;
    by default the dataset's next live update."""

    dataset: str
    what: str
    size: str
    happen: Corruption
    level: Level = "figures"
    tables: Callable[[Tables], Tables] | None = None
    of: List = "ours"
    ground: Callable[[], Ground] | None = None


@dataclass(frozen=True)
class Aftermath:
    """What became of a true event, the second source being there or not. ``days``: how long it was held; None where
    only a person can confirm it."""

    event: Event
    alone: GateResult
    beside: GateResult
    ending: Ending
    days: int | None

    @property
    def by(self) -> tuple[str, ...]:
        return tuple(r.check_id for r in self.alone.results if r.outcome == "failed")


def live_ground(dataset: str) -> Ground:
    found = grounds(dataset)
    of: Of = "live" if "live" in found else "single"
    return found[of]()


def happened(event: Event) -> Aftermath:
    """Judge the event as the next version, with nothing else there and with a second source that says the same.

    Raises:
        CheckCouldNotRunError: a check could not answer; true figures must never do that.
    """
    ground = (event.ground or (lambda: live_ground(event.dataset)))()
    data, tables, vintage = corrupted(
        Case(event.dataset, "", event.what, event.happen, event.level, None, event.tables), ground
    )
    alone = run_gate(ground.beside(False).gate(data, without_second(tables), vintage))
    others, told = ground.agreeing(data, tables) if ground.agreeing else ({}, tables)
    beside = run_gate(replace(ground, others=others).gate(data, told, vintage))
    ending = _ending(alone, beside)
    days = {"confirmed": WAIT.get(event.dataset, 0), "person": None, "blocked": None}.get(ending, 0)
    return Aftermath(event, alone, beside, ending, days)


def _ending(alone: GateResult, beside: GateResult) -> Ending:
    if alone.rejected or beside.rejected:
        return "blocked"
    if beside.held:
        return "person"
    if alone.held:
        return "confirmed"
    return "warned" if alone.counts.failed_warning else "published"
