"""What a run says of itself, in words: for the terminal, for Prefect's artifacts. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from configs.hints import command
from configs.words import plural
from tasks.quality.results import CheckResult
from tasks.warehouse.outcomes import Outcome, Published
from tasks.warehouse.records import ChangeCounts, LogEntry, Manifest, QualityCounts

VERSION_COLUMNS = ("version", "state", "vintage", "published (UTC)", "rows", "changes", "quality")


def changes_words(changes: ChangeCounts) -> str:
    """``2 new rows, 37 revised rows (111 cells)``; kinds that did not occur are left out."""
    rows, cells = changes.rows, changes.cells
    parts = []
    for kind in ("new", "revised", "removed"):
        if rows.get(kind):
            parts.append(f"{plural(rows[kind], f'{kind} row')} ({plural(cells.get(kind, 0), 'cell')})")
    if cells.get("relabelled"):
        parts.append(plural(cells["relabelled"], "relabelled cell"))
    return ", ".join(parts) or "no difference in figures"


def quality_words(quality: QualityCounts) -> str:
    """``31 passed, 1 warning, 2 not applicable``."""
    parts = [f"{quality.passed} passed"]
    if quality.failed_critical:
        parts.append(f"{quality.failed_critical} critical")
    if quality.failed_warning:
        parts.append(plural(quality.failed_warning, "warning"))
    if quality.failed_info:
        parts.append(f"{quality.failed_info} info")
    if quality.not_applicable:
        parts.append(f"{quality.not_applicable} not applicable")
    return ", ".join(parts)


def outcome_line(outcome: Outcome) -> str:
    """One line on how a run ended."""
    if isinstance(outcome, Published):
        return (
            f"{outcome.dataset}@{outcome.version} published: vintage {outcome.vintage}, {plural(outcome.rows, 'row')}, "
            f"{changes_words(outcome.changes)}; quality: {quality_words(outcome.quality)}"
        )
    label = "nothing new" if outcome.why == "unchanged" else "superseded"
    return f"{outcome.dataset}: {label} (vintage {outcome.vintage}): {outcome.detail}"


def version_markdown(
    manifest: Manifest,
    served: str | None,
    log: Sequence[tuple[Manifest | None, LogEntry, bool]],
    findings: Sequence[CheckResult],
    changes: pl.DataFrame | None,
) -> str:
    """The Prefect artifact of a version: what it is, the versions up to now, what the gate found, what changed.

    Args:
        manifest: of the version.
        served: the version that readers of latest get.
        log: the last publications, oldest first, each with whether it was yanked since.
        findings: the checks that failed.
        changes: the first of them: key, column, kind, old, new. None: too many to be looked at.
    """
    m, name = manifest, f"{manifest.dataset}@{manifest.version}"
    state = "rejected by the quality gate" if m.status == "rejected" else "published"
    readers = f"Readers get {m.dataset}@{served}" if served else "Readers get nothing: no version was published yet"
    diagnosis = f"**{m.diagnosis[0].upper()}{m.diagnosis[1:]}.**\n\n" if m.diagnosis else ""
    about = f"Vintage **{m.vintage}**, {plural(m.rows, 'row')}; parent: {m.parent or 'none'}"
    head = f"# {name}, {state}\n\n{diagnosis}{about}. {readers}.\n\n"
    asked = (
        f"{plural(m.cost.requests, 'request')}, {plural(m.cost.bytes, 'byte')} asked of the publisher; "
        f"made by {m.code_version}.\n\n"
    )
    kinds = sorted(set(m.changes.rows) | set(m.changes.cells))
    counts = [(k, f"{m.changes.rows.get(k, 0):,}", f"{m.changes.cells.get(k, 0):,}") for k in kinds]
    parts = [
        head + asked,
        "## Versions\n\n" + _table(VERSION_COLUMNS, [_version_row(*entry, served) for entry in reversed(log)]),
        f"## Quality\n\n{quality_words(m.quality)}\n\n" + _findings(findings, name),
        "## Changes\n\n" + _table(("kind", "rows", "cells"), counts) + _first_changes(changes, m),
    ]
    return "".join(parts)


def _version_row(m: Manifest | None, entry: LogEntry, yanked: bool, served: str | None) -> tuple[str, ...]:
    state = "yanked" if yanked else "latest" if entry.version == served else entry.event
    told = (
        (f"{m.rows:,}", changes_words(m.changes), quality_words(m.quality))
        if m
        else ("", "", "its manifest is damaged")
    )
    return entry.version, state, entry.vintage, entry.at[:16].replace("T", " "), *told


def _findings(findings: Sequence[CheckResult], name: str) -> str:
    if not findings:
        return "Every check that applies holds.\n\n"
    order = {"critical": 0, "warning": 1, "info": 2}
    rows = [
        (f.severity, f.title, f.expected, f.observed, f"{f.rows_failed or 0:,}", f.exemption or f.runbook)
        for f in sorted(findings, key=lambda f: order[f.severity])
    ]
    columns = ("severity", "does not hold", "expected", "observed", "rows", "what to do")
    return _table(columns, rows) + f"More: `{command('quality', name)}`\n\n"


def _first_changes(changes: pl.DataFrame | None, m: Manifest) -> str:
    more = f"All: `{command('diff', m.dataset, m.parent, m.version)}`\n" if m.parent else ""
    if changes is None:
        return f"Too many to be shown here. {more}"
    if not len(changes):
        return "" if m.parent else "The first version: all of it is new.\n"
    return f"The first {len(changes)}:\n\n" + _table(changes.columns, changes.rows()) + more


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown; a bar or a line break in a cell does not break it."""
    lines = [columns, ["---"] * len(columns), *rows]
    cells = [["" if c is None else " ".join(str(c).split()).replace("|", "\\|") for c in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n\n"
