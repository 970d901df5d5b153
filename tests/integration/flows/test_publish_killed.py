"""One whole publish killed in the middle, and two at once, each as a process of its own, on both stores."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse import layout, protocol
from tasks.warehouse.upkeep.verify import verify
from tests.support.drill import Place
from tests.support.plain import Ran

Run = Callable[..., Ran]

DATASET = "atp_world_monthly"
PATIENCE = 240


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "flows.cli", *arguments]


def publish(vintage: str) -> tuple[str, ...]:
    return "publish", DATASET, "--source", "snapshot", "--vintage", vintage


def environment(prefect_api: str, place: Place) -> dict[str, str]:
    return {**os.environ, **place.environment, "TECHTRADE_STORE": place.url, "PREFECT_API_URL": prefect_api}


def claimed(store: ObjectStore) -> set[str]:
    return {e.key for e in store.entries(layout.versions(DATASET)) if e.key.endswith("claim.json")}


@pytest.mark.slow
def test_a_publish_killed_in_the_middle_leaves_the_old_state_and_the_next_run_succeeds(
    prefect_api: str, place: Place, techtrade: Run
) -> None:
    store = open_store(place.url)
    assert techtrade(*publish("2023-01"), "--store", place.url).code == 0
    before = protocol.read_latest(store, DATASET)[0]
    assert before is not None
    known = claimed(store)
    victim = subprocess.Popen(
        command(*publish("2025-02")),
        env=environment(prefect_api, place),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + PATIENCE
    # Between claim and seal lies the import of Great Expectations: seconds in which to kill.
    while claimed(store) == known and victim.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait(timeout=PATIENCE) == -signal.SIGKILL, "it was killed while it ran"
    (abandoned,) = claimed(store) - known
    assert protocol.read_latest(store, DATASET)[0] == before
    verify(store, DATASET)
    ran = techtrade(*publish("2025-02"), "--store", place.url)
    assert ran.code == 0, ran.err
    after = protocol.read_latest(store, DATASET)[0]
    assert after is not None
    assert [e.vintage for e in after.published] == ["2023-01", "2025-02"]
    assert after.version not in abandoned, "a number is never used again"
    assert techtrade("gc", "--grace-hours", "0", "--store", place.url).code == 0
    verify(store, DATASET)
    verify(store, DATASET, before.version)
    leftovers = {e.key for e in store.entries(abandoned.removesuffix("claim.json"))}
    assert leftovers == {abandoned, abandoned.replace("claim", "manifest")}


@pytest.mark.slow
def test_two_publishes_at_once_end_in_one_line_of_versions(prefect_api: str, place: Place) -> None:
    """The loser of the race starts over, by its Prefect retry: both succeed, one after the other or as superseded."""
    env = environment(prefect_api, place)
    store = open_store(place.url)
    both = [
        subprocess.Popen(
            command(*publish(vintage), "--json"),
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for vintage in ("2023-01", "2025-02")
    ]
    ended: list[tuple[Any, ...]] = [(p.communicate(timeout=PATIENCE), p.returncode) for p in both]
    assert [code for _, code in ended] == [0, 0], ended
    latest = protocol.read_latest(store, DATASET)[0]
    assert latest is not None
    vintages = [e.vintage for e in latest.published]
    assert vintages in (["2023-01", "2025-02"], ["2025-02"]), "never backwards, nothing lost"
    assert '"superseded"' in ended[0][0][0] or len(vintages) == 2
    verify(store, DATASET)
