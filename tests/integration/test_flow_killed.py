"""One whole publish killed in the middle, and two at once, each as a process of its own, on both stores."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tasks.store import layout, versions
from tasks.store.objects import ObjectStore
from tasks.store.open import open_store
from tasks.store.verify import verify
from tests.conftest import Place

DATASET = "atp_world_monthly"
PATIENCE = 240


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "flows.cli", *arguments]


def environment(prefect_api: str, place: Place) -> dict[str, str]:
    return {**os.environ, **place.environment, "TECHTRADE_STORE": place.url, "PREFECT_API_URL": prefect_api}


def run(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), env=env, capture_output=True, text=True, timeout=PATIENCE)


def claimed(store: ObjectStore) -> set[str]:
    return {e.key for e in store.entries(layout.versions(DATASET)) if e.key.endswith("claim.json")}


@pytest.mark.slow
def test_a_publish_killed_in_the_middle_leaves_the_old_state_and_the_next_run_succeeds(
    prefect_api: str, place: Place
) -> None:
    env = environment(prefect_api, place)
    store = open_store(place.url)
    assert run(env, "publish", DATASET, "--source", "snapshot", "--vintage", "2023-01").returncode == 0
    before = versions.read_latest(store, DATASET)[0]
    assert before is not None
    known = claimed(store)
    victim = subprocess.Popen(
        command("publish", DATASET, "--source", "snapshot", "--vintage", "2025-02"),
        env=env,
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
    assert versions.read_latest(store, DATASET)[0] == before
    verify(store, DATASET)
    ran = run(env, "publish", DATASET, "--source", "snapshot", "--vintage", "2025-02")
    assert ran.returncode == 0, ran.stderr
    after = versions.read_latest(store, DATASET)[0]
    assert after is not None
    assert [e.vintage for e in after.published] == ["2023-01", "2025-02"]
    assert after.version not in abandoned, "a number is never used again"
    assert run(env, "gc", "--grace-hours", "0").returncode == 0
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
            command("publish", DATASET, "--source", "snapshot", "--vintage", vintage, "--json"),
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for vintage in ("2023-01", "2025-02")
    ]
    ended: list[tuple[Any, ...]] = [(p.communicate(timeout=PATIENCE), p.returncode) for p in both]
    assert [code for _, code in ended] == [0, 0], ended
    latest = versions.read_latest(store, DATASET)[0]
    assert latest is not None
    vintages = [e.vintage for e in latest.published]
    assert vintages in (["2023-01", "2025-02"], ["2025-02"]), "never backwards, nothing lost"
    assert '"superseded"' in ended[0][0][0] or len(vintages) == 2
    verify(store, DATASET)


@pytest.mark.slow
def test_a_read_only_identity_reads_a_version_and_cannot_publish(prefect_api: str, s3: Any, tmp_path: Path) -> None:
    place = s3.place()
    env = environment(prefect_api, place)
    assert run(env, "publish", DATASET, "--source", "snapshot", "--vintage", "2023-01").returncode == 0
    store = open_store(place.url)
    before = {e.key: e.size for e in store.entries("")}
    readonly = env | s3.readonly
    assert run(readonly, "verify").returncode == 0
    assert run(readonly, "read", DATASET, "--format", "csv").stdout.count("\n") == 1 + 409
    refused = run(readonly, "publish", DATASET, "--source", "snapshot", "--vintage", "2025-02")
    assert refused.returncode == 1
    assert "may not write this" in refused.stderr and "Traceback" not in refused.stderr
    assert s3.readonly["AWS_SECRET_ACCESS_KEY"] not in refused.stderr
    assert {e.key: e.size for e in store.entries("")} == before
