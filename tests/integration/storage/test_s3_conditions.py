"""Proof of the server's conditions: it refuses servers that ignore them, and costs next to nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.storage.s3 import S3Store
from tasks.warehouse import layout, protocol, yank
from tasks.warehouse.candidate import Built
from tests.faults.conditions_ignored import faults
from tests.faults.harness import Ground
from tests.support import drill, fault_proxy
from tests.support.drill import DATASET
from tests.support.fault_proxy import FaultProxy, Plan
from tests.support.s3 import S3
from tests.support.seaweed import Seaweed

pytestmark = pytest.mark.s3
SEEN = (
    "publish: both",
    "gc: both",
    "retention: both",
    "publish, another was faster: If-Match",
    "first publish beside another: If-None-Match",
)


@pytest.mark.parametrize("name", SEEN)
def test_server_that_ignores_conditions_is_refused(name: str, seaweed_server: Seaweed, tmp_path: Path) -> None:
    fault = next(f for f in faults() if f.name == name)
    assert not fault.attempt(Ground(tmp_path, lambda: seaweed_server))


def test_proof_takes_two_requests_once_a_process(
    s3: S3, candidates: Callable[[int], Built], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = s3.place().url
    two = drill.publish(S3Store(url), candidates(1)) and drill.publish(S3Store(url), candidates(2))
    with fault_proxy.running(s3.endpoint) as proxy:  # another address, of which nothing is proved
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        through = S3Store(url)
        first, second = (requests(proxy, through, candidates(n)) for n in (3, 4))
    assert first == second + 2
    assert two.manifest.version in drill.linear(through)


def requests(proxy: FaultProxy, store: S3Store, built: Built) -> int:
    """How many requests a publish takes."""
    prefix = store.url.removeprefix("s3://").partition("/")[2]
    with proxy.breaking(prefix, Plan(lambda request: True, "none", times=0)) as plan:
        drill.publish(store, built)
    return len(plan.done)


def test_first_yank_of_a_process_changes_nothing_else(
    s3: S3, candidates: Callable[[int], Built], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = s3.place().url
    direct = S3Store(url)
    for number in (1, 2):
        drill.publish(direct, candidates(number))
    before = drill.bodies(direct)
    with fault_proxy.running(s3.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yank.yank(S3Store(url), DATASET, drill.linear(direct)[-1], "wrong")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    after = drill.bodies(direct)
    changed = {key for key in after if after[key] != before.get(key)}
    latest, _ = protocol.read_latest(direct, DATASET)
    assert latest is not None
    assert changed == {layout.latest(DATASET), layout.yanked(DATASET, next(iter(latest.yanked)))}
