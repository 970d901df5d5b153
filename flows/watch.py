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
from datetime import UTC, datetime, timedelta

from flows.runtime import prepare, store_of_run

prepare()

import httpx  # noqa: E402
from prefect.client.orchestration import get_client  # noqa: E402
from prefect.exceptions import PrefectHTTPStatusError  # noqa: E402

from configs.settings import load_settings  # noqa: E402
from flows import alerting, logs  # noqa: E402
from flows.deployed import deployed  # noqa: E402
from flows.run_watch import Ailment, Limits, Watch  # noqa: E402
from tasks.alerts import Finding, Kind, findings  # noqa: E402
from tasks.store.open import open_store  # noqa: E402

log = logging.getLogger("techtrade")
logs.install()
SCHEDULER = "scheduler"
ANSWERS: tuple[Kind, ...] = ("no_server",)
NO_SERVER = (httpx.TransportError, PrefectHTTPStatusError)


# No retry: the next turn of its schedule looks again.
@deployed("watch", "watch")
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


def look(store: str | None, limits: Limits, now: datetime | None = None) -> list[Ailment]:
    """One look: what was found, after it was mended and told.

    Raises:
        httpx.TransportError, PrefectHTTPStatusError: the server does not answer, or with an error.
    """
    with get_client(sync_client=True) as client:
        watching = Watch(client, limits)
        found = watching.look(now or datetime.now(UTC))
        watching.mend(found)
        if any(a.remedy == "give up" for a in found):  # it has crashed by that, and may be run once more
            crashed = [a for a in watching.look(now or datetime.now(UTC)) if a.kind == "crash"]
            watching.mend(crashed)
            found += crashed
    for ailment in found:
        log.warning("%s: %s", ailment.run.about, ailment.words)
    alerting.found(store, *(_finding(store, a) for a in found if a.told))
    alerting.healed(store, SCHEDULER, "the Prefect server answers", ANSWERS)
    alerting.send_found(store)
    return found


def look_or_tell(
    store: str | None, limits: Limits, patience: float, pause: Callable[[float], None] = time.sleep
) -> bool:
    """One look from outside; whether all is well. A server that does not answer for ``patience`` seconds is told of."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return not look(store, limits)
        except NO_SERVER as e:
            why = type(e).__name__
            if isinstance(e, PrefectHTTPStatusError):
                why = f"status {e.response.status_code}"
            if time.monotonic() >= deadline:
                break
            pause(min(5.0, patience))
    words = f"the Prefect server does not answer ({why}), for {patience:.0f} s: no run begins until it does"
    log.warning("%s: %s", SCHEDULER, words)
    evidence = ("the server at PREFECT_API_URL, and its log",)
    served = "what they saw before; it is of no dataset"
    alerting.found(
        store, Finding(dataset=SCHEDULER, kind="no_server", cause="", words=words, served=served, evidence=evidence)
    )
    alerting.send_found(store)
    return False


def _finding(store: str | None, ailment: Ailment) -> Finding:
    """What the owner is told. The cause of what never began is one for all: it is the worker's, not a dataset's."""
    about, pool = ailment.run.about, ailment.run.pool or "techtrade"
    causes = {"crash": "CrashedError", "stuck": "TimedOutError", "not_started": f"pool {pool}"}
    return Finding(
        dataset=about,
        kind=ailment.kind,
        cause=causes[ailment.kind],
        words=ailment.words,
        served=findings.served(open_store(store or load_settings().store), about),
        evidence=(f"prefect flow-run inspect {ailment.run.id}", f"prefect work-pool inspect {pool}"),
    )
