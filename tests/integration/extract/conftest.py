"""The command line for tests of publishers: what Prefect adds to a run is tested in ``tests/integration/flows``."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.command import run_without_engine
from tests.support.plain import Ran


@pytest.fixture
def techtrade(
    techtrade: Callable[..., Ran], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """Run the command line without Prefect's engine, unless a test is marked with ``engine``."""
    if request.node.get_closest_marker("engine") is None:
        run_without_engine(monkeypatch)
    return techtrade
