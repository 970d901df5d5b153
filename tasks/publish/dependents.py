"""Bringing what is made from a dataset up to it: the same steps as a publish, without a publisher to ask."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from configs.contracts import load_contract
from configs.errors import ClaimLostError, ConcurrentPublishError, MissingInputError, NotPublishedError
from tasks.build import recipe
from tasks.publish import steps
from tasks.publish.attempts import Sealings
from tasks.raw.archive import RawArchive
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import protocol, yank
from tasks.warehouse.outcomes import Fetched, Outcome, Request, Skipped
from tasks.warehouse.protocol import Head
from tasks.warehouse.run_status import last_rejected

# Of several who bring one dataset up, one wins, and then the others have nothing to do, or something newer.
TRIES = 5


class NotYetError(NotPublishedError):
    """Nothing of it was ever published, and cannot be: an input is still to come, or gives no row."""


def bring_up(store: ObjectStore, name: str) -> Outcome:
    """Publishes the dataset from its inputs as they are now, if they are others than those it was made from.

    Raises:
        RejectedError: the gate stopped it.
        NotYetError: it is too early for it.
        MissingInputError: an input is not there any more.
        ConcurrentPublishError: others published it time and again meanwhile.
    """
    request, sealings = Request(load_contract(name), "live"), Sealings()
    for attempt in range(TRIES):
        head = protocol.read_head(store, name)
        won = sealings.published(head.latest)
        if won:
            return won
        yank.settle(store, name, head.latest)
        try:
            fetched = steps.fetch(request, head, RawArchive(store))
        except MissingInputError as e:
            if head.latest is None:
                raise NotYetError(e.why) from e
            raise
        try:
            skipped = steps.same_input(head, request, fetched) or _only_code(head, request, fetched)
            return skipped or _made(store, request, head, fetched, sealings)
        except (ConcurrentPublishError, ClaimLostError):
            if attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def _only_code(head: Head, request: Request, fetched: Fetched) -> Skipped | None:
    """Of a history that is too large to be made anew each time that somebody looks: nothing but code is another, and
    the next version of its dataset has it made anew."""
    now = head.manifest
    if now is None or request.contract.judged == "whole" or now.contract_sha256 != request.contract.sha256:
        return None
    if {(s.role, s.sha256) for s in now.sources} != {(d.role, d.sha256) for d in fetched.documents}:
        return None
    detail = f"made by other code than today's from the same input as {now.version}; made anew with the next version"
    return Skipped(now.dataset, now.version, now.vintage, "unchanged", detail)


def _made(store: ObjectStore, request: Request, head: Head, fetched: Fetched, sealings: Sealings) -> Outcome:
    contract = request.contract
    extraction = recipe.read(store, request, fetched)
    again = steps.rejected_before(store, head, contract, extraction, last_rejected(store, contract.name))
    if again:
        raise again
    with TemporaryDirectory(prefix="techtrade-") as folder:
        extraction, built = recipe.make(store, contract, extraction, head.manifest, Path(folder))
        if not built.rows and head.latest is None:
            raise NotYetError(f"{contract.name}: what it is made from gives no row yet")
        same = steps.same_content(head, built, extraction.vintage)
        if same:
            return same
        draft = steps.stage(store, head, built)
        checked = steps.check(store, request, extraction, built, draft, steps.yanked_contents(head))
    sealed = steps.seal(store, contract, checked)
    sealings.add(sealed, checked.report)
    return steps.publish(store, sealed, checked.report)
