"""Prefect's server on PostgreSQL, and a worker that runs flows as processes of this machine."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from urllib.error import URLError
from urllib.request import urlopen

from deploy.stack import postgres
from deploy.stack.processes import Program, environment
from deploy.stack.state import State

POOL = "techtrade"
SERVER_SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # Who holds a place of a concurrency limit is kept in memory by default. After a restart of the server a run that is
    # on cannot renew its place, and Prefect's engine ends it for that at the next renewal, within four minutes. From
    # its source: the drill does not go on for so long.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}
WORKER_SETTINGS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "techtrade",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    # A run that has not been heard of for three of these is taken for dead.
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
}


def server(state: State, settings: Mapping[str, str]) -> Program:
    """The server: API, page and scheduler in one."""
    port = str(state.ports["prefect"])
    return Program(
        name="prefect",
        arguments=[sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", port],
        environment=environment(
            state.mark,
            **{
                **SERVER_SETTINGS,
                "PREFECT_HOME": str(state.folder / "prefect"),
                "PREFECT_API_DATABASE_CONNECTION_URL": postgres.url(state),
                "PREFECT_UI_SHOW_PROMOTIONAL_CONTENT": "false",
                # What the page asks, from the browser; by default port 4200.
                "PREFECT_UI_API_URL": state.api,
                **settings,
            },
        ),
        is_up=lambda: answers(f"{state.api}/ready"),  # which asks the database too
    )


def worker(state: State, variables: Mapping[str, str]) -> Program:
    """The worker. ``variables``: what runs are given: the store, its credentials, the sources and their keys."""
    arguments = [
        sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process",
        "--name", "stack", "--limit", "4", "--with-healthcheck", "--install-policy", "never",
    ]  # fmt: skip
    return Program(
        name="worker",
        arguments=arguments,
        environment=environment(
            state.mark,
            **{
                **WORKER_SETTINGS,
                "PREFECT_HOME": str(state.folder / "worker"),
                "PREFECT_API_URL": state.api,
                "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
                "PREFECT_WORKER_WEBSERVER_PORT": str(state.ports["worker"]),
                "XDG_STATE_HOME": str(state.folder / "worker"),
                **variables,
            },
        ),
        is_up=lambda: answers(f"{state.url('worker')}/health"),
        grace=30,
    )


def answers(url: str) -> bool:
    """Whether a page is there and says that all is well."""
    try:
        with urlopen(url, timeout=5):
            return True
    except (URLError, OSError):
        return False
