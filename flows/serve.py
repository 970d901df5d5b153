"""``techtrade serve``: the schedules on one machine, the smallest way to run unattended.

A real Prefect server is needed, because the embedded one runs no scheduler: one is started as a child on a free
loopback port, unless ``PREFECT_API_URL`` names one. Both end together.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from configs.contract import dataset_names, load_contract
from configs.errors import TechtradeError
from flows.output import remark
from flows.runtime import prepare

START_SECONDS = 120
# After the looks of a publisher's morning and afternoon, on every day: also a schedule that stands still is to be seen.
WATCH = ("15 10,18 * * *", "America/New_York")


class ServerStartError(TechtradeError):
    """The Prefect server did not come up."""


def serve(store: str | None) -> None:
    """Serves one deployment a dataset, on its contract's schedule, and the freshness watch, until interrupted."""
    prepare()
    # Prefect's runner forgets to await its own end when it is told to terminate.
    warnings.filterwarnings("ignore", message="coroutine 'Runner.astop' was never awaited")
    with _server():
        from prefect import serve as serve_flows
        from prefect.schedules import Cron

        from flows.freshness import freshness
        from flows.publish import publish

        deployments: list[Any] = []
        for name in dataset_names():
            schedule = load_contract(name).schedule
            remark(f"{name}: live, at cron '{schedule.cron}' {schedule.timezone}")
            deployments.append(
                publish.to_deployment(
                    name=name.replace("_", "-"),
                    parameters={"dataset": name, "source": "live", "store": store},
                    schedule=Cron(schedule.cron, timezone=schedule.timezone),
                    concurrency_limit=1,
                    tags=["techtrade", name],
                )
            )
        remark(f"freshness: at cron '{WATCH[0]}' {WATCH[1]}")
        deployments.append(
            freshness.to_deployment(
                name="freshness",
                parameters={"store": store},
                schedule=Cron(WATCH[0], timezone=WATCH[1]),
                concurrency_limit=1,
                tags=["techtrade"],
            )
        )
        serve_flows(*deployments)


@contextmanager
def _server() -> Iterator[None]:
    if os.environ.get("PREFECT_API_URL"):
        remark(f"using the Prefect server at {os.environ['PREFECT_API_URL']}")
        yield
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            _wait(f"http://127.0.0.1:{port}/api", child)
            os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
            remark(f"Prefect server: http://127.0.0.1:{port}")
            yield
        finally:
            child.terminate()
            child.wait(timeout=30)


def _wait(url: str, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise ServerStartError(
                f"the Prefect server ended with code {child.returncode}; see why with: prefect server start"
            )
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.5)
    raise ServerStartError(f"the Prefect server did not answer at {url} within {START_SECONDS} s")
