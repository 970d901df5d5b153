"""From how a run ended to what there is to report of it.

Evidence of the gate is read back from the store: it names the checks and the failing rows, and is the same for a run
that just ended and for one that meets a rejection of before.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import polars as pl

from configs.contract import Severity
from configs.contracts import published_names
from configs.errors import (
    BlockedError,
    CheckCouldNotRunError,
    ConfigError,
    CredentialError,
    IncompleteResponseError,
    InconsistentVintageError,
    KeyStoreError,
    LockedOutError,
    MissingKeyError,
    PassingAnswerError,
    SourceError,
    SourceUnavailableError,
    StoreError,
    TimedOutError,
    VintageUnavailableError,
)
from configs.settings import load_settings
from configs.words import plural, shortened
from expectations.runbooks import runbook
from tasks.alerts import references
from tasks.alerts.model import FailedCheck, Finding, Kind
from tasks.common.clock import to_minute
from tasks.common.stages import stage_of
from tasks.common.text import cut
from tasks.quality.failing_rows import row_words
from tasks.quality.results import CheckResult, failed_first, read_results, results_of
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import holds, protocol
from tasks.warehouse.hold_words import age, because, confirmable
from tasks.warehouse.holds import Hold
from tasks.warehouse.outcomes import HeldError, Published, RejectedError

# As many as a mail shows; a chat window takes fewer.
CHECKS = 12
CHECKS_WITH_ROWS = 3
ROWS = 3
WORDS = 400

# The first that fits, so a class comes before its base.
_KINDS: tuple[tuple[tuple[type[BaseException], ...], Kind], ...] = (
    ((CredentialError, KeyStoreError, MissingKeyError), "credentials"),
    ((LockedOutError,), "locked_out"),
    ((BlockedError,), "blocked"),
    (
        (
            SourceUnavailableError,
            PassingAnswerError,
            IncompleteResponseError,
            InconsistentVintageError,
            VintageUnavailableError,
        ),
        "unavailable",
    ),
    ((SourceError,), "layout"),
    ((StoreError,), "store"),
    ((CheckCouldNotRunError,), "could_not_run"),
    ((ConfigError,), "settings"),
    ((TimedOutError,), "stuck"),
)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def kind_of(error: BaseException) -> Kind:
    """What kind of failure ended a run, by what a person has to do about it."""
    if isinstance(error, RejectedError):
        return "held" if isinstance(error, HeldError) else "rejected"
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return "store"
    return next((kind for classes, kind in _KINDS if isinstance(error, classes)), "crash")


def of_error(store: ObjectStore | None, dataset: str, error: BaseException, words: str) -> Finding:
    """Return the finding of a run that failed.

    Args:
        store: None if it could not even be opened.
        words: the message, without secrets.
    """
    if isinstance(error, HeldError) and store is not None:
        return _of_held(store, dataset, error)
    if isinstance(error, RejectedError) and store is not None:
        return _of_version(store, dataset, error.version, "rejected", error.failures, error.diagnosis)
    where = getattr(error, "source", None) or getattr(error, "check", None) or ""
    name = getattr(error, "kind", None) or type(error).__name__
    return Finding(
        dataset=dataset,
        kind=kind_of(error),
        cause=f"{name} {where}".strip(),
        words=shortened(words, WORDS),
        served=served(store, dataset),
        diagnosis=error.diagnosis if isinstance(error, RejectedError) else "",
        stage=stage_of(error),
        evidence=(f"techtrade status {dataset}",) if dataset in published_names() else (),
    )


def of_published(store: ObjectStore, outcome: Published) -> Finding | None:
    """Return the finding of a published version with warnings; None if it has none."""
    if not outcome.warnings:
        return None
    return _of_version(store, outcome.dataset, outcome.version, "warnings", list(outcome.warnings))


def _of_held(store: ObjectStore, dataset: str, error: HeldError) -> Finding:
    try:
        hold = holds.read(store, dataset).of(error.version)
    except StoreError:
        hold = None  # the words of the run are all there is then
    if hold is not None:
        return of_hold(store, dataset, hold)
    found = _of_version(store, dataset, error.version, "held", error.failures, error.diagnosis)
    return found.model_copy(update={"cause": error.version})


def of_hold(store: ObjectStore, dataset: str, hold: Hold, reminder_at: datetime | None = None) -> Finding:
    """Return the finding of a candidate that is held; its cause is the wait, which a newer candidate takes over.

    Args:
        reminder_at: when its owner is reminded of it; None when it is first met.
    """
    found = _of_version(store, dataset, hold.version, "held", [*hold.checks])
    since = f"held for {age(hold, reminder_at)}: " if reminder_at else ""
    words = f"{dataset}@{hold.version}, vintage {hold.vintage}, since {to_minute(hold.since)}; {confirmable(hold)}"
    told = {"cause": hold.since, "diagnosis": f"{since}{because(hold)}", "words": words}
    return found.model_copy(update=told | {"evidence": (f"techtrade held {dataset}", *found.evidence)})


def served(store: ObjectStore | None, dataset: str) -> str:
    """What readers of latest get now, in words."""
    if dataset not in published_names():
        return "what they saw before; it is of no dataset"
    if store is None:
        return "not known: the store could not be opened"
    try:
        latest, _ = protocol.read_latest(store, dataset)
    except StoreError as e:
        return f"not known: {cut(str(e), 120)}"
    if latest is None:
        return "nothing: no version was published yet"
    vintage = next((e.vintage for e in reversed(latest.published) if e.version == latest.version), "")
    of = f", vintage {vintage}" if vintage else ""
    return f"{dataset}@{latest.version}{of}, published {to_minute(latest.published_at)}"


def _of_version(
    store: ObjectStore, dataset: str, version: str, kind: Kind, failures: list[str], diagnosis: str = ""
) -> Finding:  # fmt: skip
    """Return what the gate found on a version; its evidence says it again for a rejection of before."""
    name = f"{dataset}@{version}"
    try:
        manifest = protocol.read_manifest(store, dataset, version)
        failed = failed_first(results_of(read_results(store, manifest)))
        diagnosis, name = diagnosis or manifest.diagnosis, f"{name}, vintage {manifest.vintage}"
    except (StoreError, pl.exceptions.PolarsError):
        # The words of the run are all there is then; they name the checks too.
        checks = [FailedCheck(id=cut(f, 80), title=cut(f, WORDS), expected="", observed="") for f in failures]
        cause, counted = " ".join(sorted(c.id for c in checks)), plural(len(checks), "check")
    else:
        wanted = {"rejected": "critical", "held": "hold"}.get(kind, "warning")
        cause = " ".join(sorted(r.check_id for r in failed if r.severity == wanted))
        checks = [_check(r, with_rows=n < CHECKS_WITH_ROWS) for n, r in enumerate(failed)]
        counted = _counted(failed)
    return Finding(
        dataset=dataset,
        kind=kind,
        cause=cause,
        words=f"{counted} failed on {name}",
        served=served(store, dataset),
        diagnosis=diagnosis,
        stage="check",
        version=version,
        checks=tuple(checks[:CHECKS]),
        more_checks=max(0, len(checks) - CHECKS),
        evidence=_evidence(dataset, version),
    )


def _evidence(dataset: str, version: str) -> tuple[str, ...]:
    base = load_settings().evidence_url
    link = [references.evidence_link(base, dataset, version)] if base else []
    return (*link, f"techtrade quality {dataset}@{version}")


def _check(result: CheckResult, *, with_rows: bool) -> FailedCheck:
    return FailedCheck(
        id=result.check_id,
        title=cut(result.title, 160),
        expected=cut(result.expected, 160),
        observed=cut(result.observed, 160),
        severity=result.severity,
        rows=tuple(cut(row_words(r), 200) for r in result.failing_rows[:ROWS]) if with_rows else (),
        runbook=result.runbook or runbook(result.check_id),
    )


def _counted(failed: Sequence[CheckResult]) -> str:
    """``6 critical checks and 4 warnings``."""
    names: dict[Severity, str] = {
        "critical": "critical check",
        "hold": "holding check",
        "warning": "warning",
        "info": "note",
    }
    count = Counter(r.severity for r in failed)
    return " and ".join(plural(count[severity], name) for severity, name in names.items() if count[severity])
