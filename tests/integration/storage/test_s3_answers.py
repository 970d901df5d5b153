"""The faults of S3 that were seen in use, of the many in ``tests/faults/s3_answers.py``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from configs.errors import StoreUnavailableError
from tasks.storage import arrow_files
from tasks.storage.s3 import S3Store
from tasks.warehouse import layout, reader
from tasks.warehouse.candidate import Built
from tests.faults.harness import Ground
from tests.faults.s3_answers import faults
from tests.support import drill, fault_proxy
from tests.support.fault_proxy import Plan
from tests.support.s3 import S3
from tests.support.seaweed import Seaweed

pytestmark = pytest.mark.s3
SEEN = (
    "get latest.json: reset in the body",
    "get a data file: length too small",
    "read a range: SlowDown",
    "read a range: AccessDenied",
    "read a range: 404 of a load balancer",
    "size: ExpiredToken",
    "list a version: empty answer",
    "create a claim: delivered late",
    "swap latest.json: reset after it was applied",
    "swap latest.json: delivered twice",
    "swap latest.json: ExpiredToken",
    "complete an upload: reset after it was applied",
    "copy: short body",
    "delete: reset before the request is passed on",
    "list uploads: InternalError",
)


@pytest.mark.parametrize("name", SEEN)
def test_broken_answer_ends_in_no_wrong_state(name: str, seaweed_server: Seaweed, tmp_path: Path) -> None:
    fault = next(f for f in faults() if f.name == name)
    assert not fault.attempt(Ground(tmp_path, lambda: seaweed_server))


@pytest.fixture
def served(s3: S3, candidates: Callable[[int], Built], monkeypatch: pytest.MonkeyPatch) -> S3Store:
    """A store with a version whose data file takes several requests to read."""
    monkeypatch.setattr(arrow_files, "TAIL_BYTES", 64)
    store = S3Store(s3.place().url)
    drill.publish(store, candidates(1))
    return store


def test_file_is_read_in_ranges(served: S3Store) -> None:
    manifest = reader.resolve(served, drill.DATASET).manifest
    found = reader.scan(served, manifest).collect()
    body = served.get(layout.version(manifest.dataset, manifest.version, manifest.files[0].path)).body
    assert len(body) > arrow_files.TAIL_BYTES
    assert found.equals(pl.read_parquet(body))


def test_store_that_fails_while_rows_are_collected_is_unavailable(
    served: S3Store, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fault_proxy.running(s3.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        through = S3Store(served.url, attempts=2)
        through.requests.pause_seconds = 0
        rows = reader.scan(through, reader.resolve(through, drill.DATASET).manifest)
        prefix = served.url.removeprefix("s3://").partition("/")[2]
        plan = Plan(lambda request: request.asked == "range", "reset in the body", times=100)
        with proxy.breaking(prefix, plan), pytest.raises(StoreUnavailableError, match="not whole"):
            rows.collect()
    assert len(plan.done) >= 2, "it was asked again"


@pytest.mark.parametrize("asked", ["get", "head", "entries"])
def test_answer_that_drips_is_given_up(asked: str, served: S3Store, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    key, prefix = layout.latest(drill.DATASET), served.url.removeprefix("s3://").partition("/")[2]
    with fault_proxy.running(s3.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        through = S3Store(served.url, connect_seconds=1, read_seconds=1, attempts=2)
        plan = Plan(lambda request: request.asked == asked, fault_proxy.DRIPPING_HEAD, times=100)
        call = {"get": through.get, "head": through.size, "entries": lambda key: list(through.entries(key))}[asked]
        with proxy.breaking(prefix, plan), pytest.raises(StoreUnavailableError, match="TimeoutError"):
            call(key)
    assert len(plan.done) == 2
