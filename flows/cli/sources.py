"""The commands about publishers and their raw bytes: ``sources archives``, ``sources check``, ``raw ...``."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from configs.words import plural
from flows.cli.output import print_json, progress, say, table
from flows.cli.stores import open_at, open_to_write
from flows.prefect_setup import secrets
from flows.prefect_setup.remarks import remark
from tasks.common.clock import utc_now
from tasks.raw import housekeeping
from tasks.raw.housekeeping import RawPlan
from tasks.storage.object_store import ObjectStore
from tasks.warehouse.records import as_plain

# Without a handler of its own its "retry scheduled" would be printed bare; what became of the retries is told anyway.
logging.getLogger("stamina").addHandler(logging.NullHandler())


def archives(refresh: str, url: str | None, as_json: bool) -> int:
    """Returns the exit code: 0 if every version listed is there, 1 if one could not be had or read."""
    from tasks.extract.source import FetchRequest
    from tasks.extract.world_bank import archive_download
    from tasks.extract.world_bank.archives import SOURCE
    from tasks.raw.archive import RawArchive

    store = open_to_write(url)
    ask = FetchRequest(SOURCE, refresh="all" if refresh == "all" else "auto")
    with progress("asking for the list of versions"):
        result = archive_download.download_missing(store, RawArchive(store), ask)
    for line in [*result.changed, *(f"error: {f}" for f in result.failures)]:
        remark(" ".join(line.split()))
    if as_json:
        plain: dict[str, Any] = {"source": SOURCE, "listed": result.listed, "asked": result.asked}
        plain |= {"got": [as_plain(g) for g in result.got], "changed": result.changed, "failures": result.failures}
        print_json(plain | {"cost": asdict(ask.meter)})
    else:
        count = {state: sum(g.state == state for g in result.got) for state in ("data", "empty", "unreadable")}
        told = ", ".join(f"{n} {state}" for state, n in count.items() if n) or "nothing new"
        print(f"{SOURCE}: {plural(result.listed, 'version')} listed, {result.asked} series requested: {told}")
        for entry in result.got:
            if entry.state == "empty":
                print(f"  {entry.vintage} {entry.indicator} has no data: {entry.reason}")
    return 1 if result.failures else 0


def check(names: tuple[str, ...], as_json: bool) -> int:
    """Returns the exit code: 0 if no publisher has drifted, 1 if one has or could not be asked. A key that is missing
    counts only for a source that is named."""
    from tasks.extract.drift import check as drift

    chosen = names or tuple(drift.sources())
    for name in chosen:
        drift.expectation(name)  # a wrong name is told before anything is asked
    now = utc_now()
    with progress("asking publishers for their metadata"):
        found = [drift.check(name, now, secrets.secret_value) for name in chosen]
    if as_json:
        print_json([asdict(f) for f in found])
    for source in found:
        if not as_json:
            print(f"{source.source}: {source.state}")
            for difference in source.differences:
                say(str(difference), first="  ")
        if source.state not in ("as expected", "drift"):
            detail = " ".join(source.detail.split())
            remark(f"  {detail if detail.startswith(source.source) else f'{source.source}: {detail}'}")
    failed = [f for f in found if f.state in drift.FAILED or (names and f.state == "no key")]
    return 1 if failed else 0


def raw_list(source: str | None, url: str | None, as_json: bool) -> int:
    """Returns the exit code: 1 if a note on take-downs cannot be read."""
    store = open_at(url)
    found = [h for h in housekeeping.holdings(store) if source in (None, h.source)]
    if as_json:
        print_json([asdict(h) | {"taken_down": as_plain(h.taken_down) if h.taken_down else None} for h in found])
    elif not found:
        remark(f"nothing is archived{f' of {source}' if source else ''} in {store.url}")
    else:
        _print_holdings(found)
    for h in found:
        if h.damaged:
            copies = plural(h.damaged, "damaged copy", "damaged copies")
            remark(f"{h.source}: {copies} set aside as *.damaged-*; the documents are whole again")
        if h.problem:
            remark(f"error: {h.problem}")
    return 1 if any(h.problem for h in found) else 0


def _print_holdings(found: list[housekeeping.Holding]) -> None:
    columns = ("source", "documents", "bytes", "newest", "bytes gone", "unfinished notes", "taken down")
    rows = [
        (h.source, f"{h.documents:,}", f"{h.bytes:,}", h.newest[:10], f"{h.gone:,}", h.notes, _last_take_down(h))
        for h in found
    ]
    numbers = ("documents", "bytes", "bytes gone", "unfinished notes")
    table(columns, rows, right=numbers, below=("taken down",), spare=("unfinished notes", "bytes gone"))


def _last_take_down(holding: housekeeping.Holding) -> str:
    if holding.taken_down is None or not holding.taken_down.events:
        return ""
    last = holding.taken_down.events[-1]
    return f"{last.at[:10]}: {last.reason}{'' if last.done_at else ' (not ended; run it again)'}"


def raw_take_down(source: str, reason: str, dry_run: bool, url: str | None, as_json: bool) -> int:
    store = open_at(url)
    return _carry_out(store, housekeeping.plan_take_down(store, source, reason, utc_now()), dry_run, as_json)


def raw_expire(source: str | None, days: int, dry_run: bool, url: str | None, as_json: bool) -> int:
    store = open_at(url)
    return _carry_out(store, housekeeping.plan_expiry(store, source, utc_now(), timedelta(days=days)), dry_run, as_json)


def _carry_out(store: ObjectStore, plan: RawPlan, dry_run: bool, as_json: bool) -> int:
    """Prints what is decided, and does it unless it is only asked about.

    Returns:
        The exit code: 1 if it is not known whether something names old documents, which then stay.
    """
    result = None if dry_run else housekeeping.execute(store, plan)
    if as_json:
        plain: dict[str, Any] = {"executed": not dry_run, "plan": plan.lines(), "documents": len(plan.raw)}
        plain |= {"bytes": plan.bytes, "notes": len(plan.notes), "kept": plan.kept, "problems": plan.problems}
        print_json(plain | {"spared": result.spared if result else ()})
        return _said(plan)
    for line in plan.lines():
        print(f"{'would ' if dry_run else ''}{line}")
    if not plan.lines():
        print("nothing to delete")
    if plan.kept:
        may = ", or may name" if plan.problems else ""
        print(f"kept: {plural(plan.kept, 'old document')} that a published version or an inventory names{may}")
    for key in result.spared if result else ():
        remark(f"spared: {key} is named by a version published meanwhile")
    return _said(plan)


def _said(plan: RawPlan) -> int:
    for problem in plan.problems:
        remark(f"error: {problem}")
    return 1 if plan.problems else 0
