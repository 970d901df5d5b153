"""Publishing without Prefect around it: the same steps, in the test's own process."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from configs.contracts import load_contract
from tasks.build import recipe
from tasks.extract.source import Meter
from tasks.publish import steps
from tasks.raw.archive import RawArchive
from tasks.raw.documents import RawDocument
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import protocol
from tasks.warehouse.outcomes import Fetched, Outcome, Request, SourceKind


def publish(store: ObjectStore, dataset: str, vintage: str | None = None, kind: SourceKind = "snapshot") -> Outcome:
    """A bundled vintage, or what a source gives."""
    request = Request(load_contract(dataset), kind, vintage)
    head = protocol.read_head(store, dataset)
    return publish_fetched(store, request, steps.fetch(request, head, RawArchive(store)))


def publish_documents(store: ObjectStore, dataset: str, source: str, documents: tuple[RawDocument, ...]) -> Outcome:
    """Documents of a live source that were made up."""
    return publish_fetched(store, Request(load_contract(dataset), "live"), Fetched(source, documents, Meter()))


def publish_fetched(store: ObjectStore, request: Request, fetched: Fetched) -> Outcome:
    """Everything after the archive."""
    head = protocol.read_head(store, request.contract.name)
    found = recipe.read(store, request, fetched)
    skipped = steps.nothing_new(head, request, found)
    if skipped:
        return skipped
    with TemporaryDirectory(prefix="techtrade-test-") as folder:
        found, built = recipe.make(store, request.contract, found, head.manifest, Path(folder))
        same = steps.same_content(head, built, found.vintage)
        if same:
            return same
        draft = steps.stage(store, head, built)
        checked = steps.check(store, request, found, built, draft, steps.yanked_contents(head))
    return steps.publish(store, steps.seal(store, request.contract, checked), checked.report)
