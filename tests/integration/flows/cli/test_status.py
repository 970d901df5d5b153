"""``techtrade status`` on a real store, and what a real Prefect server knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from configs.contracts import dataset_names
from tasks.alerts import state_store
from tasks.alerts.model import Alert, AlertState, Finding, Incident, Section
from tasks.storage.open import open_store
from tasks.warehouse.run_status import read_status
from tests.doubles.publishers import CensusDouble, closed_port
from tests.support.plain import Ran, nothing_published, plain

Run = Callable[..., Ran]
ATP = "atp_world_monthly"


def asked(techtrade: Run, *more: str) -> tuple[int, dict[str, Any]]:
    ran = techtrade("status", ATP, "--json", *more)
    told = json.loads(ran.out)
    assert len(told["datasets"]) == 1, ran.err
    return ran.code, told["datasets"][0]


def test_what_a_run_cost_is_told_also_of_one_that_found_nothing_new_or_failed(
    techtrade: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CensusDouble("2025-02") as double:
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", f"{double.url}/country.xlsx")
        for outcome in ("published", "unchanged"):
            before = len(double.requests)
            assert techtrade("publish", ATP).code == 0
            row = asked(techtrade)[1]
            assert row["run"] == outcome
            assert row["cost"]["requests"] == len(double.requests) - before == 1
            assert row["cost"]["bytes"] > 10_000 and row["seconds"] is not None and row["seconds"] >= 0
        double.fault = "html"
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__ATTEMPTS", "2")
        before = len(double.requests)
        assert techtrade("publish", ATP).code == 1
    code, row = asked(techtrade, "--check")
    assert (code, row["run"], row["cost"]["requests"]) == (1, "failed", len(double.requests) - before)
    assert row["attention"][0].startswith("the last run ended as failed: census_balance")
    assert asked(techtrade)[0] == 0, "a monitor asks with --check"
    store = open_store(str(tmp_path / "store"))
    status = read_status(store, ATP)
    assert status is not None and row["checked_at"] == status.checked_at.replace("Z", "+00:00")


def test_without_a_server_the_rest_is_told_and_a_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    techtrade = plain(monkeypatch, capfd, str(tmp_path / "store"))
    nothing_published(open_store(str(tmp_path / "store")))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    ran = techtrade("status")
    assert ran.code == 0 and "no Prefect server: PREFECT_API_URL is not set" in ran.out
    assert [
        line.split()[0] for line in ran.out.splitlines() if line.split()[1:4] == ["no", "never", "-"]
    ] == dataset_names()
    assert techtrade("status", "--check").code == 0, "nothing was ever published, and nothing failed"
    with closed_port() as nobody:
        monkeypatch.setenv("PREFECT_API_URL", nobody.replace("://", "://user:canary@") + "/api")
        ran = techtrade("status")
        assert ran.code == 0 and f"Prefect at {nobody}/api: no next runs" in ran.out
        assert f"the Prefect server at {nobody}/api does not answer" in ran.out and "all is well" not in ran.out
        assert "canary" not in ran.out + ran.err
        ran = techtrade("status", "--check", "--json")
        assert ran.code == 1 and json.loads(ran.out)["well"] is False
    assert techtrade("status", "no_such_dataset").code == 2


def test_alerts_are_told_also_those_that_are_of_no_dataset_or_that_nobody_took(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    techtrade = plain(monkeypatch, capfd, str(tmp_path / "store"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    now = datetime.now(UTC)

    def incident(dataset: str, healed: bool = False) -> Incident:
        finding = Finding(dataset=dataset, kind="crash", cause="", words="it ended", served="nothing")
        over = now if healed else None
        return Incident(owner="o", finding=finding, first_at=now, last_at=now, healed_at=over)

    found = (incident(ATP), incident("partners", healed=True), incident("scheduler"))
    section = Section(kind="crash", cause="", incidents=found[:1])
    lost = Alert(id="1", owner="o", sections=(section,), taken_at=now, error="TEST_CHAT: refused")
    state_store.change(open_store(str(tmp_path / "store")), lambda _: AlertState(incidents=found, undelivered=(lost,)))
    code, row = asked(techtrade, "--check")
    assert (code, [a["kind"] for a in row["alerts"]]) == (1, ["crash"])
    assert json.loads(techtrade("status", "partners", "--json").out)["datasets"][0]["alerts"] == []
    said = techtrade("status", "partners").out
    assert "scheduler: alert open since" in said
    assert f"an alert on {ATP} was not delivered: TEST_CHAT: refused" in said


@pytest.fixture
def deployments(prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[UUID, UUID]]:
    """Deployments of two datasets as ``deploy/prefect.yaml`` declares them, alone of their tags on the tests' server."""
    from prefect.client.orchestration import get_client

    from flows.prefect_setup import run_status
    from flows.publish import publish

    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    monkeypatch.setattr(run_status, "TAGS", ("techtrade", "publish", "test-status"))
    tags = ["techtrade", "publish", "test-status"]
    names = {ATP: "test-status", "partners": "test-status-2"}
    made = [publish.to_deployment(name=n, parameters={"dataset": d}, tags=tags).apply() for d, n in names.items()]  # type: ignore[union-attr]
    yield made[0], made[1]
    with get_client(sync_client=True) as client:
        for one in made:
            client.delete_deployment(one)


def test_prefect_tells_what_comes_what_is_late_and_what_a_killed_run_could_not_write(
    techtrade: Run, deployments: tuple[UUID, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.states import Cancelled, Crashed, Late, Running, Scheduled

    from flows.prefect_setup import run_status

    assert techtrade("publish", ATP, "--source", "snapshot", "--vintage", "2025-02").code == 0
    now = datetime.now(UTC)
    row = asked(techtrade)[1]
    assert (row["run"], row["next_run"], row["next_at"]) == ("published", "", None)

    with get_client(sync_client=True) as client:

        def run(state: Any, deployment: UUID = deployments[0]) -> UUID:
            return client.create_flow_run_from_deployment(deployment, state=state).id  # type: ignore[no-any-return]

        run(Scheduled(scheduled_time=now + timedelta(hours=9)))
        run(Scheduled(scheduled_time=now + timedelta(hours=3, minutes=1)))
        row = asked(techtrade)[1]
        assert row["next_run"] == "scheduled" and datetime.fromisoformat(row["next_at"]) - now < timedelta(hours=4)
        assert "  in 3h " in techtrade("status", ATP).out

        killed = run(Scheduled())
        client.set_flow_run_state(killed, Running(), force=True)
        assert asked(techtrade)[1]["run"] == "running"
        client.set_flow_run_state(killed, Crashed(message="no heartbeat"), force=True)
        one_too_many = run(Scheduled())
        client.set_flow_run_state(one_too_many, Cancelled(), force=True)
        row = asked(techtrade)[1]
        assert row["run"] == "crashed" and "the last run ended as crashed" in row["attention"][0]

        run(Late(scheduled_time=now - timedelta(hours=1)))
        code, row = asked(techtrade, "--check")
        assert (code, row["next_run"]) == (1, "late")
        assert any("no worker has taken it" in told for told in row["attention"])
        run(Scheduled(scheduled_time=now + timedelta(hours=5)), deployments[1])
    assert "late 60m" in techtrade("status", ATP).out
    monkeypatch.setattr(run_status, "AT_MOST", 1)
    rows = json.loads(techtrade("status", "--json").out)["datasets"]
    assert {r["dataset"]: r["next_run"] for r in rows if r["next_run"]} == {ATP: "late", "partners": "scheduled"}
