"""What an operator has to know of each dataset, gathered from the store: two small documents a dataset, and the alerts.

Nothing here asks a publisher or Prefect. What Prefect knows of runs is put in by who asks it
(``flows.prefect_setup.run_status``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from configs.announced import Announced
from configs.contracts import dataset_names, load_contract, published_names
from configs.errors import ConfigError, NewerFormatError, StoreError, StorePermissionError
from configs.first_publish import published_with
from configs.words import shortened
from tasks.alerts import state_store as alert_state
from tasks.alerts.model import KINDS, AlertState
from tasks.common.clock import moment, to_minute
from tasks.monitor.freshness import BAD, Freshness, documents, not_known, verdict
from tasks.storage.documents import DamagedRecordError
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import release_dates, schedule
from tasks.warehouse.holds import Hold
from tasks.warehouse.reader import open_hold
from tasks.warehouse.records import Cost, Latest, Schedule, Status

WORDS = 160
# Outcomes and states of a run after which a person has to look.
ENDED_BADLY = ("rejected", "held", "failed", "crashed", "timed out")
# A worker takes a run within seconds; after so many one that was not taken has nobody who takes it.
PATIENCE_SECONDS = 900


@dataclass(frozen=True)
class Run:
    """A run as Prefect knows it. ``state`` in lower case (``running``, ``late``, ``crashed``); ``at``: when it began or
    should have begun."""

    state: str
    at: datetime


@dataclass(frozen=True)
class Runs:
    """The runs of a dataset. ``paused``: its schedules are, so there is no next one."""

    last: Run | None = None
    next: Run | None = None
    paused: bool = False


@dataclass(frozen=True)
class OpenAlert:
    """Something that is known to be wrong."""

    kind: str
    title: str
    since: datetime


@dataclass(frozen=True)
class Row:
    """One dataset. ``run``: how the last run ended, or that it is under way; ``run_at``: when. ``checked_at``: when a
    run last wrote down how it ended. ``attention``: what a person has to look at; empty if all is well. ``held``: the
    newer version that is held until confirmed, ``held_since`` when."""

    dataset: str
    run: str
    run_at: datetime | None
    next_run: str
    next_at: datetime | None
    version: str | None
    vintage: str
    published_at: str
    checked_at: datetime | None
    asked_at: str
    freshness: str
    freshness_words: str
    alerts: tuple[OpenAlert, ...]
    cost: Cost | None
    seconds: float | None
    attention: tuple[str, ...]
    held: str | None = None
    held_since: str = ""


@dataclass(frozen=True)
class StatusBoard:
    """All datasets; and in ``attention`` what is of none of them: alerts on the scheduler or upkeep, alerts that could
    not be delivered, or that are not known."""

    rows: tuple[Row, ...]
    attention: tuple[str, ...]

    @property
    def well(self) -> bool:
        return not self.attention and not any(r.attention for r in self.rows)

    @property
    def known(self) -> bool:
        """Whether every dataset could be judged."""
        return not any(r.freshness == "not known" for r in self.rows)


def overview(
    store: ObjectStore, datasets: Sequence[str], runs: Mapping[str, Runs], now: datetime, *seen: str
) -> StatusBoard:
    """Looks at each dataset. What is wrong with one keeps no other from its turn.

    Args:
        runs: what Prefect knows, by dataset; empty where no server is there to say.
        seen: what a person has to look at besides, in words.

    Raises:
        StoreUnavailableError: the store could not be read.
    """
    told = [*seen]
    try:
        alerts = alert_state.look(store)
    except (StorePermissionError, DamagedRecordError, NewerFormatError) as e:
        alerts = AlertState()
        told.append(f"alerts are not known: {e}")
    others = sorted({i.finding.dataset for i in alerts.incidents} - set(dataset_names()))
    told += [f"{other}: {_words(a)}" for other in others for a in _open(alerts, other)]
    told += [f"an alert on {', '.join(a.datasets)} was not delivered: {a.error}" for a in alerts.undelivered if a.error]
    told += _left_behind(store, datasets)
    scheduled, announced = schedule.read(store), release_dates.announced(store, now)
    rows = tuple(
        _row(store, name, _open(alerts, name), runs.get(name, Runs()), now, scheduled, announced) for name in datasets
    )
    return StatusBoard(rows, tuple(told))


def _left_behind(store: ObjectStore, datasets: Sequence[str]) -> list[str]:
    """Of what is made from these datasets, what the last run could not bring up."""
    told = []
    try:
        names = [n for n in published_names() if set(load_contract(n).derived_from) & set(datasets)]
    except ConfigError as e:
        return [f"histories and marts are not known: {e}"]
    for name in names:
        try:
            status = documents(store, name)[1]
        except StoreError as e:
            told.append(f"{name}: {not_known(store, name, e).words}")
            continue
        if status is not None and status.outcome in ENDED_BADLY:
            told.append(f"{name}: does not follow, {status.outcome}: {shortened(status.detail, WORDS)}")
    return told


def _row(
    store: ObjectStore,
    name: str,
    alerts: tuple[OpenAlert, ...],
    runs: Runs,
    now: datetime,
    scheduled: Schedule | None,
    announced: Announced,
) -> Row:
    latest: Latest | None = None
    status: Status | None = None
    hold: Hold | None = None
    try:
        latest, status = documents(store, name)
        hold = open_hold(store, name, latest)
        if published_with(name) != (name,):  # made with its inputs, in their runs: only these have a calendar
            found = _derived(name, latest, status)
        else:
            found = verdict(name, latest, status, now, scheduled, hold, announced)
    except (StoreError, ConfigError) as e:
        found = not_known(store, name, e)
    made = row(latest, status, found, alerts, runs, now)
    return replace(made, held=hold.version, held_since=hold.since) if hold else made


def _derived(name: str, latest: Latest | None, status: Status | None) -> Freshness:
    words = f"made from {', '.join(load_contract(name).derived_from)}"
    if latest is None:
        return Freshness(name, "never published", words)
    return Freshness(name, "fresh", words, version=latest.version, vintage=status.vintage if status else "")


def _open(alerts: AlertState, dataset: str) -> tuple[OpenAlert, ...]:
    return tuple(
        OpenAlert(i.finding.kind, KINDS[i.finding.kind].title, i.first_at)
        for i in alerts.incidents
        if i.open and i.finding.dataset == dataset and KINDS[i.finding.kind].healed_by
    )


def row(
    latest: Latest | None,
    status: Status | None,
    verdict: Freshness,
    alerts: tuple[OpenAlert, ...],
    runs: Runs,
    now: datetime,
) -> Row:
    """What is known of a dataset, put together."""
    checked = moment(status.checked_at) if status else None
    run, run_at = _last(status, checked, runs)
    return Row(
        dataset=verdict.dataset,
        run=run,
        run_at=run_at,
        next_run=_next(runs),
        next_at=runs.next.at if runs.next else None,
        version=latest.version if latest else None,
        vintage=verdict.vintage,
        published_at=latest.published_at if latest else "",
        checked_at=checked,
        asked_at=status.asked_at if status else "",
        freshness=verdict.state,
        freshness_words=verdict.words,
        alerts=alerts,
        cost=status.cost if status else None,
        seconds=status.seconds if status else None,
        attention=tuple(_attention(run, runs, status, verdict, alerts, now)),
    )


def _last(status: Status | None, checked: datetime | None, runs: Runs) -> tuple[str, datetime | None]:
    """How the last run ended: what it wrote itself, unless Prefect knows of a later one that wrote nothing."""
    if (known := runs.last) is not None and (checked is None or known.at > checked):
        return known.state, known.at
    return (status.outcome, checked) if status else ("never", None)


def _next(runs: Runs) -> str:
    return runs.next.state if runs.next else "paused" if runs.paused else ""


def _attention(
    run: str,
    runs: Runs,
    status: Status | None,
    verdict: Freshness,
    alerts: tuple[OpenAlert, ...],
    now: datetime,
) -> list[str]:
    told = []
    if verdict.state == "held":
        told.append(shortened(verdict.words, WORDS))
    elif run in ENDED_BADLY:
        wrote = status.detail if status and status.outcome == run else "see its log in Prefect"
        told.append(f"the last run ended as {run}: {shortened(wrote, WORDS)}")
    waiting = [r for r in (runs.next, runs.last) if r and r.state in ("late", "pending", "scheduled")]
    for since in sorted(r.at for r in waiting if (now - r.at).total_seconds() > PATIENCE_SECONDS)[:1]:
        told.append(f"a run should have begun at {to_minute(since)} and no worker has taken it: is one running?")
    if verdict.state in BAD:
        told.append(f"{verdict.state}: {shortened(verdict.words, WORDS)}")
    return [*told, *map(_words, alerts)]


def _words(alert: OpenAlert) -> str:
    return f"alert open since {to_minute(alert.since)}: {alert.title}"
