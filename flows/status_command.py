"""``techtrade status``: how everything stands, on one screen. Looks, and changes nothing.

One row a dataset, then in words what a person has to look at. The store tells what was published and checked, Prefect
when the next run is due; without a server that column is empty, and a line says so.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from textwrap import wrap
from typing import Any

import click

from configs.contract import dataset_names, load_contract
from flows import prefect_runs
from flows.inspect_commands import open_at
from flows.output import print_json
from flows.prefect_runs import PrefectSilentError
from tasks.overview import ENDED_BADLY, Overview, Row, Runs, overview
from tasks.store.records import as_plain
from tasks.store.versions import utc_now

WIDEST = 120
COLUMNS = (
    "dataset", "last run", "next run", "good version", "checked", "freshness", "alerts", "requests", "bytes", "seconds",
)  # fmt: skip
RIGHT = ("requests", "bytes", "seconds", "alerts")
# What a narrow terminal goes without, first to last; --json has it, and open alerts are told in words below.
SPARE = ("checked", "bytes", "requests", "seconds", "alerts")
SHORT = {
    "late at the publisher": "source late",
    "late at us": "LATE",
    "confirmed unchanged": "unchanged",
    "bundled, not scheduled": "bundled",
    "never published": "-",
    "not known": "UNKNOWN",
}


def status(names: tuple[str, ...], url: str | None, as_json: bool, check: bool) -> int:
    """Prints how each dataset stands (all, if none is named).

    Returns:
        The exit code: 1 if a dataset cannot be judged; with ``check`` also if a person has to look at something.
    """
    chosen = [load_contract(name).name for name in names] or dataset_names()
    store, now = open_at(url), utc_now()
    runs, server, silent = _runs()
    found = overview(store, chosen, runs, now, *silent)
    if as_json:
        print_json(_plain(found, store.url, server, now))
    else:
        width = _width()
        click.echo(f"{store.url}, {now:%Y-%m-%d %H:%M} UTC\n{server}\n")
        for line in [*table(found.rows, now, width), *_bundled(found, width), *_attention(found, width)]:
            click.echo(line)
    return 1 if not found.known or (check and not found.well) else 0


def _runs() -> tuple[Mapping[str, Runs], str, tuple[str, ...]]:
    """What Prefect knows; a line on who said so; and what a person has to look at where it should know and does not."""
    address = prefect_runs.address()
    if address is None:
        return {}, "no Prefect server: PREFECT_API_URL is not set", ()
    try:
        return prefect_runs.runs(), f"Prefect at {address}", ()
    except PrefectSilentError as e:
        return {}, f"Prefect at {address}: no next runs", (str(e),)


def _width() -> int:
    return min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST) if sys.stdout.isatty() else WIDEST


def table(rows: Sequence[Row], now: datetime, width: int) -> list[str]:
    """The table as lines of at most ``width``, as far as leaving out what can be spared makes them so."""
    cells = [_cells(row, now) for row in rows]
    columns = list(COLUMNS)
    for spare in (None, *SPARE):
        if spare:
            columns.remove(spare)
        widths = {c: max(len(c), *(len(cell[c]) for cell in cells)) for c in columns}
        if sum(widths.values()) + 2 * (len(columns) - 1) <= width:
            break
    lines = ["  ".join(_aligned(c, c, widths) for c in columns), "  ".join("-" * widths[c] for c in columns)]
    for row, cell in zip(rows, cells, strict=True):
        lines.append("  ".join(_styled(_aligned(c, cell[c], widths), _style(c, row)) for c in columns))
    return [line.rstrip() for line in lines]


def _styled(text: str, style: Mapping[str, Any]) -> str:
    return click.style(text, **style) if style else text


def _aligned(column: str, text: str, widths: Mapping[str, int]) -> str:
    return text.rjust(widths[column]) if column in RIGHT else text.ljust(widths[column])


def _cells(row: Row, now: datetime) -> dict[str, str]:
    cost = row.cost
    return {
        "dataset": row.dataset,
        "last run": f"{row.run} {_apart(now, row.run_at)}".rstrip(),
        "next run": _next(row, now),
        "good version": row.version or "-",
        "checked": _apart(now, row.checked_at) or "-",
        "freshness": SHORT.get(row.freshness, row.freshness),
        "alerts": str(len(row.alerts) or "-"),
        "requests": f"{cost.requests:,}" if cost else "-",
        "bytes": _bytes(cost.bytes) if cost else "-",
        "seconds": f"{row.seconds:,.0f}" if row.seconds is not None else "-",
    }


def _next(row: Row, now: datetime) -> str:
    if row.next_at is None:
        return row.next_run or "-"
    if row.next_at <= now:
        return f"{row.next_run} {_apart(now, row.next_at)}"
    return f"in {_apart(row.next_at, now)}"


def _apart(later: datetime, earlier: datetime | None) -> str:
    """How far apart two moments are: ``40s``, ``12m``, ``3h``, ``2d``."""
    if earlier is None:
        return ""
    seconds = max(0, int((later - earlier).total_seconds()))
    for unit, size, least in (("d", 86400, 172_800), ("h", 3600, 7200), ("m", 60, 120)):
        if seconds >= least:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _bytes(number: int) -> str:
    size = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if size >= 100 or unit == "B" else f"{size:.1f} {unit}"


def _style(column: str, row: Row) -> dict[str, Any]:
    if column == "dataset" and row.attention:
        return {"fg": "red", "bold": True}
    if column == "last run" and row.run in ENDED_BADLY:
        return {"fg": "red"}
    if column == "freshness" and row.freshness == "late at the publisher":
        return {"fg": "yellow"}
    if column == "freshness" and row.freshness in ("late at us", "not known"):
        return {"fg": "red"}
    if column == "alerts" and row.alerts:
        return {"fg": "red"}
    return {}


def _bundled(found: Overview, width: int) -> list[str]:
    """What "bundled" means in the table: no fault, and no news either."""
    names = [row.dataset for row in found.rows if row.freshness == "bundled, not scheduled"]
    if not names:
        return []
    words = f"bundled, not scheduled: {', '.join(names)}; techtrade serve starts the schedules"
    return ["", *wrap(words, width, subsequent_indent="    ", break_on_hyphens=False)]


def _attention(found: Overview, width: int) -> list[str]:
    if found.well:
        return ["", "all is well"]
    told = [f"{row.dataset}: {words}" for row in found.rows for words in row.attention]
    wrapped = [
        wrap(words, width, subsequent_indent="    ", break_on_hyphens=False) for words in (*told, *found.attention)
    ]
    return ["", *(line for lines in wrapped for line in lines)]


def _plain(found: Overview, store: str, server: str, now: datetime) -> dict[str, Any]:
    rows = []
    for row in found.rows:
        plain = asdict(row) | {"cost": as_plain(row.cost) if row.cost else None}
        rows.append({k: v.isoformat() if isinstance(v, datetime) else v for k, v in plain.items()})
    told = {"store": store, "at": now.isoformat(), "prefect": server, "well": found.well}
    return told | {"datasets": rows, "attention": found.attention}
