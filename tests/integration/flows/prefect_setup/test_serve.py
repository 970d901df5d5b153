"""`techtrade serve` as a process: a scheduler that does schedule, and a served run that publishes."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.prefect_setup.declaration import load_declaration
from tasks.storage.open import open_store
from tasks.warehouse import protocol, schedule
from tasks.warehouse.run_status import read_status
from tests.support import terminal
from tests.support.prefect_api import ask, wait_for


@pytest.fixture
def silent() -> Iterator[tuple[str, socket.socket]]:
    with terminal.silent_server() as found:
        yield found


@pytest.mark.slow
def test_schedules_are_made_a_served_run_publishes_and_all_ends_with_one_key(
    tmp_path: Path, silent: tuple[str, socket.socket]
) -> None:
    """With SQLAlchemy 2.1 the server came up, said nothing, and never scheduled a run."""
    store = tmp_path / "store"
    env = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
    env |= {"PREFECT_HOME": str(tmp_path / "prefect"), "TECHTRADE_STORE": str(store)}
    hanging, publisher = silent
    env["TECHTRADE_SOURCES__CENSUS_BALANCE__URL"] = f"{hanging}/country.xlsx"
    serving = terminal.start([sys.executable, "-m", "flows.cli", "serve"], env)
    try:
        url = serving.wait_for(lambda: re.search(r"Prefect: (http://127\.0\.0\.1:\d+)", serving.text))[1]
        api = f"{url}/api"
        with urllib.request.urlopen(f"{url}/ui-settings", timeout=30) as response:
            assert json.load(response)["api_url"] == api, "what the page asks, from the browser"
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
        latest, _ = protocol.read_latest(open_store(str(store)), "atp_world_monthly")
        assert latest is not None
        assert latest.log[-1].vintage == "2023-01"
        noted = schedule.read(open_store(str(store)))
        assert noted is not None and noted.by == "techtrade serve"
        # A second one would take over the deployments of the first, and leave them without a runner when it stops.
        second = subprocess.run([sys.executable, "-m", "flows.cli", "serve"], env=env, capture_output=True, text=True)
        assert second.returncode == 1 and f"process {serving.process.pid}" in second.stderr
        # A run under way is stopped with it: it has a publisher that never answers.
        live = {"dataset": "atp_world_monthly", "source": "live", "store": str(store)}
        ask(api, f"deployments/{atp['id']}/create_flow_run", {"parameters": live})
        publisher.accept()
        serving.press_ctrl_c()
        assert serving.end() == 130
    finally:
        serving.process.kill()
    assert serving.last_lines == ["stopped"]
    assert "Traceback" not in serving.text and "Warning" not in serving.text
    assert serving.left_behind() == []
    status = read_status(open_store(str(store)), "atp_world_monthly")
    assert status is not None and status.outcome == "stopped"
    with sqlite3.connect(tmp_path / "prefect" / "prefect.db") as database:
        assert database.execute("SELECT count(*) FROM deployment WHERE paused").fetchone() == (0,)
        assert database.execute("SELECT count(*) FROM deployment_schedule WHERE NOT active").fetchone() == (0,)
