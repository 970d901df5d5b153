"""A run that takes too long is ended, written down and told; one whose figures would vanish does not begin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType

from configs.errors import ConfigError
from flows.run_context import run_seconds
from tasks.storage.object_store import ObjectStore
from tests.doubles.publishers import CensusDouble
from tests.support.alerting import operators_hook  # noqa: F401 - a fixture
from tests.support.mail_server import Hook, headings

ATP = "atp_world_monthly"
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")


@pytest.mark.parametrize(("value", "seconds"), [("", None), (" 90 ", 90), ("0.5", 0.5)])
def test_the_time_out_is_a_variable_of_the_run(
    monkeypatch: pytest.MonkeyPatch, value: str, seconds: float | None
) -> None:
    monkeypatch.setenv("TECHTRADE_RUN_SECONDS", value)
    assert run_seconds() == seconds


@pytest.mark.parametrize("value", ["soon", "0", "-1", "inf", "nan"])
def test_a_time_out_that_cannot_be_is_told(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TECHTRADE_RUN_SECONDS", value)
    with pytest.raises(ConfigError, match="TECHTRADE_RUN_SECONDS is"):
        run_seconds()


@pytest.mark.slow
def test_a_run_that_takes_too_long_is_ended_written_down_and_told(
    environment: dict[str, str], local_store: ObjectStore, hook: Hook, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    """In a process of its own, as every run of a schedule is: here pytest has the alarm clock that Prefect ends by."""
    with CensusDouble() as census:
        census.fault = "hang"
        env = environment | {
            "TECHTRADE_SOURCES__CENSUS_BALANCE__URL": census.url + "/country.xlsx",
            "TECHTRADE_RUN_SECONDS": "3",
            "TECHTRADE_ALERTS": os.environ["TECHTRADE_ALERTS"],
            "XDG_STATE_HOME": os.environ["XDG_STATE_HOME"],
            "TEST_CHAT": os.environ["TEST_CHAT"],
        }
        command = [sys.executable, "-m", "flows.cli", "publish", ATP]
        ran = subprocess.run(command, env=env, capture_output=True, text=True)
    assert ran.returncode == 1 and "the run took too long and was ended" in ran.stderr
    assert headings(hook.posts) == [f"techtrade FAILED: {ATP}: the run hung"]
    assert "runbook stuck" in hook.posts[0]["message"] and "in stage extract" in hook.posts[0]["message"]
    told = json.loads(local_store.get(f"{ATP}/status.json").body)
    assert (told["outcome"], "took too long" in told["detail"]) == ("failed", True)


@pytest.mark.slow
def test_a_worker_whose_store_would_vanish_with_the_run_is_told(environment: dict[str, str], tmp_path: Path) -> None:
    from flows.prefect_setup.declaration import load_declaration
    from flows.prefect_setup.deployer import Deployer
    from tests.support.deployments import clear, named

    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "techtrade", "--run-once"]
    env = {**os.environ, **environment, "PREFECT_HOME": str(tmp_path / "prefect"), "TECHTRADE_STORE": "warehouse"}
    with get_client(sync_client=True) as client:
        clear(client)
        try:
            deployer = Deployer(load_declaration(), client)
            deployer.execute(deployer.plan())
            run = client.create_flow_run_from_deployment(named(client, "partners").id)
            subprocess.run(command, env=env, check=True, capture_output=True, timeout=240, cwd=tmp_path)
            state = client.read_flow_run(run.id).state
            assert state is not None and state.type == StateType.FAILED
            assert "a relative folder" in str(state.message) and "set TECHTRADE_STORE" in str(state.message)
        finally:
            clear(client)
