"""Noting in the store that a schedule publishes into it, from which on silence is late
(``tasks.warehouse.schedule``)."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from configs.errors import ConfigError
from configs.settings import load_settings
from tasks.common.text import one_line
from tasks.storage.open import open_store
from tasks.warehouse.schedule import note_scheduled

log = logging.getLogger("techtrade")


def on_running(flow: Any, flow_run: Any, state: Any) -> None:
    """Prefect's hook of a run that begins: a run of a deployment notes that there is one. Costs one request."""
    if flow_run.deployment_id is None:
        return
    try:
        url = flow_run.parameters.get("store") or load_settings().store
        # A worker gives each run a folder that is deleted at its end: the run itself refuses such a store.
        if flow_run.work_queue_id is not None and not _is_whole(url):
            return
        note_scheduled(open_store(url, attempts=1), by=f"run {flow_run.name!r} of a deployment")
    except ConfigError as e:  # the run itself says so
        log.debug("no schedule was noted: %s", one_line(e))


def after_deploy() -> str:
    """Note the schedules that were deployed, in the store that ``TECHTRADE_STORE`` names.

    Returns:
        What a person has to know: empty if the note is there, else why not. If the store cannot be reached from here,
        the first run of a worker notes it, and a worker that is dead from the beginning is seen in Prefect alone.
    """
    url = os.environ.get("TECHTRADE_STORE", "").strip()
    if not url or not _is_whole(url):
        return (
            "TECHTRADE_STORE names no s3:// address or whole path here, so the schedule is not noted in the store; the "
            "first run does it"
        )
    try:
        if note_scheduled(open_store(url, attempts=1), by="techtrade deploy"):
            return ""
    except ConfigError as e:
        return f"the schedule is not noted in the store: {one_line(e)}"
    return f"the schedule could not be noted in {url}; the first run does it"


def _is_whole(url: str) -> bool:
    return "://" in url or Path(url).expanduser().is_absolute()
