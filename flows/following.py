"""What is made from a dataset follows it: after a publish, a promotion, a yank. It stands beside the dataset and cannot
hold it up: what goes wrong is told of as of any dataset, with an alert, and the next run tries again."""

from __future__ import annotations

import logging

from configs.contracts import load_contract
from configs.errors import StorePermissionError, TechtradeError
from configs.settings import load_settings
from configs.words import plural
from flows import announcing
from flows.prefect_setup import alert_hooks, secrets
from tasks.build import from_versions as derived_
from tasks.common.text import one_line
from tasks.publish import run_status
from tasks.publish.dependents import NotYetError, bring_up
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import catalog, ledger
from tasks.warehouse.outcomes import Followed, Outcome, Published, RejectedError

log = logging.getLogger("techtrade")


def after(store: ObjectStore, dataset: str, *, publishes: bool = True) -> tuple[Followed, ...]:
    """Brings up what is made from a dataset, and what is made from that, each once: also where what it is made from is
    unchanged, as it may have failed the last time. Nothing is raised.

    Args:
        publishes: whether whoever calls is there to publish. Who is not (a yank has a login of its own) leaves what it
            may not write to the next run of the dataset, without an alert.
    """
    if not load_settings().follow:
        return ()
    found: list[Followed] = []
    for name in derived_.followers(dataset):
        try:
            outcome = _one(store, name)
        except NotYetError as e:
            log.info("not made yet: %s", one_line(e))
            continue
        except Exception as e:  # noqa: BLE001 - the dataset is published, and must not look otherwise
            if isinstance(e, StorePermissionError) and not publishes:
                found.append(Followed(name, "left", f"may not be published here; the next run of {dataset} does it"))
                continue
            alert_hooks.failed(store.url, name, e)
            told = one_line(e) if isinstance(e, TechtradeError) else secrets.told(e)
            log.warning("%s: does not follow %s: %s", name, dataset, told)
            found.append(Followed(name, "rejected" if isinstance(e, RejectedError) else "failed", told))
            continue
        if isinstance(outcome, Published):
            found.append(Followed(name, "published", f"{outcome.version}, {plural(outcome.rows, 'row')}"))
        else:
            found.append(Followed(name, "unchanged", outcome.detail))
    return tuple(found)


def _one(store: ObjectStore, name: str) -> Outcome:
    running = run_status.Running()
    with run_status.of_failures(store, name, running, asked=False, but=(NotYetError,)):
        outcome = bring_up(store, name)
    kind, detail = run_status.write_outcome(store, outcome, running, asked=False)
    contract = load_contract(name)
    catalog.refresh_catalog(store, contract)
    if isinstance(outcome, Published):
        ledger.keep(store, name)
    announcing.feeds(store, contract)
    announcing.subscribers(store, contract, ("published", outcome.version) if isinstance(outcome, Published) else None)
    alert_hooks.ended(store, outcome)
    log.info("%s: %s, %s", name, kind, detail)
    return outcome
