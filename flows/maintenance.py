"""The ``maintenance`` flow: what is done every night so that nobody has to do it by hand.

Left-overs of killed runs go, claims that nobody will seal are given up, what is derived (catalog, ledger, feeds) is
made whole, alerts that nobody took are sent again, and checksums are recomputed: of what readers get, and of one older
version a dataset in turn; of everything once a week. One step that fails keeps no other from its turn: all that failed
is told at the end, as one failed run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

from prefect import task
from prefect.cache_policies import NO_CACHE

from configs.contracts import load_contract, published_names
from configs.errors import ConfigError, SourceError, StoreError, StorePermissionError, TechtradeError, UsageError
from configs.settings import source_settings
from configs.words import plural
from flows.prefect_setup import alert_hooks, json_logs, secrets
from flows.prefect_setup.flow_decorator import scheduled_flow
from flows.run_context import CENTURY, store_of_run
from tasks.alerts import findings
from tasks.alerts.model import Finding, Kind
from tasks.build import partitioned
from tasks.common.clock import utc_now
from tasks.common.text import one_line
from tasks.extract.bea import release_dates as release_dates_source
from tasks.extract.source import FetchRequest
from tasks.publish.after import announce
from tasks.raw import housekeeping
from tasks.raw.archive import RawArchive
from tasks.raw.verify import RawVerifier, published_versions, verified
from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import catalog, ledger, protocol, release_dates
from tasks.warehouse.isolated import isolated
from tasks.warehouse.upkeep import gc as gc_
from tasks.warehouse.upkeep import retention

log = logging.getLogger("techtrade")
json_logs.install()
Verified = Literal["newest", "all"]
REJECTED_DAYS = 90
WHOLE: tuple[Kind, ...] = ("damaged",)


class MaintenanceError(TechtradeError):
    """Some of the upkeep could not be done. ``problems``: a sentence each; ``done``: the same of what was."""

    def __init__(self, problems: list[str], done: Sequence[str] = ()) -> None:
        self.problems, self.done = problems, done
        super().__init__(f"maintenance: {'; '.join(problems)}; what was not done is done the next night")


# No retries below: every step can be run again, and is, the next night.
@scheduled_flow("maintenance", "maintenance, verifying {verify}")
def maintenance(
    store: str | None = None,
    verify: Verified = "newest",
    grace_hours: float = 24,
    raw_days: int | None = None,
    rejected_days: float | None = REJECTED_DAYS,
) -> list[str]:
    """Cleans up, mends what is derived, and recomputes checksums.

    Args:
        store: folder or ``s3://`` address; None for the setting ``TECHTRADE_STORE``.
        verify: ``newest``: what readers get, and an older version a dataset in turn; ``all``: every published version.
        grace_hours: left-overs that are younger are left alone.
        raw_days: raw documents that are older and that nothing names are deleted; None: none are.
        rejected_days: data of versions that were rejected longer ago are deleted; None: none are.

    Returns:
        What was done, a sentence each.

    Raises:
        MaintenanceError: a step failed, or a version is damaged; every other step was done.
        UsageError: an age that cannot be; nothing was done.
    """
    for name, age, unit in (
        ("grace_hours", grace_hours, "HOURS"),
        ("raw_days", raw_days, "DAYS"),
        ("rejected_days", rejected_days, "DAYS"),
    ):
        if age is not None and not 0 <= age <= CENTURY[unit]:
            raise UsageError(
                f"maintenance: {name} has to be from 0 to {CENTURY[unit]:,.0f}; change it in the deployment"
            )
    target, now = open_store(store_of_run(store)), utc_now()
    steps: list[Callable[[], list[str]]] = [lambda: clean_up(target, now, timedelta(hours=grace_hours))]
    if raw_days is not None:
        steps.append(lambda: expire_raw(target, now, timedelta(days=raw_days)))
    if rejected_days is not None:
        steps.append(lambda: free_rejected(target, now, retention.RejectedPolicy(rejected_days)))
    steps += [lambda: expire_pieces(target, now), lambda: read_release_dates(target, now)]
    steps += [lambda: mend_derived(target), lambda: verify_versions(target, now, verify)]
    done: list[str] = []
    problems: list[str] = []
    for step in steps:
        try:
            done += step()
        except MaintenanceError as e:
            problems += e.problems
            done += e.done
        except Exception as e:  # noqa: BLE001 - whatever one step meets, the others have their turn
            problems.append(one_line(e) if isinstance(e, TechtradeError) else secrets.describe_safely(e))
    for line in done:
        log.info("maintenance: %s", line)
    if problems:
        raise MaintenanceError(problems)
    return done


@task(name="clean up", cache_policy=NO_CACHE)
def clean_up(store: ObjectStore, now: datetime, grace: timedelta) -> list[str]:
    plan = gc_.plan(store, now, grace)
    result = gc_.execute(store, plan)
    uploads = [f"{len(result.uploads_aborted)} uploads in parts given up"] if result.uploads_aborted else []
    return _unless([*plan.problems, *result.problems], [*plan.lines(), *uploads, *plan.foreign])


@task(name="expire raw documents", cache_policy=NO_CACHE)
def expire_raw(store: ObjectStore, now: datetime, age: timedelta) -> list[str]:
    plan = housekeeping.plan_expiry(store, None, now, age)
    housekeeping.execute(store, plan)
    return _unless(plan.problems, plan.lines())


@task(name="free the data of rejected versions", cache_policy=NO_CACHE)
def free_rejected(store: ObjectStore, now: datetime, policy: retention.RejectedPolicy) -> list[str]:
    plan = retention.plan_rejected(store, now, policy)
    return _unless([*plan.problems, *retention.execute(store, plan).problems], plan.lines())


@task(name="expire pieces", cache_policy=NO_CACHE)
def expire_pieces(store: ObjectStore, now: datetime) -> list[str]:
    return partitioned.expire(store, now)


@task(name="read release dates", cache_policy=NO_CACHE)
def read_release_dates(store: ObjectStore, now: datetime) -> list[str]:
    """What BEA announces. Without it releases are expected by the calendars, so that nothing fails for want of it."""
    if not source_settings(release_dates_source.SOURCE).url:
        return []
    try:
        ask = FetchRequest(release_dates_source.SOURCE, now=now)
        document = release_dates_source.fetch(ask, RawArchive(store))
        found = release_dates_source.read(document)
        release_dates.note(store, found, document.raw_key, now)
    except (SourceError, ConfigError, StorePermissionError) as e:
        log.warning("maintenance: release dates were not read; the calendars stand in: %s", one_line(e))
        return []
    return [f"release dates read: {plural(len(found.releases), 'release')}"]


@task(name="mend what is derived", cache_policy=NO_CACHE)
def mend_derived(store: ObjectStore) -> list[str]:
    """Catalog, ledger, feeds. A dataset that is damaged keeps no other from its turn."""
    problems = catalog.rebuild_catalog(store)
    for name in published_names():
        problems += ledger.mend(store, name)
        with isolated(store, problems, name):
            announce(store, load_contract(name))
    return _unless(problems, [])


def _unless(problems: Sequence[str], done: list[str]) -> list[str]:
    """What was done.

    Raises:
        MaintenanceError: there are problems.
    """
    if problems:
        raise MaintenanceError(list(problems), done)
    return done


@task(name="verify", cache_policy=NO_CACHE)
def verify_versions(store: ObjectStore, now: datetime, which: Verified) -> list[str]:
    """Tells owners of what is damaged; that it is whole again only where every version was looked at."""
    raw, looked_at = RawVerifier(store), 0
    problems: list[str] = []
    for name, chosen in _chosen(store, now, which):
        before = len(problems)
        for version in chosen:
            try:
                found = verified(store, raw, name, version)
            except StoreError as e:
                problems.append(f"{_target(name, version)} was not verified: {one_line(e)}")
                continue
            looked_at += 1
            if not found["ok"]:
                alert_hooks.report(store, _damaged(store, name, version, found["error"]))
                problems.append(found["error"])
        if which == "all" and len(problems) == before:
            alert_hooks.recovered(store, name, "every published version is whole", WHOLE)
    if problems:
        raise MaintenanceError(problems)
    return [f"{plural(looked_at, 'version')} verified: all checksums hold"]


def _chosen(store: ObjectStore, now: datetime, which: Verified) -> Iterator[tuple[str, list[str | None]]]:
    """The versions to verify, by dataset."""
    found: dict[str, list[str | None]] = {}
    for name, version in published_versions(store):
        found.setdefault(name, []).append(version)
    for name, there in found.items():
        if which == "all" or len(there) < 2:
            yield name, there
            continue
        latest, _ = protocol.read_latest(store, name)
        current = latest.version if latest else None
        older = [v for v in there if v != current]
        yield name, [current, older[now.date().toordinal() % len(older)]]


def _damaged(store: ObjectStore, name: str, version: str | None, error: str) -> Finding:
    target = _target(name, version)
    return Finding(
        dataset=name,
        kind="damaged",
        cause=target,
        words=error,
        served=findings.served(store, name),
        evidence=(f"techtrade verify {target}",),
    )


def _target(name: str, version: str | None) -> str:
    return f"{name}@{version}" if version else name
