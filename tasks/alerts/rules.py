"""What is told, to whom, when: pure functions from a state and a moment to the next state.

The rules, each held by a property test:

- A failure is told once, again only after its window and if it was seen since. Failing, healing and failing again
  within the window is the same failure: it is told when the window is over, if it still fails then.
- That it is over is told once, if the owner was told that it fails, or would have been. Healed before it was told, both
  are told in one.
- What is held is told when it begins and on the days of its reminders, whatever was seen between, and when it ends.
- Incidents of one kind and cause that are due together are one section; more sections than ``most_at_once``, or than
  the burst leaves room for, are one alert.
- Whatever was taken stays in the state until it was delivered. A sender that dies leaves it to the next after a lease.

Kept are incidents, not messages to come: what is due follows from them, so nothing in the state can be out of date.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from itertools import groupby

from configs.alerts import AlertSettings
from tasks.alerts.model import KINDS, Alert, AlertState, Finding, Incident, Kind, Section, Sent
from tasks.warehouse.clock_check import is_future


def observe(state: AlertState, finding: Finding, owner: str, now: datetime, day: int | None = None) -> AlertState:
    """The state after one more finding; ``day``: its owner is reminded of it, once for each such day."""
    days = () if day is None else (day,)
    if (old := next((i for i in state.incidents if i.finding.key == finding.key), None)) is None:
        return _with(state, [Incident(owner=owner, finding=finding, first_at=now, last_at=now, reminded=days)])
    if days and day in old.reminded:
        return state
    seen: dict[str, object]
    if old.open:
        seen = {"count": old.count + 1, "since_told": old.since_told + 1}
    elif old.announce:
        # Failing again before anybody was told that it was over: it never was.
        seen = {"count": old.count + 1, "since_told": old.since_told + 1, "healed_at": None, "announce": False}
    else:
        seen = {"count": 1, "since_told": 1, "known": False, "healed_at": None, "first_at": now}
    seen |= {"reminded": (*old.reminded, *days), "remind": old.remind or bool(days)}
    return _with(state, [old.model_copy(update=seen | {"owner": owner, "finding": finding, "last_at": now})])


def recover(state: AlertState, dataset: str, kinds: Collection[Kind], words: str, now: datetime) -> AlertState:
    """The state after the dataset was found good, as far as those kinds go."""
    return _healed(state, [i for i in _open(state, dataset) if i.finding.kind in kinds], words, now)


def promote(state: AlertState, dataset: str, rejected: str, words: str, now: datetime) -> AlertState:
    """Return the state after a rejected version was published by a person: what else is wrong stays so."""
    mine = [i for i in _open(state, dataset) if i.finding.kind == "rejected" and i.finding.is_about(rejected)]
    return _healed(state, mine, words, now)


def end_holds(
    state: AlertState, dataset: str, still: str, ended: Mapping[str, str], words: str, now: datetime
) -> AlertState:
    """Return the state after holds of a dataset were looked at.

    Args:
        still: the cause of the one that goes on, if one does.
        ended: how others ended, by their causes; ``words`` for those that nothing is known of.
    """
    for incident in _open(state, dataset):
        if incident.finding.kind == "held" and (cause := incident.finding.cause) != still:
            state = _healed(state, [incident], ended.get(cause, words), now)
    return state


def _open(state: AlertState, dataset: str) -> list[Incident]:
    return [i for i in state.incidents if i.open and i.finding.dataset == dataset]


def _healed(state: AlertState, incidents: Iterable[Incident], words: str, now: datetime) -> AlertState:
    return _with(
        state,
        [
            i.model_copy(
                update={
                    "healed_at": now,
                    "healed": words,
                    # Told, or about to be for the first time; not what was held back within its window.
                    "announce": i.known or i.told_at is None,
                }
            )
            for i in incidents
        ],
    )


def lease_due(
    state: AlertState,
    owners: Collection[str],
    settings: AlertSettings,
    now: datetime,
    token: str,
    *,
    at_once: bool = False,
) -> AlertState:
    """Puts all that is due for those owners into the hands of ``token``: alerts of ``undelivered`` with that token.

    ``at_once``: nothing waits for others of its cause, as at the end of a command.
    """
    state = _tidy(state, settings, now)
    for owner in sorted(owners):
        state = _take_for(state, owner, settings, now, token, at_once)
    return state


def record_delivery(state: AlertState, alert: Alert, now: datetime, error: str | None) -> AlertState:
    """The state after an alert was delivered (``error`` None), or was not, and is in nobody's hands again."""
    mine = [a for a in state.undelivered if (a.id, a.token) == (alert.id, alert.token)]
    others = tuple(a for a in state.undelivered if a not in mine)
    if error is None:
        return state.model_copy(update={"undelivered": others, "sent": (*state.sent, Sent(owner=alert.owner, at=now))})
    back = [
        a.model_copy(update={"token": "", "leased_until": None, "attempts": a.attempts + 1, "error": error})
        for a in mine
    ]
    return state.model_copy(update={"undelivered": (*others, *back)})


def taken(state: AlertState, token: str) -> tuple[Alert, ...]:
    """What is in the hands of that token."""
    return tuple(a for a in state.undelivered if a.token == token)


# ---------------------------------------------------------------------- details


def _take_for(
    state: AlertState, owner: str, settings: AlertSettings, now: datetime, token: str, at_once: bool
) -> AlertState:
    of_owner = [a for a in state.undelivered if a.owner == owner]
    in_hand = [a for a in of_owner if a.leased_until is not None and a.leased_until > now]
    if any(a.token == token for a in in_hand):
        return state  # this very take was applied already: its reply was lost
    again = [a for a in of_owner if a not in in_hand]
    new = _due(state, owner, settings, now, at_once)
    told = {i.finding.key for s in new for i in s.incidents}
    late = [s for a in again for s in _still_true(a, state, told)]
    sections = late + new
    room = settings.burst_alerts - len(in_hand) - sum(s.owner == owner for s in state.sent)
    if room <= 0 and sections:
        return state
    attempts = max((a.attempts for a in again), default=0)
    few = len(sections) <= min(settings.most_at_once, room)
    parts = [[s] for s in sections] if few else [sections] if sections else []
    alerts = [
        Alert(
            id=f"{token}.{n}",
            owner=owner,
            sections=tuple(part),
            taken_at=now,
            token=token,
            leased_until=now + settings.lease,
            attempts=attempts,
        )
        for n, part in enumerate(parts)
    ]
    state = state.model_copy(update={"undelivered": (*(a for a in state.undelivered if a not in again), *alerts)})
    # What is told late is told now: its window begins here, not when it was tried first.
    keys = {i.finding.key for s in late if not s.good for i in s.incidents}
    state = _with(state, [i.model_copy(update={"told_at": now}) for i in state.incidents if i.finding.key in keys])
    return _with(state, [*_told(new, now), *_unhealed(again, state, told)])


def _due(state: AlertState, owner: str, settings: AlertSettings, now: datetime, at_once: bool) -> list[Section]:
    """What is to be told now, by kind and cause. One that waits for others goes along with one that is due."""
    of_owner = [i for i in state.incidents if i.owner == owner]
    ready = [i for i in of_owner if i.announce or _tellable(i, settings, now)]
    failing = {key: {i.finding.dataset for i in found} for key, found in _grouped(i for i in of_owner if i.open)}
    sections = []
    for (kind, cause, good), group in _grouped(ready):
        if any(at_once or now >= (i.healed_at or i.first_at) + settings.grouping for i in group):
            also = failing.get((kind, cause, False), set()) - {i.finding.dataset for i in group}
            sections.append(
                Section(kind=kind, cause=cause, incidents=tuple(group), good=good, also=tuple(sorted(also)))
            )  # fmt: skip
    return sections


def _tellable(incident: Incident, settings: AlertSettings, now: datetime) -> bool:
    if not incident.open or incident.since_told == 0:
        return False
    if incident.told_at is None or incident.remind:
        return True
    kind = incident.finding.kind
    return KINDS[kind].repeats and now >= incident.told_at + settings.window(kind)


def _grouped(incidents: Iterable[Incident]) -> list[tuple[tuple[Kind, str, bool], list[Incident]]]:
    def group(i: Incident) -> tuple[Kind, str, bool]:
        return i.finding.kind, i.finding.cause, not i.open

    return [(key, list(found)) for key, found in groupby(sorted(incidents, key=group), key=group)]


def _told(sections: Iterable[Section], now: datetime) -> list[Incident]:
    return [
        i.model_copy(
            update={"announce": False} if s.good else {"told_at": now, "known": True, "since_told": 0, "remind": False},
        )
        for s in sections
        for i in s.incidents
    ]


def _still_true(alert: Alert, state: AlertState, told: Collection[tuple[str, str, str]]) -> list[Section]:
    """The sections of an alert that was not delivered, without what is told anew, and without what has changed since:
    a failure that is over (that it is over tells of it), a recovery after which it failed again."""
    now_open = {i.finding.key: i.open for i in state.incidents}
    kept = []
    for section in alert.sections:
        ends = KINDS[section.kind].healed_by is not None
        left = tuple(
            i
            for i in section.incidents
            if i.finding.key not in told and (not ends or now_open.get(i.finding.key, not section.good) != section.good)
        )
        if left:
            kept.append(section.model_copy(update={"incidents": left}))
    return kept


def _unhealed(again: Iterable[Alert], state: AlertState, told: Collection[tuple[str, str, str]]) -> list[Incident]:
    """Incidents whose owner never got to know that they were over, and that are open again: the owner still knows."""
    keys = {i.finding.key for a in again for s in a.sections if s.good for i in s.incidents} - set(told)
    return [i.model_copy(update={"known": True}) for i in state.incidents if i.open and i.finding.key in keys]


def _with(state: AlertState, changed: list[Incident]) -> AlertState:
    by_key = {i.finding.key: i for i in state.incidents} | {i.finding.key: i for i in changed}
    return state.model_copy(update={"incidents": tuple(by_key.values())})


def _tidy(state: AlertState, settings: AlertSettings, now: datetime) -> AlertState:
    """Without what no rule needs any more, and with no moment that only a wrong clock can have written."""
    state = _corrected(state, now)

    # Of what is told late the window begins then, so it has to be there.
    waiting = {i.finding.key for a in state.undelivered for s in a.sections for i in s.incidents}

    def needed(i: Incident) -> bool:
        if i.finding.key in waiting or i.announce or (i.open and (i.since_told or KINDS[i.finding.kind].healed_by)):
            return True
        return i.told_at is not None and now < i.told_at + settings.window(i.finding.kind)

    return state.model_copy(
        update={
            "incidents": tuple(i for i in state.incidents if needed(i)),
            "sent": tuple(s for s in state.sent if now < s.at + settings.burst),
        }
    )


def _corrected(state: AlertState, now: datetime) -> AlertState:
    """The state with stamps of the future as if they were made now: they would hold back alerts until then."""

    def told(i: Incident) -> Incident:
        moments = {name: getattr(i, name) for name in ("first_at", "last_at", "told_at", "healed_at")}
        wrong = {name: now for name, at in moments.items() if at is not None and is_future(at, now)}
        return i.model_copy(update=wrong) if wrong else i

    def free(a: Alert) -> Alert:
        wrong = a.leased_until is not None and is_future(a.leased_until, now)
        return a.model_copy(update={"token": "", "leased_until": None}) if wrong else a

    return state.model_copy(
        update={
            "incidents": tuple(map(told, state.incidents)),
            "undelivered": tuple(map(free, state.undelivered)),
            "sent": tuple(s.model_copy(update={"at": now}) if is_future(s.at, now) else s for s in state.sent),
        }
    )
