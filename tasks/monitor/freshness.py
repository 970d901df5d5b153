"""Is what readers get as new as it can be, and if not, whose doing is it? From the store alone: no publisher is asked.

A publisher that answers, and goes on answering, with what is published already looks like all is well: every run ends
with "nothing new". Only the calendar, or the age of the figures, tells that it has stopped. And a schedule that has
stopped looks like nothing at all: only the time since we looked tells that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from configs.announced import NOTHING, Announced
from configs.contract import Contract
from configs.contracts import load_contract
from configs.errors import ConfigError, NewerFormatError, StoreError, StoreUnavailableError
from configs.hints import command
from configs.release_due import Expectations, ExpectedRelease, releases_due
from configs.vintages import last_day
from configs.words import plural, shortened
from tasks.common.clock import moment, to_minute
from tasks.common.text import one_line
from tasks.extract.bundled.index import bundled_vintages
from tasks.storage.documents import DamagedRecordError
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, release_dates, schedule
from tasks.warehouse.clock_check import is_future
from tasks.warehouse.hold_words import confirmable, waiting
from tasks.warehouse.holds import Hold
from tasks.warehouse.protocol import read_latest
from tasks.warehouse.reader import open_hold
from tasks.warehouse.records import Latest, Schedule, Status
from tasks.warehouse.run_status import recorded

FreshnessState = Literal[
    "fresh",
    "confirmed unchanged",
    "late at the publisher",
    "late at us",
    "held",
    "bundled, not scheduled",
    "never published",
    "not known",
]
BAD: tuple[FreshnessState, ...] = ("late at us", "not known")
ALARMING: tuple[FreshnessState, ...] = (*BAD, "late at the publisher")
# A run may be missed once, for a reboot or a passing fault; two turns of a schedule without a look are a standstill.
TURNS = 2
DETAIL = 240


@dataclass(frozen=True)
class Facts:
    """What is known of a dataset. ``stopped``: the version that the last run found rejected. ``diagnosis``: what
    happened to its figures, where that is known. ``asked_at``: when its publisher was last asked and gave a usable
    answer. ``bundled``: the vintage is one that comes with the project, and no publisher was asked yet. ``hold``: the
    newer candidate that is held until confirmed."""

    contract: Contract
    version: str | None = None
    vintage: str = ""
    outcome: str = ""
    detail: str = ""
    stopped: str | None = None
    checked_at: datetime | None = None
    asked_at: datetime | None = None
    diagnosis: str = ""
    bundled: bool = False
    hold: Hold | None = None


@dataclass(frozen=True)
class Freshness:
    """The verdict on a dataset. ``cause``: the same for all datasets that one thing has happened to. ``early``: late,
    but too early for an alert, as the first turn of its schedule may be still to come."""

    dataset: str
    state: FreshnessState
    words: str
    cause: str = ""
    version: str | None = None
    vintage: str = ""
    asked_at: str = ""
    early: bool = False

    @property
    def alarming(self) -> bool:
        return self.state in ALARMING and not self.early


def check_all(store: ObjectStore, datasets: Sequence[str], now: datetime) -> list[Freshness]:
    """Return the verdict on each dataset. What is wrong with one keeps no other from its turn.

    Raises:
        StoreUnavailableError: the store could not be read.
    """
    scheduled, announced = schedule.read(store), release_dates.announced(store, now)
    return [_watched(store, name, now, scheduled, announced) for name in datasets]


def _watched(
    store: ObjectStore, name: str, now: datetime, scheduled: Schedule | None, announced: Announced
) -> Freshness:
    try:
        latest, status = documents(store, name)
        return verdict(name, latest, status, now, scheduled, open_hold(store, name, latest), announced)
    except (StoreError, ConfigError) as e:
        return not_known(store, name, e)


def not_known(store: ObjectStore, name: str, error: StoreError | ConfigError) -> Freshness:
    """Return the verdict on a dataset that cannot be judged: damaged, unreadable, with a wrong contract or calendar.

    Raises:
        StoreUnavailableError: it is not the dataset, the store as a whole cannot be read.
    """
    if isinstance(error, StoreUnavailableError):
        store.size(layout.CATALOG)
    cause = "damaged" if isinstance(error, StoreError) else "configuration"
    cause = "newer techtrade" if isinstance(error, NewerFormatError) else cause
    return Freshness(name, "not known", one_line(error), cause)


def verdict(
    name: str,
    latest: Latest | None,
    status: Status | None,
    now: datetime,
    scheduled: Schedule | None,
    hold: Hold | None = None,
    announced: Announced = NOTHING,
) -> Freshness:
    """Return the verdict on a dataset from its two documents, and its candidate that is held.

    Raises:
        ConfigError: its contract or its calendar is wrong, or it has none.
    """
    facts = replace(facts_of(load_contract(name), latest, status), hold=hold)
    return freshness_verdict(facts, releases_due(name, now, announced), now, scheduled)


def freshness_verdict(
    facts: Facts, expected: Expectations, now: datetime, scheduled: Schedule | None = None
) -> Freshness:
    """Return the verdict, from what is known and what is to be expected at that moment.

    Args:
        scheduled: since when a schedule publishes into the store; None if none ever did.
    """
    if facts.asked_at is not None and is_future(facts.asked_at, now):
        facts = replace(facts, asked_at=None)  # stamped by a clock that was wrong: it says nothing
    found = (_held if facts.hold else _judged)(facts, expected, now, scheduled)
    return replace(found, early=True) if found.state in BAD and _is_early(facts, now, scheduled) else found


def _held(facts: Facts, expected: Expectations, now: datetime, scheduled: Schedule | None) -> Freshness:
    """Newer figures wait until they are confirmed: nobody is late, unless what waits would be late as well."""
    hold, name = facts.hold, facts.contract.name
    assert hold is not None
    bundled = facts.asked_at is None and hold.vintage in bundled_vintages(name)
    candidate = replace(facts, version=hold.version, vintage=hold.vintage, bundled=bundled)
    told = f"{waiting(hold, facts.version is None)}; {confirmable(hold)}; see: {command('held', name)}"
    if _judged(candidate, expected, now, scheduled).state not in ALARMING:
        return _verdict(facts, "held", told)
    found = _judged(facts, expected, now, scheduled)
    return replace(found, words=f"{found.words}; {told}")


def _is_early(facts: Facts, now: datetime, scheduled: Schedule | None) -> bool:
    """Whether the first turn of a new schedule may be still to come, and no run says otherwise."""
    if scheduled is None or facts.asked_at is not None or facts.outcome in ("failed", "rejected"):
        return False
    return now - moment(scheduled.since) <= timedelta(days=facts.contract.ask_within_days)


def _judged(facts: Facts, expected: Expectations, now: datetime, scheduled: Schedule | None) -> Freshness:
    if facts.version is None:
        return _unpublished(facts, scheduled)
    if scheduled is None and facts.bundled:
        told = f"vintage {facts.vintage} came with the project, and no schedule was ever started for this store"
        return _verdict(facts, "bundled, not scheduled", f"{told}; start one with: {command('serve')}")
    due = expected.due
    if due is not None and not due.had_by(facts.vintage):
        return _late(facts, expected, due)
    newest = last_day(facts.vintage)
    age = (now.date() - newest).days if newest is not None else 0
    if age > facts.contract.freshness_limit_days:
        return _too_old(facts, expected, age, now)
    if not _looked_lately(facts, now):
        return _standstill(facts)
    if (coming := expected.open) is not None and not coming.had_by(facts.vintage):
        by = f"{coming.expected:%Y-%m-%d}" + (f" ({coming.note})" if coming.note else "")
        told = f"{coming.what} may come any day until {by}; the publisher did not have it at {_at(facts.asked_at)}"
        return _verdict(facts, "confirmed unchanged", told)
    if due is None and facts.outcome in ("unchanged", "superseded"):
        told = f"the publisher was asked at {_at(facts.asked_at)} and had nothing newer than vintage {facts.vintage}"
        return _verdict(facts, "confirmed unchanged", told)
    has = f", which has {due.what}, the newest release that is due" if due else ""
    return _verdict(facts, "fresh", f"vintage {facts.vintage}{has}")


def _unpublished(facts: Facts, scheduled: Schedule | None) -> Freshness:
    """Nothing is published: no fault before there is a schedule, silence of ours from then on."""
    last = f"; the last run ended as {facts.outcome!r}: {facts.detail}" if facts.outcome else ""
    if scheduled is None:
        return _verdict(facts, "never published", f"no version is published{last}")
    what = f"no version is published, and a schedule runs since {_at(moment(scheduled.since))} ({scheduled.by})"
    if facts.outcome == "rejected":
        told = f"{what}: the quality gate stopped it; see: techtrade quality {facts.contract.name}@{facts.stopped}"
    elif facts.outcome == "failed":
        told = f"{what}: the last run failed: {facts.detail}"
    else:
        told = f"{what}: no run has ended since{last or ': is a worker running?'}"
    return _verdict(facts, "late at us", told, "never published")


def _late(facts: Facts, expected: Expectations, due: ExpectedRelease) -> Freshness:
    """A release that should be there is not: ours unless the publisher was asked after it, and did not have it."""
    what = f"{due.what} was to be expected by {_at(due.expected)}, and vintage {facts.vintage} is published"
    note = f" ({due.note})" if due.note else ""
    cause = f"{expected.calendar}, {due.what}"
    if facts.outcome == "rejected" and (facts.checked_at or due.expected) >= due.expected:
        why = f", because {facts.diagnosis}" if facts.diagnosis else ""
        see = command("quality", f"{facts.contract.name}@{facts.stopped}")
        return _verdict(facts, "late at us", f"{what}: the quality gate stopped it{why}; see: {see}", cause)
    if facts.outcome == "failed":
        return _verdict(facts, "late at us", f"{what}: the last run failed: {facts.detail}", cause)
    if facts.asked_at is None:
        return _verdict(facts, "late at us", f"{what}: it is not known that the publisher was ever asked", cause)
    if facts.asked_at < due.expected:
        return _verdict(facts, "late at us", f"{what}: we last asked at {_at(facts.asked_at)}, before that", cause)
    told = f"{what}: the publisher was asked at {_at(facts.asked_at)} and did not have it{note}"
    return _verdict(facts, "late at the publisher", told, cause)


def _too_old(facts: Facts, expected: Expectations, days: int, now: datetime) -> Freshness:
    """No release is due by the calendar, and the figures are older than the contract allows all the same."""
    limit = facts.contract.freshness_limit_days
    what = f"vintage {facts.vintage} is {plural(days, 'day')} old, beyond the {limit} that the contract allows"
    if expected.own:
        return _verdict(facts, "late at us", f"{what}: the table is ours, look it through", "own table")
    if facts.outcome == "failed" or not _looked_lately(facts, now):
        asked = f"we last asked at {_at(facts.asked_at)}" if facts.asked_at else "we never asked the publisher"
        return _verdict(facts, "late at us", f"{what}: {asked}", f"{expected.calendar}, too old")
    told = f"{what}: the publisher goes on giving it, last at {_at(facts.asked_at)}; has the address moved?"
    return _verdict(facts, "late at the publisher", told, f"{expected.calendar}, too old")


def _standstill(facts: Facts) -> Freshness:
    when = f"the last poll was at {_at(facts.asked_at)}" if facts.asked_at else "no poll is on record"
    failed = f"; the last run failed: {facts.detail}" if facts.outcome == "failed" else ""
    days = facts.contract.ask_within_days
    told = f"the publisher must be polled at least every {plural(days, 'day')}, and {when}{failed}"
    return _verdict(facts, "late at us", told, "nobody asks")


def _looked_lately(facts: Facts, now: datetime) -> bool:
    return facts.asked_at is not None and now - facts.asked_at <= timedelta(days=TURNS * facts.contract.ask_within_days)


def _verdict(facts: Facts, state: FreshnessState, words: str, cause: str = "") -> Freshness:
    asked = _at(facts.asked_at) if facts.asked_at else ""
    return Freshness(
        facts.contract.name, state, words, f"{state}: {cause}" if cause else "", facts.version, facts.vintage, asked
    )


def documents(store: ObjectStore, name: str) -> tuple[Latest | None, Status | None]:
    """Return the two documents that a verdict rests on. A status that cannot be read is not taken for none.

    Raises:
        StoreError: one is damaged or cannot be read.
    """
    latest, _ = read_latest(store, name)
    status = recorded(store, name)
    try:
        for stamp in filter(None, (status.checked_at, status.asked_at) if status else ()):
            moment(stamp)
    except ValueError as e:
        told = f"{layout.status(name)}: not a valid status document: {e}; the next run writes it again"
        raise DamagedRecordError(told) from e
    return latest, status


def facts_of(contract: Contract, latest: Latest | None, status: Status | None) -> Facts:
    """What the two documents say. Vintages stand in the log, so that no manifest has to be read."""
    entry = next((e for e in reversed(latest.published) if e.version == latest.version), None) if latest else None
    asked = moment(status.asked_at) if status and status.asked_at else None
    return Facts(
        contract=contract,
        version=latest.version if latest else None,
        vintage=entry.vintage if entry else "",
        outcome=status.outcome if status else "",
        detail=shortened(status.detail, DETAIL) if status else "",
        stopped=status.version if status and status.outcome == "rejected" else None,
        diagnosis=status.diagnosis if status else "",
        checked_at=moment(status.checked_at) if status else None,
        asked_at=asked,
        bundled=asked is None and entry is not None and entry.vintage in bundled_vintages(contract.name),
    )


def _at(known: datetime | None) -> str:
    return to_minute(known) if known else "no time that is known"
