"""What a small publish costs a person at a terminal: with the start of everything, and without it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.harness import Ratio, in_turn, seconds
from flows.prefect_setup import embedded
from tasks.storage.local import LocalStore

DATASET, FIRST, SECOND = "atp_world_monthly", "2023-01", "2025-02"
BARE_FLOW = """
import flows
from prefect import flow, task
@task
def one(): return 1
@flow
def bare(): return one()
bare()
"""
REQUESTS = ("get", "size", "create", "create_file", "replace", "copy", "delete", "entries", "folders")


def small_version_against_bare_flow(rounds: int = 3) -> Ratio:
    """(e) ``techtrade publish`` of a small new version against a bare Prefect flow (import, Prefect's own embedded
    server, one flow with one task, called), each a whole process with the same settings."""
    with TemporaryDirectory(prefix="techtrade-bench-") as place:
        before, store = Path(place) / "before", Path(place) / "store"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_API")}
        environment |= {"PREFECT_HOME": str(Path(place) / "prefect"), "TECHTRADE_STORE": str(before)}

        def publish(vintage: str) -> None:
            command = ["-m", "flows.cli", "publish", DATASET, "--source", "snapshot", "--vintage", vintage]
            _run(command, environment)

        publish(FIRST)
        environment["TECHTRADE_STORE"] = str(store)

        def ours() -> None:
            publish(SECOND)
            shutil.rmtree(store)
            shutil.copytree(before, store)

        shutil.copytree(before, store)
        mine, base = in_turn(ours, lambda: _run(["-c", BARE_FLOW], environment), rounds)
    return Ratio("start-up", "techtrade publish of a small new version", mine, "a bare Prefect flow", base, target=1.2)


def small_publish_against_empty_flow() -> Ratio:
    """(f) The same publish with everything started and imported, its history with it: seconds, and requests of the
    store. What is added to a publish later (probes, pages, signatures) shows here."""
    with TemporaryDirectory(prefix="techtrade-bench-") as place, embedded.server(lambda _: None) as wait_for_server:
        from prefect import flow

        from flows.publish import publish

        assert wait_for_server() is None

        @flow
        def nothing() -> None:
            """Do what a flow does at least."""

        def run(vintage: str) -> None:
            publish(dataset=DATASET, source="snapshot", vintage=vintage, store=place)

        run(FIRST)
        nothing()
        with requests_counted() as requests:
            mine = seconds(lambda: run(SECOND))
        base = seconds(nothing)
    what = f"a small publish, with {requests.total()} requests of the store"
    return Ratio("small publish", what, mine, "an empty flow", base)


@contextmanager
def requests_counted() -> Iterator[Counter[str]]:
    """Count the requests of every local store while the block runs, by operation."""
    counted: Counter[str] = Counter()
    before = {name: getattr(LocalStore, name) for name in REQUESTS}

    def counting(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        def counted_operation(*given: Any, **named: Any) -> Any:
            counted[name] += 1
            return operation(*given, **named)

        return counted_operation

    for name, operation in before.items():
        setattr(LocalStore, name, counting(name, operation))
    try:
        yield counted
    finally:
        for name, operation in before.items():
            setattr(LocalStore, name, operation)


def _run(arguments: list[str], environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, *arguments], env=environment, check=True, capture_output=True)
