"""Telling the owner of a dataset, once, what is wrong with it.

``report`` and ``recovered`` write down what was found; ``send`` tells what is due. What the store or a channel refuses
is logged, and not raised: an alert that fails must not fail a publish, nor hide the run's own error. With no channel
set nothing is written and nothing sent.

What was told stands in the store. Where that cannot be reached, which is itself to be told, a folder of this machine
stands in for it; the first run that reaches the store again reports from there that it is over.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from configs.alerts import AlertSettings, load_alerts
from configs.contracts import dataset_names, load_contract
from configs.errors import StoreError, TechtradeError
from configs.settings import from_environment
from tasks.alerts import attachments, references, rules, state_store
from tasks.alerts.channels import Delivery, Resolve, deliver, reachable
from tasks.alerts.message import message
from tasks.alerts.model import BY_RUN, BY_WATCH, Alert, AlertState, Finding, Kind
from tasks.common.clock import utc_now
from tasks.storage.local import LocalStore
from tasks.storage.object_store import ObjectStore

__all__ = ["BY_RUN", "BY_WATCH", "AlertService", "Finding", "Kind", "Undelivered"]

log = logging.getLogger("techtrade")
NOBODY = "nobody"
_silent: set[str] = set()


@dataclass(frozen=True)
class Undelivered:
    """An alert that nobody took; it is kept, and the next run tries again."""

    datasets: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class AlertService:
    """Alerts of one store. ``store`` None: it could not even be opened; ``url`` then tells stores apart."""

    store: ObjectStore | None
    url: str
    settings: AlertSettings = field(default_factory=load_alerts)
    resolve: Resolve = from_environment
    clock: Callable[[], datetime] = utc_now

    # ---------------------------------------------------------------- what was found

    def report(self, *findings: Finding, day: int | None = None) -> bool:
        """Writes down what is wrong; whether anybody will be told. ``day``: as of ``rules.observe``."""
        mine = [(self._followable(f), self._owner(f.dataset)) for f in findings]
        told = [(f, o) for f, o in mine if self._has_channel(o)]
        for _, owner in mine:
            if not self._has_channel(owner):
                _say_once(f"no alert sent: {owner!r} has no channel; see docs/alerts.md")
        if not told:
            return False

        def step(s: AlertState) -> AlertState:
            for finding, owner in told:
                s = rules.observe(s, finding, owner, self.clock(), day)
            return s

        return self._change(step) is not None

    def recovered(self, dataset: str, words: str, kinds: Collection[Kind] = BY_RUN) -> bool:
        """Write down that the dataset is good, as far as those kinds go; return whether anything had been wrong."""
        return self._heal(dataset, lambda s: rules.recover(s, dataset, kinds, words, self.clock()))

    def _heal(self, dataset: str, heal: Callable[[AlertState], AlertState]) -> bool:
        if not self._has_channel(self._owner(dataset)):
            return False
        found = False

        def step(s: AlertState) -> AlertState:
            nonlocal found
            after = heal(s)
            found = found or after != s
            return after

        for store in self._places():
            try:
                state_store.change(store, step)
            except StoreError as e:
                log.warning("%s: could not record that it is good again: %s", dataset, e)
        return found

    def promoted(self, dataset: str, rejected: str, words: str) -> bool:
        """Write down that a rejected version is published after all; return whether its rejection was reported."""
        return self._heal(dataset, lambda s: rules.promote(s, dataset, rejected, words, self.clock()))

    def holds_ended(self, dataset: str, still: str, ended: Mapping[str, str], words: str) -> bool:
        """Write down which holds of a dataset are over, as of ``rules.end_holds``; return whether one was reported."""
        return self._heal(dataset, lambda s: rules.end_holds(s, dataset, still, ended, words, self.clock()))

    # ----------------------------------------------------------------------- sending

    def send(self, *, at_once: bool = False, wait: Callable[[float], None] | None = None) -> list[Undelivered]:
        """Tells what is due, and tries again what could not be delivered.

        Args:
            at_once: nothing waits for others of its cause.
            wait: how to wait until what was just reported is due; None: what is not due is left to the next run.
        """
        if not (owners := [o for o in _owners(self.settings) if self._has_channel(o)]):
            return []
        if wait is not None and self.settings.grouping_seconds:
            wait(self.settings.grouping_seconds)
        return [lost for store in self._places() for lost in self._send_from(store, owners, at_once)]

    def _send_from(self, store: ObjectStore, owners: list[str], at_once: bool) -> list[Undelivered]:
        token = uuid.uuid4().hex[:12]
        try:
            if not _busy(state_store.read(store)):
                return []
            taken = state_store.change(
                store, lambda s: rules.lease_due(s, owners, self.settings, self.clock(), token, at_once=at_once)
            )
        except StoreError as e:
            log.warning("alerts that are due were not sent: %s; the next run tries again", e)
            return []
        return [lost for alert in rules.taken(taken, token) if (lost := self._deliver(store, alert)) is not None]

    def _deliver(self, store: ObjectStore, alert: Alert) -> Undelivered | None:
        pages = attachments.pages(self.store, alert) if self.store is not None else ()
        told = message(alert, self.settings.runbooks, references.place(self.store, self.url), pages)
        result = deliver(told, alert.owner, self.settings, self.resolve)
        _say(told.subject, result)
        why = None if result.delivered else "; ".join(result.problems) or "no channel is set"
        try:
            state_store.change(store, lambda s: rules.record_delivery(s, alert, self.clock(), why))
        except StoreError as e:
            log.warning("that an alert was sent could not be written down, it may come again: %s", e)
        return None if why is None else Undelivered(tuple(alert.datasets), why)

    # ----------------------------------------------------------------------- details

    def _followable(self, finding: Finding) -> Finding:
        """The finding with commands that can be pasted where it is read."""
        place = references.place(self.store, self.url)
        evidence = tuple(references.whole(e, place) for e in finding.evidence)
        return finding.model_copy(
            update={"evidence": evidence, "words": references.with_whole_hints(finding.words, place)}
        )

    def _owner(self, dataset: str) -> str:
        """Whose it is; what is of no dataset (upkeep, the scheduler) is the operator's."""
        owner = owner_of(dataset)
        return self.settings.operator or owner if owner == NOBODY else owner

    def _has_channel(self, owner: str) -> bool:
        return bool(reachable((*self.settings.channels(owner), *self.settings.fallback), self.resolve))

    def _change(self, step: Callable[[AlertState], AlertState]) -> AlertState | None:
        if self.store is not None:
            try:
                return state_store.change(self.store, step)
            except StoreError as e:
                log.warning("what was told stands on this machine meanwhile: %s", e)
        try:
            return state_store.change(self._stand_in(), step)
        except StoreError as e:
            log.warning("nobody was alerted: %s", e)
            return None

    def _places(self) -> list[ObjectStore]:
        """The store, and the folder that stood in for it, if it was ever needed."""
        stand_in = self._stand_in()
        return [s for s in (self.store, stand_in if stand_in.root.is_dir() else None) if s is not None]

    def _stand_in(self) -> LocalStore:
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        return LocalStore(base / "techtrade" / hashlib.sha256(self.url.encode()).hexdigest()[:16])


def owner_of(dataset: str) -> str:
    """The owner of a dataset, from its contract; nobody's where there is none."""
    try:
        return load_contract(dataset).owner
    except TechtradeError:
        return NOBODY


def pause(seconds: float) -> None:
    """Waits for others of the same cause."""
    time.sleep(seconds)


def _owners(settings: AlertSettings) -> list[str]:
    return sorted({*settings.owners, *(owner_of(name) for name in dataset_names()), NOBODY})


def _busy(found: AlertState) -> bool:
    """Whether anything can be due: a run without trouble then reads the state, and writes nothing."""
    return bool(found.undelivered) or any(i.announce or (i.open and i.since_told) for i in found.incidents)


def _say(subject: str, result: Delivery) -> None:
    for problem in result.problems:
        log.warning("alert not taken by %s", problem)
    if result.delivered:
        log.info("alert sent to %s: %s", ", ".join(result.taken_by), subject)
    else:
        todo = references.runbook_command("undelivered.md")
        log.error("alert not delivered to anybody, the next run tries again: %s; what to do: %s", subject, todo)


def _say_once(text: str) -> None:
    if text not in _silent:
        _silent.add(text)
        log.info(text)
