"""Requests to a Prefect server, and conditions to wait for."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

PATIENCE = 240


def ask(api: str, path: str, body: dict[str, Any]) -> Any:
    """Asks again on 503, as Prefect's client does: a server with SQLite answers so while another writes, and has
    changed nothing then."""
    request = urllib.request.Request(
        f"{api}/{path}", data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as e:
            if e.code != 503 or time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def wait_for(what: Any) -> Any:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError("waited in vain")
