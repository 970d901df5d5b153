"""The empty run against the first, and ``--help`` against a bare interpreter: whole processes and whole flows."""

from __future__ import annotations

import subprocess
import sys
from tempfile import TemporaryDirectory

from benchmarks.harness import Ratio, in_turn, seconds


def empty_run_against_first() -> Ratio:
    """(b) All bundled vintages through the Prefect flow into an empty store, then once more. The embedded server is
    up and everything is imported before the first. No target: most of both is about one second a run that Prefect
    waits for its heartbeat thread at the end of a flow; ``publishing.nothing_new_against_publish`` is without it."""
    from flows.cli.demo import publish_all

    with TemporaryDirectory(prefix="techtrade-bench-") as warm:
        publish_all(warm)
    with TemporaryDirectory(prefix="techtrade-bench-") as place:
        first = seconds(lambda: publish_all(place))
        second = seconds(lambda: publish_all(place))
    return Ratio("nothing new", "the second, empty run of all vintages", second, "the first", first)


def help_against_interpreter(rounds: int = 9) -> Ratio:
    """(c) ``techtrade --help`` against ``python -c pass``."""

    def run(*arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)

    mine, base = in_turn(lambda: run("-m", "flows.cli", "--help"), lambda: run("-c", "pass"), rounds)
    return Ratio("--help", "techtrade --help", mine, "python -c pass", base)
