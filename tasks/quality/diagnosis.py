"""What happened to the figures as a whole, in one sentence. No I/O.

One fault of a publisher (a workbook in thousands, two columns swapped) fails many checks, and each of them reports only
its own rows. The sentence that an owner needs first follows from all rows together: from the ratio of each measure to
the version before, else from the ratio to what a check knows of it. Where neither says anything there is no diagnosis,
rather than a guess.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from configs.words import plural
from tasks.common.text import figure
from tasks.quality.cells import Cell
from tasks.quality.deviation import common_ratio
from tasks.quality.measures import SAME, Compared
from tasks.quality.results import CheckResult
from tasks.warehouse.hold_words import key_words

# A ratio is one over all rows only where there are some: a single pair has one ratio by necessity.
ENOUGH = 10
NAMES = 3


def diagnose(compared: Sequence[Compared], results: Iterable[CheckResult]) -> str:
    """Return the diagnosis of a candidate whose checks failed, without a full stop; empty where there is none.

    Args:
        compared: each measure beside the version before.
        results: of the gate; only failed ones are looked at.
    """
    failed = [r for r in results if r.outcome == "failed"]
    return (_yanked(failed) or _moved(failed) or ratios(compared) or _against_known(failed)) if failed else ""


def why_held(first: CheckResult, cells: Sequence[Cell]) -> str:
    """Return why a candidate is held: the figure that is furthest off what its first failed check expected.

    ``imports, 2025-02 is 101,892,656,690 dollars, 61,975,718,994 expected (+64 %), and 2 more figures``. The title of a
    check says what should be, so "because no month stands out" would say the opposite of what is meant.
    """
    mine = [c for c in cells if c.check_id == first.check_id]
    if not mine:
        return f"a check failed: {first.title}: {first.observed}"
    worst, more = max(mine, key=lambda c: c.off), len(mine) - 1
    off = f" ({worst.value_usd / worst.expected_usd - 1:+.0%})" if worst.expected_usd else ""
    beside = f", {figure(worst.expected_usd)} expected{off}" if worst.off else ""
    others = f", and {plural(more, 'more figure')}" if more else ""
    told = f"{key_words(worst.key)} is {figure(worst.value_usd)} dollars{beside}{others}"
    return f"{told}; failed check: {first.title}"


def ratios(compared: Sequence[Compared]) -> str:
    """Return which measures changed by one ratio over all rows: ``nearly every figure of exports_usd is 1,000 times
    what it was in the version before``."""
    groups: list[tuple[float, list[str]]] = []
    for measure in compared:
        ratio = measure.one_factor
        if ratio is None or measure.both < ENOUGH:
            continue
        same = next((names for r, names in groups if abs(r - ratio) <= SAME * abs(ratio)), None)
        if same is None:
            groups.append((ratio, [measure.measure]))
        else:
            same.append(measure.measure)
    told = [f"nearly every figure of {_listed(names)} {_is(ratio, 'it was')}" for ratio, names in groups]
    return f"{'; '.join(told)} in the version before" if told else ""


def times(ratio: float) -> str:
    """Return a ratio in words: ``1,000 times``, ``1/1,000 of``."""
    return f"1/{1 / ratio:,.4g} of" if 0 < ratio < 0.5 else f"{ratio:,.4g} times"


def _is(ratio: float, what: str) -> str:
    return f"has the opposite sign of what {what}" if abs(ratio + 1) <= SAME else f"is {times(ratio)} what {what}"


def _listed(names: Sequence[str]) -> str:
    if len(names) > NAMES + 1:
        return f"{', '.join(names[:NAMES])} and {len(names) - NAMES} more measures"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _yanked(failed: Sequence[CheckResult]) -> str:
    """Return of which withdrawn version the figures are."""
    row = next((r for c in failed if c.check_id == "yanked_content" for r in _rows(c)), None)
    return f"the figures are those of the yanked version {row['same_as_yanked']}" if row else ""


def _moved(failed: Sequence[CheckResult]) -> str:
    """Return which series has the figures of another series, or of another time."""
    check = next((c for c in failed if c.check_id == "figures_moved" and c.severity == "critical"), None)
    rows = _rows(check) if check else []
    if check is None or not rows:
        return ""
    if {"series", "from", "figures"} <= rows[0].keys():  # a row a series
        most = max(rows, key=lambda r: int(r["figures"]))
        return _came_from(most["figures"], most["series"], most["from"])
    if not {"flow", "from", "period", "stood_in"} <= rows[0].keys():  # a row a figure
        return ""
    first, figures = rows[0], check.rows_failed or 0
    if first["flow"] != first["from"]:
        return _came_from(figures, first["flow"], first["from"])
    return _came_from(figures, first["period"], first["stood_in"])


def _came_from(figures: int, now: str, before: str) -> str:
    """Return where figures stood before; none for a few, which can be equal by chance."""
    if figures < ENOUGH:
        return ""
    itself, _, by = before.partition(", ")
    if itself == "itself":
        return f"{figure(figures)} figures moved: {now} has its own figures of another time ({by})"
    return f"{figure(figures)} figures moved: {now} has the figures of {before} in the version before"


def _against_known(failed: Sequence[CheckResult]) -> str:
    """Return the ratio of the figures to what a critical check compares them with, where there is no version before."""
    for check in (c for c in failed if c.severity == "critical" and (c.rows_failed or 0) >= ENOUGH):
        found = common_ratio(pl.DataFrame(_rows(check), infer_schema_length=None))
        if found is not None:
            name, ratio, words = found
            rows = plural(check.rows_failed or 0, "row")
            return f"{name} is {times(ratio)} what is {words}, in {rows} of {check.check_id}"
    return ""


def _rows(check: CheckResult) -> list[dict[str, Any]]:
    return [json.loads(row) for row in check.failing_rows]
