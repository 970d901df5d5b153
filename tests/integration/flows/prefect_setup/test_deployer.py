"""`techtrade deploy` against a real Prefect server: what it makes, that it makes it once, what it leaves alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleUpdate, DeploymentUpdate
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled

from flows.prefect_setup.declaration import load_declaration
from flows.prefect_setup.serve import forget_scheduled
from tests.paths import ROOT
from tests.support.deployments import AUTOMATIONS, clear, named, ours
from tests.support.plain import Ran

Run = Callable[..., Ran]


@pytest.fixture
def deploy(techtrade: Run, prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    return lambda *given: techtrade("deploy", *given)


@pytest.fixture
def client(prefect_api: str) -> Iterator[SyncPrefectClient]:
    """The server, empty of what is ours before and after."""
    with get_client(sync_client=True) as found:
        clear(found)
        yield found
        clear(found)


def raw(client: SyncPrefectClient) -> dict[str, Any]:
    """All that the server has of ours, with ids and when each was last changed; but not when somebody last asked."""
    deployments = client.request(
        "POST", "/deployments/filter", json={"deployments": {"tags": {"all_": ["techtrade"]}}}
    ).json()
    for d in deployments:
        d.pop("last_polled"), d.pop("status")
    automations = client.request("POST", "/automations/filter", json={}).json()
    pool = client.request("GET", "/work_pools/{name}", path_params={"name": "techtrade"}).json()
    return {"deployments": sorted(deployments, key=lambda d: d["id"]), "automations": automations, "pool": pool}


def like(automation: Any, **other: Any) -> AutomationCore:
    return AutomationCore.model_validate(automation.model_dump(exclude={"id", "owner_resource"}) | other)


def as_declared(client: SyncPrefectClient) -> None:
    made = named(client, "atp-trade-monthly")
    declared = next(d for d in load_declaration().deployments if d.name == made.name)
    assert (made.entrypoint, made.work_pool_name, made.pull_steps) == ("flows.publish.publish", "techtrade", [])
    assert made.parameters == {"dataset": "atp_trade_monthly"}
    assert made.job_variables["env"]["TECHTRADE_RUN_SECONDS"] == "10800"
    assert made.global_concurrency_limit.limit == 1
    assert made.concurrency_options.collision_strategy.value == "CANCEL_NEW"
    assert {(s.slug, s.schedule.cron, s.schedule.timezone, s.schedule.day_or) for s in made.schedules} == {
        (s.slug, s.cron, s.timezone, s.day_or) for s in declared.schedules
    }
    crashed = next(a for a in client.read_automations() if a.name == "techtrade: a crashed publish is looked at")
    assert crashed.actions[0].deployment_id == named(client, "watch").id


@pytest.mark.slow
def test_what_is_declared_is_made_and_the_second_time_nothing_is_changed(
    deploy: Run, client: SyncPrefectClient
) -> None:
    first = deploy()
    assert first.code == 0, first.err
    declared = load_declaration()
    assert first.out.splitlines()[0] == "create work pool techtrade"
    assert len(first.out.splitlines()) == 1 + len(declared.deployments) + len(declared.automations)
    assert {d.name for d in ours(client)} == {d.name for d in declared.deployments}
    as_declared(client)
    before = raw(client)
    again = deploy()
    assert (again.code, again.out.startswith("nothing to change: ")) == (0, True)
    assert raw(client) == before


@pytest.mark.slow
def test_asked_only_nothing_is_made(deploy: Run, client: SyncPrefectClient) -> None:
    ran = deploy("--dry-run")
    assert ran.code == 0 and "would create deployment publish/partners" in ran.out
    asked = json.loads(deploy("--dry-run", "--json").out)
    assert (asked["executed"], asked["stage"]) == (False, "local")
    assert {"action": "create", "kind": "work pool", "name": "techtrade", "differences": []} in asked["changes"]
    assert ours(client) == [] and client.read_automations(automations=AUTOMATIONS) == []
    with pytest.raises(ObjectNotFound):
        client.read_work_pool("techtrade")


@pytest.mark.slow
def test_what_was_changed_by_hand_is_told_and_brought_back(
    deploy: Run, client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy()
    before = named(client, "partners")
    client.update_deployment(
        before.id, DeploymentUpdate(parameters={"dataset": "partners", "refresh": "all"}, concurrency_limit=5)
    )
    (heartbeat,) = [
        a for a in client.read_automations() if a.name == "techtrade: a run without a heartbeat has crashed"
    ]
    client.update_automation(heartbeat.id, like(heartbeat, description="mine"))
    only = deploy("--dry-run").out
    assert "would update deployment publish/partners" in only
    assert '    parameters.refresh: "all" → null' in only and "    concurrency_limit.limit: 5 → 1" in only
    assert 'description: "mine" → ' in only and only.count("would ") == 2
    with monkeypatch.context() as terminal:
        terminal.setenv("COLUMNS", "80")
        narrow = deploy("--dry-run").out
    assert max(map(len, narrow.splitlines())) <= 80 and narrow.split() == only.split(), "wrapped, and nothing is cut"
    assert deploy().out == only.replace("would ", "")
    after = named(client, "partners")
    assert (after.id, after.parameters, after.global_concurrency_limit.limit) == (before.id, {"dataset": "partners"}, 1)
    assert deploy().out.startswith("nothing to change")


@pytest.mark.slow
def test_what_somebody_paused_or_switched_off_stays_so(deploy: Run, client: SyncPrefectClient) -> None:
    deploy()
    partners = named(client, "partners")
    client.pause_deployment(partners.id)
    annual = named(client, "us-ip-trade-annual")
    weekly = next(s for s in annual.schedules if s.slug == "weekly")
    client.update_deployment_schedule(annual.id, weekly.id, active=False)
    late = next(a for a in client.read_automations() if "a late publish" in a.name)
    client.update_automation(late.id, like(late, enabled=False))
    ran = deploy()
    assert ran.out.startswith("nothing to change")
    assert [
        line.removesuffix(" on the server, other than declared; that is left as it is") for line in ran.err.splitlines()
    ] == [
        "note: publish/partners is paused",
        "note: publish/us-ip-trade-annual: schedule weekly is switched off",
        "note: automation techtrade: a late publish is looked at is switched off",
    ]
    # Also where something else of it has to be changed.
    client.update_deployment(partners.id, DeploymentUpdate(description="mine"))
    client.update_deployment(
        annual.id, DeploymentUpdate(schedules=[DeploymentScheduleUpdate(slug="weekly", parameters={"refresh": "all"})])
    )
    assert deploy().out.count("update deployment") == 2
    assert named(client, "partners").paused
    heartbeat = next(a for a in client.read_automations() if "heartbeat" in a.name)
    client.update_automation(heartbeat.id, like(heartbeat, description="mine", enabled=False))
    assert "update automation" in deploy().out
    assert client.read_automation(heartbeat.id).enabled is False  # type: ignore[union-attr]
    assert {s.slug: s.active for s in named(client, "us-ip-trade-annual").schedules} == {
        "release": True,
        "follow-up": True,
        "weekly": False,
    }


@pytest.mark.slow
def test_what_is_ours_and_no_longer_declared_goes_and_nothing_else(deploy: Run, client: SyncPrefectClient) -> None:
    deploy()
    flow_id = named(client, "partners").flow_id
    client.create_deployment(
        flow_id=flow_id, name="of-long-ago", tags=["techtrade"], entrypoint="flows.publish.publish"
    )
    theirs = client.create_deployment(
        flow_id=flow_id, name="of-others", tags=["other"], entrypoint="flows.publish.publish"
    )
    mine = client.read_automations(automations=AUTOMATIONS)[0]
    client.create_automation(like(mine, name="techtrade: of long ago"))
    kept = client.create_automation(like(mine, name="of others"))
    ran = deploy()
    assert ran.out.splitlines() == ["delete deployment publish/of-long-ago", "delete automation techtrade: of long ago"]
    assert client.read_deployment(theirs).name == "of-others"
    assert client.read_automation(kept) is not None
    client.delete_deployment(theirs), client.delete_automation(kept)


@pytest.mark.slow
def test_a_pool_of_another_type_is_not_taken_over(
    deploy: Run, client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy()
    for name in ("CLUSTER", "SUBNET_1", "SUBNET_2", "SECURITY_GROUP"):
        monkeypatch.setenv(f"TECHTRADE_ECS_{name}", name.lower())
    before = raw(client)
    ran = deploy("--stage", "production")
    assert ran.code == 1
    assert (
        "is of type 'process' on the server, 'ecs' is declared" in ran.err
        and "prefect work-pool delete techtrade" in ran.err
    )
    assert raw(client) == before


@pytest.mark.slow
def test_staging_takes_the_templates_of_the_cloud_and_begins_paused(
    deploy: Run, client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server holds each deployment's variables against the template of the pool."""
    for name in ("CLUSTER", "SUBNET_1", "SUBNET_2", "SECURITY_GROUP"):
        monkeypatch.setenv(f"TECHTRADE_ECS_{name}", name.lower())
    ran = deploy("--stage", "staging")
    assert ran.code == 0, ran.err
    assert client.read_work_pool("techtrade").type == "ecs"
    assert {d.paused for d in ours(client)} == {True}
    assert named(client, "weekly").job_variables["task_definition_arn"] == "techtrade-maintenance"
    again = deploy("--stage", "staging")
    assert (again.out.startswith("nothing to change"), again.err) == (True, "")


def test_without_a_server_it_is_told_what_to_set(techtrade: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    ran = techtrade("deploy")
    assert ran.code == 2 and "set PREFECT_API_URL" in ran.err


@pytest.mark.slow
def test_a_server_that_is_gone_is_one_line(environment: dict[str, str]) -> None:
    env = environment | {"PREFECT_API_URL": "http://me:canary-9f2@127.0.0.1:9/api"}
    ran = subprocess.run(
        [sys.executable, "-m", "flows.cli", "deploy"], env=env, capture_output=True, text=True, cwd=ROOT
    )
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.startswith("error: the Prefect server does not answer (http://127.0.0.1:9/api")
    assert "canary" not in ran.stderr


@pytest.mark.slow
def test_prefect_s_own_command_deploys_the_same(
    deploy: Run, client: SyncPrefectClient, prefect_api: str, tmp_path: Path
) -> None:
    """As the base has it, without a stage's differences; and from the root of the project, as docs/deploying.md says."""
    deploy()
    for deployment in ours(client):
        client.delete_deployment(deployment.id)
    command = [
        sys.executable,
        "-m",
        "prefect",
        "--no-prompt",
        "deploy",
        "--all",
        "--prefect-file",
        "deploy/prefect.yaml",
    ]
    env = {**os.environ, "PREFECT_API_URL": prefect_api, "PREFECT_HOME": str(tmp_path)}
    ran = subprocess.run(command, env=env, capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = {d.name: d for d in ours(client)}
    assert set(found) == {d.name for d in load_declaration().deployments}
    changes = json.loads(deploy("--dry-run", "--json").out)["changes"]
    told = [d.partition(":")[0] for c in changes if c["kind"] == "deployment" for d in c["differences"]]
    assert set(told) == {"job_variables.env.PREFECT_FLOWS_HEARTBEAT_FREQUENCY"}


def test_serve_refuses_a_server_with_these_deployments(
    deploy: Run, techtrade: Run, client: SyncPrefectClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would overwrite their entry points and time-outs."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    assert deploy("--stage", "local").code == 0
    before = raw(client)
    ran = techtrade("serve")
    assert ran.code == 1 and "prefect worker start --pool techtrade" in ran.err and "unset PREFECT_API_URL" in ran.err
    assert raw(client) == before


def test_what_is_late_is_cancelled_and_what_comes_is_scheduled_again(
    client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch, prefect_api: str
) -> None:
    """A restart of serve would run what is late; and never what was cancelled ahead, as a schedule makes a run once."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    monkeypatch.setattr("flows.prefect_setup.serve.FORGET_SECONDS", 60)
    flow = client.create_flow_from_name("publish")
    served = client.create_deployment(flow, "partners", tags=["techtrade"])
    now = datetime.now(UTC)
    late, coming = (
        client.create_flow_run_from_deployment(served, state=Scheduled(scheduled_time=now + timedelta(hours=hours))).id
        for hours in (-1, 24)
    )
    forget_scheduled()
    state = client.read_flow_run(late).state
    assert state is not None and state.is_cancelled()
    with pytest.raises(ObjectNotFound):
        client.read_flow_run(coming)
