"""``techtrade backfill``: months of a dataset's history, asked for again."""

from __future__ import annotations

from configs.contracts import load_contract
from configs.errors import TechtradeError
from configs.months import Months
from configs.settings import source_settings
from configs.words import plural
from flows.cli.output import print_json, progress, remark
from flows.cli.publish import STARTING, as_plain, attempt, say, what_is_missing
from flows.cli.versions import open_to_write
from flows.prefect_setup import embedded
from flows.prefect_setup.defaults import refuse_unknown_sources
from flows.prefect_setup.run_flow import could_not_begin
from tasks.build.request import Request
from tasks.extract.source import in_words
from tasks.warehouse import catalog
from tasks.warehouse.outcomes import Outcome
from tasks.warehouse.protocol import utc_now


def backfill(name: str, first: str, last: str | None, dry_run: bool, url: str | None, as_json: bool) -> int:
    """Says what it will take, then runs the flow.

    Args:
        last: None for this month.
        dry_run: only say it.

    Returns:
        The exit code, as of ``publish``.
    """
    refuse_unknown_sources()
    last = last or f"{utc_now():%Y-%m}"
    request = Request(load_contract(name), "live", months=Months.of(first, last))
    with progress(f"{name}: looking at what it takes") as step:
        from flows.backfill import backfill as flow
        from flows.backfill import requests_of
        from flows.prefect_setup import alert_hooks

        requests = requests_of(request)
        estimate = _estimate(request, requests, url)
        remark(f"{name}: {request.months}: {estimate}")
        if dry_run:
            if as_json:
                print_json({"dataset": name, "first": first, "last": last, "requests": requests, "estimate": estimate})
            return 0
        step(STARTING)
        with embedded.server(step) as wait_for_server, alert_hooks.collected(url):
            no_server = wait_for_server()
            result: Outcome | TechtradeError | None = what_is_missing(name, "live")
            if isinstance(result, TechtradeError):
                alert_hooks.failed(url, name, result)
            elif no_server:
                result = could_not_begin(name, url, no_server)
            else:
                result = attempt(flow, name, url, first=first, last=last)
    if as_json:
        print_json(as_plain(name, result))
    say(name, result, as_json)
    return result.exit_code if isinstance(result, TechtradeError) else 0


def _estimate(request: Request, requests: int, url: str | None) -> str:
    """By what a request of the last run took; by the publisher's limit where that is not known."""
    told = f"{plural(requests, 'request')}, one at a time"
    status = catalog.read_status(open_to_write(url), request.contract.name)
    if status is not None and status.cost is not None and status.seconds and status.cost.requests:
        each = status.seconds / status.cost.requests
        return f"{told}; about {in_words(each * requests)}, by the {each:.1f} s a request that the last run took"
    a_minute = source_settings(request.source).requests_per_minute
    if not a_minute:
        return told
    return f"{told}; at least {in_words(requests * 60 / a_minute)}, by the publisher's limit of {a_minute} a minute"
