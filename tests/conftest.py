"""Fixtures of the store: a local one, one on a real S3 server, and tiny candidates to publish."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from tasks.storage.object_store import ObjectStore
from tasks.storage.open import open_store
from tasks.warehouse.candidate import Built
from tests.support import seaweed
from tests.support.bundled import bundled
from tests.support.command import environment, prefect_api, techtrade

# What follows a dataset is published with it; here only by the tests that are about that: each publish would cost a second
# more. Set for the processes that tests start too.
os.environ.setdefault("TECHTRADE_FOLLOW", "false")
# Fetched beside other sources: no test may ask the publisher. Tests about it name the address of a double.
os.environ.setdefault("TECHTRADE_SOURCES__CENSUS_FT900__URL", "")
os.environ.setdefault("TECHTRADE_SOURCES__CENSUS_ATP_LISTS__YEARLY", "{}")
os.environ.setdefault("TECHTRADE_SOURCES__BEA_RELEASE_DATES__URL", "")

__all__ = ["bundled", "environment", "prefect_api", "subscribed", "techtrade"]
from tests.support.candidates import build_candidate
from tests.support.drill import Place, end_children
from tests.support.s3 import S3
from tests.support.subscribed import subscribed

# pytest imports readline, which sets the size of a terminal (80 by 24 where there is none) in the environment of this
# process, for those it starts: the workers of xdist, and commands. Their tables and text would be wrapped to 80 columns,
# with -n only.
for _name in ("COLUMNS", "LINES"):
    os.environ.pop(_name, None)
    os.unsetenv(_name)


# How long an example takes decides nothing: the machine may be busy.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session")
def seaweed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[seaweed.Seaweed]:
    if other := os.environ.get(seaweed.OTHER):  # another server, see tests/s3_servers.py
        yield seaweed.other(other)
        return
    with seaweed.running(tmp_path_factory.mktemp("weed")) as server:
        yield server


@pytest.fixture
def s3(seaweed_server: seaweed.Seaweed, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The running S3 server; this process is the writer for the length of the test."""
    endpoint = seaweed_server.endpoint
    found = S3(endpoint, seaweed_server.writer.environment(endpoint), seaweed_server.reader.environment(endpoint))
    for name, value in found.writer.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty store of each kind."""
    return _place(request, tmp_path)


@pytest.fixture(params=["local", pytest.param("s3", marks=[pytest.mark.s3, pytest.mark.slow])])
def place_slow_on_s3(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """The same for drills that take long on S3."""
    return _place(request, tmp_path)


def _place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "local":
        return Place(str(tmp_path / "store"), {})
    found: S3 = request.getfixturevalue("s3")
    return found.place()


@pytest.fixture
def store(place: Place) -> ObjectStore:
    """An empty store of each kind, opened."""
    return open_store(place.url)


@pytest.fixture(autouse=True)
def no_child_outlives_its_test() -> Iterator[None]:
    yield
    end_children()


@pytest.fixture
def local_store(tmp_path: Path) -> ObjectStore:
    return open_store(str(tmp_path / "store"))


@pytest.fixture(scope="session")
def candidates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Built]:
    """Candidates of ``atp_world_monthly`` that differ in their figures by number."""
    made: dict[int, Built] = {}

    def candidate(number: int) -> Built:
        if number not in made:
            made[number] = build_candidate(number, tmp_path_factory.mktemp("built"))
        return made[number]

    return candidate
