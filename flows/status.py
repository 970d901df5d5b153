"""``status.json`` as a run writes it: how it ended, whatever ended it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from configs.errors import TechtradeError
from configs.settings import source_settings
from flows.runtime import known_sources
from tasks.extract.secrets import Scrubber
from tasks.runs import Outcome, Published, RejectedError
from tasks.store import derived, versions
from tasks.store.objects import ObjectStore
from tasks.store.records import Status


def last_rejected(store: ObjectStore, dataset: str) -> str | None:
    """The version that the gate rejected last. Runs that failed since do not make it forgotten: the same bad input
    after them is still the same."""
    status = derived.read_status(store, dataset)
    if status is None:
        return None
    return status.rejected or (status.version if status.outcome == "rejected" else None)


@contextmanager
def of_failures(store: ObjectStore, dataset: str, *, asked: bool) -> Iterator[None]:
    """Writes down why a run ended without an outcome; the error goes on. ``asked``: the publisher itself is asked."""
    try:
        yield
    except RejectedError as e:
        _write(store, dataset, "rejected", str(e), version=e.version, rejected=e.version, asked=asked)
        raise
    except Exception as e:
        write_failure(store, dataset, e)
        raise


def write_failure(store: ObjectStore, dataset: str, error: Exception) -> None:
    told = str(error) if isinstance(error, TechtradeError) else f"{type(error).__name__}: {scrubbed(str(error))}"
    _write(store, dataset, "failed", told, rejected=last_rejected(store, dataset))


def write_outcome(store: ObjectStore, outcome: Outcome, *, asked: bool) -> tuple[str, str]:
    """Writes down how a run ended; returns it in a word, and the detail. ``asked``: the publisher itself was asked."""
    if isinstance(outcome, Published):
        kind, detail = "published", f"version {outcome.version}"
    else:
        kind, detail = str(outcome.why), outcome.detail
    name, rejected = outcome.dataset, last_rejected(store, outcome.dataset)
    version = outcome.version
    _write(store, name, kind, detail, vintage=outcome.vintage, version=version, rejected=rejected, asked=asked)
    return kind, detail


def note(store: ObjectStore, dataset: str, text: str) -> None:
    """Adds to what the last run said of itself: something about it that is known only after it ended."""
    last = derived.read_status(store, dataset)
    if last is not None and text not in last.detail:
        derived.write_status(store, last.model_copy(update={"detail": f"{last.detail}; {text}"}))


def scrubbed(text: str) -> str:
    """The text without any key that is set: nobody knows what stands in an error that nobody foresaw."""
    variables = [k.variable for name in known_sources() if (k := source_settings(name).key)]
    return Scrubber(os.environ.get(v, "").strip() for v in variables).text(text)


def _write(
    store: ObjectStore,
    dataset: str,
    outcome: str,
    detail: str,
    *,
    vintage: str = "",
    version: str | None = None,
    rejected: str | None = None,
    asked: bool = False,
) -> None:
    now = versions.stamp(versions.utc_now())
    last = derived.read_status(store, dataset)
    status = Status(
        dataset=dataset,
        checked_at=now,
        outcome=outcome,
        detail=detail,
        vintage=vintage,
        version=version,
        rejected=rejected,
        asked_at=now if asked else last.asked_at if last else "",
    )
    derived.write_status(store, status)
