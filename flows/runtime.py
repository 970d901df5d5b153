"""How Prefect runs here unless told otherwise: embedded, quiet, without telemetry.

Must be called before Prefect is imported. Only defaults are set: whoever configures ``PREFECT_API_URL`` or any
of these keeps what they configured. The embedded server took up to 28 s to start cold and then failed at
Prefect's own limit of 20 s, and its telemetry prints tracebacks where there is no network.
"""

from __future__ import annotations

import os

DEFAULTS = {
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    # The command line says in one line what Prefect would say in a traceback; Prefect's own record keeps all.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "techtrade",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}


def prepare() -> None:
    """Sets the defaults into the environment."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
