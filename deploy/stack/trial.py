"""``make stack-test``: the scheduled publish of several datasets through a stack that is thrown away afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.stack.api import Api
from deploy.stack.processes import StackError, marked
from deploy.stack.s3 import BUCKET
from deploy.stack.stack import Stack, Wishes, running
from deploy.stack.state import load

# One of each publisher, and the largest that needs a key.
DATASETS = ("atp_world_monthly", "ip_trade_annual", "us_ip_trade_quarterly")
RUN_SECONDS = 300
TURN_SECONDS = 120


@contextmanager
def throwaway_folder() -> Iterator[Path]:
    """A folder that any user may enter, as PostgreSQL's may have to, and that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="techtrade-stack-"))
    try:
        folder.chmod(0o711)
        yield folder
    finally:
        shutil.rmtree(folder)


def trial(doubles: str, say: Callable[[str], None]) -> None:
    """Bring a stack up with doubles of the publishers, publish through it, and take it down.

    Args:
        doubles: the command that serves them.
        say: is given what happens, line by line.

    Raises:
        StackError: anything of that did not work; the logs are then kept, and the message says where.
    """
    with throwaway_folder() as folder:
        state = load(folder)
        try:
            with running(state, Wishes(doubles), say) as stack:
                _publish(stack, say)
            _nothing_left(state.mark)
        except BaseException:
            kept = Path(tempfile.mkdtemp(prefix="techtrade-stack-logs-"))
            shutil.copytree(state.logs, kept, dirs_exist_ok=True)
            say(f"the logs are kept in {kept}")
            raise
    say("all is down again; nothing is left")


def _nothing_left(mark: str) -> None:
    left = marked(mark)
    if left:
        raise StackError(f"left running: {', '.join(str(p.pid) for p in left)}")


def _publish(stack: Stack, say: Callable[[str], None]) -> None:
    api = Api(stack.state.api)
    deployments = {dataset: f"publish/{dataset.replace('_', '-')}" for dataset in DATASETS}
    for deployment in deployments.values():
        api.schedule_every_minute(deployment)
    say("a schedule of every minute was added to the deployments of " + ", ".join(DATASETS))
    for dataset, deployment in deployments.items():
        run = api.wait(api.wait_for_turn(deployment, TURN_SECONDS), RUN_SECONDS)
        if run["state_type"] != "COMPLETED":
            raise StackError(f"{dataset}: the run ended as {run['state_name']}: {run['state'].get('message')}")
        say(f"{dataset}: {_published(stack, dataset)} published on schedule in {run['total_run_time']:.0f} s")


def _published(stack: Stack, dataset: str) -> str:
    """The version that a reader gets, all its checksums held.

    Raises:
        StackError: there is none.
    """
    from tasks.storage.open import open_store
    from tasks.warehouse import protocol
    from tasks.warehouse.upkeep.verify import verify

    os.environ.update(stack.variables())
    store = open_store(f"s3://{BUCKET}/store")
    latest, _ = protocol.read_latest(store, dataset)
    if latest is None:
        raise StackError(f"{dataset}: the run completed, and no version is in S3")
    verify(store, dataset)
    return f"version {latest.version}"
