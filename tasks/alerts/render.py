"""An alert in words: a subject, text for a chat window, HTML for mail.

Chat services cut at 2,000 characters (Discord) and up, so the text keeps below that; an alert of many sections names
each in a line. Everything in the HTML is escaped: what stands in a failing row was written by a publisher.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from tasks.alerts.model import KINDS, Alert, FailedCheck, Finding, Incident, Level, Section

TEXT = 1900
DATASETS = 10
SECTIONS = 10
TEMPLATES = Path(__file__).parent / "templates"
MARKS: dict[Level, str] = {"failure": "FAILED", "warning": "WARNING", "good": "GOOD AGAIN"}


@dataclass(frozen=True)
class Message:
    """What a channel is given."""

    subject: str
    text: str
    html: str
    level: Level


def message(alert: Alert, runbooks: str) -> Message:
    """The alert for a person. ``runbooks``: the folder or address that runbooks are in."""
    late = f" (late: first tried {moment(alert.taken_at)})" if alert.attempts else ""
    text = "\n\n".join(_section(s, runbooks) for s in alert.sections) if len(alert.sections) == 1 else _digest(alert)
    html = _template().render(
        alert=alert,
        subject=subject(alert),
        sections=[_shown(s, runbooks) for s in alert.sections[:SECTIONS]],
        more=max(0, len(alert.sections) - SECTIONS),
        mark=MARKS,
        late=late,
    )
    return Message(subject(alert), cut(text + late), html, alert.level)


def subject(alert: Alert) -> str:
    """``techtrade FAILED: atp_world_monthly: rejected by the quality gate``."""
    if len(alert.sections) > 1:
        return f"techtrade {MARKS[alert.level]}: {len(alert.sections)} things to know of {_few(alert.datasets)}"
    (section,) = alert.sections
    return f"techtrade {MARKS[section.level]}: {_few(section.datasets)}: {headline(section)}"


def headline(section: Section) -> str:
    """What a section is about: ``rejected by the quality gate``; ``it was: ...``, when it is over."""
    title = KINDS[section.kind].title
    return f"no longer {title}" if section.good and section.kind in ("rejected", "stale") else (
        f"over: {title}" if section.good else title
    )  # fmt: skip


def moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")


def cut(text: str, most: int = TEXT) -> str:
    """The text, not longer than a chat window takes; says so if something is missing."""
    end = "\n… more: techtrade alerts list"
    return text if len(text) <= most else text[: most - len(end)].rsplit("\n", 1)[0] + end


def runbook(section: Section, runbooks: str) -> str:
    """Where the runbook is: of the failed check, if there is just one, else of the kind."""
    of_checks = {c.runbook for i in section.incidents for c in i.finding.checks if c.runbook}
    found = of_checks.pop() if len(of_checks) == 1 else KINDS[section.kind].runbook
    return runbooks.rstrip("/") + "/" + found.removeprefix("deploy/runbooks/")


def since(incident: Incident) -> str:
    """``since 2026-11-24 07:50 UTC, seen 3 times``."""
    times = f", seen {incident.count} times" if incident.count > 1 else ""
    until = f" to {moment(incident.healed_at)}" if incident.healed_at else ""
    return f"{'from' if until else 'since'} {moment(incident.first_at)}{until}{times}"


# ------------------------------------------------------------------------- text


def _section(section: Section, runbooks: str) -> str:
    several = len(section.incidents) > 1
    lines = [*_several(section), ""] if several else []
    first = section.incidents[0]
    lines += _good(section) if section.good else _what_failed(first.finding, several)
    if not several and not section.good:
        lines.append(f"Readers see: {first.finding.served}")
    lines += [f"Evidence: {e}" for e in first.finding.evidence if not section.good]
    if section.also:
        lines.append(f"Told before, and still so: {_few(section.also)}")
    if not section.good:
        lines.append(f"What to do: {runbook(section, runbooks)}")
        if not several:
            lines.append(f"Owner: {first.owner}; {since(first)}")
    return "\n".join(lines).strip()


def _several(section: Section) -> list[str]:
    """A line for each dataset that one cause hit, with what its readers see."""
    shown = section.incidents[:DATASETS]
    lines = [f"- {i.finding.dataset}: readers see {i.finding.served}" for i in shown] if not section.good else []
    more = len(section.incidents) - len(shown)
    return [*lines, f"- and {more} more"] if lines and more else lines


def _what_failed(finding: Finding, several: bool) -> list[str]:
    lines = [("For example: " if several else "") + finding.words]
    for check in finding.checks:
        lines.append(f"- {check_words(check)}")
        # Three rows in all: of the first check that has any.
        if check.rows and check == next(c for c in finding.checks if c.rows):
            lines += [f"    {row}" for row in check.rows]
    if finding.more_checks:
        lines.append(f"- and {finding.more_checks} more")
    return lines


def _good(section: Section) -> list[str]:
    lines = [f"- {i.finding.dataset}: {i.healed}; {since(i)}: {i.finding.words}" for i in section.incidents[:DATASETS]]
    more = len(section.incidents) - DATASETS
    return [*lines, f"- and {more} more"] if more > 0 else lines


def check_words(check: FailedCheck) -> str:
    told = f": expected {check.expected}; observed {check.observed}" if check.expected or check.observed else ""
    return f"does not hold: {check.title} ({check.id}){told}" if told else check.title


def _digest(alert: Alert) -> str:
    """Many things at once: a line each, and where more is to be had."""
    lines = [f"{len(alert.sections)} things to know of {_few(alert.datasets)}:", ""]
    for section in alert.sections[:SECTIONS]:
        first = section.incidents[0].finding
        lines.append(f"- {MARKS[section.level]}: {_few(section.datasets, 3)}: {headline(section)}: {first.words[:120]}")
    more = len(alert.sections) - SECTIONS
    lines += [f"- and {more} more"] if more > 0 else []
    return "\n".join([*lines, "", "All of them: techtrade alerts list"])


def _few(names: list[str] | tuple[str, ...], most: int = 3) -> str:
    """``a, b and 5 more``."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


# ------------------------------------------------------------------------- HTML


def _shown(section: Section, runbooks: str) -> dict[str, Any]:
    where = runbook(section, runbooks)
    return {
        "section": section,
        "level": section.level,
        "headline": headline(section),
        "title": _few(section.datasets),
        "incidents": section.incidents[:DATASETS],
        "more": max(0, len(section.incidents) - DATASETS),
        "evidence": [e for i in section.incidents[:DATASETS] for e in i.finding.evidence],
        "runbook": where,
        "linked": where.startswith(("https://", "http://")),
        "also": _few(section.also),
    }


@cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )  # fmt: skip
    environment.filters |= {"since": since, "moment": moment}
    return environment.get_template("mail.html")
