"""What a run or a version says of itself, in words: for the terminal and for Prefect's artifacts. No I/O."""

from __future__ import annotations

from configs.words import plural
from tasks.warehouse.outcomes import Outcome, Published
from tasks.warehouse.records import ChangeCounts, QualityCounts


def changes_words(changes: ChangeCounts) -> str:
    """``2 new rows, 37 revised rows (111 cells)``; kinds that did not occur are left out."""
    rows, cells = changes.rows, changes.cells
    parts = [
        f"{plural(rows[kind], f'{kind} row')} ({plural(cells.get(kind, 0), 'cell')})"
        for kind in ("new", "revised", "removed")
        if rows.get(kind)
    ]
    relabelled = [plural(cells["relabelled"], "relabelled cell")] if cells.get("relabelled") else []
    return ", ".join([*parts, *relabelled]) or "no difference in figures"


def quality_words(quality: QualityCounts) -> str:
    """``31 passed, 1 warning, 2 not applicable``."""
    others = {
        f"{quality.failed_critical} critical": quality.failed_critical,
        f"{quality.failed_hold} held": quality.failed_hold,
        plural(quality.failed_warning, "warning"): quality.failed_warning,
        f"{quality.failed_info} info": quality.failed_info,
        f"{quality.not_applicable} not applicable": quality.not_applicable,
    }
    return ", ".join([f"{quality.passed} passed", *(words for words, number in others.items() if number)])


def outcome_line(outcome: Outcome) -> str:
    """One line on how a run ended."""
    if isinstance(outcome, Published):
        return (
            f"{outcome.dataset}@{outcome.version} published: vintage {outcome.vintage}, {plural(outcome.rows, 'row')}, "
            f"{changes_words(outcome.changes)}; quality: {quality_words(outcome.quality)}"
        )
    label = "nothing new" if outcome.why == "unchanged" else "superseded"
    return f"{outcome.dataset}: {label} (vintage {outcome.vintage}): {outcome.detail}"
