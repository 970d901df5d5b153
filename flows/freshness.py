"""The ``freshness`` flow: looks at what is published and when publishers were asked, and alerts before readers notice.

It asks no publisher, and reads a few small documents a dataset, so it can run often. What it finds is told to the
owners through ``flows.prefect_setup.alert_hooks``; that a dataset has caught up is told too, once.
"""

from __future__ import annotations

import logging
from datetime import datetime

from configs.contracts import dataset_names, load_contract
from configs.errors import ConfigError, StoreError
from flows.prefect_setup import alert_hooks, json_logs
from flows.prefect_setup.flow_decorator import scheduled_flow
from flows.run_context import store_of_run
from tasks.alerts.model import BY_WATCH, Finding
from tasks.common.clock import utc_now
from tasks.common.text import one_line
from tasks.monitor.freshness import BAD, Freshness, check_all
from tasks.monitor.reminders import reminders_due
from tasks.news import atom
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import catalog, holds
from tasks.warehouse.protocol import read_latest
from tasks.warehouse.reader import open_hold

log = logging.getLogger("techtrade")
json_logs.install()


# No retry: the next turn of its schedule looks again.
@scheduled_flow("freshness", "freshness")
def freshness(
    datasets: list[str] | None = None, store: str | None = None, at: datetime | None = None
) -> list[Freshness]:
    """A verdict on each dataset, told to its owner where it is an alarm.

    Args:
        datasets: names of contracts; None for all.
        store: folder or ``s3://`` address; None for the setting ``TECHTRADE_STORE``.
        at: the moment to judge by; None for now.

    Raises:
        StoreUnavailableError: the store could not be read.
    """
    chosen = [load_contract(name).name for name in datasets] if datasets else dataset_names()
    target = open_store(store_of_run(store))
    found = check_all(target, chosen, at or utc_now())
    for name in chosen:
        _look_at_hold(target, name, at or utc_now())
    for verdict in found:
        bad = verdict.alarming or verdict.state in BAD
        log.log(logging.WARNING if bad else logging.INFO, "%s: %s", verdict.dataset, _words(verdict))
        _tell(target, verdict)
    for name in chosen:
        _mend(target, name)
    alert_hooks.send(target, target.url)
    return found


def _mend(store: ObjectStore, name: str) -> None:
    """Catalog and feeds, which who publishes may not be allowed to write: what is missing is there within the hour."""
    try:
        contract = load_contract(name)
        catalog.refresh_catalog(store, contract)
        atom.refresh(store, contract)
    except (StoreError, ConfigError) as e:  # a damaged log, a wrong contract: the verdict says so already
        log.warning("%s: its catalog entry and feeds were not brought up to date: %s", name, one_line(e))


def _tell(store: ObjectStore, verdict: Freshness) -> None:
    if verdict.alarming:
        alert_hooks.report(store, finding(verdict))
    elif verdict.state not in (*BAD, "held", "never published"):
        alert_hooks.recovered(store, verdict.dataset, _words(verdict), BY_WATCH)


def _look_at_hold(store: ObjectStore, name: str, now: datetime) -> None:
    """Remind the owner of a candidate that is held, or report that it is not held any more."""
    try:
        found = holds.read(store, name)
        hold = open_hold(store, name, read_latest(store, name)[0]) if found.holds else None
    except StoreError:  # the verdict says so already
        return
    if found.holds:
        alert_hooks.holds_looked_at(store, name)
    if hold and (due := reminders_due(found, hold, now)):
        alert_hooks.remind(store, name, hold, due, now)


def finding(verdict: Freshness) -> Finding:
    """What the owner is told."""
    served = f"{verdict.dataset}@{verdict.version}" if verdict.version else "nothing, as no version was published yet"
    return Finding(
        dataset=verdict.dataset,
        kind="stale",
        cause=verdict.cause,
        words=_words(verdict),
        served=served,
        evidence=(f"techtrade freshness {verdict.dataset}", f"techtrade versions {verdict.dataset}"),
    )


def _words(verdict: Freshness) -> str:
    return f"{verdict.state}: {verdict.words}"
