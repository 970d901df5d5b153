"""``techtrade deploy``: what is declared, applied to a Prefect server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from configs.errors import TechtradeError, UsageError
from flows.cli.output import print_json, say
from flows.prefect_setup.declaration import load_declaration
from flows.prefect_setup.remarks import remark
from flows.prefect_setup.run_status import address
from flows.prefect_setup.scheduled import after_deploy
from flows.prefect_setup.secrets import describe_safely, redacted
from tasks.common.text import one_line


class DeployError(TechtradeError):
    """The Prefect server could not be reached, or refused what is declared."""


def deploy(stage: str, dry_run: bool, as_json: bool) -> None:
    """Prints what differs, and does it unless it is only asked about.

    Raises:
        UsageError: no server is named.
        DeployError: the server does not answer, or refused something.
    """
    url = address()
    if not url:
        raise UsageError(
            "no Prefect server is named: set PREFECT_API_URL, as in PREFECT_API_URL=http://127.0.0.1:4200/api; without "
            "a server, run the same schedules with: techtrade serve"
        )
    declared = load_declaration(stage)
    with _told(url):
        from prefect.client.orchestration import get_client

        from flows.prefect_setup.deployer import Deployer

        with get_client(sync_client=True) as client:
            deployer = Deployer(declared, client)
            plan = deployer.plan()
            if not dry_run:
                deployer.execute(plan)
    unnoted = "" if dry_run else after_deploy()
    if unnoted:
        remark(f"note: {unnoted}")
    if as_json:
        print_json({"executed": not dry_run, **asdict(plan)})
        return
    for change in plan.changes:
        say(f"{'would ' if dry_run else ''}{change.line()}")
    for note in plan.notes:
        remark(f"note: {note}")
    if not plan.changes:
        say(f"nothing to change: {url} is as deploy/prefect.yaml and deploy/stages/{stage}.yaml have it")


@contextmanager
def _told(url: str) -> Iterator[None]:
    """What Prefect's client raises, as one line."""
    import httpx
    from prefect.exceptions import PrefectException, PrefectHTTPStatusError

    try:
        yield
    except httpx.TransportError as e:
        raise DeployError(
            f"the Prefect server does not answer ({url}: {describe_safely(e)}); start it, deploy again"
        ) from e
    except PrefectHTTPStatusError as e:
        raise DeployError(
            f"the Prefect server at {url} refused: {redacted(e.response.text)[:500]}; mended, deploy again"
        ) from e
    except PrefectException as e:
        raise DeployError(f"{url}: {redacted(one_line(e))}") from e
