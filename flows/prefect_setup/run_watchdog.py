"""Looking at runs from outside: what one cannot tell of itself is that it died, hangs, or never began.

Prefect's server notices the first two by itself as far as it can: a heartbeat that stops makes a run Crashed, and a
time-out ends one. What is left is here, in two halves: ``judge`` says from what is known of a run what is wrong with
it and what to do, ``Watch`` asks the server and does it. Both can be repeated at any time and any number of times: a
second attempt has a key made of the first one's id, and a state is set only on a run that is still in the one seen.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterEndTime,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterId,
    FlowRunFilterStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Cancelling, Crashed

from flows.prefect_setup.declaration import RUN_SECONDS, TAG
from flows.prefect_setup.secrets import describe_safely, redacted
from tasks.common.clock import to_minute, utc_now

log = logging.getLogger("techtrade")
AGAIN = "second-attempt"
# Tasks of flows.publish by the first word of their names, with their stage; tasks of upkeep are their own.
TASKS = {n: n for n in ("extract", "parse", "transform", "stage", "check")} | {
    "release": "publish",
    "commit": "publish",
}
UNFINISHED = [StateType.PENDING, StateType.RUNNING]
LOOK_BACK = timedelta(days=2)
PAGE = 200
Remedy = Literal["run again", "cancel", "give up", "none"]
Kind = Literal["crash", "not_started", "stuck"]


@dataclass(frozen=True)
class Limits:
    """``late``: by when a run has to begin; ``settle``: how long it may take to start or to end, once told to."""

    late: timedelta = timedelta(minutes=30)
    settle: timedelta = timedelta(minutes=15)


@dataclass(frozen=True)
class ObservedRun:
    """What is known of a run. ``since``: of its state; ``expected``, ``began``: when it was to begin, and did.

    ``again``: it is a second attempt already. ``over``: a later run of the same deployment ended well.
    ``paused``: nobody wants its deployment to run now.
    """

    id: UUID
    name: str
    deployment: str
    dataset: str | None
    state: StateType
    words: str
    since: datetime
    expected: datetime | None = None
    began: datetime | None = None
    run_seconds: float | None = None
    again: bool = False
    over: bool = False
    paused: bool = False
    pool: str | None = None

    @property
    def about(self) -> str:
        """Whom it concerns: a dataset, or the name of an upkeep's deployment."""
        return self.dataset or self.deployment.rpartition("/")[2]


@dataclass(frozen=True)
class RunProblem:
    """What is wrong with a run. ``told``: to its owner; what a second attempt may mend is not. ``stage``: what it was
    doing, as far as the server was told."""

    run: ObservedRun
    kind: Kind
    words: str
    remedy: Remedy = "none"
    told: bool = True
    stage: str = ""


def judge(run: ObservedRun, limits: Limits, now: datetime) -> RunProblem | None:
    """What is wrong with a run at that moment, if anything is."""
    name = f"run {run.name!r} of {run.deployment}"
    if run.state == StateType.CRASHED:
        return _crashed(run, name)
    if run.state == StateType.SCHEDULED:
        due = run.expected or run.since
        if now - due <= limits.late:
            return None
        return RunProblem(run, "not_started", f"{name} was to begin at {to_minute(due)}, and no worker has taken it")
    stood = now - run.since
    if run.state == StateType.RUNNING:
        limit = timedelta(seconds=run.run_seconds) + limits.settle if run.run_seconds is not None else None
        if limit is None or now - (run.began or run.since) <= limit:
            return None
        told = f"{name} began at {to_minute(run.began or run.since)} and goes on beyond its {run.run_seconds:,.0f} s"
        return RunProblem(run, "stuck", f"{told}: it is cancelled", "cancel")
    if run.state in (StateType.PENDING, StateType.CANCELLING) and stood > limits.settle:
        told = f"{name} is {run.state.value.lower()} since {to_minute(run.since)}"
        return RunProblem(run, "stuck", f"{told}, and whoever had it in hand is gone: it is given up", "give up")
    return None


def _crashed(run: ObservedRun, name: str) -> RunProblem | None:
    if run.over:
        return None
    words = f"{name} crashed at {to_minute(run.since)}: {run.words or 'no more is known'}"
    if run.again:
        return RunProblem(run, "crash", f"{words}; it was the second attempt, and the next is that of the schedule")
    if run.paused:
        return RunProblem(run, "crash", f"{words}; its deployment is paused, so it is not tried again")
    return RunProblem(run, "crash", f"{words}; it is run once more", "run again", told=False)


# ------------------------------------------------------------------------ the server


@dataclass(frozen=True)
class Watch:
    """The runs of our deployments on one server."""

    client: SyncPrefectClient
    limits: Limits = Limits()

    def look(self, now: datetime) -> list[RunProblem]:
        """What is wrong, of all runs; changes nothing."""
        known: dict[UUID, DeploymentResponse | None] = {}
        judged = (judge(self._seen(run, known), self.limits, now) for run in self._suspects(now))
        return [self._with_stage(a) for a in judged if a is not None]

    def mend(self, ailments: Iterable[RunProblem]) -> list[RunProblem]:
        """Does what there is to do on the server; what was found, of which all that could not be mended is to be told.

        Raises:
            httpx.TransportError: the server does not answer (any more).
        """
        return [self._mended(ailment) for ailment in ailments]

    def _mended(self, ailment: RunProblem) -> RunProblem:
        try:
            if ailment.remedy == "run again":
                self._run_again(ailment.run)
            elif ailment.remedy == "cancel":
                self._set(ailment, Cancelling(message="techtrade: beyond its time-out"))
            elif ailment.remedy == "give up":
                self._set(ailment, Crashed(message="techtrade: whoever had it in hand is gone"))
        except httpx.TransportError:
            raise
        except Exception as e:  # noqa: BLE001 - whatever the server has against one run, the others have their turn
            return replace(ailment, told=True, words=f"{ailment.words}; that failed: {describe_safely(e)}")
        return ailment

    def _with_stage(self, ailment: RunProblem) -> RunProblem:
        """The ailment with what its run was doing: the task that began last and has no end. A run that hangs or was
        killed cannot tell that itself."""
        if ailment.kind == "not_started":
            return ailment
        try:
            under_way = self.client.read_task_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[ailment.run.id])),
                task_run_filter=TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=UNFINISHED))),
            )
        except httpx.TransportError:
            raise
        except Exception as e:  # noqa: BLE001 - whatever the server has against it: the ailment is told without
            log.warning("%s: what it was doing is not known: %s", ailment.run.name, describe_safely(e))
            return ailment
        newest = max(under_way, key=lambda t: t.start_time or t.expected_start_time or ailment.run.since, default=None)
        if newest is None:
            return ailment
        return replace(ailment, stage=TASKS.get(newest.name.partition(" ")[0], newest.name))

    def _suspects(self, now: datetime) -> Iterator[FlowRun]:
        tagged = FlowRunFilterTags(all_=[TAG])
        active = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
        late = FlowRunFilterExpectedStartTime(before_=now - self.limits.late)
        lately = FlowRunFilterEndTime(after_=now - LOOK_BACK)
        for wanted in (
            FlowRunFilter(tags=tagged, state=_in(active)),
            FlowRunFilter(tags=tagged, state=_in([StateType.SCHEDULED]), expected_start_time=late),
            FlowRunFilter(tags=tagged, state=_in([StateType.CRASHED]), end_time=lately),
        ):
            yield from self._all(wanted)

    def _all(self, wanted: FlowRunFilter) -> Iterator[FlowRun]:
        offset = 0
        while True:
            page = self.client.read_flow_runs(flow_run_filter=wanted, limit=PAGE, offset=offset)
            yield from (run for run in page if run.deployment_id is not None and run.state is not None)
            if len(page) < PAGE:
                return
            offset += PAGE

    def _seen(self, run: FlowRun, known: dict[UUID, DeploymentResponse | None]) -> ObservedRun:
        state, deployment_id = run.state, run.deployment_id
        assert state is not None and deployment_id is not None
        if deployment_id not in known:
            known[deployment_id] = self._deployment(deployment_id)
        deployment = known[deployment_id]
        env = (run.job_variables or {}).get("env") or (deployment.job_variables if deployment else {}).get("env", {})
        dataset = run.parameters.get("dataset")
        return ObservedRun(
            id=run.id,
            name=run.name,
            deployment=deployment.name if deployment else "a deployment that is gone",
            dataset=str(dataset) if dataset else None,
            state=state.type,
            words=redacted(" ".join((state.message or "").split()))[:300],
            since=state.timestamp,
            expected=run.next_scheduled_start_time or run.expected_start_time,
            began=run.start_time,
            run_seconds=_seconds(env.get(RUN_SECONDS)),
            again=AGAIN in run.tags,
            over=state.type == StateType.CRASHED and self._ended_well_since(run),
            paused=deployment is None or deployment.paused,
            pool=deployment.work_pool_name if deployment else None,
        )

    def _deployment(self, wanted: UUID) -> DeploymentResponse | None:
        try:
            return self.client.read_deployment(wanted)
        except ObjectNotFound:
            return None

    def _ended_well_since(self, run: FlowRun) -> bool:
        """Whether a later run of the deployment was completed, with the same parameters."""
        began = run.start_time or run.expected_start_time
        later = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[run.deployment_id] if run.deployment_id else []),
            state=_in([StateType.COMPLETED]),
            start_time=FlowRunFilterStartTime(after_=began),
        )
        return any(r.id != run.id and r.parameters == run.parameters for r in self._all(later))

    def _run_again(self, run: ObservedRun) -> None:
        first = self.client.read_flow_run(run.id)
        assert first.deployment_id is not None
        self.client.create_flow_run_from_deployment(
            first.deployment_id,
            parameters=first.parameters,
            tags=[AGAIN],
            job_variables=first.job_variables,
            idempotency_key=f"{AGAIN} {first.id}",
        )

    def _set(self, ailment: RunProblem, state: State[None]) -> None:
        current = self.client.read_flow_run(ailment.run.id).state
        if current is not None and current.type == ailment.run.state:
            self.client.set_flow_run_state(ailment.run.id, state, force=True)

    def collapse(self, run: FlowRun, now: datetime) -> int:
        """Cancels what the schedule of the same deployment has piled up beside a run that begins; how many those were.

        What was asked for by hand, or with other parameters, is left alone.
        """
        if run.deployment_id is None:
            return 0
        waiting = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[run.deployment_id]),
            state=_in([StateType.SCHEDULED]),
            expected_start_time=FlowRunFilterExpectedStartTime(before_=now),
        )
        late = [r for r in self._all(waiting) if r.auto_scheduled and r.id != run.id and r.parameters == run.parameters]
        for one in late:
            told = f"techtrade: run {run.name!r} ({run.id}) does the work of all that were late"
            self.client.set_flow_run_state(one.id, Cancelled(message=told))
        return len(late)


def on_running(flow: Any, flow_run: FlowRun, state: Any) -> None:
    """Cancel the late runs of the same deployment: Prefect's hook of a run that begins.

    After a day without workers each deployment has a row of late runs. Every run asks its publisher for all there is,
    so the first one does the work of all. A concurrency limit (``deploy/prefect.yaml``) is not enough: a worker with
    one slot would begin the next when the first has ended. A server that fails here is no reason for a run to fail.
    """
    if flow_run.deployment_id is None:
        return
    try:
        with get_client(sync_client=True) as client:
            number = Watch(client).collapse(flow_run, utc_now())
    except Exception as e:  # noqa: BLE001 - whatever Prefect's client has: late runs find nothing new, and that is all
        log.warning("late runs of the same deployment were not cancelled: %s", describe_safely(e))
        return
    if number:
        log.info("%d late run(s) of the same deployment were cancelled: this one does their work", number)


def _seconds(value: object) -> float | None:
    """A time-out as a deployment was given it; one that is no number is none."""
    try:
        return float(str(value))
    except ValueError:
        return None


def _in(types: list[StateType]) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=types))
