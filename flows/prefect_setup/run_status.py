"""What Prefect's server knows of the runs of each dataset.

Asked over its API and not through its library, which takes three seconds to import: who asks at night how things stand
does not want to wait, least of all for a server that is down.
"""

from __future__ import annotations

import base64
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from configs.errors import TechtradeError
from tasks.common.clock import moment
from tasks.common.text import one_line
from tasks.monitor.status_board import Run, Runs

# What deploy/prefect.yaml gives to the deployments that publish.
TAGS = ("techtrade", "publish")
SECONDS = 5.0
# What the server gives at once.
AT_MOST = 200
_WAITING = ("SCHEDULED",)
# Not CANCELLED: a run that was one too many is no news of the dataset.
_BEGUN = ("PENDING", "RUNNING", "COMPLETED", "FAILED", "CRASHED", "CANCELLING", "PAUSED")


class PrefectSilentError(TechtradeError):
    """The Prefect server did not answer, or with nothing that can be used."""


def address() -> str | None:
    """The server that is configured, without what it takes to get in; None: there is none."""
    return without_login(os.environ.get("PREFECT_API_URL", "")) or None


def reference(kind: str, name: object) -> str:
    """Return where Prefect shows a flow-run or a work-pool: an address where ``PREFECT_UI_URL`` names its pages, else a
    whole command."""
    if pages := without_login(os.environ.get("PREFECT_UI_URL", "")):
        return f"{pages}/runs/flow-run/{name}" if kind == "flow-run" else f"{pages}/work-pools/work-pool/{name}"
    server = address()
    return f"{f'PREFECT_API_URL={server} ' if server else ''}prefect {kind} inspect {name}"


def without_login(url: str) -> str:
    """An address without the user and password that may stand in it."""
    parts = urlsplit(url.strip().rstrip("/"))
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def runs() -> Mapping[str, Runs]:
    """The last and the next run of each dataset that has a deployment of ours; empty without a server.

    Raises:
        PrefectSilentError: the server that is configured did not answer within seconds.
    """
    if address() is None:
        return {}
    found = ask("deployments/filter", {"deployments": {"tags": {"all_": list(TAGS)}}})
    mine = {str(d["id"]): str(d["parameters"].get("dataset", "")) for d in found}
    last = _first(list(mine), _BEGUN, "EXPECTED_START_TIME_DESC")
    coming = _first(list(mine), _WAITING, "EXPECTED_START_TIME_ASC")
    return {mine[d["id"]]: Runs(last.get(d["id"]), coming.get(d["id"]), bool(d["paused"])) for d in found}


def _first(deployments: Sequence[str], states: tuple[str, ...], order: str) -> dict[str, Run]:
    """The first run of each deployment in that order. One question does, and another for those whose runs are few among
    the many of others: an answer has so many runs and no more."""
    wanted = {"deployment_id": {"any_": list(deployments)}, "state": {"type": {"any_": list(states)}}}
    found = ask("flow_runs/filter", {"flow_runs": wanted, "sort": order, "limit": AT_MOST}) if deployments else []
    runs: dict[str, Run] = {}
    for run in found:
        began = moment(run.get("start_time") or run["expected_start_time"])
        runs.setdefault(run["deployment_id"], Run(_word(run), began))
    missing = [d for d in deployments if d not in runs]
    if len(found) == AT_MOST and len(deployments) > 1:
        runs |= _first(missing, states, order)
    return runs


def _word(run: Mapping[str, Any]) -> str:
    """The state in a word: ``late`` and ``timed out`` tell more than the types that Prefect files them under."""
    name = str(run.get("state_name") or "")
    special = {"Late": "late", "TimedOut": "timed out", "AwaitingRetry": "retrying", "Retrying": "retrying"}
    return special.get(name, str(run["state_type"]).lower())


def ask(path: str, body: dict[str, Any]) -> Any:
    """Return what the server at ``PREFECT_API_URL`` answers to a POST of ``body``.

    Raises:
        PrefectSilentError: it does not answer within seconds, or refuses.
    """
    parts = urlsplit(os.environ["PREFECT_API_URL"].strip().rstrip("/"))
    if parts.scheme not in ("http", "https"):
        raise PrefectSilentError(f"{address()} is no address of a Prefect server; mend PREFECT_API_URL")
    request = urllib.request.Request(f"{address()}/{path}", json.dumps(body).encode(), _headers(parts.netloc))
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            return json.load(response)
    except urllib.error.HTTPError as e:
        refused = "refuses the login in PREFECT_API_URL, PREFECT_API_AUTH_STRING or PREFECT_API_KEY"
        how = f"{refused} (status {e.code})" if e.code in (401, 403) else f"answers with status {e.code}"
        raise PrefectSilentError(f"the Prefect server at {address()} {how}") from None
    except (OSError, ValueError) as e:
        told = getattr(e, "reason", None) or one_line(e) or type(e).__name__
        raise PrefectSilentError(f"the Prefect server at {address()} does not answer ({told})") from None


def _headers(netloc: str) -> dict[str, str]:
    """In the order in which Prefect's client prefers them: the address has the last word, then user and password."""
    headers = {"Content-Type": "application/json"}
    pair = unquote(netloc.rpartition("@")[0]) or os.environ.get("PREFECT_API_AUTH_STRING", "")
    key = os.environ.get("PREFECT_API_KEY")
    if pair:
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    elif key:
        headers["Authorization"] = f"Bearer {key}"
    return headers
