"""``techtrade quality``: what the gate found on a version, in the terminal or as a page. Looks, and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from expectations.runbooks import runbook
from flows.inspect_commands import open_at, split_target
from flows.output import print_json, remark, table
from flows.read_commands import OutputError
from flows.report import quality_words
from tasks.quality.distance import number
from tasks.quality.evidence import Evidence, gather, with_figures
from tasks.quality.report import CheckResult
from tasks.quality.rows import row_words
from tasks.store import derived
from tasks.store.objects import ObjectStore

ROWS_SHOWN = 3


def quality(target: str, html: str | None, url: str | None, as_json: bool) -> None:
    """Prints every expectation of a version (of the latest, if none is named), the failed first."""
    name, version = split_target(target)
    store = open_at(url)
    found = gather(store, name, version)
    if html is not None:
        _write_page(store, found, html)
    if as_json:
        print_json(as_plain(found))
    elif html is None:
        _print(found)
    if version is None:
        _tell_of_rejected(store, found)


def as_plain(found: Evidence) -> dict[str, Any]:
    """The evidence as plain JSON values; failing rows as objects."""
    served = vars(found.served) if found.served else None
    return {
        "dataset": found.manifest.dataset,
        "version": found.manifest.version,
        "state": found.state,
        "verdict": found.verdict(),
        "diagnosis": found.manifest.diagnosis,
        "vintage": found.manifest.vintage,
        "parent": found.manifest.parent,
        "served": served,
        "counts": found.manifest.quality.model_dump(),
        "evidence": found.files,
        "checks": [
            vars(r) | {"failing_rows": [json.loads(row) for row in r.failing_rows], "runbook": _runbook(r)}
            for r in [*found.failed, *found.others("not_applicable"), *found.others("passed")]
        ],
    }


def _print(found: Evidence) -> None:
    m = found.manifest
    print(f"{found.name} ({found.state}), vintage {m.vintage}, {m.rows:,} rows\n{found.verdict()}")
    if m.diagnosis:
        print(f"Diagnosis: {m.diagnosis}.")
    print(f"{quality_words(m.quality)}\n")
    for result in found.failed:
        _print_failure(result)
    rows = [
        (
            "held" if r.outcome == "passed" else "does not apply",
            r.check_id,
            r.severity,
            "" if r.rows_checked is None else f"{r.rows_checked:,}",
            r.title if r.outcome == "passed" else f"{r.title} ({r.reason})",
        )
        for r in [*found.others("not_applicable"), *found.others("passed")]
    ]
    table(("outcome", "check", "severity", "rows", "rule"), rows, right=("rows",))
    print("\nevidence:")
    for uri in found.files.values():
        print(f"  {uri}")
    print(f"as a page: techtrade quality {found.name} --html FILE")


def _print_failure(r: CheckResult) -> None:
    print(f"{r.severity.upper()}: failed: {r.title} ({r.check_id})")
    checked = number(r.rows_checked) if r.rows_checked else ""
    of = f" (of {checked} checked)" if checked not in r.observed else ""
    for label, value in (
        ("expected", r.expected),
        ("observed", r.observed + of),
        ("why this bound", r.reason),
        ("let through", r.exemption),
        ("owner", r.owner),
        ("runbook", _runbook(r)),
    ):
        if value:
            print(f"    {label:<16}{value}")
    for row in r.failing_rows[:ROWS_SHOWN]:
        print(f"    {'row':<16}{row_words(row)}")
    more = (r.rows_failed or 0) - min(len(r.failing_rows), ROWS_SHOWN)
    if more > 0:
        kept = len(r.failing_rows) - ROWS_SHOWN
        print(f"    {'':<16}and {more:,} more" + (f"; {kept} of them with --json" if kept > 0 else ""))
    print()


def _runbook(result: CheckResult) -> str:
    """Versions of before do not say; the check's id does."""
    return result.runbook or runbook(result.check_id)


def _write_page(store: ObjectStore, found: Evidence, file: str) -> None:
    from tasks.quality.page import render

    body = render(with_figures(store, found))
    try:
        Path(file).write_text(body, encoding="utf-8")
    except OSError as e:
        todo = "name a file in a folder that exists and that you may write to"
        raise OutputError(f"{file} cannot be written: {e.strerror or e}; {todo}") from e
    remark(f"{found.name}: {found.verdict()} The page is {file}")


def _tell_of_rejected(store: ObjectStore, found: Evidence) -> None:
    """Whoever asks for the latest after an alert may mean the candidate that was stopped."""
    status = derived.read_status(store, found.manifest.dataset)
    if status and status.outcome == "rejected" and status.version:
        at = f"{found.manifest.dataset}@{status.version}"
        remark(f"the last candidate was rejected, and is not shown here; see: techtrade quality {at}")
