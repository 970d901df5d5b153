"""What follows when a dataset was published, promoted, yanked or restored: status, catalog, ledger, news, alerts,
dependents. No other place has this sequence.

Whatever goes wrong here, readers have the version already: it is logged, and the next run or the night's maintenance
does what is missing. Dependents are refreshed beside the dataset and cannot hold it up: a failure is reported with an
alert of its own, and the next run tries again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from configs.contract import Contract
from configs.contracts import load_contract
from configs.errors import StorePermissionError
from configs.settings import load_settings
from configs.words import plural
from tasks.build.recipe import IN_PROCESS, StepRunner
from tasks.build.recipes import dependents_of
from tasks.common.log_context import log_fields
from tasks.publish import dependents, held, run_status
from tasks.publish.dependents import NotYetError
from tasks.publish.notices import Notices
from tasks.publish.run_status import RunMeter
from tasks.publish.steps import other_of
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import catalog, ledger
from tasks.warehouse.outcomes import Followed, HeldError, Outcome, Published, RejectedError, Skipped

log = logging.getLogger("techtrade")


@dataclass(frozen=True)
class Event:
    """What happened to a dataset. ``logged``: event and version, as the log has them now; None: none is new there.

    ``dependents``: whether they are refreshed; ``if allowed``: what may not be published here is left to the next run,
    without an alert, as the person has a login only for what was asked. ``deep``: the feeds are looked through.
    """

    logged: tuple[str, str] | None = None
    dependents: Literal["yes", "if allowed", "no"] = "yes"
    deep: bool = False
    copies_ledger: bool = True
    alert: Callable[[Notices, ObjectStore], None] = lambda notices, store: None


RESTORED = Event(dependents="no", deep=True)


def ended(outcome: Outcome) -> Event:
    """The event of a run that ended well."""
    published = isinstance(outcome, Published)
    return Event(
        logged=("published", outcome.version) if published else None,
        copies_ledger=published,
        alert=lambda notices, store: notices.ended(store, outcome),
    )


def promoted(dataset: str, rejected: str, version: str) -> Event:
    """The event of a rejected version that a person published."""
    return Event(("promoted", version), alert=lambda n, store: n.promoted(store, dataset, rejected, version))


def yanked(version: str) -> Event:
    """The event of a withdrawn version."""
    return Event(("yanked", version), dependents="if allowed")


def after(
    store: ObjectStore, contract: Contract, event: Event, notices: Notices, runner: StepRunner = IN_PROCESS
) -> tuple[Followed, ...]:
    """Do what follows an event; return how dependents were refreshed. Nothing is raised."""
    catalog.refresh_catalog(store, contract)
    if event.logged and event.logged[0] != "published":  # a run has just written it
        run_status.note_held(store, contract.name)
    if event.copies_ledger:
        ledger.copy_new(store, contract.name)
    notify_subscribers(store, contract, event.logged)
    event.alert(notices, store)
    followed: tuple[Followed, ...] = ()
    if event.dependents != "no":
        where_allowed = event.dependents == "if allowed"
        followed = runner.step(
            "follow", contract.name, lambda: refresh_dependents(store, contract.name, notices, where_allowed)
        )
    release_held(store, contract.name, notices)
    # After what is made from it, which is reported inside of the dataset's own entry.
    refresh_feeds(store, contract, deep=event.deep or any(f.outcome == "published" for f in followed))
    return followed


def after_run(
    store: ObjectStore,
    contract: Contract,
    outcome: Outcome,
    meter: RunMeter,
    *,
    asked: bool,
    dependents: bool = True,
    runner: StepRunner = IN_PROCESS,
) -> Outcome:
    """Do what follows a run, its status first; return the outcome with that of dependents.

    Args:
        asked: the publisher itself was asked.

    Raises:
        StoreError: nothing was published, and the status cannot be written.
    """
    if asked and isinstance(outcome, Skipped) and outcome.why == "unchanged":
        held.end(store, contract.name, "superseded", outcome.version)  # its publisher went back to what readers have
    kind, detail = run_status.write_outcome(store, outcome, meter, asked=asked)
    log.info("%s: %s, %s", contract.name, kind, detail)
    event = ended(outcome) if dependents else replace(ended(outcome), dependents="no")
    followed = after(store, contract, event, meter.notices, runner)
    return replace(outcome, followed=followed)


@contextmanager
def recorded(
    store: ObjectStore, dataset: str, running: RunMeter, *, asked: bool, but: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Record how a run failed, as of ``run_status.record_failures``. A candidate that is held may still confirm what
    another dataset is held for: both may come of one true event."""
    try:
        with run_status.record_failures(store, dataset, running, asked=asked, but=but):
            yield
    except HeldError as e:
        announce_held(store, load_contract(dataset), e.version)
        release_held(store, dataset, running.notices)
        raise


def announce_held(store: ObjectStore, contract: Contract, version: str) -> None:
    """Tell readers that newer figures are held, as that version. Nothing is raised."""
    catalog.refresh_catalog(store, contract)
    notify_subscribers(store, contract, ("held", version))
    refresh_feeds(store, contract)


def release_held(store: ObjectStore, dataset: str, notices: Notices) -> None:
    """Publish the held candidates of other datasets that this one confirms now. Nothing is raised."""
    for name in held.confirmed_from(dataset):
        contract, meter = load_contract(name), RunMeter(notices)
        try:
            with log_fields(dataset=name, version=None):
                done = held.recheck(store, contract, other_of(store))
                if done is not None:
                    after_run(store, contract, done, meter, asked=False)
        except Exception as e:  # noqa: BLE001 - the dataset itself has ended; the next run of the held one asks again
            log.warning("%s: whether %s confirms it was not found out: %s", name, dataset, notices.describe(e))


def refresh_dependents(
    store: ObjectStore, dataset: str, notices: Notices, where_allowed: bool = False
) -> tuple[Followed, ...]:
    """Refresh what is made from a dataset, and what is made from that, each once: also where its inputs are unchanged,
    as it may have failed the last time. Nothing is raised.

    Args:
        where_allowed: leave to the next run what may not be published here.
    """
    if not load_settings().follow:
        return ()
    found: list[Followed] = []
    for name in dependents_of(dataset):
        meter = RunMeter(notices)
        try:
            with log_fields(dataset=name, version=None):
                with recorded(store, name, meter, asked=False, but=(NotYetError,)):
                    outcome = dependents.refresh(store, name, meter)
                after_run(store, load_contract(name), outcome, meter, asked=False, dependents=False)
        except NotYetError as e:
            log.info("not made yet: %s", notices.describe(e))
        except Exception as e:  # noqa: BLE001 - the dataset is published, and must not look otherwise
            if isinstance(e, StorePermissionError) and where_allowed:
                found.append(Followed(name, "left", f"may not be published here; the next run of {dataset} does it"))
                continue
            notices.failed(store.url, name, e)
            log.warning("%s: does not follow %s: %s", name, dataset, notices.describe(e))
            stopped: Literal["held", "rejected"] = "held" if isinstance(e, HeldError) else "rejected"
            kind: Literal["held", "rejected", "failed"] = stopped if isinstance(e, RejectedError) else "failed"
            found.append(Followed(name, kind, notices.describe(e)))
        else:
            if isinstance(outcome, Published):
                found.append(Followed(name, "published", f"{outcome.version}, {plural(outcome.rows, 'row')}"))
            else:
                found.append(Followed(name, "unchanged", outcome.detail))
    return tuple(found)


def announce(store: ObjectStore, contract: Contract, logged: tuple[str, str] | None = None) -> None:
    """Bring feeds and subscribers up to the log. ``logged``: event and version of this run. Nothing is raised."""
    refresh_feeds(store, contract, deep=True)
    notify_subscribers(store, contract, logged)


def refresh_feeds(store: ObjectStore, contract: Contract, *, deep: bool = False) -> None:
    """Bring the feeds and their pages up to the log. ``deep``: as of ``atom.refresh``. Nothing is raised."""
    from tasks.news import atom

    _safely(contract, "the feeds were not brought up to date", lambda: atom.refresh(store, contract, deep=deep))


def notify_subscribers(store: ObjectStore, contract: Contract, logged: tuple[str, str] | None = None) -> None:
    """Send subscribers what they were not sent yet. ``logged``: event and version of this run. Nothing is raised."""
    from tasks.news import webhooks

    _safely(contract, "the subscribers were not told", lambda: webhooks.deliver(store, contract, logged))


def _safely(contract: Contract, failed: str, step: Callable[[], object]) -> None:
    try:
        step()
    except Exception as e:  # noqa: BLE001 - what has happened to the version must not look undone by this
        detail = str(e).splitlines()[0] if str(e) else "no more is known"
        log.warning("%s: %s: %s: %s; the next run will", contract.name, failed, type(e).__name__, detail)
