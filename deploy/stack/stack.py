"""Starting the parts in their order, watching them, and ending them in the opposite order."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy import ROOT
from deploy.stack import doubles, postgres, prefect_parts, s3
from deploy.stack.processes import Part, Program, StackError, end_marked, environment
from deploy.stack.state import State

WATCH_SECONDS = 1.0
STOP_SECONDS = 3.0


@dataclass(frozen=True)
class Wishes:
    """What a stack is to have besides.

    ``doubles``: the command of a part that serves doubles of the publishers; without it runs ask the publishers, or
    those that the variables ``publishers`` point at. ``s3_endpoint``: where runs reach S3, if not directly. ``server``
    and ``worker``: more settings of those parts.
    """

    doubles: str = ""
    publishers: Mapping[str, str] = field(default_factory=dict)
    s3_endpoint: str = ""
    server: Mapping[str, str] = field(default_factory=dict)
    worker: Mapping[str, str] = field(default_factory=dict)


class Stack:
    """A stack that is up. Its parts can be killed, stopped and started one by one, which is what the drills do."""

    def __init__(self, state: State, wishes: Wishes, say: Callable[[str], None]) -> None:
        self.state, self.wishes, self._say = state, wishes, say
        self.parts: dict[str, Part] = {}

    # ----------------------------------------------------------------- parts

    def start_all(self) -> None:
        """The store and the publishers come before the worker: its first run needs them.

        Raises:
            StackError: a part did not come up.
        """
        for path in self.state.logs.glob("*.log"):
            path.replace(path.with_suffix(".log.before"))
        names = [postgres.NAME, "prefect", s3.NAME]
        if self.wishes.doubles:
            names.append(doubles.NAME)
        for name in names:
            self.start(name)
        self.deploy()
        self.start("worker")

    def start(self, name: str, **settings: str) -> None:
        """Starts a part and waits until it is up. ``settings``: of the worker, this time only.

        Raises:
            StackError: it did not come up.
        """
        began = time.monotonic()
        part = self.parts[name] = Part(self._program(name, settings), self.state.logs / f"{name}.log")
        part.wait_until_up()
        self._say(f"{name:<11} up after {time.monotonic() - began:4.1f} s   {self._where(name)}")

    def stop(self, name: str) -> None:
        self.parts.pop(name).stop()

    def kill(self, name: str) -> None:
        """As a machine that loses its power: the part and whatever it started, at once."""
        self.parts.pop(name).kill()

    def stop_all(self) -> None:
        """End every part, the last started first, and whatever they left behind; also if one cannot be ended.

        All are asked at once and have ``STOP_SECONDS`` together, so that Ctrl-C ends a stack within five seconds. A
        database that is killed after that recovers at its next start.
        """
        parts = list(self.parts.values())
        self.parts.clear()
        for part in reversed(parts):
            part.ask_to_end()
        deadline = time.monotonic() + STOP_SECONDS
        with ExitStack() as ending:
            ending.callback(end_marked, self.state.mark)
            for part in parts:
                ending.callback(part.stop, deadline)

    def check(self) -> None:
        """Raises:
        StackError: a part has ended by itself.
        """
        for part in self.parts.values():
            part.check()

    def watch(self) -> None:
        """Never returns.

        Raises:
            StackError: a part has ended by itself.
        """
        while True:
            self.check()
            time.sleep(WATCH_SECONDS)

    # ------------------------------------------------------------- what it is

    def variables(self) -> dict[str, str]:
        """What a run is given: the store, its credentials, the publishers' addresses and keys."""
        served = doubles.variables(self._log(doubles.NAME)) if self.wishes.doubles else {}
        return {
            "TECHTRADE_STORE": f"s3://{s3.BUCKET}/store",
            **s3.variables(self.state, self.wishes.s3_endpoint),
            **served,
            **self.wishes.publishers,
        }

    def client(self) -> dict[str, str]:
        """What ``techtrade`` and ``prefect`` are given on this machine to speak with this stack."""
        return {"PREFECT_API_URL": self.state.api, **self.variables()}

    def deploy(self) -> None:
        """Applies the deployments of the stage ``local``.

        Raises:
            StackError: it failed.
        """
        given = environment(self.state.mark, **self.client(), PREFECT_HOME=str(self.state.folder / "prefect"))
        with self._log("deploy").open("wb") as out:
            done = subprocess.run(
                [sys.executable, "-m", "flows.cli", "deploy", "--stage", "local"],
                env=given, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, check=False,
            )  # fmt: skip
        if done.returncode != 0:
            raise StackError(f"the deployments could not be applied:\n{self._log('deploy').read_text().rstrip()}")
        self._say("deployments applied (techtrade deploy --stage local)")

    def _log(self, name: str) -> Path:
        return self.state.logs / f"{name}.log"

    def _program(self, name: str, settings: Mapping[str, str]) -> Program:
        state = self.state
        if name == postgres.NAME:
            return postgres.program(state)
        if name == "prefect":
            return prefect_parts.server(state, self.wishes.server)
        if name == s3.NAME:
            return s3.program(state)
        if name == doubles.NAME:
            return doubles.program(state, self.wishes.doubles, self._log(name))
        return prefect_parts.worker(state, {**self.variables(), **self.wishes.worker, **settings})

    def _where(self, name: str) -> str:
        if name == doubles.NAME:
            return "ports of their own"
        port = f"127.0.0.1:{self.state.ports[name]}"
        return port if name == postgres.NAME else f"http://{port}"


@contextmanager
def running(state: State, wishes: Wishes | None = None, say: Callable[[str], None] = lambda _: None) -> Iterator[Stack]:
    """A stack that is up, and is ended whatever happens.

    Raises:
        StackError: a part did not come up.
    """
    stack = Stack(state, wishes or Wishes(), say)
    try:
        stack.start_all()
        yield stack
    finally:
        stack.stop_all()
