"""One stack for all drills; each meets it whole, and has to leave no run stuck."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from deploy.stack import s3
from tests.drills import ground as grounds
from tests.drills.ground import Ground, wait_for

_numbers = count(1)
PARTS = ("postgres", "prefect", "s3", "worker")


@pytest.fixture(scope="session")
def drilling_ground() -> Iterator[Ground]:
    with grounds.prepared() as found:
        yield found


@pytest.fixture
def ground(drilling_ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """The stack, whole. This process reads S3 directly, whatever runs go through."""
    found = drilling_ground
    for name, value in s3.variables(found.stack.state).items():
        monkeypatch.setenv(name, value)
    found.number = next(_numbers)
    found.census.vintage = "2023-01"
    found.hook.posts.clear()
    found.stack.check()
    try:
        yield found
        wait_for(lambda: not found.stuck(), f"no run is stuck: {found.stuck()}", 60)
    finally:
        found.census.gate.set()
        found.s3.mend()
        for name in PARTS:
            if name not in found.stack.parts:
                found.stack.start(name)
