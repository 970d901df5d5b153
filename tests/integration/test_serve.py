"""`techtrade serve` as a process: a scheduler that does schedule, and a served run that publishes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from flows.deployments import load_declaration
from tasks.store import schedule, versions
from tasks.store.open import open_store

PATIENCE = 240


def ask(api: str, path: str, body: dict[str, Any]) -> Any:
    """Asks again on 503, as Prefect's client does: a server with SQLite answers so while another writes, and has
    changed nothing then."""
    request = urllib.request.Request(
        f"{api}/{path}", data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as e:
            if e.code != 503 or time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def wait_for(what: Any) -> Any:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError("waited in vain")


@pytest.mark.slow
def test_schedules_are_made_and_a_served_run_publishes(tmp_path: Path) -> None:
    """With SQLAlchemy 2.1 the server came up, said nothing, and never scheduled a run."""
    store = tmp_path / "store"
    env = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
    env |= {"PREFECT_HOME": str(tmp_path / "prefect"), "TECHTRADE_STORE": str(store)}
    said = tmp_path / "stderr"
    with said.open("wb") as err:
        serving = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "serve"], env=env, stdout=subprocess.DEVNULL, stderr=err
        )
    try:
        url = wait_for(lambda: re.search(r"http://127\.0\.0\.1:\d+", said.read_text()))
        api = f"{url[0]}/api"
        declared = {d.name: d for d in load_declaration().deployments if d.name != "watch"}

        def ready() -> Any:
            found = [d for d in ask(api, "deployments/filter", {}) if d["status"] == "READY"]
            return found if len(found) == len(declared) else None

        deployments = wait_for(ready)
        assert {d["name"] for d in deployments} == set(declared)
        for made in deployments:
            schedules = {(s["schedule"]["cron"], s["schedule"]["timezone"]) for s in made["schedules"]}
            assert schedules == {(s.cron, s.timezone) for s in declared[made["name"]].schedules}
            assert made["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
        scheduled = wait_for(lambda: ask(api, "flow_runs/filter", {"limit": 5}))
        assert {run["state_type"] for run in scheduled} == {"SCHEDULED"}
        atp = next(d for d in deployments if d["name"] == "atp-world-monthly")
        parameters = {"dataset": "atp_world_monthly", "source": "snapshot", "vintage": "2023-01", "store": str(store)}
        run = ask(api, f"deployments/{atp['id']}/create_flow_run", {"parameters": parameters})
        ended = {"id": {"any_": [run["id"]]}, "state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}}
        (done,) = wait_for(lambda: ask(api, "flow_runs/filter", {"flow_runs": ended}))
        assert (done["state_type"], done["name"]) == ("COMPLETED", "atp_world_monthly snapshot 2023-01")
        latest, _ = versions.read_latest(open_store(str(store)), "atp_world_monthly")
        assert latest is not None
        assert latest.log[-1].vintage == "2023-01"
        noted = schedule.read(open_store(str(store)))
        assert noted is not None and noted.by == "techtrade serve"
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.wait(timeout=240)
    assert "Traceback" not in said.read_text() and "Warning" not in said.read_text()
