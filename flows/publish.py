"""The ``publish`` flow: one for any dataset, scheduled or by hand.

The sequence of a run is in ``tasks.publish.run``, what follows it in ``tasks.publish.after``; here they meet Prefect.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from prefect.runtime import flow_run

from configs.contracts import load_contract
from flows.notices import NOTICES
from flows.prefect_setup import alert_hooks, artifacts, json_logs, secrets, stopping
from flows.prefect_setup.flow_decorator import scheduled_flow
from flows.prefect_setup.run_steps import PrefectSteps
from flows.run_context import is_given_by_worker, make_room, refuse_unknown_sources, store_of_run
from tasks.build.recipes import recipe_for
from tasks.build.request import Request, SourceKind
from tasks.common.log_context import log_fields
from tasks.extract.source import Refresh
from tasks.publish import run_status
from tasks.publish.after import after_run, recorded
from tasks.publish.run import run
from tasks.publish.run_status import RunMeter
from tasks.storage.local import LocalStore
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse.outcomes import Outcome, Published

json_logs.install()
# A store that answers 503 for a minute is waited for by runs of a worker: nobody is to be woken for that. The waits
# double up to 20 s, each a random part of it (tests/drills/test_store_lost.py has such a minute).
PATIENT_ATTEMPTS = 10


def _run_name() -> str:
    given: dict[str, Any] = flow_run.parameters
    return f"{given['dataset']} {given.get('source', 'live')} {given.get('vintage') or 'newest'}"


@scheduled_flow("publish", _run_name, alert_hooks.on_completion)
def publish(
    dataset: str,
    source: SourceKind = "live",
    vintage: str | None = None,
    store: str | None = None,
    refresh: Refresh = "auto",
) -> Outcome:
    """Bring one dataset from its source to readers, if there is anything new and it passes the gate.

    Args:
        dataset: name of a contract in ``configs/datasets``.
        source: ``live`` asks the publisher, ``snapshot`` takes the bundled figures.
        vintage: the vintage to publish; None for the newest there is.
        store: folder or ``s3://`` address; None for the setting ``TECHTRADE_STORE``.
        refresh: ``auto`` asks only for what may have changed since the published version, ``all`` for everything.

    Raises:
        RejectedError: the quality gate stopped it; readers see what they saw before.
        TechtradeError: the run failed; readers see what they saw before.
    """
    with json_logs.of_run(dataset):
        return bring(Request(load_contract(dataset), source, vintage, refresh), store)


def bring(request: Request, url: str | None) -> Outcome:
    """Run all of it within a flow; ``url`` None for the setting ``TECHTRADE_STORE``."""
    contract, asked = request.contract, request.kind == "live"
    refuse_unknown_sources()
    where = store_of_run(url)
    store = open_store(where, PATIENT_ATTEMPTS if is_given_by_worker() else None)
    if isinstance(store, LocalStore):
        make_room(store.root)
    # The status of a run that failed because the store is down does not wait for the store again.
    impatient = open_store(where)

    def ended(store: ObjectStore, outcome: Outcome) -> None:
        NOTICES.ended(store, outcome)
        if outcome.dataset == contract.name and isinstance(outcome, Published):  # not of what is made from it
            artifacts.leave(store, outcome.dataset, outcome.version)
            stopping.published(f"{outcome.dataset}@{outcome.version}")

    meter = RunMeter(replace(NOTICES, ended=ended))
    with _recorded_if_stopped(impatient, contract.name, meter):
        with recorded(impatient, contract.name, meter, asked=asked):
            steps = PrefectSteps(request, store)
            outcome = run(request, recipe_for(contract), store, each=steps, meter=meter, keys=secrets.secret_value)
        with log_fields(version=outcome.version):
            steps.found(outcome.vintage)
            return after_run(store, contract, outcome, meter, asked=asked, runner=steps)


@contextmanager
def _recorded_if_stopped(store: ObjectStore, dataset: str, meter: RunMeter) -> Iterator[None]:
    """Write down that a run was stopped, by whoever ends the process; a run of ``serve`` does it here."""

    def stopped() -> str:
        return run_status.write_stopped(store, dataset, meter)

    with stopping.last_words(stopped):
        try:
            yield
        except KeyboardInterrupt:
            if not stopping.requested():
                stopped()
            raise
