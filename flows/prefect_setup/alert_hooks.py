"""Alerts of runs: what Prefect's hooks and the command line report, and when it is sent.

A run of its own (a schedule) waits a little at its end for others of the same cause; the hooks do it, when Prefect has
the run's final state already. A command with several datasets reports as it goes and sends once, at its end. A run that
was killed is reported by whoever noticed: Prefect's runner, in another process.

Nothing here raises. What goes wrong with an alert is a line in the log and a note in ``status.json``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from configs.alerts import BLOCK
from configs.contracts import published_names
from configs.errors import ConfigError, TechtradeError, TimedOutError, UsageError
from configs.settings import from_environment, load_settings
from flows.prefect_setup import run_status, secrets, stopping
from tasks.alerts import findings, service
from tasks.alerts.model import BY_RUN, Finding, Kind
from tasks.alerts.service import AlertService
from tasks.common import stages
from tasks.common.log_context import log_fields
from tasks.common.text import one_line
from tasks.publish import run_status as status
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import holds, protocol, reader
from tasks.warehouse.hold_words import ending
from tasks.warehouse.holds import Hold
from tasks.warehouse.outcomes import HeldError, Outcome, Published

log = logging.getLogger("techtrade")

# Whether a command sends at its end, for all its datasets.
_collecting = ContextVar("collecting", default=False)


def address(channel: str) -> str | None:
    """The address of a channel: from the environment, or from a Secret block in Prefect."""
    return secrets.block(channel.removeprefix(BLOCK)) if channel.startswith(BLOCK) else from_environment(channel)


def alerting(store: ObjectStore | None, url: str) -> AlertService:
    """The alerts of a store.

    Raises:
        ConfigError: the settings of alerts are wrong.
    """
    return AlertService(store, url, resolve=address)


# ------------------------------------------------------------------ what is reported


def report(store: ObjectStore, *found: Finding) -> None:
    """Something is wrong with a dataset; it is sent by ``send``."""
    _safely(lambda: alerting(store, store.url).report(*found))


def found(url: str | None, *seen: Finding) -> None:
    """The same, by whoever looks at runs from outside: also where the store cannot be opened."""

    def tell() -> None:
        alerting(*opened(url)).report(*seen)

    _safely(tell)


def healed(url: str | None, dataset: str, words: str, kinds: Collection[Kind]) -> None:
    """What was ``found`` is over, as far as those kinds go."""
    _safely(lambda: alerting(*opened(url)).recovered(dataset, words, kinds))


def send_found(url: str | None) -> None:
    """Tells what is due, as ``send``."""
    _safely(lambda: send(*opened(url)))


def recovered(store: ObjectStore, dataset: str, words: str, kinds: Collection[Kind] = BY_RUN) -> None:
    """A dataset is good again, as far as those kinds go; it is sent by ``send``."""
    _safely(lambda: alerting(store, store.url).recovered(dataset, words, kinds))


def promoted(store: ObjectStore, dataset: str, rejected: str, version: str) -> None:
    """Report that a rejected version was published by a person; it is sent by ``send``."""
    words = f"{dataset}@{rejected} was promoted; readers get {dataset}@{version}"
    _safely(lambda: alerting(store, store.url).promoted(dataset, rejected, words))
    holds_looked_at(store, dataset)


def holds_looked_at(store: ObjectStore, dataset: str) -> None:
    """Report which holds of a dataset are over, and how each ended; it is sent by ``send``."""

    def tell() -> None:
        found = holds.read(store, dataset)
        now = reader.open_hold(store, dataset, protocol.read_latest(store, dataset)[0])
        readers = f"readers get {findings.served(store, dataset)}"
        ended = {h.since: f"{ending(h)}; {readers}" for h in found.holds if h.ended}
        alerting(store, store.url).holds_ended(dataset, now.since if now else "", ended, readers)

    _safely(tell)


def remind(store: ObjectStore, dataset: str, hold: Hold, days: Collection[int], now: datetime) -> None:
    """Remind the owner of a held candidate, once for all the days that are due, and note them; it is sent by ``send``.

    Reported before it is noted: of two watchers the second finds it in the state of alerts, and a watcher that is
    killed between the two loses nothing.
    """

    def tell() -> None:
        finding = findings.of_hold(store, dataset, hold, now)
        if alerting(store, store.url).report(finding, day=max(days)):
            for day in sorted(days):
                holds.reminded(store, dataset, hold.version, day)

    _safely(tell)


def failed(url: str | None, dataset: str, error: BaseException, evidence: tuple[str, ...] = ()) -> None:
    """Report that a run of the dataset failed. A wrong use of the command concerns only who typed it.

    Args:
        evidence: where more of the run is to be seen.
    """
    if isinstance(error, UsageError):
        return
    error.__dict__["alerted"] = True

    def tell() -> None:
        store, place = opened(url)
        words = one_line(error) if isinstance(error, TechtradeError) else secrets.describe_safely(error)
        finding = findings.of_error(store, dataset, error, words)
        alerting(store, place).report(finding.model_copy(update={"evidence": (*finding.evidence, *evidence)}))
        if store is not None and isinstance(error, HeldError):
            holds_looked_at(store, dataset)  # it may have taken the place of one that was held for other figures

    _safely(tell)


def is_reported(error: BaseException) -> bool:
    """Whether ``failed`` was given this error: a hook was, unless the run could not even begin."""
    return "alerted" in error.__dict__


def ended(store: ObjectStore, outcome: Outcome) -> None:
    """A run ended well: what was wrong before is over; warnings of what it published are told."""

    def tell() -> None:
        to = alerting(store, store.url)
        if isinstance(outcome, Published):
            to.recovered(outcome.dataset, f"readers get {outcome.dataset}@{outcome.version}")
            warnings = findings.of_published(store, outcome)
            if warnings is not None:
                to.report(warnings)
        else:
            to.recovered(outcome.dataset, f"the last run found nothing new; readers get version {outcome.version}")

    _safely(tell)
    holds_looked_at(store, outcome.dataset)


# --------------------------------------------------------------------------- sending


def send(store: ObjectStore | None, url: str, *, at_once: bool = True, wait: bool = False) -> None:
    """Tells what is due; what nobody takes is noted in ``status.json`` too."""

    def tell() -> None:
        lost = alerting(store, url).send(at_once=at_once, wait=service.pause if wait else None)
        if store is None:
            return
        for dataset, why in ((d, alert.why) for alert in lost for d in alert.datasets):
            status.note(store, dataset, f"the alert was not delivered ({why}); the next run tries again")

    _safely(tell)


@contextmanager
def collected(url: str | None) -> Iterator[None]:
    """Send at the end of this block, in one go, the alerts of all that runs in it."""
    mark = _collecting.set(True)
    try:
        yield
    finally:
        _collecting.reset(mark)
        _safely(lambda: send(*opened(url)))


# ----------------------------------------------------------------------------- hooks


def on_failure(flow: Any, flow_run: Any, state: Any) -> None:
    """Prefect's hook of a run that failed."""
    dataset, url = _given(flow_run, flow)
    error = state.result(raise_on_failure=False)
    with _bound(flow_run):
        if state.name == "TimedOut":
            error.__dict__["alerted"] = True
            error = stages.like(TimedOutError(dataset, one_line(error)), error)
            _note_timed_out(url, dataset, error)
        failed(url, dataset, error, _evidence(flow_run))
        _send_after_run(url, wait=True)


def on_crashed(flow: Any, flow_run: Any, state: Any) -> None:
    """Prefect's hook of a run whose process ended, or was ended: by a signal, by exit, for want of memory."""
    dataset, url = _given(flow_run, flow)
    error = state.data if isinstance(state.data, BaseException) else None
    if isinstance(error, KeyboardInterrupt) and flow_run.work_queue_id is None:
        return  # who pressed the keys knows
    how = secrets.redacted(str(state.message or "no more is known"))
    with _bound(flow_run):
        if _is_tried_again(flow_run):
            log.warning("%s: the run was cut off: %s It is run once more", dataset, how)
            return
        failed(url, dataset, stages.like(CrashedError(dataset, how), error), _evidence(flow_run))
        # Not waiting: a machine that is going down gives no time.
        _send_after_run(url, wait=False)


def on_completion(flow: Any, flow_run: Any, state: Any) -> None:
    """Prefect's hook of a run that ended well: tells that it is over, and what earlier runs left to tell."""
    with _bound(flow_run):
        _send_after_run(_given(flow_run, flow)[1], wait=False)


def on_upkeep_completion(flow: Any, flow_run: Any, state: Any) -> None:
    """The same of a run that is of no dataset: it is good again itself."""
    name, url = _given(flow_run, flow)
    with _bound(flow_run):
        healed(url, name, "the last run ended well", BY_RUN)
        _send_after_run(url, wait=False)


def _is_tried_again(flow_run: Any) -> bool:
    """Whether a run that crashed is the watch's, which tells of it if it can't be mended: nobody is woken for less.

    The server starts the watch where runs are given to workers (``deploy/prefect.yaml``), and only there.
    """
    from flows.prefect_setup.run_watchdog import AGAIN

    return flow_run.work_queue_id is not None and AGAIN not in flow_run.tags


class CrashedError(TechtradeError):
    """The process of a run ended before the run did."""

    def __init__(self, dataset: str, how: str) -> None:
        self.dataset = dataset
        super().__init__(f"{dataset}: the run was cut off: {how} The next run needs no cleaning")


def _evidence(flow_run: Any) -> tuple[str, ...]:
    """Where Prefect shows the run; of one without a deployment its server is gone with it."""
    return () if flow_run.deployment_id is None else (run_status.reference("flow-run", flow_run.id),)


def _note_timed_out(url: str | None, dataset: str, error: TimedOutError) -> None:
    """A time-out goes past what writes down the other failures: Prefect ends a flow by what is no Exception."""

    def tell() -> None:
        store, _ = opened(url)
        if store is not None and dataset in published_names():
            status.write_failure(store, dataset, error, str(error))

    _safely(tell)


def _given(flow_run: Any, flow: Any = None) -> tuple[str, str | None]:
    """The dataset of a run, or, of one that is of none, the name of its deployment or flow; and the store."""
    given: dict[str, Any] = flow_run.parameters
    return str(given.get("dataset") or _deployment(flow_run) or getattr(flow, "name", "")), given.get("store")


def _deployment(flow_run: Any) -> str | None:
    """The name of a run's deployment, which is what the watch calls a run of no dataset; None where there is none."""
    if flow_run.deployment_id is None:
        return None
    from prefect.client.orchestration import get_client

    try:
        with get_client(sync_client=True) as client:
            return str(client.read_deployment(flow_run.deployment_id).name)
    except Exception as e:  # noqa: BLE001 - whatever Prefect's client has: the flow has a name too
        log.warning("the name of the run's deployment is not known: %s", secrets.describe_safely(e))
        return None


def _bound(flow_run: Any) -> AbstractContextManager[None]:
    """Hooks are called after the flow: what they log is of its run all the same."""
    return log_fields(
        run_id=str(flow_run.id), run_name=str(flow_run.name), dataset=str(flow_run.parameters.get("dataset") or "")
    )


def _send_after_run(url: str | None, *, wait: bool) -> None:
    if not _collecting.get():
        _safely(lambda: send(*opened(url), at_once=not wait, wait=wait))


# --------------------------------------------------------------------------- details


def opened(url: str | None) -> tuple[ObjectStore | None, str]:
    """The store, None where the setting is wrong; and its address."""
    place = url or load_settings().store
    try:
        return open_store(place), place
    except ConfigError as e:
        log.warning("the store cannot be opened: %s", one_line(e))
        return None, place


def _safely(step: Callable[[], object]) -> None:
    """An alert that fails is no reason for a run to fail, nor to hide how it ended. A run that somebody stops alerts
    nobody: what is not sent now is sent by the next run."""
    if stopping.requested():
        return
    try:
        step()
    except TechtradeError as e:
        log.warning("nobody was alerted: %s", one_line(e))
    except Exception as e:  # noqa: BLE001 - whatever it is; its text could hold an address
        log.warning("nobody was alerted: %s (unexpected)", type(e).__name__)
