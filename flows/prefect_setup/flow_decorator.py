"""What every flow of a deployment has in common: its time-out, and what is done when it begins and when it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Flow, flow

from flows.prefect_setup import alert_hooks, run_watchdog, scheduled
from flows.run_context import run_seconds

P = ParamSpec("P")
R = TypeVar("R")


def scheduled_flow(
    name: str,
    run_name: str | Callable[[], str],
    on_completion: Callable[..., Any] = alert_hooks.on_upkeep_completion,
) -> Callable[[Callable[P, R]], Flow[P, R]]:
    """Makes a flow of a function.

    Args:
        run_name: of its runs; with names of parameters in braces.
        on_completion: what tells that something is over.
    """
    return flow(
        name=name,
        flow_run_name=run_name,
        validate_parameters=True,
        timeout_seconds=run_seconds(),
        on_running=[run_watchdog.on_running, scheduled.on_running],
        on_failure=[alert_hooks.on_failure],
        on_crashed=[alert_hooks.on_crashed],
        on_completion=[on_completion],
    )
