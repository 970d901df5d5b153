"""Point the command line at doubles of publishers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tests.doubles.census_api import KEY, CensusApi
from tests.doubles.census_bulk import CensusBulk

MONTHS = 3  # of the monthly files, which are taken up at first


def point_at(monkeypatch: pytest.MonkeyPatch, source: str, url: str) -> None:
    prefix = f"TECHTRADE_SOURCES__{source}__"
    monkeypatch.setenv(prefix + "URL", url)
    monkeypatch.setenv(prefix + "BACKOFF", "0.01")
    monkeypatch.setenv(prefix + "BACKOFF_MAX", "0.05")


def assert_nothing_published(store: ObjectStore, dataset: str, before: bytes | None, numbers: list[str]) -> None:
    latest = layout.latest(dataset)
    if before is None:
        assert store.size(latest) is None
    else:
        assert store.get(latest).body == before
    assert store.folders(layout.versions(dataset)) == numbers


def point_at_trade_api(monkeypatch: pytest.MonkeyPatch, double: CensusApi) -> None:
    prefix = "TECHTRADE_SOURCES__CENSUS_HITECH__"
    monkeypatch.setenv("CENSUS_API_KEY", KEY)
    for name, value in {
        "URL": double.url, "BACKOFF": "0.01", "BACKOFF_MAX": "0.05", "REQUESTS_PER_MINUTE": "1000000",
    }.items():  # fmt: skip
        monkeypatch.setenv(prefix + name, value)
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_FT900__URL", double.ft900)
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_FT900__REQUESTS_PER_MINUTE", "1000000")
    monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_FT900__BACKOFF", "0.01")


@pytest.fixture(name="bulk")
def served_bulk(monkeypatch: pytest.MonkeyPatch) -> Iterator[CensusBulk]:
    with CensusBulk("2025-11") as double:
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BULK__URL", double.url)
        settings = {"BACKOFF": "0.01", "REQUESTS_PER_MINUTE": "1000000", "FIRST_MONTHS": str(MONTHS)}
        for name, value in settings.items():
            monkeypatch.setenv(f"TECHTRADE_SOURCES__CENSUS_BULK__{name}", value)
        yield double
