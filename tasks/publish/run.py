"""One run of a dataset: head, fetch, parse, build, stage, check, seal, swap. No other place has this sequence.

Used by the flow, for dependents, by benchmarks and by tests. Who asks hands in what differs: what runs a step (a flow
makes a task of each, with its own retries) and when the whole run starts over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from configs.errors import HeadMovedError
from configs.settings import Keys, from_environment
from tasks.build.recipe import IN_PROCESS, Recipe, StepRunner
from tasks.build.request import Fetched, Request
from tasks.common.log_context import log_fields
from tasks.extract.source import Extraction
from tasks.publish import compatibility, held, steps
from tasks.publish.checked import Checked
from tasks.publish.run_status import RunMeter
from tasks.raw.archive import RawArchive
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import protocol, yank
from tasks.warehouse.candidate import Built
from tasks.warehouse.outcomes import HeldError, Outcome, Published, Skipped
from tasks.warehouse.protocol import Head
from tasks.warehouse.run_status import last_rejected, read_status

log = logging.getLogger("techtrade")


@dataclass(frozen=True)
class Retry:
    """When a run starts over, from a new head, and what it leaves undone. By default as a person or a schedule asks.

    Of several runs of one dataset one wins each time; the others fetch again what may have changed.
    """

    tries: int = 5
    on: tuple[type[Exception], ...] = (HeadMovedError,)
    # Whether there is nothing to do, before anything is parsed.
    skip: Callable[[Head, Recipe, Fetched], Skipped | None] = lambda head, recipe, fetched: None
    # Raises if the candidate is not to be staged.
    require: Callable[[Head, Built], None] = lambda head, built: None


def run(
    request: Request,
    recipe: Recipe,
    store: ObjectStore,
    *,
    each: StepRunner = IN_PROCESS,
    retry: Retry = Retry(),
    meter: RunMeter | None = None,
    keys: Keys = from_environment,
) -> Outcome:
    """Bring a dataset from its source to readers, if there is anything new and it passes the gate.

    Args:
        each: runs each step.
        retry: when the run starts over.
        meter: what the run costs and seals, for the status of a run that fails.
        keys: where a publisher's key is looked up.

    Raises:
        RejectedError: the quality gate stopped it; readers see what they saw before.
        TechtradeError: the run failed; readers see what they saw before.
    """
    name, so_far = request.contract.name, meter or RunMeter()

    def attempt(head: Head) -> Outcome:
        log.info("%s: extracting from %s, vintage %s", name, request.source, request.vintage or "newest")
        archive, cost = RawArchive(store), so_far.meter
        fetched = each.step("extract", name, lambda: steps.fetch(request, recipe, head, archive, cost, keys))
        if skipped := steps.same_input(head, request, fetched) or retry.skip(head, recipe, fetched):
            return skipped
        extraction = each.step("parse", name, lambda: steps.parse(store, request, recipe, fetched))
        each.found(extraction.vintage)
        if skipped := steps.nothing_new(head, request, recipe, extraction):
            return skipped
        if again := steps.rejected_before(store, head, request.contract, extraction, last_rejected(store, name)):
            if isinstance(again, HeldError):
                return held.still_held(again, store, request.contract, steps.other_of(store))
            raise again
        with TemporaryDirectory(prefix="techtrade-") as folder:
            found, built = steps.build(store, recipe, extraction, head.manifest, Path(folder), each)
            retry.require(head, built)
            # A flow retries it as a whole, with a new head: its steps are not retried alone.
            return each.step("release", f"{name} {found.vintage}", lambda: release(found, built, head))

    def release(extraction: Extraction, built: Built, asked: Head) -> Outcome:
        head = protocol.read_head(store, name)
        if won := so_far.attempts.published(head.latest):
            return won
        # What a publisher was asked for takes over answers of the version that was latest then.
        was, now = (h.latest.version if h.latest else None for h in (asked, head))
        if request.kind == "live" and now != was:
            raise HeadMovedError(name, was, now)
        skipped = steps.nothing_new(head, request, recipe, extraction)
        if skipped := skipped or steps.same_content(head, built, extraction.vintage):
            return skipped
        compatibility.require_compatible(head, request.contract)
        draft = each.step("stage", name, lambda: steps.stage(store, head, built))

        def check() -> Checked:
            log.info("%s: checking %s rows of %s", name, f"{built.rows:,}", draft.version)
            return steps.check(store, request, recipe, extraction, built, draft)

        def commit(checked: Checked) -> Published:
            sealed = steps.seal(store, request.contract, checked)
            so_far.attempts.add(sealed, checked.report)
            if sealed.manifest.held:
                held.enter(store, request.contract, sealed.head, sealed.manifest, checked.report.cells)
            done = steps.publish(store, sealed, checked.report)
            held.end_after(store, done, sealed.manifest)
            return done

        target = f"{name}@{draft.version}"
        with log_fields(version=draft.version):
            log.info("%s: staged as %s", name, draft.version)
            checked = each.step("check", target, check)
            return each.step("commit", target, lambda: commit(checked))

    for left in reversed(range(retry.tries)):
        head = protocol.read_head(store, name)
        # An attempt before this one can have won without learning it.
        if won := so_far.attempts.published(head.latest):
            return won
        read_status(store, name)  # one of a newer techtrade ends the run before anything is asked
        yank.write_missing_notes(store, name, head.latest)
        try:
            return attempt(head)
        except retry.on as e:
            if not left:
                raise
            log.info("%s", e)
    raise AssertionError("unreachable: the last attempt returns or raises")
