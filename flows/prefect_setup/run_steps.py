"""The steps of a run as Prefect tasks, each with its own retries and their reason."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import deployment, flow_run
from prefect.tasks import Task

from configs.errors import (
    BlockedError,
    ClaimLostError,
    ConcurrentPublishError,
    LockedOutError,
    StoreUnavailableError,
    TechtradeError,
)
from configs.settings import lockout_seconds
from flows.prefect_setup import artifacts, json_logs, secrets
from flows.run_context import task_runner
from tasks.build.recipe import Each, StepRunner
from tasks.build.request import Request
from tasks.common.text import duration
from tasks.storage.object_store import ObjectStore
from tasks.warehouse.outcomes import RejectedError

log = logging.getLogger("techtrade")
T = TypeVar("T")


def _failed_with(*kinds: type[Exception]) -> Callable[[Task[..., Any], TaskRun, State[Any]], bool]:
    return lambda task, run, state: isinstance(state.result(raise_on_failure=False), kinds)


def _may_pass(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, StoreUnavailableError) or not isinstance(error, TechtradeError)


# Retried at once where the machine or the store failed, not where the document is wrong: what was made stays made.
@task(
    name="piece",
    task_run_name="{work.__name__} {job.dataset} {job.label}",
    retries=2,
    retry_delay_seconds=[2, 10],
    retry_condition_fn=_may_pass,
    cache_policy=NO_CACHE,
)
def piece(work: Callable[[ObjectStore, Any], Any], store: ObjectStore, job: Any) -> Any:
    return work(store, job)


# No retry by itself: pure functions of archived bytes fail the same way twice, and ``release`` starts its steps over.
@task(cache_policy=NO_CACHE)
def _step(work: Callable[[], T]) -> T:
    return work()


class PrefectSteps(StepRunner):
    """Makes a task of each step of a run, and one of each job wherever there is room."""

    def __init__(self, request: Request, store: ObjectStore) -> None:
        self._request, self._store = request, store
        self._retries: dict[str, dict[str, Any]] = {
            # Once, an hour later, only if the publisher has shut us out for that long: asking on would prolong it; or
            # if a filter in front of it has, and nobody waits for the run.
            # Anything else is not retried here: the HTTP client waits and tries again by itself, within the source's
            # budget, and a second layer would multiply its attempts.
            "extract": {
                "retries": 1,
                "retry_delay_seconds": lockout_seconds(request.source),
                "retry_condition_fn": _failed_with(LockedOutError, *([BlockedError] if deployment.id else [])),
            },
            # As a whole, from the new state: a lost race, a claim that gc gave up, a store that failed need a new
            # version, and changes and checks computed against whatever is the parent by then. Jitter keeps equals from
            # colliding again.
            "release": {
                "retries": 4,
                "retry_delay_seconds": [1, 2, 5, 10],
                "retry_jitter_factor": 0.5,
                "retry_condition_fn": _failed_with(ConcurrentPublishError, ClaimLostError, StoreUnavailableError),
            },
        }

    def step(self, name: str, of: str, work: Callable[[], T]) -> T:
        json_logs.remember()
        made = _step.with_options(name=name, task_run_name=f"{name} {of}", **self._retries.get(name, {}))
        try:
            return made(work)
        except RejectedError as e:
            if name == "release":
                artifacts.leave(self._store, e.dataset, e.version)
            raise

    @contextmanager
    def workers(self, store: ObjectStore) -> Iterator[Each]:
        with task_runner() as runner:

            def each(work: Callable[[ObjectStore, Any], Any], jobs: Sequence[Any]) -> list[Any]:
                began, results = time.monotonic(), []
                futures = [runner.submit(piece, {"work": work, "store": store, "job": job}) for job in jobs]
                for number, (job, future) in enumerate(zip(jobs, futures, strict=True), start=1):
                    results.append(future.result())
                    left = duration((time.monotonic() - began) / number * (len(jobs) - number))
                    log.info("%s: %s, %d of %d, about %s left", job.dataset, job.label, number, len(jobs), left)
                return results

            yield each

    def found(self, vintage: str) -> None:
        """Name the run after the vintage it found, where none was asked for."""
        request, run_id = self._request, flow_run.id
        if request.vintage is not None or not run_id:
            return
        try:
            with get_client(sync_client=True) as client:
                client.update_flow_run(run_id, name=f"{request.contract.name} {request.kind} {vintage}")
        except Exception as e:  # noqa: BLE001 - a name is no reason to fail
            log.warning("%s: the run keeps its name: %s", request.contract.name, secrets.describe_safely(e))
