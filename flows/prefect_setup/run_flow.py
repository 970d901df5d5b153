"""Running the publish flow so that whatever ends it comes as one line: no dataset keeps another from its turn."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from configs.errors import TechtradeError, TimedOutError
from configs.hints import command
from configs.settings import load_settings
from flows.prefect_setup import stopping
from flows.prefect_setup.defaults import is_embedded
from tasks.common.text import one_line
from tasks.warehouse.outcomes import Outcome


class UnforeseenError(TechtradeError):
    """Something that nobody foresaw ended a run. ``kind``: the class of the error that did."""

    def __init__(self, dataset: str, kind: str, detail: str) -> None:
        self.dataset, self.kind = dataset, kind
        super().__init__(
            f"{dataset}: {kind}: {detail or 'no more is known'} (unexpected; see it whole with --debug). A version is "
            f"published whole or not at all: see {command('versions', dataset)}, then run again"
        )


class PrefectUnreachableError(TechtradeError):
    """The Prefect server that is configured does not answer."""


def run(flow: Any, *, dataset: str, store: str | None = None, **given: Any) -> Outcome:
    """Runs the flow for one dataset.

    Raises:
        TechtradeError: whatever ended it. An unforeseen end is written down in ``status.json``, as others are.
        KeyboardInterrupt: somebody stopped it, whatever it ended with because of that.
    """
    try:
        outcome: Outcome = flow(dataset=dataset, store=store, **given)
    except Exception as e:
        if stopping.requested():
            raise KeyboardInterrupt from e
        if isinstance(e, TechtradeError):
            raise
        from flows.prefect_setup import alert_hooks
        from flows.prefect_setup.secrets import redacted
        from tasks.publish import run_status
        from tasks.storage.open import open_store

        error = _known(dataset, e) or UnforeseenError(dataset, type(e).__name__, redacted(one_line(e)))
        # The flow does so itself, unless it could not even begin.
        run_status.write_failure(open_store(store or load_settings().store), dataset, error, str(error), of=e)
        if not alert_hooks.is_reported(e):
            alert_hooks.failed(store, dataset, error)
        raise error from e
    return outcome


def could_not_begin(dataset: str, store: str | None, error: TechtradeError) -> TechtradeError:
    """Write down and report that there was no server to run a dataset's flow on; return the error."""
    from flows.prefect_setup import alert_hooks
    from tasks.publish import run_status
    from tasks.storage.open import open_store

    run_status.write_failure(open_store(store or load_settings().store), dataset, error, str(error))
    alert_hooks.failed(store, dataset, error)
    return error


def _known(dataset: str, error: Exception) -> TechtradeError | None:
    from prefect.flow_engine import FlowRunTimeoutError

    timed_out = isinstance(error, FlowRunTimeoutError)
    return TimedOutError(dataset, one_line(error)) if timed_out else _unreachable(dataset, error)


def _unreachable(dataset: str, error: Exception) -> PrefectUnreachableError | None:
    """Publishers are asked through another library: an error of httpx is Prefect's."""
    import httpx
    from prefect.settings import PREFECT_API_URL

    from flows.prefect_setup.run_status import without_login
    from flows.prefect_setup.secrets import describe_safely

    cause = next((e for e in _causes(error) if isinstance(e, httpx.TransportError)), None)
    if cause is None:
        return None
    url = "the embedded one" if is_embedded() else without_login(PREFECT_API_URL.value() or "")
    configured = os.environ.get("PREFECT_API_URL") and not is_embedded()
    todo = "start it, or unset PREFECT_API_URL to use the embedded one" if configured else ""
    return PrefectUnreachableError(
        f"{dataset}: the Prefect server does not answer ({url}: {describe_safely(cause)}); "
        f"{todo or 'see: prefect config view'}, then run again"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
