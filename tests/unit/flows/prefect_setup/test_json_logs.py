"""A line of the log as JSON: its fields, and what it must not say."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from configs.errors import ConfigError
from configs.settings import load_settings
from flows.prefect_setup import json_logs, secrets
from flows.prefect_setup.json_logs import FIELDS, JsonLines, as_json
from tasks.common.log_context import current_log_fields, log_fields

KEY = "CANARY0123456789"


def line(message: str = "said", *, error: bool = False, **extra: Any) -> dict[str, Any]:
    info = sys.exc_info() if error else None
    record = logging.LogRecord("techtrade", logging.WARNING, "", 0, message, (), info)  # type: ignore[arg-type]
    vars(record).update(extra)
    text = JsonLines().format(record)
    assert "\n" not in text
    told: dict[str, Any] = json.loads(text)
    return told


def test_every_line_has_the_fields_null_where_nothing_is_known() -> None:
    told = line()
    assert {"at", "level", "logger", "message", *FIELDS} == told.keys()
    assert (told["level"], told["logger"], told["message"]) == ("warning", "techtrade", "said")
    assert [told[f] for f in FIELDS] == [None] * 4
    assert told["at"].endswith("+00:00")


def test_what_is_bound_is_on_the_lines_of_the_block_and_on_no_other() -> None:
    with log_fields(run_id="1", dataset="partners"):
        with log_fields(version="2026-11-25.0001"):
            told = line()
            assert (told["run_id"], told["dataset"], told["version"]) == ("1", "partners", "2026-11-25.0001")
        assert line()["version"] is None
    assert current_log_fields() == {} and line()["dataset"] is None


def test_a_line_of_prefects_own_is_of_the_dataset_and_version_of_its_run() -> None:
    prefects = {"flow_run_id": "run-7", "flow_run_name": "partners live newest"}
    assert line(**prefects)["dataset"] == "partners", "from the name of the run, before any code of ours"
    with log_fields(run_id="run-7", run_name="partners live newest", dataset="partners", version="2026-11-25.0001"):
        json_logs.remember()
    told = line("Finished in state Completed()", **prefects, task_run_name="extract partners")
    assert (told["run_id"], told["dataset"], told["version"]) == ("run-7", "partners", "2026-11-25.0001")
    assert told["task"] == "extract partners"
    assert line(flow_run_id="run-8", flow_run_name="freshness")["dataset"] is None


def test_keys_are_blanked_in_what_is_said_and_in_tracebacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CENSUS_API_KEY", KEY)
    monkeypatch.setattr(secrets, "_read", {"from-a-block"})
    assert line(f"GET https://x/?key=abc&for={KEY}")["message"] == "GET https://x/?key=REDACTED&for=REDACTED"
    try:
        raise RuntimeError(f"it was {KEY.lower()}, or from-a-block")
    except RuntimeError:
        told = line(error=True)
    assert "RuntimeError: it was REDACTED, or REDACTED" in told["error"]
    assert KEY not in json.dumps(told) and KEY.lower() not in json.dumps(told)


def test_a_form_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, wanted in (("plain", False), ("json", True)):
        monkeypatch.setenv("TECHTRADE_LOG_FORMAT", value)
        assert as_json() is wanted and load_settings().log_format == value
    monkeypatch.setenv("TECHTRADE_LOG_FORMAT", "xml")
    with pytest.raises(ConfigError, match="log_format: Input should be 'plain' or 'json'"):
        load_settings()
    assert not as_json(), "which is said plainly"
