"""Candidates that are held until confirmed, as a run leaves them: sealed, with ``held.parquet``, and in ``held.json``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import polars as pl

from tasks.common.clock import moment, stamp, utc_now
from tasks.quality.results import CheckResult, GateResult
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import holds
from tasks.warehouse.holds import Hold
from tests.support import sealing
from tests.support.sealing import WORLD

CHECK = "in_season"
WHY = "imports of 2025-03 are 39 % above their season: 102.3 billion dollars, usual 73.6 billion"
SINCE = "2026-11-01T07:50:00.000000Z"
ROW = '{"flow": "imports", "period": "2025-03-01", "value_usd": 102300000000, "usual": 73600000000}'
CELLS = (
    {
        "check_id": CHECK,
        "key": json.dumps({"flow": "imports", "period": "2025-03-01"}),
        "value_usd": 102_300_000_000.0,
        "expected_usd": 73_600_000_000.0,
        "state": "held",
        "confirmed_by": "",
        "why": "atp_trade_monthly has no month 2025-03",
    },
)


def report() -> GateResult:
    """What the gate found: one check that holds has failed."""
    failed = CheckResult(
        CHECK, "no month is out of season", "hold", "failed", "none", "1 of 434 rows fails", 434, 1, (ROW,), "", "x", ""
    )
    return GateResult((failed,), b"")


def hold_of(version: str, vintage: str = "2025-03", since: str = SINCE, **more: Any) -> Hold:
    given: dict[str, Any] = {"why": WHY, "confirmable_by": ("atp_trade_monthly", "ft900")} | more
    return Hold(version=version, vintage=vintage, since=since, held_at=since, checks=(CHECK,), cells=1, **given)


def held(
    store: ObjectStore,
    months: dict[int, int],
    vintage: str = "2025-03",
    since: str = SINCE,
    cells: Sequence[dict[str, Any]] | None = CELLS,
    **more: Any,
) -> str:
    """Seal a held candidate of ``atp_world_monthly``, enter it in ``held.json``, and return its version."""
    found = report()
    files = {"quality.parquet": found.frame()} | ({"held.parquet": pl.DataFrame(cells)} if cells is not None else {})
    version = sealing.seal(
        store,
        WORLD,
        sealing.world(months),
        vintage,
        "rejected",
        files,
        held=(CHECK,),
        quality=found.counts,
        diagnosis=WHY,
    )
    holds.opened(store, WORLD, hold_of(version, vintage, since, **more))
    return version


def days_ago(days: float) -> str:
    """The stamp of so long ago."""
    return stamp(utc_now() - timedelta(days=days))


def later(since: str, days: float) -> str:
    """The stamp so many days later."""
    return stamp(moment(since) + timedelta(days=days))
