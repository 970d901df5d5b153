"""The command line for tests of publishers: what Prefect adds to a run is tested in ``tests/integration/flows``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.doubles import first_day
from tests.doubles.first_day import Publishers
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


@pytest.fixture(scope="module")
def served() -> Iterator[Publishers]:
    """All publishers, as a first live day finds them if everything is as expected."""
    with first_day.publishers() as made:
        yield made


@pytest.fixture
def given(served: Publishers, monkeypatch: pytest.MonkeyPatch) -> Publishers:
    """The same, with ``techtrade`` pointed at them."""
    served.as_believed()
    for name, value in served.variables.items():
        monkeypatch.setenv(name, value)
    return served
