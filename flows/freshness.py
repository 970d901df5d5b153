"""The ``freshness`` flow: looks at what is published and when publishers were asked, and alerts before readers notice.

It asks no publisher, and reads a few small documents a dataset, so it can run often. What it finds is told to the
owners through ``flows.alerting``; that a dataset has caught up is told too, once.
"""

from __future__ import annotations

import logging
from datetime import datetime

from flows.runtime import prepare, store_of_run

prepare()


from configs.contract import dataset_names, load_contract  # noqa: E402
from configs.errors import ConfigError, StoreError  # noqa: E402
from flows import alerting, logs  # noqa: E402
from flows.deployed import deployed  # noqa: E402
from flows.output import one_line  # noqa: E402
from tasks import news_feed  # noqa: E402
from tasks.alerts import BY_WATCH, Finding  # noqa: E402
from tasks.freshness import BAD, Freshness, watch  # noqa: E402
from tasks.store import derived  # noqa: E402
from tasks.store.objects import ObjectStore  # noqa: E402
from tasks.store.open import open_store  # noqa: E402
from tasks.store.versions import utc_now  # noqa: E402

log = logging.getLogger("techtrade")
logs.install()


# No retry: the next turn of its schedule looks again.
@deployed("freshness", "freshness")
def freshness(
    datasets: list[str] | None = None, store: str | None = None, at: datetime | None = None
) -> list[Freshness]:
    """A verdict on each dataset, told to its owner where it is an alarm.

    Args:
        datasets: names of contracts; None for all.
        store: folder or ``s3://`` address; None for the setting ``TECHTRADE_STORE``.
        at: the moment to judge by; None for now.

    Raises:
        StoreUnavailableError: the store could not be read.
    """
    chosen = [load_contract(name).name for name in datasets] if datasets else dataset_names()
    target = open_store(store_of_run(store))
    found = watch(target, chosen, at or utc_now())
    for verdict in found:
        bad = verdict.alarming or verdict.state in BAD
        log.log(logging.WARNING if bad else logging.INFO, "%s: %s", verdict.dataset, _words(verdict))
        _tell(target, verdict)
    for name in chosen:
        _mend(target, name)
    alerting.send(target, target.url)
    return found


def _mend(store: ObjectStore, name: str) -> None:
    """Catalog and feeds, which who publishes may not be allowed to write: what is missing is there within the hour."""
    try:
        contract = load_contract(name)
        derived.refresh_catalog(store, contract)
        news_feed.refresh(store, contract)
    except (StoreError, ConfigError) as e:  # a damaged log, a wrong contract: the verdict says so already
        log.warning("%s: its catalog entry and feeds were not brought up to date: %s", name, one_line(e))


def _tell(store: ObjectStore, verdict: Freshness) -> None:
    if verdict.alarming:
        alerting.report(store, finding(verdict))
    elif verdict.state not in (*BAD, "never published"):
        alerting.recovered(store, verdict.dataset, _words(verdict), BY_WATCH)


def finding(verdict: Freshness) -> Finding:
    """What the owner is told."""
    served = f"{verdict.dataset}@{verdict.version}" if verdict.version else "nothing, as no version was published yet"
    return Finding(
        dataset=verdict.dataset,
        kind="stale",
        cause=verdict.cause,
        words=_words(verdict),
        served=served,
        evidence=(f"techtrade freshness {verdict.dataset}", f"techtrade versions {verdict.dataset}"),
    )


def _words(verdict: Freshness) -> str:
    return f"{verdict.state}: {verdict.words}"
