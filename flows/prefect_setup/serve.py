"""``techtrade serve``: the schedules on one machine, the smallest way to run unattended.

A real Prefect server is needed, because the embedded one runs no scheduler: one is started as a child on a free
loopback port, unless ``PREFECT_API_URL`` (or a profile of Prefect's) names one. Server and runner are tethered
children: they end with this process, however it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from subprocess import Popen
from typing import IO, Any

import psutil

from configs.errors import TechtradeError
from configs.settings import load_settings
from flows.prefect_setup import embedded, run_status, stopping, tether
from flows.prefect_setup.declaration import RUN_SECONDS, served_deployments
from flows.prefect_setup.ports import free_ports
from flows.prefect_setup.remarks import remark
from tasks.common.clock import moment, utc_now
from tasks.storage.open import open_store
from tasks.warehouse.schedule import note_scheduled

# How long runs under way, and then the runner, have to end when the command is stopped, and how long the server may
# take to forget what it has scheduled. Together below the five seconds in which a command ends.
RUNS_SECONDS = 1.7
RUNNER_SECONDS = 0.8
FORGET_SECONDS = 1.2
POLL_SECONDS = 0.5
# Tells the runner that it is being stopped: what it sees then is no news.
BE_SILENT = signal.SIGUSR1
# A runner asks for work every ten seconds.
LIVELY_SECONDS = 30


class AlreadyServedError(TechtradeError):
    """Another process runs these schedules."""


class ServeError(TechtradeError):
    """The server or the runner ended."""


def serve(url: str | None) -> None:
    """Serve what ``deploy/prefect.yaml`` declares, until interrupted.

    All runs inherit this process's variables, so the longest time-out that is declared is that of each.

    Raises:
        AlreadyServedError: another ``serve`` has this ``PREFECT_HOME``, or the server has these deployments for others.
        ServeError: the server or the runner ended by itself.
    """
    declared = served_deployments()
    os.environ.setdefault(RUN_SECONDS, str(max(d.run_seconds for d in declared)))
    stopping.unwind_within(RUNS_SECONDS + RUNNER_SECONDS + FORGET_SECONDS + 0.5)
    with _only_one(url) as place, _server() as server:
        refuse_if_served(place.last_stop, is_own=server is not None)
        note_scheduled(open_store(url or load_settings().store), by="techtrade serve")
        forget_scheduled()
        for deployment in declared:
            for schedule in deployment.schedules:
                remark(f"{deployment.name}: {schedule.slug}, at cron '{schedule.cron}' {schedule.timezone}")
        with _log("runner") as output:
            place.served = True
            runner = tether.start("flows.prefect_setup.served", [url] if url else [], os.environ, output)
            try:
                _watch(runner, server)
            finally:
                _end(runner)
                forget_scheduled()


def _watch(runner: Popen[bytes], server: Popen[bytes] | None) -> None:
    """Return never: a signal ends this.

    Raises:
        ServeError: the runner or the server ended.
    """
    while True:
        for name, child in (("runner", runner), ("server", server)):
            if child is not None and child.poll() is not None:
                raise ServeError(
                    f"Prefect's {name} ended by itself with code {child.returncode}, so nothing is scheduled any more: "
                    f"see {_log_path(name)}, then run again: techtrade serve"
                )
        time.sleep(POLL_SECONDS)


def _use_login_of_profile() -> None:
    """Put the login that Prefect has from a profile or file into the environment, where our requests look for it."""
    from prefect.settings import get_current_settings

    api = get_current_settings().api
    for name, secret in (("PREFECT_API_KEY", api.key), ("PREFECT_API_AUTH_STRING", api.auth_string)):
        if secret is not None:
            os.environ.setdefault(name, secret.get_secret_value())


def _end(runner: Popen[bytes]) -> None:
    """End the runs first, so that each can write down that it was stopped, then the runner.

    Not together: a runner that ends kills its runs at once. And one whose runs end calls their hooks, which alert, so
    it is told to be silent first.
    """
    with suppress(psutil.NoSuchProcess):
        family = psutil.Process(runner.pid)
        family.send_signal(BE_SILENT)
        runs = family.children(recursive=True)
        for run in runs:
            with suppress(psutil.NoSuchProcess):
                run.send_signal(signal.SIGINT)
        psutil.wait_procs(runs, timeout=RUNS_SECONDS)
    tether.end(runner, signal.SIGINT, RUNNER_SECONDS)


@contextmanager
def _server() -> Iterator[Popen[bytes] | None]:
    """The server of this process; None where one is configured."""
    if configured := embedded.configured_url():
        os.environ["PREFECT_API_URL"] = configured
        _use_login_of_profile()
        remark(f"using the Prefect server at {run_status.address()}")
        yield None
        return
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    os.environ["PREFECT_API_URL"] = f"{url}/api"
    # Its page asks this address, from the browser; by default that of port 4200.
    settings = {**os.environ, "PREFECT_UI_API_URL": f"{url}/api"}
    arguments = ["server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with _log("server") as output:
        child = tether.start("prefect", arguments, settings, output)
        try:
            embedded.wait_until_up(f"{url}/api", child, output, remark)
            remark(f"Prefect: {url}")
            yield child
        finally:
            tether.release(child)


def refuse_if_served(last_stop: datetime | None, *, is_own: bool) -> None:
    """Refuse to take over deployments of others: serving would overwrite their entry points, time-outs and store.

    Args:
        last_stop: when a ``serve`` of this ``PREFECT_HOME`` stopped: it is none of the others.
        is_own: whether the server was started by this command.

    Raises:
        AlreadyServedError: a worker runs them, or another runner asked for their runs a moment ago.
        PrefectSilentError: the server does not answer.
    """
    found = deployments()
    if of_workers := sorted(d["name"] for d in found if d.get("work_pool_name")):
        some = f"{', '.join(of_workers[:3])}{' and others' if len(of_workers) > 3 else ''}"
        pool = next(d["work_pool_name"] for d in found if d.get("work_pool_name"))
        instead = "set another PREFECT_HOME" if is_own else "unset PREFECT_API_URL"
        raise AlreadyServedError(
            f"the Prefect server at {run_status.address()} has deployments of techtrade deploy ({some}), and serving "
            f"would overwrite them. Start a worker for them instead: prefect worker start --pool {pool}. Or {instead}, "
            "so that it starts a server for itself"
        )
    if is_own:  # the lock says that nobody else serves it
        return
    polled = max([moment(d["last_polled"]) for d in found if d.get("last_polled")], default=None)
    if polled is None or (last_stop is not None and polled <= last_stop):
        return
    idle = (utc_now() - polled).total_seconds()
    if idle < LIVELY_SECONDS:
        raise AlreadyServedError(
            f"another process serves these deployments at {run_status.address()}: it asked for work {idle:.0f} s "
            f"ago. Stop it first; if it was killed just now, start again in {LIVELY_SECONDS} s"
        )


def deployments() -> list[dict[str, Any]]:
    """Return what the server has under the names that are served. A name is that of a flow and of a deployment.

    Raises:
        PrefectSilentError: the server does not answer.
    """
    names = {(d.entrypoint.rpartition(".")[2], d.name) for d in served_deployments()}
    flows = {"name": {"any_": sorted({flow for flow, _ in names})}}
    ids = {f["id"]: f["name"] for f in run_status.ask("flows/filter", {"flows": flows})}
    wanted = {"name": {"any_": sorted({name for _, name in names})}}
    found = run_status.ask("deployments/filter", {"flows": flows, "deployments": wanted})
    return [d for d in found if (ids.get(d["flow_id"]), d["name"]) in names]


def forget_scheduled() -> None:
    """Cancel the runs that are due and have not begun, and delete those of the future: the scheduler makes them again.

    As many as there is time for: the next start does the same, before anything runs.
    """
    deadline = time.monotonic() + FORGET_SECONDS
    with suppress(run_status.PrefectSilentError):
        mine = [d["id"] for d in deployments() if not d.get("work_pool_name")]
        if not mine:
            return
        waiting = {"deployment_id": {"any_": mine}, "state": {"type": {"any_": ["SCHEDULED"]}}}
        now = utc_now().isoformat()
        due = {**waiting, "expected_start_time": {"before_": now}}
        cancelled = {"type": "CANCELLED", "message": "its server was stopped before it began"}
        coming = {**waiting, "expected_start_time": {"after_": now}}
        for path, body, changed in (
            ("flow_runs/bulk_set_state", {"flow_runs": due, "state": cancelled, "force": True}, "results"),
            ("flow_runs/bulk_delete", {"flow_runs": coming}, "deleted"),
        ):
            while run_status.ask(path, body)[changed] and time.monotonic() < deadline:
                pass  # an answer is of fifty at most


@dataclass
class _Place:
    """The place of the one ``serve``. ``last_stop``: when the one before it stopped. ``served``: a runner began."""

    last_stop: datetime | None
    served: bool = False


@contextmanager
def _only_one(store: str | None) -> Iterator[_Place]:
    """Hold the place of the one ``serve`` of this ``PREFECT_HOME``.

    Raises:
        AlreadyServedError: another has it.
    """
    with (_home() / "serve.json").open("a+", encoding="utf-8") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            first = _parsed(held)
            raise AlreadyServedError(
                f"these schedules are served already: process {first.get('pid', '?')}, "
                f"since {first.get('started_at', '?')}, store {first.get('store', '?')}. Stop it first, or set another "
                "PREFECT_HOME"
            ) from None
        last = _parsed(held)
        mine = {"pid": os.getpid(), "store": store or load_settings().store, "started_at": _now()}
        _rewrite(held, mine)
        place = _Place(moment(last["stopped_at"]) if "stopped_at" in last else None)
        try:
            yield place
        finally:
            _rewrite(held, {**mine, "stopped_at": _now()} if place.served else last)


def _parsed(held: IO[str]) -> dict[str, str]:
    held.seek(0)
    try:
        return dict(json.loads(held.read()))
    except ValueError:  # the first start, or one that was cut off while it wrote
        return {}


def _rewrite(held: IO[str], values: Mapping[str, object]) -> None:
    held.truncate(0)
    held.write(json.dumps(values))
    held.flush()


def _now() -> str:
    return utc_now().isoformat(timespec="seconds")


def _home() -> Path:
    """Where ``serve`` keeps its lock and the logs of server and runner."""
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser() / "techtrade-serve"
    home.mkdir(parents=True, exist_ok=True)
    return home


def _log_path(name: str) -> Path:
    return _home() / f"{name}.log"


@contextmanager
def _log(name: str) -> Iterator[IO[bytes]]:
    with _log_path(name).open("w+b") as output:
        yield output
