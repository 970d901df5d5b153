"""A scheduled run whose process is killed outright, as for want of memory: Prefect's runner notices, and it is told."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.doubles.publishers import CensusDouble
from tests.support.alerting import ALERTS
from tests.support.mail_server import headings, web_hook
from tests.support.prefect_api import ask, wait_for

ATP = "atp_world_monthly"


def process_of(run_id: str) -> int | None:
    """The process in which a served run is: the run's id is in its environment."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"FLOW_RUN_ID={run_id}".encode() in path.read_bytes():
                return int(path.parent.name)
        except OSError:  # it ended meanwhile, or is another user's
            continue
    return None


@pytest.mark.slow
def test_a_run_that_is_killed_is_told_by_who_served_it(tmp_path: Path) -> None:
    (tmp_path / "alerts.yaml").write_text(ALERTS)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT", "TECHTRADE"))}
    said = tmp_path / "stderr"
    with CensusDouble() as census, web_hook() as hook, said.open("wb") as err:
        census.fault = "hang"
        env |= {
            "PREFECT_HOME": str(tmp_path / "prefect"),
            "XDG_STATE_HOME": str(tmp_path / "state"),
            "TECHTRADE_STORE": str(tmp_path / "store"),
            "TECHTRADE_ALERTS": str(tmp_path / "alerts.yaml"),
            "TECHTRADE_SOURCES__CENSUS_BALANCE__URL": census.url + "/country.xlsx",
            "TEST_CHAT": hook.url,
        }
        serving = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "serve"], env=env, stdout=subprocess.DEVNULL, stderr=err
        )
        try:
            url = wait_for(lambda: re.search(r"http://127\.0\.0\.1:\d+", said.read_text()))
            api = f"{url[0]}/api"
            name = ATP.replace("_", "-")
            (deployment,) = wait_for(
                lambda: [d for d in ask(api, "deployments/filter", {}) if d["name"] == name and d["status"] == "READY"]
            )
            run = ask(api, f"deployments/{deployment['id']}/create_flow_run", {"state": {"type": "SCHEDULED"}})
            wait_for(lambda: census.requests)
            os.kill(wait_for(lambda: process_of(run["id"])), signal.SIGKILL)
            wait_for(lambda: hook.posts)
            assert headings(hook.posts) == [f"techtrade FAILED: {ATP}: the run ended unexpectedly"]
            assert "the run was cut off" in hook.posts[0]["message"]
        finally:
            serving.terminate()
            serving.wait(timeout=240)
