"""The commands that watch: ``status`` on one screen, ``freshness``, and ``watch`` from outside of Prefect.

``status`` is one row a dataset, then in words what a person has to look at. The store tells what was published and
checked, Prefect when the next run is due; without a server that column is empty, and a line says so.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from configs.contracts import dataset_names, load_contract, published_names
from configs.errors import NewerFormatError, StoreError, StorePermissionError, StoreUnavailableError, UsageError
from configs.hints import command
from configs.history_contract import SUFFIX
from configs.settings import load_settings
from flows.cli.output import print_json, progress, say, table
from flows.cli.stores import open_at
from flows.prefect_setup import run_status
from flows.prefect_setup.remarks import remark
from flows.prefect_setup.run_status import PrefectSilentError
from tasks.common.clock import to_minute, utc_now
from tasks.common.text import apart, byte_size
from tasks.monitor.freshness import BAD
from tasks.monitor.freshness import check_all as verdicts
from tasks.monitor.status_board import ENDED_BADLY, Row, Runs, StatusBoard, overview
from tasks.storage.object_store import ObjectStore
from tasks.warehouse.existing import existing_store
from tasks.warehouse.protocol import read_latest
from tasks.warehouse.reader import DAMAGED
from tasks.warehouse.records import as_plain

COLUMNS = (
    "dataset", "history", "last run", "next run", "good version", "checked", "freshness", "alerts", "requests", "bytes",
    "seconds",
)  # fmt: skip
RIGHT = ("requests", "bytes", "seconds", "alerts")
# What a narrow terminal goes without, first to last; --json has it, and open alerts are told in words below.
SPARE = ("checked", "bytes", "requests", "seconds", "alerts", "history", "next run")
SHORT = {
    "late at the publisher": "source late",
    "late at us": "LATE",
    "confirmed unchanged": "unchanged",
    "bundled, not scheduled": "bundled",
    "never published": "-",
    "not known": "UNKNOWN",
}


def status(names: tuple[str, ...], url: str | None, as_json: bool, check: bool, all_: bool = False) -> int:
    """Print how each dataset is (all, if none is named); with ``all_`` also histories and what else is made of them.

    Returns:
        The exit code: 1 if a dataset cannot be judged; with ``check`` also if a person has to look at something.
    """
    chosen = [load_contract(name).name for name in names] or (published_names() if all_ else dataset_names())
    store, now = open_at(url), utc_now()
    runs, server, silent = _runs()
    found = overview(store, chosen, runs, now, *silent)
    if as_json:
        print_json(_plain(found, store.url, server, now))
    else:
        say(f"{store.url}, {to_minute(now)}\n{server}\n")
        print_rows(found.rows, now, {name: _history(store, name) for name in chosen})
        _print_bundled(found, store.url)
        _print_attention(found)
        if not names and not all_:
            remark("(histories are not listed; --all lists them)")
    return 1 if not found.known or (check and not found.well) else 0


def _history(store: ObjectStore, name: str) -> str:
    """Whether a dataset has a history; empty if it never has one."""
    if not load_contract(name).has_history:
        return ""
    try:
        return "yes" if read_latest(store, name + SUFFIX)[0] else "no"
    except NewerFormatError:
        return "newer"
    except (*DAMAGED, StoreError):
        return "corrupt"


def _runs() -> tuple[Mapping[str, Runs], str, tuple[str, ...]]:
    """What Prefect knows; a line on who said so; and what a person has to look at where it should know and does not."""
    address = run_status.address()
    if address is None:
        return {}, "no Prefect server: PREFECT_API_URL is not set", ()
    try:
        return run_status.runs(), f"Prefect at {address}", ()
    except PrefectSilentError as e:
        return {}, f"Prefect at {address}: no next runs", (str(e),)


def print_rows(rows: Sequence[Row], now: datetime, histories: Mapping[str, str]) -> None:
    """Print a row a dataset, as far as possible within the terminal."""
    cells = [_cells(row, now) | {"history": histories.get(row.dataset, "")} for row in rows]
    columns = [c for c in COLUMNS if c != "history" or any(histories.values())]

    def style(number: int, column: str) -> str:
        return _style(column, rows[number])

    table(columns, [[cell[c] for c in columns] for cell in cells], right=RIGHT, spare=SPARE, style=style)


def _cells(row: Row, now: datetime) -> dict[str, str]:
    cost = row.cost
    return {
        "dataset": row.dataset,
        "last run": f"{row.run} {_ago(now, row.run_at)}".rstrip(),
        "next run": _next(row, now),
        "good version": row.version or "-",
        "checked": _ago(now, row.checked_at) or "-",
        "freshness": SHORT.get(row.freshness, row.freshness),
        "alerts": str(len(row.alerts) or "-"),
        "requests": f"{cost.requests:,}" if cost else "-",
        "bytes": byte_size(cost.bytes) if cost else "-",
        "seconds": f"{row.seconds:,.0f}" if row.seconds is not None else "-",
    }


def _next(row: Row, now: datetime) -> str:
    if row.next_at is None:
        return row.next_run or "-"
    return f"{row.next_run} {_ago(now, row.next_at)}" if row.next_at <= now else f"in {_ago(row.next_at, now)}"


def _ago(later: datetime, earlier: datetime | None) -> str:
    return apart(later - earlier) if earlier else ""


def _style(column: str, row: Row) -> str:
    if column == "dataset" and row.attention:
        return "bold red"
    if column == "last run" and row.run in ENDED_BADLY:
        return "red"
    if column == "freshness" and row.freshness in ("late at the publisher", "held"):
        return "yellow"
    if column == "freshness" and row.freshness in ("late at us", "not known"):
        return "red"
    return "red" if column == "alerts" and row.alerts else ""


def _print_bundled(found: StatusBoard, store: str) -> None:
    """Print what "bundled" means in the table: no fault, and no news either."""
    names = [row.dataset for row in found.rows if row.freshness == "bundled, not scheduled"]
    if names:
        print()
        start = command("serve", store=store)
        say(f"bundled, not scheduled: {', '.join(names)}; start the schedules with: {start}")


def _print_attention(found: StatusBoard) -> None:
    print()
    if found.well:
        print("all is well")
    for words in (*(f"{row.dataset}: {words}" for row in found.rows for words in row.attention), *found.attention):
        say(words)


def _plain(found: StatusBoard, store: str, server: str, now: datetime) -> dict[str, Any]:
    plain = [asdict(row) | {"cost": as_plain(row.cost) if row.cost else None} for row in found.rows]
    rows = [{k: v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()} for row in plain]
    told = {"store": store, "at": now.isoformat(), "prefect": server, "well": found.well}
    return told | {"datasets": rows, "attention": found.attention}


def freshness(names: tuple[str, ...], url: str | None, as_json: bool) -> int:
    """Prints a verdict on each dataset (on all, if none is named).

    Returns:
        The exit code: 1 if one is late at us or cannot be judged, else 0. A late publisher is no failure of ours.
    """
    chosen = [load_contract(name).name for name in names] or dataset_names()
    found = verdicts(open_at(url), chosen, utc_now())
    if as_json:
        print_json([vars(f) for f in found])
    else:
        for f in found:
            print(f"{f.dataset}: {f.state}")
            say(f.words, first="    ")
    return 1 if any(f.state in BAD for f in found) else 0


def watch(url: str | None, every: float | None, late: float, settle: float, patience: float) -> int:
    """Looks once, or every so many seconds until it is stopped. Returns the exit code: 1 if anything is wrong.

    A store that is down is no reason not to watch: alerts then wait on this machine. One that is missing is a mistake.

    Raises:
        UsageError: no server is named.
        NoStoreError: there is no store to note alerts in.
    """
    server = run_status.address()
    if not server:
        raise UsageError("no Prefect server is named: set PREFECT_API_URL to the one that is to be watched")
    from flows.prefect_setup.run_watchdog import Limits
    from flows.watch import look_or_tell

    with suppress(StoreUnavailableError, StorePermissionError):
        existing_store(url or load_settings().store)
    limits = Limits(timedelta(minutes=late), timedelta(minutes=settle))
    with progress(f"watching runs at {server}"):
        while True:
            well = look_or_tell(url, limits, patience)
            if every is None:
                break
            time.sleep(every)
    print("nothing is wrong with any run" if well else "something is wrong; see: techtrade alerts list")
    return 0 if well else 1
