"""What a run says of itself, in words: for the terminal, for Prefect's artifacts. No I/O."""

from __future__ import annotations

from tasks.runs import Outcome, Published
from tasks.store.records import ChangeCounts, QualityCounts


def changes_words(changes: ChangeCounts) -> str:
    """``2 new rows, 37 revised rows (111 cells)``; kinds that did not occur are left out."""
    rows, cells = changes.rows, changes.cells
    parts = []
    for kind in ("new", "revised", "removed"):
        if rows.get(kind):
            parts.append(f"{rows[kind]:,} {kind} rows ({cells.get(kind, 0):,} cells)")
    if cells.get("relabelled"):
        parts.append(f"{cells['relabelled']:,} relabelled cells")
    return ", ".join(parts) or "no difference in figures"


def quality_words(quality: QualityCounts) -> str:
    """``31 passed, 1 warning, 2 not applicable``."""
    parts = [f"{quality.passed} passed"]
    if quality.failed_critical:
        parts.append(f"{quality.failed_critical} critical")
    if quality.failed_warning:
        parts.append(f"{quality.failed_warning} warning{'s' if quality.failed_warning > 1 else ''}")
    if quality.failed_info:
        parts.append(f"{quality.failed_info} info")
    if quality.not_applicable:
        parts.append(f"{quality.not_applicable} not applicable")
    return ", ".join(parts)


def outcome_line(outcome: Outcome) -> str:
    """One line on how a run ended."""
    if isinstance(outcome, Published):
        return (
            f"{outcome.dataset}@{outcome.version} published: vintage {outcome.vintage}, {outcome.rows:,} rows, "
            f"{changes_words(outcome.changes)}; quality: {quality_words(outcome.quality)}"
        )
    label = "nothing new" if outcome.why == "unchanged" else "superseded"
    return f"{outcome.dataset}: {label} (vintage {outcome.vintage}): {outcome.detail}"


def outcome_markdown(outcome: Outcome) -> str:
    """The Prefect artifact of a published version: versions, changes, quality."""
    if not isinstance(outcome, Published):
        return outcome_line(outcome)
    kinds = sorted(set(outcome.changes.rows) | set(outcome.changes.cells))
    table = "\n".join(
        f"| {kind} | {outcome.changes.rows.get(kind, 0):,} | {outcome.changes.cells.get(kind, 0):,} |" for kind in kinds
    )
    warnings = "\n".join(f"- {w}" for w in outcome.warnings)
    return (
        f"# {outcome.dataset}@{outcome.version}\n\n"
        f"Vintage **{outcome.vintage}**, {outcome.rows:,} rows; parent: {outcome.parent or 'none'}\n\n"
        f"## Changes\n\n| kind | rows | cells |\n|---|---:|---:|\n{table}\n\n"
        f"## Quality\n\n{quality_words(outcome.quality)}\n\n{warnings}\n"
    )
