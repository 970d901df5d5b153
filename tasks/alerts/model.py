"""What can be wrong, and what is remembered of it. Types only.

A *finding* is what one run or the freshness watch saw. An *incident* is the same finding seen once or often: its key is
dataset, kind and cause. An *alert* is what is sent: one or more *sections*, each of one kind and cause, naming every
dataset it hit. Kinds that tell a failing run apart are about what a person does next, not about our classes of errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import AwareDatetime

from tasks.storage.documents import Document, Record

Kind = Literal[
    "rejected",
    "held",
    "warnings",
    "credentials",
    "unavailable",
    "layout",
    "locked_out",
    "blocked",
    "store",
    "could_not_run",
    "settings",
    "crash",
    "stuck",
    "not_started",
    "no_server",
    "damaged",
    "stale",
    "test",
]
# The worst first.
Level = Literal["failure", "warning", "good"]


@dataclass(frozen=True)
class KindInfo:
    """A kind in words. ``healed_by``: what shows that it is over (a run that ends well, the freshness watch, the upkeep
    that looks after the very thing, the end of a hold); None for what is told and needs no end. ``has_page``: whether
    there is a quality page of it. ``repeats``: whether it is told again after its window; else only by reminders."""

    title: str
    runbook: str
    level: Level = "failure"
    healed_by: Literal["run", "watch", "upkeep", "hold"] | None = "run"
    has_page: bool = False
    repeats: bool = True


KINDS: dict[Kind, KindInfo] = {
    "rejected": KindInfo("rejected by the quality gate", "quality.md", has_page=True),
    "held": KindInfo("held until confirmed", "held.md", "warning", "hold", has_page=True, repeats=False),
    "warnings": KindInfo("published with quality warnings", "quality.md", "warning", None, has_page=True),
    "credentials": KindInfo("the key is missing or not accepted", "credentials.md"),
    "unavailable": KindInfo("the publisher does not give the figures", "unavailable.md"),
    "layout": KindInfo("the publisher gives something else than before", "layout.md"),
    "locked_out": KindInfo("the publisher shut us out", "locked-out.md"),
    "blocked": KindInfo("a filter of the publisher blocks this network", "blocked.md"),
    "store": KindInfo("the store failed", "store.md"),
    "could_not_run": KindInfo("a quality check could not run", "could-not-run.md"),
    "settings": KindInfo("a setting is wrong", "settings.md"),
    "crash": KindInfo("the run ended unexpectedly", "crash.md"),
    "stuck": KindInfo("the run hung", "stuck.md"),
    "not_started": KindInfo("its runs do not begin", "not-started.md"),
    "no_server": KindInfo("the Prefect server does not answer", "no-server.md", healed_by="upkeep"),
    "damaged": KindInfo("what readers get is damaged", "damaged.md", healed_by="upkeep"),
    "stale": KindInfo("not up to date", "stale.md", "warning", "watch"),
    "test": KindInfo("a test of the alert channels", "test.md", "good", None),
}
BY_RUN: tuple[Kind, ...] = tuple(k for k, info in KINDS.items() if info.healed_by == "run")
BY_WATCH: tuple[Kind, ...] = tuple(k for k, info in KINDS.items() if info.healed_by == "watch")


class FailedCheck(Record):
    """A check that failed: its severity, what was expected and seen, and up to three of the rows, in words."""

    id: str
    title: str
    expected: str
    observed: str
    severity: str = ""
    rows: tuple[str, ...] = ()
    runbook: str = ""

    identified_by = ("id",)


class Finding(Record):
    """One thing that is wrong with one dataset.

    ``cause`` tells failures of a kind apart, and is the same for datasets that fail of one cause: ids of checks, or an
    error and the source it came from. ``diagnosis``: what happened to the figures as a whole, where that is known;
    ``words``: what happened, for a person. ``stage``: of the run, where it is known. ``version``: the one that was
    checked. ``served``: what readers get now. ``evidence``: commands and addresses where more is to be seen.
    """

    dataset: str
    kind: Kind
    cause: str
    words: str
    served: str
    diagnosis: str = ""
    stage: str = ""
    version: str = ""
    checks: tuple[FailedCheck, ...] = ()
    more_checks: int = 0
    evidence: tuple[str, ...] = ()

    def is_about(self, version: str) -> bool:
        """Whether that version was checked; a finding of before this was recorded names it in its words."""
        return self.version == version if self.version else f"{self.dataset}@{version} " in f"{self.words} "

    @property
    def summary(self) -> str:
        """The first thing to know of it, in a line."""
        return self.diagnosis or self.words.removeprefix(f"{self.dataset}: ")

    @property
    def key(self) -> tuple[str, str, str]:
        return self.dataset, self.kind, self.cause


class Incident(Record):
    """A finding over time.

    ``since_told``: how often it was seen since an alert named it. ``known``: its owner was told that it fails now.
    ``told_at``: when last, also if it was healed since. ``healed``: what a good run said; ``announce``: which is still
    to be told. ``reminded``: the days on which its owner was reminded of it; ``remind``: a reminder is yet to be sent.
    """

    owner: str
    finding: Finding
    first_at: AwareDatetime
    last_at: AwareDatetime
    count: int = 1
    since_told: int = 1
    known: bool = False
    told_at: AwareDatetime | None = None
    healed_at: AwareDatetime | None = None
    healed: str = ""
    announce: bool = False
    reminded: tuple[int, ...] = ()
    remind: bool = False

    identified_by = ("finding.key",)

    @property
    def open(self) -> bool:
        return self.healed_at is None


class Section(Record):
    """The part of an alert about one kind and cause. ``good``: it is over. ``also``: datasets that fail of the same
    cause and were told of before."""

    kind: Kind
    cause: str
    incidents: tuple[Incident, ...]
    good: bool = False
    also: tuple[str, ...] = ()

    identified_by = ("kind", "cause", "good")

    @property
    def datasets(self) -> list[str]:
        return [i.finding.dataset for i in self.incidents]

    @property
    def level(self) -> Level:
        return "good" if self.good else KINDS[self.kind].level


class Alert(Record):
    """What is sent to an owner in one piece. It is in the state from when somebody takes it until it was delivered:
    ``token`` and ``leased_until`` say who has it in hand, ``attempts`` and ``error`` what came of it so far."""

    id: str
    owner: str
    sections: tuple[Section, ...]
    taken_at: AwareDatetime
    token: str = ""
    leased_until: AwareDatetime | None = None
    attempts: int = 0
    error: str = ""

    identified_by = ("id",)

    @property
    def level(self) -> Level:
        return min((s.level for s in self.sections), key=get_args(Level).index)

    @property
    def datasets(self) -> list[str]:
        return sorted({d for s in self.sections for d in s.datasets})


class Sent(Record):
    owner: str
    at: AwareDatetime

    identified_by = ("owner", "at")


class AlertState(Document):
    """``_alerts/state.json``. ``undelivered``: alerts that are in somebody's hands or that nobody could deliver.
    ``sent``: what was delivered lately, to keep within the burst."""

    incidents: tuple[Incident, ...] = ()
    undelivered: tuple[Alert, ...] = ()
    sent: tuple[Sent, ...] = ()
