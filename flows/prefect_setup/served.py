"""The runner of ``techtrade serve``, a process with its own session: ``python -m flows.prefect_setup.served [STORE]``.

Apart from the command, so that a stop reaches the runner and its runs as one group, and never by half.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import warnings
from typing import Any

from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.flows import load_flow_from_entrypoint
from prefect.runner import Runner
from prefect.schedules import Cron

from flows.prefect_setup import stopping
from flows.prefect_setup.declaration import Deployment, served_deployments
from flows.prefect_setup.serve import BE_SILENT


def main(store: str | None) -> None:
    """Offer the deployments to the server at ``PREFECT_API_URL`` and run what it schedules, until a signal."""
    # Prefect's runner forgets to await its end when it is told to terminate.
    warnings.filterwarnings("ignore", message="coroutine 'Runner.astop' was never awaited")
    # Paused deployments would stay paused for another server of the same database, and nothing would say so.
    runner = Runner(pause_on_shutdown=False)
    for declared in served_deployments():
        runner.add_deployment(_deployment(declared, store))
    asyncio.run(runner.start())


def _deployment(declared: Deployment, store: str | None) -> Any:
    """A declared deployment as Prefect's runner takes it: without work pool and the pool's variables."""
    flow: Any = load_flow_from_entrypoint(declared.entrypoint, use_placeholder_flow=False)
    return flow.to_deployment(
        name=declared.name,
        description=declared.description,
        parameters={**declared.parameters, "store": store},
        schedules=[
            Cron(s.cron, timezone=s.timezone, day_or=s.day_or, slug=s.slug, parameters=s.parameters)
            for s in declared.schedules
        ],
        concurrency_limit=ConcurrencyLimitConfig.model_validate(declared.concurrency_limit.model_dump()),
        tags=list(declared.tags),
    )


if __name__ == "__main__":
    signal.signal(BE_SILENT, lambda *_: stopping.be_silent())
    with stopping.stoppable():
        main(sys.argv[1] if len(sys.argv) > 1 else None)
