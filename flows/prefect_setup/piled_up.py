"""One run does the work of all that have piled up: after a day without workers, each deployment has a row of late runs.

Every run asks its publisher for all there is, so the first one that begins leaves nothing to the others. It cancels
them, as a hook of Prefect, before it does anything else. That a second one beside it is refused (the concurrency limit
in ``deploy/prefect.yaml``) is not enough: a worker with one slot would begin the next when the first has ended.
"""

from __future__ import annotations

import logging
from typing import Any

from flows.prefect_setup.secrets import told
from tasks.common.clock import utc_now

log = logging.getLogger("techtrade")


def on_running(flow: Any, flow_run: Any, state: Any) -> None:
    """Prefect's hook of a run that begins. A server that fails here is no reason for a run to fail."""
    if flow_run.deployment_id is None:
        return
    from prefect.client.orchestration import get_client

    from flows.prefect_setup.run_watchdog import Watch

    try:
        with get_client(sync_client=True) as client:
            number = Watch(client).collapse(flow_run, utc_now())
    except Exception as e:  # noqa: BLE001 - whatever Prefect's client has: late runs find nothing new, and that is all
        log.warning("late runs of the same deployment were not cancelled: %s", told(e))
        return
    if number:
        log.info("%d late run(s) of the same deployment were cancelled: this one does their work", number)
