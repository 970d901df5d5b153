"""How Prefect runs here unless its variables say otherwise: embedded, quiet, without telemetry.

``flows`` sets these before anything imports Prefect, which reads them once. Only defaults are set: a configured
``PREFECT_API_URL``, or any of these, stays. The embedded server took up to 28 s to start cold and then failed at
Prefect's own limit of 20 s, and its telemetry prints tracebacks where there is no network.
"""

from __future__ import annotations

import os

# Holds the address of the server that a command started for itself, so that processes it starts know too.
EMBEDDED = "TECHTRADE_EMBEDDED_PREFECT"
DEFAULTS = {
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    # The command line says in one line what Prefect would say in a traceback; Prefect's own record keeps all.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    # Its colours would be shown as text, as is all that could act on a terminal.
    "PREFECT_LOGGING_COLORS": "false",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "techtrade",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}


def prepare() -> None:
    """Set the defaults into the environment."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)


def is_embedded() -> bool:
    """Return whether ``PREFECT_API_URL`` is this command's own server, not one that a person configured."""
    url = os.environ.get(EMBEDDED)
    return bool(url) and url == os.environ.get("PREFECT_API_URL")
