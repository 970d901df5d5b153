"""Refreshing what is made from a dataset: a run like any other, without a publisher to ask."""

from __future__ import annotations

from configs.contracts import load_contract
from configs.errors import (
    ClaimLostError,
    ConcurrentPublishError,
    HeadMovedError,
    MissingInputError,
    NotPublishedError,
)
from tasks.build.recipe import Recipe
from tasks.build.recipes import recipe_for
from tasks.build.request import Fetched, Request
from tasks.publish.run import Retry, run
from tasks.publish.run_status import RunMeter
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import protocol
from tasks.warehouse.candidate import Built
from tasks.warehouse.outcomes import Outcome, Skipped
from tasks.warehouse.protocol import Head


class NotYetError(NotPublishedError):
    """Nothing of it was ever published, and cannot be: an input is still to come, or gives no row."""


def refresh(store: ObjectStore, name: str, meter: RunMeter | None = None) -> Outcome:
    """Publish the dataset from its inputs as they are now, if they differ from those that it was made from.

    Raises:
        RejectedError: the gate stopped it.
        NotYetError: it is too early for it.
        MissingInputError: an input is not there any more.
        HeadMovedError, ConcurrentPublishError: others published it time and again meanwhile.
    """
    contract = load_contract(name)
    try:
        return run(Request(contract, "live"), recipe_for(contract), store, retry=_RETRY, meter=meter)
    except MissingInputError as e:
        if protocol.read_latest(store, name)[0] is None:
            raise NotYetError(e.why) from e
        raise


def _only_code(head: Head, recipe: Recipe, fetched: Fetched) -> Skipped | None:
    """Leave a dataset that is too large to be built again whenever somebody looks, if nothing but code has changed: the
    next version of its inputs has it built again."""
    now = head.manifest
    if now is None or not recipe.by_partition or now.contract_sha256 != recipe.contract.sha256:
        return None
    if {(s.role, s.sha256) for s in now.sources} != {(d.role, d.sha256) for d in fetched.documents}:
        return None
    detail = f"made by other code than today's from the same input as {now.version}; made anew with the next version"
    return Skipped(now.dataset, now.version, now.vintage, "unchanged", detail)


def _require_rows(head: Head, built: Built) -> None:
    if not built.rows and head.latest is None:
        raise NotYetError(f"{head.dataset}: what it is made from gives no row yet")


# Of several runs that refresh one dataset, one wins, and then the others have nothing to do, or something newer.
_RETRY = Retry(on=(HeadMovedError, ConcurrentPublishError, ClaimLostError), skip=_only_code, require=_require_rows)
