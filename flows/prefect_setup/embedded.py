"""Run a Prefect server for the length of one command, where none is configured.

Prefect can do so itself, but its starter takes no session argument: Ctrl-C at a terminal kills the server before the
run that it serves, and a killed command leaves the server behind. Here the server is a tethered child
(``flows.prefect_setup.tether``). It starts while this process imports Prefect and Great Expectations, which takes
about as long.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryFile
from typing import IO

from configs.errors import TechtradeError
from flows.prefect_setup import stopping, tether
from flows.prefect_setup.defaults import EMBEDDED
from flows.prefect_setup.ports import free_ports

START_SECONDS = 120.0
DRAIN_SECONDS = 5.0
# Servers of this process that have ended. Prefect keeps the address that it read when it was first imported.
_ended: set[str] = set()
_SETTINGS = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
}


class ServerStartError(TechtradeError):
    """The Prefect server did not start. ``output``: the last line it printed."""

    def __init__(self, why: str, output: str) -> None:
        self.output = output
        super().__init__(
            f"cannot start the Prefect server: it {why}{f' ({output})' if output else ''}. Run it by hand to see more "
            "(prefect server start), or set PREFECT_API_URL to a server that runs"
        )


@contextmanager
def server(say: Callable[[str], None]) -> Iterator[Callable[[], ServerStartError | None]]:
    """Start a server if none is configured; yield a function that waits until it answers.

    Import flows between the two: it takes as long as the server's start. ``say`` is called with the state of the wait.
    The function returns why there is no server, if it ended or did not answer in time.
    """
    if configured_url():
        yield _nothing
        return
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}/api"
    with ExitStack() as stack:
        output = stack.enter_context(TemporaryFile())
        child = start_uvicorn(port, output)
        stack.callback(_ended.add, url)
        stack.callback(tether.release, child)
        stack.callback(_set, {name: os.environ.get(name) for name in (EMBEDDED, "PREFECT_API_URL")})
        _set({EMBEDDED: url, "PREFECT_API_URL": url})
        if "prefect.settings" in sys.modules:  # already read, so the variable alone would change nothing
            from prefect.settings import PREFECT_API_URL, temporary_settings

            stack.enter_context(temporary_settings({PREFECT_API_URL: url}))

        def wait() -> ServerStartError | None:
            threading.Thread(target=_preload, daemon=True).start()
            from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

            # At the end of each run Prefect waits up to a second for its heartbeat; this server does not listen to it.
            stack.enter_context(temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}))
            stack.callback(_send_the_rest)
            try:
                wait_until_up(url, child, output, say)
            except ServerStartError as e:
                return e
            return None

        yield wait


def start_uvicorn(port: int, output: IO[bytes]) -> Popen[bytes]:
    """Start Prefect's API as a tethered child: no page, and none of the services that only schedules need."""
    arguments = ["--factory", "prefect.server.api.server:create_app", "--host", "127.0.0.1", "--port", str(port)]
    quiet = ["--log-level", "error", "--lifespan", "on"]
    return tether.start("uvicorn", [*arguments, *quiet], {**os.environ, **_SETTINGS}, output)


def wait_until_up(url: str, child: Popen[bytes], output: IO[bytes], say: Callable[[str], None]) -> None:
    """Return when the server at ``url`` answers.

    Raises:
        ServerStartError: it ended, or did not answer in time.
    """
    began, said = time.monotonic(), 0
    while (passed := time.monotonic() - began) < START_SECONDS:
        if child.poll() is not None:
            raise ServerStartError(f"ended with code {child.returncode}", _last_line(output))
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2):
                return
        except (OSError, HTTPException):
            if int(passed / 5) > said:
                said = int(passed / 5)
                say(f"waiting for the Prefect server ({passed:.0f} s)")
            time.sleep(0.05)
    raise ServerStartError(f"did not answer at {url} within {START_SECONDS:.0f} s", _last_line(output))


def _last_line(output: IO[bytes]) -> str:
    output.seek(0)
    lines = output.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def configured_url() -> str:
    """Return the server that a variable, or a profile or file of Prefect's, names; empty if none does.

    Prefect is imported only if it has such a file: that takes a second.
    """
    url = os.environ.get("PREFECT_API_URL", "")
    if url or ("prefect.settings" not in sys.modules and not _has_files()):
        return url
    from prefect.settings import PREFECT_API_URL

    found = PREFECT_API_URL.value() or ""
    return "" if found in _ended else found


def _has_files() -> bool:
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml").expanduser()
    if profiles.exists() or Path("prefect.toml").exists() or Path(".env").exists():
        return True
    try:
        return "prefect" in tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError):
        return False


def _set(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _preload() -> None:
    """Import while the server starts what the gate needs later: it takes seconds."""
    import great_expectations.expectations  # noqa: F401


def _send_the_rest() -> None:
    """Let Prefect send its log lines and events while the server is there; later it would complain on the console."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    if not stopping.requested():
        APILogWorker.drain_all(timeout=DRAIN_SECONDS, at_exit=False)
        EventsWorker.drain_all(timeout=DRAIN_SECONDS, at_exit=False)


def _nothing() -> None:
    """Return at once: the configured server is there already, or its absence is the run's to report."""
