"""Runs that died, hang or never began, on a real Prefect server: mended once, and told once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.schedules import CronSchedule
from prefect.states import Completed, Crashed, Pending, Running, Scheduled

from flows import watch
from flows.prefect_setup.run_watchdog import AGAIN, Kind, Limits, RunProblem, Watch
from tasks.storage.open import open_store
from tasks.warehouse import schedule
from tests.doubles.publishers import closed_port
from tests.support.alerting import operators_hook  # noqa: F401 - a fixture
from tests.support.mail_server import Hook, headings
from tests.support.plain import Ran, nothing_published

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")
Look = Callable[..., Ran]
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def no_other_runs(prefect_api: str) -> None:
    """The watch looks at all runs of ours on the server: those that other tests left there are none of these tests'."""
    ours = FlowRunFilter(tags=FlowRunFilterTags(all_=["techtrade"]))
    with get_client(sync_client=True) as client:
        while left := client.read_flow_runs(flow_run_filter=ours, limit=200):
            for run in left:
                client.delete_flow_run(run.id)


class Place:
    """A deployment of ours on the server, and what to do with its runs."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self.client = client
        self.id = client.create_deployment(
            flow_id=client.create_flow_from_name("publish"),
            name="watched",
            entrypoint="flows.publish.publish",
            tags=["techtrade", "publish"],
            parameters={"dataset": "partners"},
            job_variables={"env": {"TECHTRADE_RUN_SECONDS": "600"}},
        )

    def run(self, *states: State[Any], **more: Any) -> FlowRun:
        """A run that went through these states."""
        made = self.client.create_flow_run_from_deployment(self.id, **more)
        for state in states:
            self.client.set_flow_run_state(made.id, state, force=True)
        return made

    def runs(self) -> list[FlowRun]:
        return self.client.read_flow_runs(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[self.id])))

    def again(self) -> list[FlowRun]:
        return [r for r in self.runs() if AGAIN in r.tags]

    def state(self, run: UUID) -> State[Any]:
        found = self.client.read_flow_run(run).state
        assert found is not None
        return found


@pytest.fixture
def place(prefect_api: str) -> Iterator[Place]:
    with get_client(sync_client=True) as client:
        found = Place(client)
        yield found
        for run in found.runs():
            client.delete_flow_run(run.id)
        client.delete_deployment(found.id)


@pytest.fixture
def look(techtrade: Look, prefect_api: str, monkeypatch: pytest.MonkeyPatch, hook: Hook) -> Look:
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    nothing_published(open_store(os.environ["TECHTRADE_STORE"]))
    return lambda *given: techtrade("watch", "--patience", "0", *given)


def later(minutes: float) -> list[Kind]:
    """What a look finds that is made so many minutes from now: no client can set back the clock of a state."""
    return [a.kind for a in watch.look(None, Limits(), datetime.now(UTC) + timedelta(minutes=minutes))]


def ago(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


def test_a_crashed_run_is_run_once_more_and_only_the_second_crash_is_told(place: Place, look: Look, hook: Hook) -> None:
    first = place.run(Running(), Crashed(message="killed"), parameters={"dataset": "partners", "refresh": "all"})
    assert look().code == 1
    assert look().code == 1, "it is looked at again before the second attempt has begun"
    (second,) = place.again()
    assert (second.parameters, second.state_type) == (first.parameters, StateType.SCHEDULED)
    assert headings(hook.posts) == []
    place.client.set_flow_run_state(second.id, Crashed(message="killed too"), force=True)
    assert look().code == 1
    look()
    assert len(place.runs()) == 2, "there is no third"
    assert headings(hook.posts) == ["techtrade FAILED: partners: the run ended unexpectedly"]
    assert "killed too" in hook.posts[0]["message"] and "runbook crash" in hook.posts[0]["message"]


def test_a_crash_that_a_later_run_made_up_for_is_over(place: Place, look: Look) -> None:
    place.run(Running(), Crashed())
    place.run(Running(), Completed())
    assert look().code == 0
    assert place.again() == []


def test_a_run_that_never_began_is_told_with_the_others_of_its_worker(place: Place, look: Look, hook: Hook) -> None:
    for dataset in ("partners", "ip_trade_annual"):
        place.run(state=Scheduled(scheduled_time=ago(40)), parameters={"dataset": dataset})
    assert look("--late-minutes", "60").code == 0
    assert look().code == 1
    look()
    (title,) = headings(hook.posts)
    assert title.startswith("techtrade FAILED: ") and title.endswith(": its runs do not begin")
    assert "ip_trade_annual" in title and "partners" in title
    assert "no worker has taken it" in hook.posts[0]["message"]


@pytest.mark.parametrize("state", [StateType.PENDING, StateType.CANCELLING])
@pytest.mark.usefixtures("look")
def test_a_run_that_nobody_has_in_hand_is_given_up_and_run_once_more(
    place: Place, hook: Hook, state: StateType
) -> None:
    begun = [Running()] if state == StateType.CANCELLING else []
    run = place.run(*begun, State(type=state))
    assert later(14) == []
    assert later(16) == ["stuck", "crash"]
    assert place.state(run.id).type == StateType.CRASHED
    assert len(place.again()) == 1
    assert headings(hook.posts) == ["techtrade FAILED: partners: the run hung"]


@pytest.mark.usefixtures("look")
def test_a_run_beyond_its_time_out_is_cancelled(place: Place, hook: Hook) -> None:
    run = place.run(Pending(), Running())
    for name, state in (("extract partners", Completed()), ("parse partners", Running())):
        key = name.replace(" ", "-")
        body = {"flow_run_id": str(run.id), "task_key": key, "dynamic_key": key, "name": name}
        task = place.client.request("POST", "/task_runs/", json=body).json()
        told = {"state": state.model_dump(mode="json", include={"type", "name"}), "force": True}
        place.client.request("POST", "/task_runs/{id}/set_state", path_params={"id": task["id"]}, json=told)
    assert later(24) == []
    assert later(26) == ["stuck"]
    assert place.state(run.id).type == StateType.CANCELLING
    assert headings(hook.posts) == ["techtrade FAILED: partners: the run hung"]
    assert "beyond its 600 s" in hook.posts[0]["message"] and "The run hung, in stage parse" in hook.posts[0]["message"]


def test_a_server_that_is_gone_is_told_from_outside_and_so_is_its_return(look: Look, hook: Hook) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with closed_port() as nobody, temporary_settings({PREFECT_API_URL: f"{nobody}/api"}):
        assert look().code == 1
        assert look().code == 1
    assert headings(hook.posts) == ["techtrade FAILED: scheduler: the Prefect server does not answer"]
    assert "runbook no-server" in hook.posts[0]["message"]
    assert look().code == 0
    assert headings(hook.posts)[1:] == ["techtrade GOOD AGAIN: scheduler: over: the Prefect server does not answer"]


def test_what_is_said_of_upkeep_by_the_watch_is_over_when_it_ends_well(
    place: Place, look: Look, hook: Hook, tmp_path: Path
) -> None:
    from flows.maintenance import maintenance
    from flows.prefect_setup import alert_hooks

    nightly = place.client.create_deployment(
        flow_id=place.client.create_flow_from_name("maintenance"), name="nightly", tags=["techtrade", "upkeep"]
    )
    made = place.client.create_flow_run_from_deployment(nightly, tags=[AGAIN])
    place.client.set_flow_run_state(made.id, Crashed(message="killed"), force=True)
    try:
        assert look().code == 1
        assert headings(hook.posts) == ["techtrade FAILED: nightly: the run ended unexpectedly"]
        good = place.client.read_flow_run(place.client.create_flow_run_from_deployment(nightly).id)
        good.parameters = {"store": os.environ["TECHTRADE_STORE"]}
        alert_hooks.on_upkeep_completion(maintenance, good, Completed())
        assert headings(hook.posts)[1:] == ["techtrade GOOD AGAIN: nightly: over: the run ended unexpectedly"]
    finally:
        place.client.delete_deployment(nightly)


def test_one_run_that_cannot_be_mended_keeps_no_other_from_its_turn(place: Place) -> None:
    lost, kept = (place.run(Running(), Crashed()) for _ in range(2))
    watching = Watch(place.client)
    found = {a.run.id: a for a in watching.look(datetime.now(UTC))}
    place.client.delete_flow_run(lost.id)
    first, second = watching.mend([found[lost.id], found[kept.id]])
    assert first.told and "it is run once more; that failed: ObjectNotFound" in first.words
    assert not second.told and len(place.again()) == 1


def test_a_crash_is_not_made_up_for_by_a_run_that_did_something_else(place: Place, look: Look) -> None:
    place.run(Running(), Crashed(), parameters={"dataset": "partners", "refresh": "all"})
    place.run(Running(), Completed())
    assert look().code == 1
    assert len(place.again()) == 1


@pytest.mark.parametrize(("status", "told"), [(401, "refuses the login"), (422, "runs could not be looked at")])
@pytest.mark.usefixtures("look")
def test_a_server_that_refuses_is_not_taken_for_one_that_is_gone(hook: Hook, status: int, told: str) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with refusing(status) as url, temporary_settings({PREFECT_API_URL: url}):
        assert not watch.look_or_tell(None, Limits(), 0)
    assert headings(hook.posts) == ["techtrade FAILED: scheduler: the Prefect server does not answer"]
    assert told in hook.posts[0]["message"] and "canary" not in hook.posts[0]["message"]


@pytest.mark.parametrize("teller", ["watch", "hook of the run"])
def test_what_prefect_says_of_a_crash_is_told_without_the_login(
    place: Place, look: Look, hook: Hook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, teller: str
) -> None:
    from flows.prefect_setup import alert_hooks
    from flows.publish import publish

    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "user:canary-password")
    message = "Request to http://user:canary-password@server/api failed"
    run = place.run(Running(), Crashed(message=message), tags=[AGAIN])
    if teller == "watch":
        assert look().code == 1
    else:
        alert_hooks.on_crashed(publish, place.client.read_flow_run(run.id), Crashed(message=message))
    (post,) = hook.posts
    assert "@server/api failed" in post["message"]
    assert "canary" not in f"{post} {caplog.text}"


@pytest.mark.usefixtures("look")
def test_what_was_mended_is_told_also_if_the_second_look_fails(
    place: Place, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.run(Pending())
    looking, moments = Watch.look, [datetime.now(UTC) + timedelta(minutes=20)]

    def once(watching: Watch, now: datetime) -> list[RunProblem]:
        if not moments:
            raise ValueError("an answer that cannot be read")
        return looking(watching, moments.pop())

    monkeypatch.setattr(Watch, "look", once)
    assert not watch.look_or_tell(None, Limits(), 0)
    said = "\n".join(post["message"] for post in hook.posts)
    assert "it is given up" in said and "an answer that cannot be read" in said


@contextmanager
def refusing(status: int) -> Iterator[str]:
    """A server that answers everything with this status; its address has a password in it."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://user:canary-password@127.0.0.1:{server.server_port}/api"
    server.shutdown()
    server.server_close()


def test_late_runs_of_the_schedule_are_cancelled_and_what_somebody_asked_for_is_not(place: Place) -> None:
    by_hand = place.run(state=Scheduled(scheduled_time=ago(40)))
    place.client.create_deployment_schedules(place.id, [(CronSchedule(cron="0 * * * *", timezone="UTC"), True)])
    made_by_server(place.client, place.id, timedelta(days=1), most=24)
    begun = next(r for r in place.runs() if r.auto_scheduled)
    late = [r for r in place.runs() if r.auto_scheduled and r.id != begun.id and r.expected_start_time < NOW]
    assert len(late) > 20
    other = late.pop()
    place.client.update_flow_run(other.id, parameters={"dataset": "partners", "refresh": "all"})
    assert Watch(place.client).collapse(begun, datetime.now(UTC)) == len(late)
    assert {place.state(r.id).type for r in late} == {StateType.CANCELLED}
    for kept in (by_hand, begun, other):
        assert place.state(kept.id).type == StateType.SCHEDULED
    coming = [r for r in place.runs() if r.auto_scheduled and r.expected_start_time > datetime.now(UTC)]
    assert {r.state_type for r in coming} <= {StateType.SCHEDULED}


@pytest.mark.slow
def test_after_a_day_without_a_worker_each_deployment_runs_once(environment: dict[str, str], tmp_path: Path) -> None:
    """A worker with one slot, which would otherwise begin the next late run when the first has ended."""
    from flows.prefect_setup.declaration import load_declaration
    from flows.prefect_setup.deployer import Deployer
    from tests.support.deployments import clear

    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "techtrade", "--run-once", "--limit", "1"]
    env = {**os.environ, **environment, "PREFECT_HOME": str(tmp_path / "prefect")}
    with get_client(sync_client=True) as client:
        clear(client)
        try:
            deployer = Deployer(load_declaration(), client)
            deployer.execute(deployer.plan())
            chosen = [d.id for d in client.read_deployments() if d.name in ("freshness", "watch")]
            for one in chosen:
                made_by_server(client, one, timedelta(days=1), most=20)
            for _ in chosen:
                subprocess.run(command, env=env, check=True, capture_output=True, timeout=240, cwd=tmp_path)
            for one in chosen:
                runs = client.read_flow_runs(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[one])))
                late = [r.state_type for r in runs if r.expected_start_time and r.expected_start_time < NOW]
                assert len(late) >= 20
                assert late.count(StateType.COMPLETED) == 1
                assert late.count(StateType.CANCELLED) == len(late) - 1
            noted = schedule.read(open_store(env["TECHTRADE_STORE"]))
            assert noted is not None and "of a deployment" in noted.by, "from now on silence is late"
        finally:
            clear(client)


def made_by_server(client: SyncPrefectClient, deployment: UUID, since: timedelta, most: int) -> None:
    """Lets the server's scheduler make the runs of a time that has passed, as it did while no worker was there."""
    window = {"start_time": (NOW - since).isoformat(), "end_time": NOW.isoformat(), "min_runs": most, "max_runs": most}
    client.request("POST", f"/deployments/{deployment}/schedule", json=window).raise_for_status()
