"""The evidence of a version as one HTML file: no server, no network, no scripts, so that it can be mailed and kept.

Everything that comes from figures, publishers or people is escaped by the template engine; the page allows itself
nothing to load, in case that a day somebody forgets.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expectations.runbooks import entry, runbook
from tasks.common.clock import to_minute
from tasks.common.html_templates import html_environment
from tasks.common.text import figure
from tasks.quality.diagnosis import ratios
from tasks.quality.page.chart import Chart, draw
from tasks.quality.page.evidence import Evidence
from tasks.quality.page.series import CheckedSeries, Point
from tasks.quality.results import CheckResult

TEMPLATES = Path(__file__).parent / "templates"
NONE, TIMES, MINUS = "\N{EN DASH}", "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}"
STATES = {"rejected": "bad", "held": "held", "yanked": "bad", "latest": "good", "published": "plain"}


@dataclass(frozen=True)
class Panel:
    """A chart, and beside it the points as a table. ``same_as``: the check that shows the same already."""

    chart: Chart | None
    series: CheckedSeries
    points: list[Point]
    same_as: str = ""


@dataclass(frozen=True)
class Failure:
    """A failed check as the page shows it. ``rows``: the failing rows under ``columns``."""

    result: CheckResult
    columns: list[str]
    rows: list[list[str]]
    panels: list[Panel]
    runbook: str
    entry: str


def render(found: Evidence) -> str:
    """The page, as text."""
    environment = html_environment(TEMPLATES)
    environment.filters |= {"figure": cell, "change": change, "ratio": ratio, "moment": to_minute}
    template = environment.get_template("quality.html.j2")
    return template.render(
        e=found,
        m=found.manifest,
        diagnosis=found.manifest.diagnosis or ratios(found.compared),
        headlines=_headlines(found),
        badge=STATES.get(found.state, "plain"),
        failures=_failures(found),
        passed=found.others("passed"),
        skipped=found.others("not_applicable"),
    )


def cell(value: object) -> str:
    """A cell of a table: thousands set off, what is missing said so."""
    if value is None:
        return NONE
    return figure(value, digits=6) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def change(value: float | None) -> str:
    """Return how a figure changed, from its ratio to the one before: near 1 as a percentage, else as it is."""
    if value is None:
        return NONE
    return f"{value - 1:+.2%}" if 0.5 < value < 2 else f"{TIMES} {value:,.4g}"


def ratio(value: float | None) -> str:
    """Return a ratio, with so many decimals that one near 1 is told from 1."""
    if value is None:
        return NONE
    if not 0.5 < abs(value) < 2:
        return f"{value:,.4g}".replace("-", MINUS)
    return f"{value:.6f}" if 0 < abs(value - 1) < 0.00005 else f"{value:.4f}".replace("-", MINUS)


def _headlines(found: Evidence) -> list[Panel]:
    """Return the series that its readers look at first; of a stopped version only where no failure draws one."""
    if found.state in ("rejected", "held") and any(found.series.values()):
        return []
    return [Panel(draw(s), s, s.shown()) for s in found.headlines if s.points]


def _failures(found: Evidence) -> list[Failure]:
    shown: dict[CheckedSeries, str] = {}
    failures = []
    for result in found.failed:
        panels = []
        for series in found.series.get(result.check_id, []):
            first = shown.setdefault(series, result.check_id)
            same_as = "" if first == result.check_id else first
            panels.append(Panel(None if same_as else draw(series), series, series.shown(), same_as))
        columns, rows = failing_table(result)
        where = result.runbook or runbook(result.check_id)
        failures.append(Failure(result, columns, rows, panels, where, entry(result.check_id)))
    return failures


def failing_table(result: CheckResult) -> tuple[list[str], list[list[str]]]:
    """The failing rows as a table: every column that one of them has."""
    rows: list[dict[str, Any]] = [json.loads(r) for r in result.failing_rows]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return columns, [[str(row.get(c, "")) if c == "year" else cell(row.get(c, "")) for c in columns] for row in rows]
