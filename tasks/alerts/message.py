"""An alert in words: a subject, text for a chat window, HTML for mail.

The first line of each is the diagnosis, where there is one. Chat services cut at 2,000 characters (Discord) and up,
some earlier, so the text has what its reader needs to act before the list of failures, and is cut from its end.
Everything in the HTML is escaped: what stands in a failing row was written by a publisher.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from configs.words import few, visible
from tasks.alerts import references
from tasks.alerts.model import KINDS, Alert, FailedCheck, Finding, Incident, Level, Section
from tasks.common.clock import to_minute
from tasks.common.html_templates import html_environment
from tasks.common.text import one_line

TEXT = 1900
SUBJECT = 180
DATASETS = 10
SECTIONS = 10
REPEATED = "The same failure is reported again only after its window."
REMINDED = "A reminder comes 1, 3 and 7 days after it began; time alone publishes nothing."
TEMPLATES = Path(__file__).parent / "templates"
MARKS: dict[Level, str] = {"failure": "FAILED", "warning": "WARNING", "good": "GOOD AGAIN"}


@dataclass(frozen=True)
class Attached:
    """A file that goes with a mail."""

    name: str
    body: str


@dataclass(frozen=True)
class Message:
    """What a channel is given. ``more``: the command that shows all of it, where the text has to be cut."""

    subject: str
    text: str
    html: str
    level: Level
    attached: tuple[Attached, ...] = field(default=())
    more: str = "techtrade alerts list"

    def cut(self, most: int) -> str:
        """Return the text, not longer than a channel takes."""
        return cut(self.text, most, self.more)


def message(alert: Alert, runbooks: str, store: str = "", attached: Sequence[Attached] = ()) -> Message:
    """Return the alert for a person.

    Args:
        runbooks: the folder or address that runbooks are in.
        store: the address of the store that it is about, for commands that can be pasted.
        attached: files that a mail brings along.
    """
    late = f" (late: first tried {to_minute(alert.taken_at)})" if alert.attempts else ""
    one = len(alert.sections) == 1
    more = references.whole("techtrade alerts list", store) if store else "techtrade alerts list"
    if one and not alert.sections[0].good:
        evidence = alert.sections[0].incidents[0].finding.evidence
        more = next((e for e in evidence if e.startswith("techtrade ")), more)
    text = _section(alert.sections[0], runbooks) if one else _digest(alert, more)
    html = _template().render(
        alert=alert,
        subject=subject(alert),
        sections=[_shown(s, runbooks) for s in alert.sections[:SECTIONS]],
        more=max(0, len(alert.sections) - SECTIONS),
        more_command=more,
        attached=[a.name for a in attached],
        late=late,
        again=REMINDED if all(s.kind == "held" for s in alert.sections) else REPEATED,
    )
    return Message(subject(alert), cut(visible(text + late), TEXT, more), html, alert.level, tuple(attached), more)


def subject(alert: Alert) -> str:
    """``techtrade FAILED: atp_world_monthly: nearly every figure of exports_usd is 1,000 times what it was``."""
    first = _worst(alert)
    more = len(alert.sections) - 1
    also = f" (and {more} more)" if more else ""
    # A line: it becomes a header of a mail.
    told = one_line(f"techtrade {_mark(first)}: {few(first.datasets)}: {headline(first)}")
    return shorten(told, SUBJECT - len(also)) + also


def _mark(section: Section) -> str:
    if section.kind == "held" and not section.good:
        return "HELD"
    return "TEST" if section.kind == "test" else MARKS[section.level]


def headline(section: Section) -> str:
    """Return what a section is about, in a line: the diagnosis, else what failed first, else what happened."""
    kind, first = KINDS[section.kind], section.incidents[0].finding
    if section.good and section.kind == "held" and len(section.incidents) == 1:
        return f"no longer held: {section.incidents[0].healed.partition(';')[0]}"
    if section.good and section.kind in ("rejected", "held", "stale"):
        return f"no longer {kind.title}"
    if section.good:
        return f"over: {kind.title}"
    if first.checks and not first.diagnosis:
        check = first.checks[0]
        seen = check.observed.partition(";")[0]
        return f"{kind.title}: {check.title}{f' ({seen})' if seen else ''}"
    return first.summary


def shorten(text: str, most: int) -> str:
    """Return the text, not longer than so, cut between words."""
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"


def cut(text: str, most: int, more: str) -> str:
    """Return the text, not longer than so, cut between lines; says what shows the rest."""
    if len(text) <= most:
        return text
    end = f"\n… more: {more}"
    if len(end) >= most:
        return shorten(text, most)
    whole, _, part = text[: most - len(end)].rpartition("\n")
    return (whole or part) + end


def since(incident: Incident) -> str:
    """``since 2026-11-24 07:50 UTC, seen 3 times``."""
    times = f", seen {incident.count} times" if incident.count > 1 else ""
    until = f" to {to_minute(incident.healed_at)}" if incident.healed_at else ""
    return f"{'from' if until else 'since'} {to_minute(incident.first_at)}{until}{times}"


# ------------------------------------------------------------------------- text


def _worst(alert: Alert) -> Section:
    return next(s for s in alert.sections if s.level == alert.level)


def _section(section: Section, runbooks: str) -> str:
    if section.good:
        return "\n".join([*_good(section), *_also(section)])
    several = len(section.incidents) > 1
    first = section.incidents[0]
    finding = first.finding
    lines = [f"{few(section.datasets)}: {finding.summary}", what_happened(finding)]
    lines += _several(section) if several else [f"Readers get: {finding.served}"]
    lines += [f"What to do: {_runbook(section, runbooks)}"]
    lines += [f"Evidence: {e}" for e in finding.evidence]
    lines += _also(section)
    lines += [] if several else [f"Owner: {first.owner}; {since(first)}"]
    return "\n".join([*lines, *_failures(finding)])


def what_happened(finding: Finding) -> str:
    """``Rejected by the quality gate, in stage check: 6 critical checks failed on ...``."""
    title = KINDS[finding.kind].title
    stage = f", in stage {finding.stage}" if finding.stage else ""
    return f"{title[0].upper()}{title[1:]}{stage}" + (f": {finding.words}" if finding.diagnosis else "")


def _also(section: Section) -> list[str]:
    return [f"Reported before and still so: {few(section.also)}"] if section.also else []


def _runbook(section: Section, runbooks: str) -> str:
    checks = [c for i in section.incidents for c in i.finding.checks]
    worst = [c for c in checks if c.severity == "critical"] or checks
    if section.kind == "held":  # what to do is the same for any check
        worst = []
    elif section.incidents[0].finding.diagnosis:  # of the figures as a whole, and so is what to do
        worst = [c for c in worst if c.runbook.endswith("#unit-and-size")] or worst
    return references.runbook(section.kind, worst, runbooks)


def _several(section: Section) -> list[str]:
    """A line for each dataset that one cause hit, with what its readers get."""
    lines = [f"- {i.finding.dataset}: readers get {i.finding.served}" for i in section.incidents[:DATASETS]]
    return [*lines, *_more(len(section.incidents) - DATASETS)]


def _failures(finding: Finding) -> list[str]:
    """A line for each failed check, with three rows in all: of the first check that has any."""
    lines = [""] if finding.checks else []
    with_rows = next((c for c in finding.checks if c.rows), None)
    for number, check in enumerate(finding.checks):
        lines.append(f"- {check_words(check, in_full=number == 0)}")
        if check is with_rows:
            lines += [f"    {row}" for row in check.rows]
    return [*lines, *_more(finding.more_checks)]


def _more(number: int) -> list[str]:
    """A line that says how many are left out, if any are."""
    return [f"- and {number} more"] if number > 0 else []


def check_words(check: FailedCheck, *, in_full: bool = True) -> str:
    """``critical: exports_usd is within its range (range_exports_usd): 434 of 434 rows fail; expected ...``."""
    severity = f"{check.severity}: " if check.severity else ""
    if not (check.observed or check.expected):
        return f"{severity}{check.title}"
    seen = f"{check.observed}; expected {check.expected}" if in_full else check.observed.partition(";")[0]
    return f"{severity}{check.title} ({check.id}): {seen}"


def _good(section: Section) -> list[str]:
    shown = section.incidents[:DATASETS]
    lines = [f"- {i.finding.dataset}: {i.healed}; {since(i)}: {i.finding.summary}" for i in shown]
    return [*lines, *_more(len(section.incidents) - DATASETS)]


def _digest(alert: Alert, more_command: str) -> str:
    """Many things at once: the worst, then a line each, and what shows all of them."""
    worst = _worst(alert)
    lines = [f"{few(worst.datasets)}: {headline(worst)}", f"and {len(alert.sections) - 1} more alerts:"]
    lines += [f"All of them: {more_command}", ""]
    lines += [f"- {_mark(s)}: {few(s.datasets)}: {shorten(headline(s), 160)}" for s in alert.sections[:SECTIONS]]
    return "\n".join([*lines, *_more(len(alert.sections) - SECTIONS)])


# ------------------------------------------------------------------------- HTML


def _shown(section: Section, runbooks: str) -> dict[str, Any]:
    where = _runbook(section, runbooks)
    first = section.incidents[0].finding
    evidence = dict.fromkeys(e for i in section.incidents[:DATASETS] for e in i.finding.evidence)
    return {
        "section": section,
        "level": section.level,
        "mark": _mark(section),
        "first_line": f"{few(section.datasets)}: {headline(section) if section.good else first.summary}",
        "happened": "" if section.good else what_happened(first),
        "incidents": section.incidents[:DATASETS],
        "more": max(0, len(section.incidents) - DATASETS),
        "references": [("What to do", where), *(("Evidence", e) for e in evidence)],
        "also": few(section.also),
    }


@cache
def _template() -> Any:
    environment = html_environment(TEMPLATES)
    environment.filters |= {"since": since, "moment": to_minute}
    environment.tests |= {"link": references.is_link}
    return environment.get_template("mail.html")
