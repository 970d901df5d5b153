"""``techtrade quality``: what the gate found on a version, in the terminal or as a page. Looks, and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from configs.hints import command
from configs.words import plural
from expectations.runbooks import runbook
from flows.cli.formats import OutputError
from flows.cli.output import print_json, say, table
from flows.cli.stores import open_at, split_target
from flows.prefect_setup.remarks import remark
from tasks.common.text import figure
from tasks.publish.wording import quality_words
from tasks.quality.failing_rows import row_words
from tasks.quality.page.evidence import Evidence, gather, with_figures
from tasks.quality.results import CheckResult
from tasks.storage.object_store import ObjectStore
from tasks.warehouse.protocol import read_latest
from tasks.warehouse.reader import open_hold
from tasks.warehouse.run_status import read_status

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
        _print(store, found)
    if version is None:
        _mention_stopped(store, found)


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
        "hold": found.hold.model_dump(mode="json") if found.hold else None,
        "counts": found.manifest.quality.model_dump(),
        "evidence": found.files,
        "checks": [
            vars(r) | {"failing_rows": [json.loads(row) for row in r.failing_rows], "runbook": _runbook(r)}
            for r in [*found.failed, *found.others("not_applicable"), *found.others("passed")]
        ],
    }


def _print(store: ObjectStore, found: Evidence) -> None:
    m = found.manifest
    say(f"{found.name} ({found.state}), vintage {m.vintage}, {plural(m.rows, 'row')}\n{found.verdict()}")
    if m.diagnosis:
        say(f"Diagnosis: {m.diagnosis}.")
    print(f"{quality_words(m.quality)}\n")
    for result in found.failed:
        _print_failure(result)
    if found.others("not_applicable"):
        print("not applicable:")
        reasons = [(r.check_id, r.reason, r.title) for r in found.others("not_applicable")]
        table(("check", "reason", "rule"), reasons, text={"reason": 24, "rule": 40}, below=("rule",))
        print()
    rows = [
        (r.check_id, r.severity, "" if r.rows_checked is None else f"{r.rows_checked:,}", r.title)
        for r in found.others("passed")
    ]
    if rows:
        print("passed:")
        columns = ("check", "severity", "rows", "rule")
        table(columns, rows, right=("rows",), text={"rule": 50}, spare=("severity", "rows"))
    print("\nevidence:")
    for uri in found.files.values():
        print(f"  {uri}")
    say(f"as a page: {command('quality', found.name, '--html', f'{found.name}.html', store=store.url)}")


def _print_failure(r: CheckResult) -> None:
    say(f"{r.severity.upper()}: failed: {r.title} ({r.check_id})")
    checked = figure(r.rows_checked) if r.rows_checked else ""
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
            say(str(value), first=f"    {label:<16}", rest=" " * 20)
    for row in r.failing_rows[:ROWS_SHOWN]:
        say(row_words(row), first=f"    {'row':<16}", rest=" " * 20)
    more = (r.rows_failed or 0) - min(len(r.failing_rows), ROWS_SHOWN)
    if more > 0:
        kept = len(r.failing_rows) - ROWS_SHOWN
        print(f"    {'':<16}and {more:,} more" + (f"; {kept} of them with --json" if kept > 0 else ""))
    print()


def _runbook(result: CheckResult) -> str:
    """Versions of before do not say; the check's id does."""
    return result.runbook or runbook(result.check_id)


def _write_page(store: ObjectStore, found: Evidence, file: str) -> None:
    from tasks.quality.page.render import render

    body = render(with_figures(store, found))
    try:
        Path(file).write_text(body, encoding="utf-8")
    except OSError as e:
        todo = "name a file in a folder that exists and that you may write to"
        raise OutputError(f"{file} cannot be written: {e.strerror or e}; {todo}") from e
    remark(f"{found.name}: {found.verdict()} The page is {file}")


def _mention_stopped(store: ObjectStore, found: Evidence) -> None:
    """Whoever asks for the latest after an alert may mean the candidate that was stopped."""
    name = found.manifest.dataset
    if open_hold(store, name, read_latest(store, name)[0]):
        see = command("held", name, store=store.url)
        remark(f"a newer candidate is held until confirmed, and is not shown here; see: {see}")
        return
    status = read_status(store, name)
    if status and status.outcome == "rejected" and status.version:
        see = command("quality", f"{name}@{status.version}", store=store.url)
        remark(f"the last candidate was rejected, and is not shown here; see: {see}")
