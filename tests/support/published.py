"""Publishing without Prefect: the product's run, in the test's own process."""

from __future__ import annotations

from configs.contracts import load_contract
from tasks.build.recipes import recipe_for
from tasks.build.request import Request, SourceKind
from tasks.publish.run import run
from tasks.storage.object_store import ObjectStore
from tasks.warehouse.outcomes import Outcome


def publish(store: ObjectStore, dataset: str, vintage: str | None = None, kind: SourceKind = "snapshot") -> Outcome:
    """A bundled vintage, or what a source gives."""
    contract = load_contract(dataset)
    return run(Request(contract, kind, vintage), recipe_for(contract), store)
