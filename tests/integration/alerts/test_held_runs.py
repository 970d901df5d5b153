"""A run that ends held, from the command line: all that shows it, and the one alert and all-clear."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest

from benchmarks.synthetic.trade import atp
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import holds, layout
from tests.doubles.publishers import CensusDouble
from tests.support.alerting import ALERTS, operators_hook, titles  # noqa: F401 - a fixture
from tests.support.atom import checked
from tests.support.mail_server import Hook
from tests.support.plain import Ran

Run = Callable[..., Ran]
Figures = dict[date, tuple[float, float]]
ATP, TRADE, NEWEST = "atp_world_monthly", "atp_trade_monthly", date(2025, 2, 1)


def document(store: ObjectStore, key: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(store.get(key).body)
    return found


def last_run() -> tuple[str, str]:
    """The final state of the newest run in Prefect: its name, and what it says."""

    async def ask() -> tuple[str, str]:
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.sorting import FlowRunSort

        async with get_client() as client:
            (run,) = await client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)
        assert run.state is not None
        return str(run.state.name), str(run.state.message)

    return asyncio.run(ask())


@contextmanager
def census_with_an_event(techtrade: Run, patch: pytest.MonkeyPatch) -> Iterator[tuple[CensusDouble, Figures]]:
    """Census's double, with the month before published; and figures whose imports of the newest month are half more."""
    real = atp("2025-02")
    exports, imports = real[NEWEST]
    with CensusDouble() as census:
        patch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", f"{census.url}/country.xlsx")
        census.show({month: v for month, v in real.items() if month < NEWEST})
        ran = techtrade("publish", ATP)
        assert ran.code == 0, ran.err
        yield census, real | {NEWEST: (exports, round(imports * 1.5, 6))}


def test_run_that_is_held_shows_everywhere_and_alerts_once(
    techtrade: Run, local_store: ObjectStore, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    with census_with_an_event(techtrade, monkeypatch) as (census, event):
        good = document(local_store, layout.latest(ATP))["version"]
        census.show(event)
        ran = techtrade("publish", ATP)
        name, said = last_run()
        again = techtrade("publish", ATP, "--json")
    hold = holds.read(local_store, ATP).open
    assert hold is not None and hold.vintage == "2025-02"
    target = f"{ATP}@{hold.version}"

    assert ran.code == again.code == 3
    assert f"error: {target} is held until confirmed: " in ran.err and f"techtrade held {ATP}" in ran.err
    (result,) = json.loads(again.out)
    assert (result["outcome"], result["exit_code"], result["version"]) == ("held", 3, hold.version)
    assert (name, "is held until confirmed" in said) == ("Failed", True)
    status = document(local_store, layout.status(ATP))
    assert (status["outcome"], status["held"], status["held_since"]) == ("held", hold.version, hold.since)
    (entry,) = (d for d in document(local_store, layout.CATALOG)["datasets"] if d["dataset"] == ATP)
    assert (entry["version"], entry["held"]["version"], entry["held"]["why"]) == (good, hold.version, hold.why)
    newest = checked(local_store.get(layout.feed(ATP)).body)[0]["title"]
    assert newest.startswith(f"{ATP}: newer figures (vintage 2025-02) are held since ") and hold.why in newest
    (board,) = json.loads(techtrade("status", ATP, "--json").out)["datasets"]
    assert (board["run"], board["held"], board["held_since"]) == ("held", hold.version, hold.since)
    assert techtrade("status", ATP, "--check").code == 1
    shown = " ".join(techtrade("held", ATP).out.split())
    assert target in shown and "imports, 2025-02" in shown

    def of_holds() -> list[str]:
        return [t for t in titles(hook) if "HELD" in t or "no longer held" in t]

    (told,) = of_holds()
    assert told.startswith(f"techtrade HELD: {ATP}: ")

    # The publisher corrects itself.
    with CensusDouble() as census:
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", f"{census.url}/country.xlsx")
        census.show(atp("2025-02"))
        ran = techtrade("publish", ATP)
        assert ran.code == 0, ran.err
    new = document(local_store, layout.latest(ATP))["version"]
    over = f"techtrade GOOD AGAIN: {ATP}: no longer held: superseded by {new}, which has other figures"
    assert of_holds() == [told, over]
    status = document(local_store, layout.status(ATP))
    assert (status["outcome"], status["held"], status["held_since"]) == ("published", None, "")
    ended = checked(local_store.get(layout.feed(ATP)).body)[0]["title"]
    assert (
        ended == f"{ATP}: figures of vintage 2025-02 are no longer held: superseded by {new}, which has other figures"
    )


def test_promotion_clears_what_status_says_of_the_hold(
    techtrade: Run, local_store: ObjectStore, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    with census_with_an_event(techtrade, monkeypatch) as (census, event):
        census.show(event)
        assert techtrade("publish", ATP).code == 3
    hold = holds.read(local_store, ATP).open
    assert hold is not None
    ran = techtrade("promote", f"{ATP}@{hold.version}", "--reason", "the ministry says so", "--by", "A. Owner")
    assert ran.code == 0 and " overridden" in ran.out, ran.err
    status = document(local_store, layout.status(ATP))
    assert (status["held"], status["held_since"]) == (None, "")
    assert titles(hook)[-1] == f"techtrade GOOD AGAIN: {ATP}: no longer held: promoted by A. Owner"
    (entry,) = (d for d in document(local_store, layout.CATALOG)["datasets"] if d["dataset"] == ATP)
    assert entry["held"] is None
