"""What Prefect's server knows of the runs of each dataset.

Asked over its API and not through its library, which takes three seconds to import: who asks at night how things stand
does not want to wait, least of all for a server that is down.
"""

from __future__ import annotations

import base64
import json
import os
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from configs.errors import TechtradeError
from flows.output import one_line
from tasks.overview import Run, Runs

# What deploy/prefect.yaml gives to the deployments that publish.
TAGS = ("techtrade", "publish")
SECONDS = 3.0
_WAITING = ("SCHEDULED",)
# Not CANCELLED: a run that was one too many is no news of the dataset.
_BEGUN = ("PENDING", "RUNNING", "COMPLETED", "FAILED", "CRASHED", "CANCELLING", "PAUSED")


class PrefectSilentError(TechtradeError):
    """The Prefect server did not answer, or with nothing that can be used."""


def address() -> str | None:
    """The server that is configured, without what it takes to get in; None: there is none."""
    url = os.environ.get("PREFECT_API_URL", "").strip().rstrip("/")
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() or None


def runs() -> Mapping[str, Runs]:
    """The last and the next run of each dataset that has a deployment of ours; empty without a server.

    Raises:
        PrefectSilentError: the server that is configured did not answer within seconds.
    """
    if address() is None:
        return {}
    found = _ask("deployments/filter", {"deployments": {"tags": {"all_": list(TAGS)}}})
    mine: dict[str, list[dict[str, Any]]] = {}
    for deployment in found:
        mine.setdefault(str(deployment["parameters"].get("dataset", "")), []).append(deployment)
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(mine, pool.map(_of_deployments, mine.values()), strict=True))


def _of_deployments(deployments: Sequence[Mapping[str, Any]]) -> Runs:
    ids = [str(d["id"]) for d in deployments]
    last = _first(ids, _BEGUN, "EXPECTED_START_TIME_DESC")
    coming = _first(ids, _WAITING, "EXPECTED_START_TIME_ASC")
    return Runs(last, coming, all(d["paused"] for d in deployments))


def _first(deployments: Sequence[str], states: tuple[str, ...], order: str) -> Run | None:
    wanted = {"deployment_id": {"any_": deployments}, "state": {"type": {"any_": list(states)}}}
    found = _ask("flow_runs/filter", {"flow_runs": wanted, "sort": order, "limit": 1})
    if not found:
        return None
    run = found[0]
    return Run(_word(run), datetime.fromisoformat(run.get("start_time") or run["expected_start_time"]))


def _word(run: Mapping[str, Any]) -> str:
    """The state in a word: ``late`` and ``timed out`` tell more than the types that Prefect files them under."""
    name = str(run.get("state_name") or "")
    special = {"Late": "late", "TimedOut": "timed out", "AwaitingRetry": "retrying", "Retrying": "retrying"}
    return special.get(name, str(run["state_type"]).lower())


def _ask(path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    url = os.environ["PREFECT_API_URL"].strip().rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise PrefectSilentError(f"{address()} is no address of a Prefect server; mend PREFECT_API_URL")
    request = urllib.request.Request(f"{address()}/{path}", json.dumps(body).encode(), _headers(parts.netloc))
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            answer: list[dict[str, Any]] = json.load(response)
            return answer
    except (OSError, ValueError) as e:
        told = getattr(e, "reason", None) or one_line(e) or type(e).__name__
        raise PrefectSilentError(f"the Prefect server at {address()} does not answer ({told})") from None


def _headers(netloc: str) -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    key, pair = os.environ.get("PREFECT_API_KEY"), os.environ.get("PREFECT_API_AUTH_STRING")
    pair = pair or netloc.rpartition("@")[0]
    if key:
        headers["Authorization"] = f"Bearer {key}"
    elif pair:
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return headers
