"""``status.json`` as a run writes it: how it ended, whatever ended it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from configs.errors import NewerFormatError, StoreError, TechtradeError
from configs.hints import command
from tasks.common.clock import stamp, utc_now
from tasks.extract.source import Meter
from tasks.publish.notices import SILENT, Notices
from tasks.quality.results import GateResult
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import protocol, reader
from tasks.warehouse.outcomes import HeldError, Outcome, Published, RejectedError
from tasks.warehouse.protocol import Sealed
from tasks.warehouse.records import Cost, Latest, Status
from tasks.warehouse.run_status import last_rejected, must_write_status, read_status, write_status

log = logging.getLogger("techtrade")


class SealedAttempts:
    """What one run has sealed, so that a later attempt of it can tell whether an earlier one was published after all.

    A swap can be applied although neither its reply nor ``latest.json`` could be read afterwards. A run that starts
    over then meets its own version, and would call it "nothing new".
    """

    def __init__(self) -> None:
        self._sealed: list[tuple[Sealed, GateResult]] = []

    def add(self, sealed: Sealed, report: GateResult) -> None:
        self._sealed.append((sealed, report))

    @property
    def last(self) -> str | None:
        """The version that was sealed last, published or not."""
        return self._sealed[-1][0].manifest.version if self._sealed else None

    def published(self, latest: Latest | None) -> Published | None:
        """Return the version of this run that is in the log."""
        logged = {e.manifest_sha256 for e in latest.published} if latest else set()
        return next(
            (Published.of(s.manifest, r.failures()) for s, r in self._sealed if s.manifest_sha256 in logged), None
        )


class RunMeter:
    """What a run has cost and sealed so far, and who is told of it."""

    def __init__(self, notices: Notices = SILENT) -> None:
        self.notices = notices
        self.meter = Meter()
        self.attempts = SealedAttempts()
        self.is_written = False  # how it ended
        self._began = time.monotonic()

    def cost(self) -> Cost:
        return Cost(**vars(self.meter))

    def seconds(self) -> float:
        return round(time.monotonic() - self._began, 1)


@contextmanager
def record_failures(
    store: ObjectStore, dataset: str, running: RunMeter, *, asked: bool, but: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Writes down why a run ended without an outcome; the error goes on. ``asked``: the publisher itself is asked.
    ``but``: what is no failure."""
    # Where a newer techtrade publishes, this one writes nothing.
    none: tuple[type[Exception], ...] = (*but, NewerFormatError)
    try:
        yield
    except none:
        raise
    except RejectedError as e:
        found = {"version": e.version, "rejected": e.version, "diagnosis": e.diagnosis}
        outcome = "held" if isinstance(e, HeldError) else "rejected"
        write_status(store, _status(store, dataset, outcome, str(e), running, **found, asked=asked))
        running.is_written = True
        raise
    except Exception as e:
        if running.notices.is_stopping():
            raise
        e.__dict__["running"] = running
        write_failure(store, dataset, e, str(e) if isinstance(e, TechtradeError) else running.notices.describe(e))
        raise


def write_failure(store: ObjectStore, dataset: str, error: Exception, words: str, of: Exception | None = None) -> None:
    """Writes down that a run failed. ``of``: the error that it failed with at first, which may know what it cost."""
    running = (of or error).__dict__.get("running")
    with _unless_newer():
        write_status(store, _status(store, dataset, "failed", words, running, rejected=last_rejected(store, dataset)))


@contextmanager
def _unless_newer() -> Iterator[None]:
    """Leave what a newer techtrade wrote as it is, and say so."""
    try:
        yield
    except NewerFormatError as e:
        log.warning("how the run ended was not written: %s", e)


def write_stopped(store: ObjectStore, dataset: str, running: RunMeter) -> str:
    """Write down that a run was stopped before its end; return what is to be said of it, if anything.

    A swap that was under way is looked up in the store: its reply may not have arrived. Of a run that has ended already
    what it wrote stays: only what was made from its dataset is to be caught up on by the next one.
    """
    latest, _ = protocol.read_latest(store, dataset)
    won = running.attempts.published(latest)
    sealed = running.attempts.last
    if won:
        running.notices.published(f"{dataset}@{won.version}")
    if running.is_written:
        note(store, dataset, "stopped before the rest was done")
        return ""
    if won:
        said, detail = "", f"published version {won.version}, then stopped"
    elif sealed:
        said = f"was publishing {dataset}@{sealed} (see: {command('versions', dataset, store=store.url)})"
        detail = f"stopped while version {sealed} was being published; the next run tells"
    else:
        said, detail = "", "stopped on request before anything was published; run again"
    version = won.version if won else None
    with _unless_newer():
        rejected = last_rejected(store, dataset)
        write_status(store, _status(store, dataset, "stopped", detail, running, version=version, rejected=rejected))
    return said


def write_outcome(store: ObjectStore, outcome: Outcome, running: RunMeter, *, asked: bool) -> tuple[str, str]:
    """Writes down how a run ended; returns it in a word, and the detail. ``asked``: the publisher itself was asked.

    Raises:
        StoreError: nothing was published, and the store cannot be written to. A run that published has done its work.
    """
    if isinstance(outcome, Published):
        kind, detail = "published", f"version {outcome.version}"
    else:
        kind, detail = str(outcome.why), outcome.detail
    with _unless_newer() if isinstance(outcome, Published) else nullcontext():
        name, rejected = outcome.dataset, last_rejected(store, outcome.dataset)
        version = outcome.version
        told = _status(
            store, name, kind, detail, running, vintage=outcome.vintage, version=version, rejected=rejected, asked=asked
        )
        write = write_status if isinstance(outcome, Published) else must_write_status
        write(store, told)
    running.is_written = True
    return kind, detail


def note(store: ObjectStore, dataset: str, text: str) -> None:
    """Adds to what the last run said of itself: something about it that is known only after it ended."""
    with _unless_newer():
        last = read_status(store, dataset)
        if last is not None and text not in last.detail:
            write_status(store, last.model_copy(update={"detail": f"{last.detail}; {text}"}))


def _status(
    store: ObjectStore,
    dataset: str,
    outcome: str,
    detail: str,
    running: RunMeter | None,
    *,
    vintage: str = "",
    version: str | None = None,
    rejected: str | None = None,
    diagnosis: str = "",
    asked: bool = False,
) -> Status:
    now = stamp(utc_now())
    last = read_status(store, dataset)
    return Status(
        dataset=dataset,
        checked_at=now,
        outcome=outcome,
        detail=detail,
        vintage=vintage,
        version=version,
        rejected=rejected,
        diagnosis=diagnosis,
        asked_at=now if asked else last.asked_at if last else "",
        cost=running.cost() if running else None,
        seconds=running.seconds() if running else None,
        **_held(store, dataset),
    )


def note_held(store: ObjectStore, dataset: str) -> None:
    """Bring what the last run said of a held candidate up to date: a person may have published it since."""
    with _unless_newer():
        last = read_status(store, dataset)
        if last is not None:
            write_status(store, last.model_copy(update=_held(store, dataset)))


def _held(store: ObjectStore, dataset: str) -> dict[str, Any]:
    try:
        hold = reader.open_hold(store, dataset, protocol.read_latest(store, dataset)[0])
    except StoreError as e:
        log.warning("%s: whether a candidate is held is not known: %s", dataset, e)
        return {}
    return {"held": hold.version if hold else None, "held_since": hold.since if hold else ""}
