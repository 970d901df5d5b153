"""The little of Prefect's API that the trial and the drills need, over plain HTTP: nothing of Prefect's is imported."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from deploy.stack.processes import StackError

FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class Api:
    """A Prefect server by its address, ``http://127.0.0.1:<port>/api``."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, body: dict[str, Any] | list[Any] | None = None, method: str = "") -> Any:
        """What the server answers; a body is sent by POST.

        Raises:
            StackError: it does not answer, or with an error.
        """
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/{path}", data=data, headers={"Content-Type": "application/json"})
        request.method = method or ("GET" if data is None else "POST")
        try:
            with urlopen(request, timeout=30) as response:
                said = response.read()
        except HTTPError as e:
            raise StackError(f"Prefect: {path}: {e.code} {e.read()[:300]!r}") from e
        except (URLError, OSError) as e:
            raise StackError(f"Prefect does not answer at {self.url}: {e}") from e
        return json.loads(said) if said else None

    def deployments(self) -> dict[str, dict[str, Any]]:
        """All deployments, by ``flow/name``."""
        flows = {f["id"]: f["name"] for f in self.ask("flows/filter", {})}
        return {f"{flows[d['flow_id']]}/{d['name']}": d for d in self.ask("deployments/filter", {})}

    def trigger(self, deployment: str, **parameters: Any) -> str:
        """A run of a deployment, now, as the scheduler makes one; returns its id."""
        found = self.deployments()
        if deployment not in found:
            raise StackError(f"there is no deployment {deployment!r}; there are: {', '.join(sorted(found))}")
        body = {"state": {"type": "SCHEDULED"}, "parameters": parameters}
        run: str = self.ask(f"deployments/{found[deployment]['id']}/create_flow_run", body)["id"]
        return run

    def schedule_every_minute(self, deployment: str) -> None:
        """One schedule more, whose first turn is due within a minute; the server makes its runs."""
        schedule = {"schedule": {"cron": "* * * * *", "timezone": "UTC"}, "active": True}
        self.ask(f"deployments/{self.deployments()[deployment]['id']}/schedules", [schedule])

    def wait_for_turn(self, deployment: str, seconds: float) -> str:
        """The id of the first run that the scheduler made and that has begun.

        Raises:
            StackError: there is none, after so long.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for run in self.runs_of(deployment):
                if run["auto_scheduled"] and run["start_time"]:
                    return str(run["id"])
            time.sleep(0.5)
        raise StackError(f"no run of {deployment} was begun by its schedule within {seconds:.0f} s")

    def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask(f"flow_runs/{run_id}")
        return found

    def wait(self, run_id: str, seconds: float) -> dict[str, Any]:
        """The run when it has ended.

        Raises:
            StackError: it has not, after so long; with the state it is in.
        """
        until = time.monotonic() + seconds
        run: dict[str, Any] = {}
        while time.monotonic() < until:
            run = self.run(run_id)
            if run["state_type"] in FINAL:
                return run
            time.sleep(0.5)
        raise StackError(f"run {run.get('name', run_id)} is still {run.get('state_name')} after {seconds:.0f} s")

    def runs_of(self, deployment: str) -> list[dict[str, Any]]:
        """All runs of a deployment, the oldest first."""
        chosen = {"deployments": {"id": {"any_": [self.deployments()[deployment]["id"]]}}}
        found: list[dict[str, Any]] = self.ask("flow_runs/filter", {**chosen, "sort": "START_TIME_ASC"})
        return found
