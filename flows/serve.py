"""``techtrade serve``: the schedules on one machine, the smallest way to run unattended.

A real Prefect server is needed, because the embedded one runs no scheduler: one is started as a child on a free
loopback port, unless ``PREFECT_API_URL`` names one. Both end together.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from configs.errors import TechtradeError
from configs.settings import load_settings
from flows.deployments import RUN_SECONDS, Deployment, load_declaration
from flows.output import remark
from flows.ports import free_ports
from flows.prefect_runs import address
from flows.runtime import prepare
from tasks.store.open import open_store
from tasks.store.schedule import note_scheduled

START_SECONDS = 120


class ServerStartError(TechtradeError):
    """The Prefect server did not come up."""


def serve(store: str | None) -> None:
    """Serves what ``deploy/prefect.yaml`` declares, until interrupted.

    All runs inherit this process's variables, so the longest time-out that is declared is that of each. ``watch`` is
    not among what is served: here a crash is told at once, and the next turn of the schedule is the second attempt.
    """
    declared = [d for d in load_declaration("local").deployments if d.name != "watch"]
    os.environ.setdefault(RUN_SECONDS, str(max(d.run_seconds for d in declared)))
    prepare()
    # Prefect's runner forgets to await its own end when it is told to terminate.
    warnings.filterwarnings("ignore", message="coroutine 'Runner.astop' was never awaited")
    with _server():
        note_scheduled(open_store(store or load_settings().store), by="techtrade serve")
        from prefect import serve as serve_flows

        serve_flows(*(_served(d, store) for d in declared))


def _served(deployment: Deployment, store: str | None) -> Any:
    """A declared deployment for Prefect's ``serve``, which knows no work pool and no variables of one."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.flows import load_flow_from_entrypoint
    from prefect.schedules import Cron

    for schedule in deployment.schedules:
        remark(f"{deployment.name}: {schedule.slug}, at cron '{schedule.cron}' {schedule.timezone}")
    flow: Any = load_flow_from_entrypoint(deployment.entrypoint, use_placeholder_flow=False)
    return flow.to_deployment(
        name=deployment.name,
        description=deployment.description,
        parameters={**deployment.parameters, "store": store},
        schedules=[
            Cron(s.cron, timezone=s.timezone, day_or=s.day_or, slug=s.slug, parameters=s.parameters)
            for s in deployment.schedules
        ],
        concurrency_limit=ConcurrencyLimitConfig.model_validate(deployment.concurrency_limit.model_dump()),
        tags=list(deployment.tags),
    )


@contextmanager
def _server() -> Iterator[None]:
    if os.environ.get("PREFECT_API_URL"):
        remark(f"using the Prefect server at {address()}")
        yield
        return
    (port,) = free_ports(1)
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
