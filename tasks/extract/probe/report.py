"""The report of a round of probes, for a person (``report.md``) and for programs (``report.json``)."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from configs.words import as_line, plural, visible
from tasks.common.redact import without_secrets
from tasks.common.text import cut
from tasks.extract.probe.exchanges import Exchange
from tasks.extract.probe.findings import SEVERITIES, Finding
from tasks.extract.probe.publishers import Probed
from tasks.extract.probe.recorder import MOST_REQUESTS
from tasks.extract.probe.visit import Visit

FORMAT = 1
LONGEST = 800
SHOWN = ("last-modified", "etag", "content-length", "content-encoding", "accept-ranges", "retry-after", "location")


def code_version() -> str:
    """Return the version of techtrade that asked."""
    try:
        return version("techtrade")
    except PackageNotFoundError:
        return "unknown"


def numbered(probed: Probed) -> list[Exchange]:
    """Return all exchanges in the order of asking; the first is number 1 in the bundle."""
    return [x for v in probed.visits for x in v.exchanges]


def as_json(probed: Probed) -> dict[str, Any]:
    """Return the report as plain values; exchanges are in files of their own."""
    return {
        "format": FORMAT,
        "techtrade": code_version(),
        "at": probed.at.isoformat(timespec="seconds"),
        "as_believed": probed.as_believed,
        "findings": [_finding(f) for f in probed.findings],
        "sources": {v.source: _visit(v) for v in probed.visits},
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "severity": finding.severity,
        "source": finding.source,
        "probe": finding.probe,
        "text": sentence(finding),
    }


def _visit(visit: Visit) -> dict[str, Any]:
    settings = visit.settings
    return {
        "url": _address(settings.url),
        "documents": {role: _address(url) for role, url in settings.documents.items()},
        "yearly": {flow: _address(url) for flow, url in settings.yearly.items()},
        "requests": len(visit.exchanges),
        "probes": [
            {"probe": o.probe, "state": o.state, "read": o.read, "reason": o.not_made or o.no_answer}
            for o in visit.outcomes
        ],
    }


def _address(url: str) -> str:
    """Return an address without secrets; of a file nothing, because it is of this machine."""
    return "file" if url.startswith("file:") else without_secrets(url)


def as_markdown(probed: Probed) -> str:
    """Return the report in words."""
    exchanges = numbered(probed)
    counts = Counter(f.severity for f in probed.findings)
    told = ", ".join(f"{counts[s]} {s}" for s in SEVERITIES)
    lines = [
        f"# Publishers, probed {probed.at:%Y-%m-%d %H:%M} UTC",
        "",
        f"techtrade {code_version()}; {plural(len(exchanges), 'request')}, GET and HEAD only, at most {MOST_REQUESTS} "
        "to a publisher. Keys are redacted.",
        "",
        "Everything is as believed." if probed.as_believed else f"Differences: {told}.",
        "",
    ]
    for severity in SEVERITIES:
        found = [f for f in probed.findings if f.severity == severity]
        if found:
            lines += [f"## {severity.capitalize()}", "", *(f"- {words(f)}" for f in found), ""]
    open_ends = [(v, o) for v in probed.visits for o in v.outcomes if o.state in ("not made", "no answer")]
    if open_ends:
        lines += ["## Not made, or not answered", ""]
        lines += [f"- `{v.source}`, {o.probe}: {o.not_made or o.no_answer}" for v, o in open_ends]
        lines.append("")
    number = 0
    for visit in probed.visits:
        lines += _section(visit, number)
        number += len(visit.exchanges)
    # Texts of publishers are in it, and must not act on a terminal.
    return visible("\n".join(lines))


def sentence(finding: Finding) -> str:
    """Return the text of a finding in one line and not too long: a publisher's words may be in it."""
    return cut(as_line(finding.text), LONGEST)


def words(finding: Finding) -> str:
    """Return one finding as a line, with its source and probe."""
    return f"`{finding.source}`, {finding.probe}: {sentence(finding)}"


def _section(visit: Visit, before: int) -> list[str]:
    lines = [f"## `{visit.source}`", "", "| probe | state | read by our parser |", "|---|---|---|"]
    lines += [f"| {o.probe} | {o.state} | {_cell('; '.join(o.read))} |" for o in visit.outcomes]
    if visit.exchanges:
        lines += [
            "",
            "| number | request | status | type | bytes | seconds | headers |",
            "|---|---|---|---|---|---|---|",
        ]
    for number, x in enumerate(visit.exchanges, start=before + 1):
        told = "; ".join(f"{name}: {x.headers[name]}" for name in SHOWN if name in x.headers)
        asked = f"{x.method} {x.url}" + (f" ({x.range})" if x.range else "")
        size = f"{len(x.body):,}" + ("" if x.whole else " and more")
        row = (f"{number:04d}", asked, x.status or x.problem, x.media, size, f"{x.seconds:.1f}", told)
        lines.append(f"| {' | '.join(_cell(str(c)) for c in row)} |")
    return [*lines, ""]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def summary(probed: Probed) -> list[str]:
    """Return a line for each publisher."""
    lines = []
    for visit in probed.visits:
        states = Counter(o.state for o in visit.outcomes)
        told = ", ".join(f"{n} {state}" for state, n in states.items())
        asked = plural(len(visit.exchanges), "request")
        lines.append(f"{visit.source}: {plural(len(visit.outcomes), 'probe')} ({told}), {asked}")
    return lines
