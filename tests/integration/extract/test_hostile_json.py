"""Hostile JSON through the whole command: a source's error that names value and place, and nothing published. Every kind
in every place of every answer: ``tests/faults``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.storage.open import open_store
from tasks.warehouse import layout
from tests.doubles.bea import KEY, BeaDouble
from tests.doubles.publishers import WorldBankDouble
from tests.support.cases import quick
from tests.support.plain import Ran

Run = Callable[..., Ran]
Spoil = Callable[[bytes], bytes]


def instead(old: str, new: str) -> Spoil:
    """The first text replaced by another, wherever it is."""
    return lambda body: body.replace(old.encode(), new.encode(), 1)


WORLD_BANK: dict[str, tuple[Spoil, str, str]] = {
    "a huge count of pages": (instead('"pages": 1', '"pages": 30000000'), "SourceLayoutError", "[0].pages"),
    "a fraction of a page": (instead('"page": 1', '"page": 1.5'), "SourceLayoutError", "has 1.5 at [0].page"),
    "a number for an object": (instead('"region": {', '"region": 7, "x": {'), "SourceLayoutError", "at [1][0]"),
    "NaN": (instead('"value": null', '"value": NaN'), "SourceLayoutError", ".value, which is no number"),
    "a value beyond a float": (
        instead('"value": null', '"value": 1e999'),
        "SourceLayoutError",
        "the value inf at [1][",
    ),
    "half a character": (instead('"name": "', '"name": "\\ud800'), "SourceLayoutError", "at [1][0].name"),
    "a key twice": (instead('"id":', '"id": "XXX", "id":'), "SourceLayoutError", "has 'id' twice in the object at [1]"),
    "a deep list": (lambda body: b"[" * 100_000 + b"]" * 100_000, "SourceLayoutError", "deeper than 32 levels"),
    "not UTF-8": (lambda body: body.replace(b'"name": "', b'"name": "\xff', 1), "SourceLayoutError", "byte 0xff at"),
    "null for all": (lambda body: b"null", "SourceLayoutError", "the API gives: null"),
}
BEA: dict[str, tuple[Spoil, str, str]] = {
    "a list for a value": (
        instead('"DataValue": "', '"DataValue": [], "X": "'),
        "SourceLayoutError",
        "Data[0].DataValue",
    ),
    "a flag for a row": (
        instead('"Data": [', '"Data": [true, '),
        "SourceLayoutError",
        "has true at BEAAPI.Results.Data[0]",
    ),
    "a text for rows": (
        instead('"Data": [', '"Data": "x", "X": ['),
        "SourceLayoutError",
        "has 'x' at BEAAPI.Results.Data",
    ),
    "a key twice": (
        instead('"DataValue":', '"DataValue": "1", "DataValue":'),
        "SourceLayoutError",
        "'DataValue' twice",
    ),
}


@pytest.fixture
def world_bank(monkeypatch: pytest.MonkeyPatch) -> Iterator[WorldBankDouble]:
    with WorldBankDouble() as double:
        monkeypatch.setenv("TECHTRADE_SOURCES__WORLD_BANK__URL", double.url)
        yield double


@pytest.fixture
def bea(monkeypatch: pytest.MonkeyPatch) -> Iterator[BeaDouble]:
    monkeypatch.setenv("BEA_API_KEY", KEY)
    with BeaDouble() as double:
        for name, value in {
            "URL": double.url,
            "REQUESTS_PER_MINUTE": "100000",
            "MEGABYTES_PER_MINUTE": "100000",
        }.items():
            monkeypatch.setenv(f"TECHTRADE_SOURCES__BEA__{name}", value)
        yield double


def assert_refused(ran: Ran, tmp_path: Path, dataset: str, kind: str, told: str) -> None:
    assert ran.code == 1 and "Traceback" not in ran.err
    (result,) = json.loads(ran.out)
    assert (result["kind"], told in result["error"]) == (kind, True), result["error"]
    store: Any = open_store(str(tmp_path / "store"))
    assert store.size(layout.latest(dataset)) is None
    (kept,) = [e.key for e in store.entries("_raw/") if e.key in result["error"]]
    assert store.size(kept) is not None


@pytest.mark.parametrize("fault", quick(WORLD_BANK, 4))
def test_hostile_answer_of_world_bank_publishes_nothing(
    techtrade: Run, world_bank: WorldBankDouble, tmp_path: Path, fault: str
) -> None:
    world_bank.spoil, kind, told = WORLD_BANK[fault]
    assert_refused(techtrade("publish", "ip_trade_annual", "--json"), tmp_path, "ip_trade_annual", kind, told)


@pytest.mark.parametrize("fault", quick(BEA, 2))
def test_hostile_answer_of_bea_publishes_nothing(techtrade: Run, bea: BeaDouble, tmp_path: Path, fault: str) -> None:
    bea.spoil, kind, told = BEA[fault]
    ran = techtrade("publish", "us_ip_trade_annual", "--json")
    assert_refused(ran, tmp_path, "us_ip_trade_annual", kind, told)
