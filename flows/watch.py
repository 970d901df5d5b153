"""The ``watch`` flow and ``techtrade watch``: runs that died, hang, or never began are mended or told of.

A run that crashed is run once more, and nobody is woken; only what a second attempt does not mend is told. The flow
runs on a worker, so it cannot tell that there is none, nor that the server is gone: that is what the command is for,
from anywhere else (a timer of the machine, another cluster). Both do the same, and what one has told the other does
not tell again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectHTTPStatusError

from flows.prefect_setup import alert_hooks, json_logs, run_status
from flows.prefect_setup.flow_decorator import scheduled_flow
from flows.prefect_setup.run_watchdog import Limits, RunProblem, Watch
from flows.prefect_setup.secrets import describe_safely
from flows.run_context import store_of_run
from tasks.alerts import findings
from tasks.alerts.model import Finding, Kind
from tasks.common.clock import utc_now

log = logging.getLogger("techtrade")
json_logs.install()
SCHEDULER = "scheduler"
ANSWERS: tuple[Kind, ...] = ("no_server",)


# No retry: the next turn of its schedule looks again.
@scheduled_flow("watch", "watch")
def watch(store: str | None = None, late_minutes: float = 30, settle_minutes: float = 15) -> list[str]:
    """Looks at all runs of our deployments, mends what can be, and tells owners of the rest.

    Args:
        store: folder or ``s3://`` address; None for the setting ``TECHTRADE_STORE``.
        late_minutes: by when a run has to begin.
        settle_minutes: how long a run may take to start or to end, once it was told to; and beyond its time-out.

    Returns:
        What was found, a sentence each.
    """
    limits = Limits(timedelta(minutes=late_minutes), timedelta(minutes=settle_minutes))
    return [a.words for a in look(store_of_run(store), limits)]


def look(store: str | None, limits: Limits, now: datetime | None = None) -> list[RunProblem]:
    """One look: what was found, after it was mended and told.

    Raises:
        httpx.TransportError, PrefectHTTPStatusError: the server does not answer, or refuses what is asked.
    """
    with get_client(sync_client=True) as client:
        watching = Watch(client, limits)
        found = _reported(store, watching.mend(watching.look(now or utc_now())))
        if any(a.remedy == "give up" for a in found):  # it has crashed by that, and may be run once more
            crashed = [a for a in watching.look(now or utc_now()) if a.kind == "crash"]
            found += _reported(store, watching.mend(crashed))
    alert_hooks.healed(store, SCHEDULER, "the Prefect server answers", ANSWERS)
    alert_hooks.send_found(store)
    return found


def _reported(store: str | None, found: list[RunProblem]) -> list[RunProblem]:
    """What was found, reported at once: once it is mended, a later look does not find it again."""
    for ailment in found:
        log.warning("%s: %s", ailment.run.about, ailment.words)
    alert_hooks.found(store, *(_finding(store, a) for a in found if a.told))
    return found


def look_or_tell(
    store: str | None, limits: Limits, patience: float, pause: Callable[[float], None] = time.sleep
) -> bool:
    """One look from outside; whether all is well. Nothing is raised: a server that does not answer for ``patience``
    seconds is told of, and so is a look that failed otherwise."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return not look(store, limits)
        except Exception as e:  # noqa: BLE001 - whoever watches must not end of what it sees
            why = _no_answer(e)
            if why is None or time.monotonic() >= deadline:
                finding = _no_server(why, patience) if why else _failed_look(e)
                break
            pause(min(5.0, patience))
    log.warning("%s: %s", SCHEDULER, finding.words)
    alert_hooks.found(store, finding)
    alert_hooks.send_found(store)
    return False


def _no_answer(error: Exception) -> str | None:
    """Why the server is as good as gone, if that is what the error says."""
    if isinstance(error, httpx.TransportError):
        return type(error).__name__
    status = error.response.status_code if isinstance(error, PrefectHTTPStatusError) else 0
    return f"status {status}" if status >= 500 else None


def _no_server(why: str, patience: float) -> Finding:
    words = f"the Prefect server does not answer ({why}), for {patience:.0f} s: no run begins until it does"
    return _of_scheduler(words, "")


def _failed_look(error: Exception) -> Finding:
    words = f"runs could not be looked at: {describe_safely(error)}"
    if isinstance(error, PrefectHTTPStatusError) and error.response.status_code in (401, 403):
        words += "; the server refuses the login in PREFECT_API_URL, PREFECT_API_AUTH_STRING or PREFECT_API_KEY"
    return _of_scheduler(words, type(error).__name__)


def _of_scheduler(words: str, cause: str) -> Finding:
    served, server = "what they saw before; it is of no dataset", run_status.address()
    evidence = (f"curl -fsS {server}/health",) if server else ()
    return Finding(dataset=SCHEDULER, kind="no_server", cause=cause, words=words, served=served, evidence=evidence)


def _finding(store: str | None, ailment: RunProblem) -> Finding:
    """What the owner is told. The cause of what never began is one for all: it is the worker's, not a dataset's."""
    about, pool = ailment.run.about, ailment.run.pool or "techtrade"
    causes = {"crash": "CrashedError", "stuck": "TimedOutError", "not_started": f"pool {pool}"}
    return Finding(
        dataset=about,
        kind=ailment.kind,
        cause=causes[ailment.kind],
        words=ailment.words,
        stage=ailment.stage,
        served=findings.served(alert_hooks.opened(store)[0], about),
        evidence=(run_status.reference("flow-run", ailment.run.id), run_status.reference("work-pool", pool)),
    )
