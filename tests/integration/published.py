"""Publishing without Prefect around it: the same steps, in the test's own process."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from configs.contract import load_contract
from tasks import making, pipeline
from tasks.extract.base import Meter, RawDocument
from tasks.runs import Fetched, Outcome, Request, SourceKind
from tasks.store import versions
from tasks.store.objects import ObjectStore
from tasks.store.raw import RawArchive


def publish(store: ObjectStore, dataset: str, vintage: str | None = None, kind: SourceKind = "snapshot") -> Outcome:
    """A bundled vintage, or what a source gives."""
    request = Request(load_contract(dataset), kind, vintage)
    head = versions.read_head(store, dataset)
    return publish_fetched(store, request, pipeline.fetch(request, head, RawArchive(store)))


def publish_documents(store: ObjectStore, dataset: str, source: str, documents: tuple[RawDocument, ...]) -> Outcome:
    """Documents of a live source that were made up."""
    return publish_fetched(store, Request(load_contract(dataset), "live"), Fetched(source, documents, Meter()))


def publish_fetched(store: ObjectStore, request: Request, fetched: Fetched) -> Outcome:
    """Everything after the archive."""
    head = versions.read_head(store, request.contract.name)
    found = making.read(store, request, fetched)
    skipped = pipeline.nothing_new(head, request, found)
    if skipped:
        return skipped
    with TemporaryDirectory(prefix="techtrade-test-") as folder:
        found, built = making.make(store, request.contract, found, head.manifest, Path(folder))
        same = pipeline.same_content(head, built, found.vintage)
        if same:
            return same
        draft = pipeline.stage(store, head, built)
        checked = pipeline.check(store, request, found, built, draft, pipeline.yanked_contents(head))
    return pipeline.publish(store, pipeline.seal(store, request.contract, checked), checked.report)
