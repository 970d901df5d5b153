"""The ``backfill`` flow: months of the history asked for again, whatever is known of them; one version at the end."""

from __future__ import annotations

from configs.contracts import load_contract
from configs.months import Months
from flows.prefect_setup import alert_hooks, json_logs
from flows.prefect_setup.flow_decorator import scheduled_flow
from flows.publish import bring
from tasks.build.recipes import recipe_for
from tasks.build.request import Request
from tasks.common.clock import utc_now
from tasks.warehouse.outcomes import Outcome


@scheduled_flow("backfill", "{dataset} backfill {first} to {last}", alert_hooks.on_completion)
def backfill(dataset: str, first: str, last: str, store: str | None = None) -> Outcome:
    """Asks the publisher for the months from ``first`` to ``last``, takes the rest from the published version, and
    brings what comes of it to readers as one version, through the gate like any other.

    A run that is cut off is taken up by the next one of the same months: what it has got is not asked for again.

    Args:
        dataset: name of a contract whose publisher can be asked for months.
        first, last: ``YYYY-MM``.
        store: folder or ``s3://`` address; None for the setting ``TECHTRADE_STORE``.

    Raises:
        UsageError: the publisher gives its history as a whole; or there are no such months.
        RejectedError, TechtradeError: as of ``publish``.
    """
    with json_logs.of_run(dataset):
        request = Request(load_contract(dataset), "live", months=Months.of(first, last))
        requests_of(request)
        return bring(request, store)


def requests_of(request: Request) -> int:
    """How many requests it is at the least.

    Raises:
        UsageError: the publisher gives its history as a whole; or there are no such months.
    """
    return recipe_for(request.contract).requests_for(request, utc_now())
