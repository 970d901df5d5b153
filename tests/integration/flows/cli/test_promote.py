"""``techtrade promote`` after a real rejection, and what everybody sees of it afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.storage.open import open_store
from tasks.warehouse import layout, protocol, reader
from tests.doubles.publishers import CensusDouble
from tests.support.atom import checked
from tests.support.plain import Ran

ATP = "atp_world_monthly"
Run = Callable[..., Ran]


@pytest.fixture
def census(monkeypatch: pytest.MonkeyPatch) -> Iterator[CensusDouble]:
    with CensusDouble("2025-02") as double:
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", double.url + "/country.xlsx")
        yield double


@pytest.fixture
def store(tmp_path: Path) -> Any:
    return open_store(str(tmp_path / "store"))


def test_a_rejected_version_is_promoted_and_everybody_is_told(techtrade: Run, census: CensusDouble, store: Any) -> None:
    assert techtrade("publish", ATP, "--source", "snapshot", "--vintage", "2023-01").code == 0
    census.fault = "thousands"
    ran = techtrade("publish", ATP)
    assert ran.code == 3, ran.err
    bad = ran.err.split(f"{ATP}@")[1].split(" ")[0]

    ran = techtrade("promote", f"{ATP}@{bad}", "--reason", "it is so", "--by", "A. Owner", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    new = told["manifest"]["version"]
    assert told["promoted"] and told["manifest"]["override"] == {
        "rejected": bad,
        "reason": "it is so",
        "by": "A. Owner",
    }
    assert protocol.read_latest(store, ATP)[0].version == new
    assert techtrade("verify").code == 0
    assert json.loads(store.get(layout.CATALOG).body)["datasets"][0]["version"] == new
    assert f"{new} promoted by A. Owner over the quality gate" in checked(store.get(layout.feed()).body)[0]["title"]

    listed = {v["version"]: v for v in json.loads(techtrade("versions", ATP, "--json").out)}
    assert (listed[new]["state"], listed[new]["override"]["by"]) == ("latest", "A. Owner")
    assert (listed[bad]["state"], listed[bad]["override"]) == ("rejected", None)
    assert f"promoted from {bad} by A. Owner: it is so" in techtrade("versions", ATP).out
    shown = techtrade("show", ATP).out
    assert f"PROMOTED from {bad}, which the quality gate rejected, by A. Owner: it is so" in shown
    assert "critical: failed" in shown and "overridden by A. Owner: it is so" in shown
    assert "promoted by A. Owner: it is so" in techtrade("read", ATP, "--format", "csv").err

    ran = techtrade("publish", ATP)
    assert ran.code == 0 and "nothing new" in ran.out, "the same input is published now"
    ran = techtrade("promote", f"{ATP}@{bad}", "--reason", "it is so", "--by", "A. Owner")
    assert (ran.code, ran.out) == (0, "") and f"was promoted before, as {new}" in ran.err
    # What everybody may have again is not in the way of what comes next.
    census.fault = ""
    ran = techtrade("publish", ATP)
    assert ran.code == 3, "back by a factor of a thousand: that is for a person again"
    assert reader.resolve(store, ATP).manifest.version == new


def test_what_cannot_be_promoted_is_one_line(techtrade: Run, store: Any) -> None:
    techtrade("publish", ATP, "--source", "snapshot", "--vintage", "2025-02")
    version = protocol.read_latest(store, ATP)[0].version
    given = ("--reason", "x", "--by", "y")
    for target, code, told in (
        (f"{ATP}@{version}", 1, "was published, not rejected"),
        (ATP, 2, "name the rejected version"),
        (f"{ATP}@2020-01-01.0001", 1, "no such version"),
        (f"no_such@{version}", 2, "no dataset"),
    ):
        ran = techtrade("promote", target, *given)
        assert (ran.code, len(ran.err.splitlines())) == (code, 1) and told in ran.err, target
    assert techtrade("promote", f"{ATP}@{version}", "--reason", "x").code == 2
    assert techtrade("promote", f"{ATP}@{version}", "--reason", " ", "--by", "y").code == 1


def test_a_contract_that_breaks_readers_is_refused_before_anything_is_asked(
    techtrade: Run, census: CensusDouble, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from configs.contracts import load_contract

    assert techtrade("publish", ATP).code == 0
    asked = len(census.requests)
    contract = load_contract(ATP)
    exports = contract.column("exports_usd").model_copy(update={"unit": "millions of US dollars"})
    columns = tuple(exports if c.name == "exports_usd" else c for c in contract.columns)
    broken = contract.model_copy(update={"columns": columns})
    monkeypatch.setattr("flows.publish.load_contract", lambda name: broken)
    before = store.folders(layout.versions(ATP))
    ran = techtrade("publish", ATP, "--json")
    (told,) = json.loads(ran.out)
    assert (ran.code, told["kind"]) == (1, "BreakingChangeError")
    assert "unit of exports_usd is 'millions of US dollars', was 'US dollars'" in told["error"]
    assert len(census.requests) == asked and store.folders(layout.versions(ATP)) == before

    declared = broken.model_copy(update={"schema_version": "2.0.0", "breaking_notes": {"2": "exports are in millions"}})
    monkeypatch.setattr("flows.publish.load_contract", lambda name: declared)
    assert techtrade("publish", ATP).code == 0
    manifest = reader.resolve(store, ATP).manifest
    assert (manifest.schema_version, manifest.breaking_note) == ("2.0.0", "exports are in millions")
    assert [f.nullable for f in manifest.schema_] == [False] * 5 and manifest.schema_[0].role == "key"
    assert "exports are in millions" in checked(store.get(layout.feed()).body)[0]["summary"]
    assert "since schema 2: exports are in millions" in techtrade("show", ATP).out
