"""The ``publish`` flow: one for any dataset, scheduled or by hand.

::

    extract ─▶ (nothing new: end) ─▶ parse ─▶ transform ─▶ release: stage ─▶ check ─▶ commit ─▶ status, catalog

Tasks are thin: the work is in ``tasks.publish.steps``. Retries are stated where they stand, with their reason.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flows.prefect_setup.defaults import (
    is_given_by_worker,
    make_room,
    prepare,
    refuse_unknown_sources,
    store_of_run,
    task_runner,
)
from tasks.warehouse.run_status import last_rejected, read_status

prepare()

from prefect import task  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.client.orchestration import get_client  # noqa: E402
from prefect.client.schemas.objects import State, TaskRun  # noqa: E402
from prefect.runtime import flow_run  # noqa: E402
from prefect.tasks import Task  # noqa: E402

from configs.contracts import load_contract  # noqa: E402
from configs.errors import (  # noqa: E402
    ClaimLostError,
    ConcurrentPublishError,
    HeadMovedError,
    LockedOutError,
    StoreUnavailableError,
    TechtradeError,
)
from configs.settings import lockout_seconds  # noqa: E402
from flows import announcing, following  # noqa: E402
from flows.prefect_setup import alert_hooks, artifacts, json_logs, secrets, stopping  # noqa: E402
from flows.prefect_setup.flow_decorator import deployed  # noqa: E402
from tasks.build import recipe  # noqa: E402
from tasks.common.log_context import bound  # noqa: E402
from tasks.common.text import duration  # noqa: E402
from tasks.extract.source import Extraction, Refresh  # noqa: E402
from tasks.publish import (  # noqa: E402
    compatibility,
    run_status,
    steps,
)
from tasks.publish.attempts import Sealings  # noqa: E402
from tasks.raw.archive import RawArchive  # noqa: E402
from tasks.storage.local import LocalStore  # noqa: E402
from tasks.storage.object_store import ObjectStore  # noqa: E402
from tasks.storage.open import open_store  # noqa: E402
from tasks.warehouse import catalog, ledger, protocol, yank  # noqa: E402
from tasks.warehouse.outcomes import Checked, Fetched, Followed, Outcome, Published, RejectedError, Request, SourceKind  # noqa: E402
from tasks.warehouse.protocol import Built, Draft, Head  # noqa: E402
from tasks.warehouse.records import Manifest  # noqa: E402

log = logging.getLogger("techtrade")
json_logs.install()
# A store that answers 503 for a minute is waited for by runs of a worker: nobody is to be woken for that. The waits
# double up to 20 s, each a random part of it (tests/drills/test_store_lost.py has such a minute).
PATIENT_ATTEMPTS = 10
# Of several runs of one dataset one wins each time; the others ask anew for what may have changed.
MOVED_TRIES = 5


def _run_name() -> str:
    given: dict[str, Any] = flow_run.parameters
    return f"{given['dataset']} {given.get('source', 'live')} {given.get('vintage') or 'newest'}"


def _lost_race(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, ConcurrentPublishError | ClaimLostError | StoreUnavailableError)


def _may_pass(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, StoreUnavailableError) or not isinstance(error, TechtradeError)


def _locked_out(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    return isinstance(state.result(raise_on_failure=False), LockedOutError)


# Retried once, an hour later, only if the publisher has shut us out for that long: asking on would prolong it. Anything
# else is not retried here: the HTTP client waits and tries again by itself, within the source's budget, and a second
# layer would multiply its attempts.
@task(
    name="extract",
    task_run_name="extract {request.contract.name}",
    retries=1,
    retry_condition_fn=_locked_out,
    cache_policy=NO_CACHE,
)
def extract(request: Request, head: Head, store: ObjectStore, running: run_status.Running) -> Fetched:
    return steps.fetch(request, head, RawArchive(store), running.meter, secrets.look_up)


# No retry: a pure function of archived bytes fails the same way twice.
@task(name="parse", task_run_name="parse {request.contract.name}", cache_policy=NO_CACHE)
def parse(request: Request, fetched: Fetched, store: ObjectStore) -> Extraction:
    return recipe.read(store, request, fetched)


# No retry: a pure function of what was extracted fails the same way twice.
@task(name="transform", task_run_name="transform {request.contract.name} {extraction.vintage}", cache_policy=NO_CACHE)
def transform(
    request: Request, extraction: Extraction, parent: Manifest | None, folder: Path, store: ObjectStore
) -> Built:
    return recipe.make(store, request.contract, extraction, parent, folder)[1]


# Retried at once where the machine or the store failed, not where the document is wrong: what was made stays made.
@task(
    name="piece",
    task_run_name="{work.__name__} {job.dataset} {job.label}",
    retries=2,
    retry_delay_seconds=[2, 10],
    retry_condition_fn=_may_pass,
    cache_policy=NO_CACHE,
)
def piece(work: Callable[[ObjectStore, Any], Any], store: ObjectStore, job: Any) -> Any:
    return work(store, job)


@contextmanager
def _each(store: ObjectStore) -> Iterator[recipe.Each]:
    """Calls each job as a task of its own, wherever there is room; tells of progress as they end."""
    with task_runner() as runner:

        def every(work: Callable[[ObjectStore, Any], Any], jobs: Sequence[Any]) -> list[Any]:
            began, results = time.monotonic(), []
            futures = [runner.submit(piece, {"work": work, "store": store, "job": job}) for job in jobs]
            for number, (job, future) in enumerate(zip(jobs, futures, strict=True), start=1):
                results.append(future.result())
                left = (time.monotonic() - began) / number * (len(jobs) - number)
                log.info("%s: %s, %d of %d, about %s left", job.dataset, job.label, number, len(jobs), duration(left))
            return results

        yield every


# Retried as a whole, from the new state: a lost race, a claim that gc gave up, a store that failed need a new version,
# and changes and checks computed against whatever is the parent by then. Jitter keeps equals from colliding again.
# What a publisher was asked for takes over answers of the version that was latest then: after another it is asked anew
# (`bring`).
@task(
    name="release",
    task_run_name="release {request.contract.name} {extraction.vintage}",
    retries=4,
    retry_delay_seconds=[1, 2, 5, 10],
    retry_jitter_factor=0.5,
    retry_condition_fn=_lost_race,
    cache_policy=NO_CACHE,
)
def release(
    request: Request, extraction: Extraction, built: Built, store: ObjectStore, sealings: Sealings, since: str | None
) -> Outcome:
    head = protocol.read_head(store, request.contract.name)
    # An attempt before this one can have won without learning it.
    won = sealings.published(head.latest)
    if won:
        return won
    now = head.latest.version if head.latest else None
    if request.kind == "live" and now != since:
        raise HeadMovedError(head.dataset, since, now)
    skipped = steps.nothing_new(head, request, extraction) or steps.same_content(head, built, extraction.vintage)
    if skipped:
        return skipped
    compatibility.refuse_breaking(head, request.contract)
    draft = stage(head, built, store)
    with bound(version=draft.version):
        json_logs.remember()
        log.info("%s: staged as %s", draft.dataset, draft.version)
        checked = check(request, extraction, built, draft, store)
        return commit(request, checked, store, sealings)


# The three steps below are not retried alone: `release` starts over from a new head.
@task(name="stage", task_run_name="stage {head.dataset}", cache_policy=NO_CACHE)
def stage(head: Head, built: Built, store: ObjectStore) -> Draft:
    return steps.stage(store, head, built)


@task(name="check", task_run_name="check {draft.dataset}@{draft.version}", cache_policy=NO_CACHE)
def check(request: Request, extraction: Extraction, built: Built, draft: Draft, store: ObjectStore) -> Checked:
    log.info("%s: checking %s rows of %s", draft.dataset, f"{built.rows:,}", draft.version)
    return steps.check(store, request, extraction, built, draft, steps.yanked_contents(draft.head))


@task(name="commit", task_run_name="commit {checked.draft.dataset}@{checked.draft.version}", cache_policy=NO_CACHE)
def commit(request: Request, checked: Checked, store: ObjectStore, sealings: Sealings) -> Published:
    sealed = steps.seal(store, request.contract, checked)
    sealings.add(sealed, checked.report)
    return steps.publish(store, sealed, checked.report)


@deployed("publish", _run_name, alert_hooks.on_completion)
def publish(
    dataset: str,
    source: SourceKind = "live",
    vintage: str | None = None,
    store: str | None = None,
    refresh: Refresh = "auto",
) -> Outcome:
    """Brings one dataset from its source to readers, if there is anything new and it passes the gate.

    Args:
        dataset: name of a contract in ``configs/datasets``.
        source: ``live`` asks the publisher, ``snapshot`` takes the bundled figures.
        vintage: the vintage to publish; None for the newest there is.
        store: folder or ``s3://`` address; None for the setting ``TECHTRADE_STORE``.
        refresh: ``auto`` asks only for what may have changed since the published version, ``all`` for everything.

    Raises:
        RejectedError: the quality gate stopped it; readers see what they saw before.
        TechtradeError: the run failed; readers see what they saw before.
    """
    with json_logs.of_run(dataset):
        return bring(Request(load_contract(dataset), source, vintage, refresh), store)


def bring(request: Request, url: str | None) -> Outcome:
    """All of a run, within a flow; ``url`` None for the setting ``TECHTRADE_STORE``."""
    dataset, running = request.contract.name, run_status.Running()
    refuse_unknown_sources()
    where = store_of_run(url)
    target = open_store(where, PATIENT_ATTEMPTS if is_given_by_worker() else None)
    if isinstance(target, LocalStore):
        make_room(target.root)
    # Whoever is to be told of a store that is still down is not to wait for it again.
    impatient = open_store(where)
    with _told_if_stopped(impatient, dataset, running):
        with run_status.of_failures(impatient, dataset, running, asked=request.kind == "live"):
            outcome = _outcome(request, target, running)
        with bound(version=outcome.version):
            json_logs.remember()
            _tell(request, outcome, target, running)
        if isinstance(outcome, Published):
            stopping.published(f"{dataset}@{outcome.version}")
        followed = follow(target, dataset)
        # After what is made from it, which is reported inside of the dataset's own entry.
        announcing.feeds(target, request.contract, deep=any(f.outcome == "published" for f in followed))
        return replace(outcome, followed=followed)


@contextmanager
def _told_if_stopped(store: ObjectStore, dataset: str, running: run_status.Running) -> Iterator[None]:
    """Write down that a run was stopped, by whoever ends the process; a run of ``serve`` does it here."""

    def stopped() -> str:
        return run_status.write_stopped(store, dataset, running)

    with stopping.last_words(stopped):
        try:
            yield
        except KeyboardInterrupt:
            if not stopping.requested():
                stopped()
            raise


# Not retried: it tries again by itself where others were faster, and whatever goes wrong is told and left to the next
# run.
@task(name="follow", task_run_name="follow {dataset}", cache_policy=NO_CACHE)
def follow(store: ObjectStore, dataset: str) -> tuple[Followed, ...]:
    return following.after(store, dataset)


def _outcome(request: Request, store: ObjectStore, running: run_status.Running) -> Outcome:
    """Extracts and releases; anew if somebody else published in between, who had what this run has not."""
    dataset = request.contract.name
    for again in reversed(range(MOVED_TRIES)):
        head = protocol.read_head(store, dataset)
        read_status(store, dataset)  # one of a newer techtrade ends the run before anything is asked
        yank.settle(store, dataset, head.latest)
        log.info("%s: extracting from %s, vintage %s", dataset, request.source, request.vintage or "newest")
        wait = lockout_seconds(request.source)
        fetched = extract.with_options(retry_delay_seconds=wait)(request, head, store, running)
        try:
            same = steps.same_input(head, request, fetched)
            return same or _release_if_new(request, head, fetched, store, running)
        except HeadMovedError as e:
            if not again:
                raise
            log.info("%s", e)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _release_if_new(
    request: Request, head: Head, fetched: Fetched, store: ObjectStore, running: run_status.Running
) -> Outcome:
    name = request.contract.name
    extraction = parse(request, fetched, store)
    name_run(request, extraction.vintage)
    skipped = steps.nothing_new(head, request, extraction)
    if skipped:
        return skipped
    known = last_rejected(store, name)
    again = steps.rejected_before(store, head, request.contract, extraction, known)
    if again:
        raise again
    with TemporaryDirectory(prefix="techtrade-") as folder:
        if extraction.pieces:
            with _each(store) as each:
                parent, here = head.manifest, Path(folder)
                extraction, built = recipe.make(store, request.contract, extraction, parent, here, each)
        else:
            built = transform(request, extraction, head.manifest, Path(folder), store)
        try:
            since = head.latest.version if head.latest else None
            return release(request, extraction, built, store, running.sealings, since)
        except RejectedError as e:
            artifacts.leave(store, name, e.version)
            raise


def _tell(request: Request, outcome: Outcome, store: ObjectStore, running: run_status.Running) -> None:
    """Name of the run, status, catalog and Prefect artifact. All derived: none can fail a publish that has happened."""
    name_run(request, outcome.vintage)
    kind, detail = run_status.write_outcome(store, outcome, running, asked=request.kind == "live")
    catalog.refresh_catalog(store, request.contract)
    if isinstance(outcome, Published):
        ledger.keep(store, outcome.dataset)
    made = ("published", outcome.version) if isinstance(outcome, Published) else None
    announcing.subscribers(store, request.contract, made)
    alert_hooks.ended(store, outcome)
    if isinstance(outcome, Published):
        artifacts.leave(store, outcome.dataset, outcome.version)
    log.info("%s: %s, %s", request.contract.name, kind, detail)


def name_run(request: Request, vintage: str) -> None:
    """Names the run after the vintage it found, where none was asked for."""
    given, run_id = request.vintage, flow_run.id
    if given is not None or not run_id:
        return
    try:
        with get_client(sync_client=True) as client:
            client.update_flow_run(run_id, name=f"{request.contract.name} {request.kind} {vintage}")
    except Exception as e:  # noqa: BLE001 - a name is no reason to fail
        log.warning("%s: the run keeps its name: %s", request.contract.name, secrets.told(e))
