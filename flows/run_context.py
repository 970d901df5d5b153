"""What a run needs to know of its surroundings: its store, who started it, where its tasks run, its limits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from configs.errors import ConfigError

# The largest age that commands and flows take: a moment that long ago must be one that a date can hold.
CENTURY = {"SECONDS": 3.2e9, "MINUTES": 5.3e7, "HOURS": 876_000, "DAYS": 36_500}


def run_seconds() -> float | None:
    """When a run is ended for taking too long: ``TECHTRADE_RUN_SECONDS``, which its deployment sets; None by hand.

    Raises:
        ConfigError: it is no number of seconds.
    """
    wanted = os.environ.get("TECHTRADE_RUN_SECONDS", "").strip()
    if not wanted:
        return None
    try:
        seconds = float(wanted)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= 1e8:
        raise ConfigError(f"TECHTRADE_RUN_SECONDS is {wanted!r}; it is a number of seconds, such as 10800")
    return seconds


def store_of_run(given: str | None) -> str:
    """The store of a run: what it was given, else the setting.

    Raises:
        ConfigError: it is a relative folder, and the run was started by a worker, in a folder that ends with it.
    """
    from configs.settings import load_settings

    url = given or load_settings().store
    if "://" in url or Path(url).is_absolute():
        return url
    if is_given_by_worker():
        raise ConfigError(
            f"the store is {url!r}, a relative folder, and a worker gives each run a folder of its own that is deleted "
            "at its end: set TECHTRADE_STORE where the worker runs, to a whole path or s3://bucket/prefix"
        )
    return url


def is_given_by_worker() -> bool:
    """Whether the run that goes on here was given to a worker of a work pool: nobody is waiting at a terminal."""
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return run is not None and run.work_queue_id is not None


def task_runner() -> Any:
    """Where mapped tasks run, by the setting ``TECHTRADE_TASK_RUNNER``: threads of the run's process, or processes of a
    Dask cluster (``TECHTRADE_DASK_ADDRESS``; without it, one that is started for the run on this machine).
    """
    from configs.settings import load_settings

    settings = load_settings()
    if settings.task_runner == "threads":
        from prefect.task_runners import ThreadPoolTaskRunner

        return ThreadPoolTaskRunner(max_workers=settings.workers)
    from prefect_dask.task_runners import DaskTaskRunner

    if settings.dask_address:
        return DaskTaskRunner(address=settings.dask_address)
    a_core_each = {"threads_per_worker": 1, "env": {"POLARS_MAX_THREADS": "1"}}
    return DaskTaskRunner(cluster_kwargs={"n_workers": settings.workers, "dashboard_address": None, **a_core_each})


def refuse_unknown_sources() -> None:
    """A misspelt name in ``TECHTRADE_SOURCES__<SOURCE>__...`` would otherwise set nothing, in silence.

    Raises:
        ConfigError: settings name a source that does not exist.
    """
    from configs.settings import known_sources, load_settings

    known = known_sources()
    for name in load_settings().sources:
        if name not in known:
            raise ConfigError(
                f"TECHTRADE_SOURCES__{name.upper()}__... is set, and there is no source {name!r}; there are: "
                f"{', '.join(known)}"
            )


def make_room(root: Path) -> None:
    """Creates the folder of a store.

    Raises:
        ConfigError: it cannot be created.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise ConfigError(
            f"{root} cannot be created as a store: {e.strerror or e}; name a folder that you may write to, or "
            "s3://bucket/prefix, with --store or TECHTRADE_STORE"
        ) from e
