"""Log lines as JSON: with ``TECHTRADE_LOG_FORMAT=json`` all that a process says on standard error, one object a line.

A handler of ours takes the place of Prefect's console, because its formatter knows neither dataset nor version, and its
console breaks long lines. Prefect's own record of a run is left as it is. ``install`` belongs after the import of
Prefect, which sets up logging; a worker imports it before any code of ours, so every flow's module calls ``install``.

structlog was looked at: it wants the loggers to be its own, and what Prefect and httpx2 say would still be plain.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from configs.words import escaped
from tasks.common.log_context import current_log_fields, log_fields

VARIABLE = "TECHTRADE_LOG_FORMAT"
FIELDS = ("run_id", "run_name", "dataset", "version")
# What Prefect says of a run outside of our code, as when it ends, is still of that run.
_of_runs: dict[str, dict[str, str]] = {}
log = logging.getLogger("techtrade")


def as_json() -> bool:
    """Whether lines are JSON. What cannot be is refused with the other settings; how to say so is plain then."""
    return os.environ.get(VARIABLE) == "json"


class JsonLines(logging.Formatter):
    """One object a line: ``at`` (UTC), ``level``, ``logger``, ``message``, then run, dataset and version, null where
    they are not known, and ``error`` with the traceback of an exception. Keys of publishers are blanked."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _blanked(record.getMessage()),
        }
        line |= fields_of(record)
        if task := getattr(record, "task_run_name", None):
            line["task"] = task
        if record.exc_info:
            line["error"] = _blanked(self.formatException(record.exc_info))
        # Standard error may be a terminal: what would act on one is escaped as JSON does it.
        return escaped(json.dumps(line, ensure_ascii=False, default=str))


def fields_of(record: logging.LogRecord) -> dict[str, str | None]:
    """Run, dataset and version of a line: what is bound where it was said, else what Prefect says of it."""
    run_id = str(getattr(record, "flow_run_id", None) or "")
    told = {"run_id": run_id, "run_name": str(getattr(record, "flow_run_name", None) or "")} if run_id else _under_way()
    known = {**told, **_of_runs.get(run_id, {}), **current_log_fields()}
    if told and "dataset" not in known:  # Prefect's first line, before any code of ours; runs are named after it
        from configs.contracts import published_names

        first = told["run_name"].partition(" ")[0]
        known |= {"dataset": first} if first in published_names() else {}
    return {name: known.get(name) for name in FIELDS}


def install() -> None:
    """Makes this process say JSON lines, if it is to; does nothing otherwise, and nothing the second time."""
    root = logging.getLogger()
    if not as_json() or any(isinstance(h.formatter, JsonLines) for h in root.handlers):
        return
    for handler in root.handlers:
        # Not removed: Prefect would put it back as soon as it misses it.
        if type(handler).__name__ == "PrefectConsoleHandler":
            handler.addFilter(_plain)
    handler = json_handler()
    handler.addFilter(lambda _: as_json())
    root.addHandler(handler)
    if log.level == logging.NOTSET:
        log.setLevel(logging.INFO)


def json_handler() -> logging.Handler:
    """Writes to standard error, whichever that is when a line is written."""
    handler = _ToStandardError()
    handler.setFormatter(JsonLines())
    return handler


class _ToStandardError(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr, flush=True)
        except Exception:  # noqa: BLE001 - as every handler does: logging must not end what it tells of
            self.handleError(record)


def say(text: str, level: int = logging.INFO) -> None:
    """A remark of the command line as a JSON line."""
    print(JsonLines().format(log.makeRecord(log.name, level, "", 0, text, (), None)), file=sys.stderr, flush=True)


@contextmanager
def of_run(dataset: str = "") -> Iterator[None]:
    """What is logged in this block belongs to the flow run under way; to be used inside of a flow."""
    told = _under_way()
    if dataset:
        told["dataset"] = dataset
    with log_fields(**told):
        remember()
        yield


def _under_way() -> dict[str, str]:
    """The flow run that this code is part of."""
    if "prefect.context" not in sys.modules:
        return {}
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return {"run_id": str(run.id), "run_name": run.name} if run else {}


def remember() -> None:
    """What is bound now holds for later lines of the same run too, such as Prefect's own at its end."""
    here = current_log_fields()
    if "run_id" in here:
        _of_runs[here["run_id"]] = dict(here)


def _blanked(text: str) -> str:
    from flows.prefect_setup.secrets import redacted

    return redacted(text)


def _plain(record: logging.LogRecord) -> bool:
    return not as_json()
