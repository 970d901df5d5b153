"""From how a run ended to what there is to tell of it.

Evidence of the gate is read back from the store: it names the checks and the failing rows, and is the same for a run
that just ended and for one that meets a rejection of before.
"""

from __future__ import annotations

import errno
from typing import Any

import polars as pl

from configs.contract import published_names
from configs.errors import (
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
from configs.words import plural
from tasks.alerts.model import FailedCheck, Finding, Kind
from tasks.runs import Published, RejectedError
from tasks.store import layout, versions
from tasks.store.objects import ObjectStore

CHECKS = 3
ROWS = 3
WORDS = 400

# The first that fits, so a class comes before its base.
_KINDS: tuple[tuple[tuple[type[BaseException], ...], Kind], ...] = (
    ((CredentialError, KeyStoreError, MissingKeyError), "credentials"),
    ((LockedOutError,), "locked_out"),
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
        return "rejected"
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return "store"
    return next((kind for classes, kind in _KINDS if isinstance(error, classes)), "crash")


def of_error(store: ObjectStore | None, dataset: str, error: BaseException, words: str) -> Finding:
    """A run that failed. ``words``: the message, without secrets. ``store`` None: it could not even be opened."""
    if isinstance(error, RejectedError) and store is not None:
        return _of_version(store, dataset, error.version, "rejected", words, error.failures)
    where = getattr(error, "source", None) or getattr(error, "check", None) or ""
    name = getattr(error, "kind", None) or type(error).__name__
    return Finding(
        dataset=dataset,
        kind=kind_of(error),
        cause=f"{name} {where}".strip(),
        words=_short(words, WORDS),
        served=served(store, dataset),
        evidence=(f"techtrade show {dataset}",),
    )


def of_published(store: ObjectStore, outcome: Published) -> Finding | None:
    """The warnings of a published version, if it has any."""
    if not outcome.warnings:
        return None
    words = f"{outcome.dataset}@{outcome.version} was published with {plural(len(outcome.warnings), 'warning')}"
    return _of_version(store, outcome.dataset, outcome.version, "warnings", words, list(outcome.warnings))


def served(store: ObjectStore | None, dataset: str) -> str:
    """What readers of latest get now, in words."""
    if dataset not in published_names():
        return "what they saw before; it is of no dataset"
    if store is None:
        return "not known: the store could not be opened"
    try:
        latest, _ = versions.read_latest(store, dataset)
    except StoreError as e:
        return f"not known: {_short(str(e), 120)}"
    if latest is None:
        return "nothing: no version was published yet"
    return f"{dataset}@{latest.version}, published {latest.published_at[:16].replace('T', ' ')} UTC"


def _of_version(
    store: ObjectStore, dataset: str, version: str, kind: Kind, words: str, failures: list[str]
) -> Finding:  # fmt: skip
    wanted = "critical" if kind == "rejected" else "warning"
    key = layout.version(dataset, version, "quality.parquet")
    try:
        evidence = pl.read_parquet(store.get(key).body)
        rows = evidence.filter((pl.col("outcome") == "failed") & (pl.col("severity") == wanted)).to_dicts()
        checks = [_check(row) for row in rows]
    except (StoreError, pl.exceptions.PolarsError):
        # The words of the run are all there is then; they name the checks too.
        checks = [FailedCheck(id=_short(f, 80), title=_short(f, WORDS), expected="", observed="") for f in failures]
    if kind == "rejected":
        words = f"{dataset}@{version} was stopped by the quality gate: {plural(len(checks), 'critical check')} failed"
    return Finding(
        dataset=dataset,
        kind=kind,
        cause=" ".join(sorted(c.id for c in checks)),
        words=words,
        served=served(store, dataset),
        checks=tuple(checks[:CHECKS]),
        more_checks=max(0, len(checks) - CHECKS),
        evidence=(f"techtrade quality {dataset}@{version}", store.uri(key)),
    )


def _check(row: dict[str, Any]) -> FailedCheck:
    return FailedCheck(
        id=row["check_id"],
        title=_short(row["title"], 160),
        expected=_short(row["expected"], 160),
        observed=_short(row["observed"], 160),
        rows=tuple(_short(r, 200) for r in row["failing_rows"][:ROWS]),
        runbook=row.get("runbook") or "",
    )


def _short(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
