"""``python -m flows.health``: whether the worker of this container has asked the Prefect server for work lately.

A process that is there says nothing: a worker whose server is gone, or whose loop hangs, is there too. So the question
goes to the worker itself (``prefect worker start --with-healthcheck``), which knows when it last polled. Only the
standard library is imported: a container's runtime asks every half minute.
"""

from __future__ import annotations

import http.client
import os
import sys

SECONDS = 5


def check() -> str | None:
    """What is wrong with the worker; None if nothing is."""
    host = os.environ.get("PREFECT_WORKER_WEBSERVER_HOST", "127.0.0.1")
    port = os.environ.get("PREFECT_WORKER_WEBSERVER_PORT", "8080")
    connection = http.client.HTTPConnection("127.0.0.1" if host == "0.0.0.0" else host, int(port), timeout=SECONDS)
    try:
        connection.request("GET", "/health")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as e:
        return f"no worker answers at {host}:{port} ({type(e).__name__}); was it started with --with-healthcheck?"
    finally:
        connection.close()
    if status != 200:
        return f"the worker has not asked the Prefect server for work lately ({status}); is PREFECT_API_URL up?"
    return None


def main() -> int:
    """0 if the worker is well; 1 and a line on stderr if not."""
    wrong = check()
    if wrong:
        print(wrong, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
