"""The artifacts that real runs leave in a real Prefect server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.prefect_setup import artifacts
from tasks.storage.open import open_store
from tasks.warehouse import layout
from tests.doubles.publishers import CensusDouble
from tests.support import holding, sealing
from tests.support.plain import Ran

Run = Callable[..., Ran]
ATP = "atp_world_monthly"


def left() -> dict[str, str]:
    """The newest artifact of the dataset by its description, which is the version's name."""

    async def ask() -> dict[str, str]:
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.sorting import ArtifactSort

        async with get_client() as client:
            found = await client.read_artifacts(limit=20, sort=ArtifactSort.CREATED_DESC)
        return {str(a.description): str(a.data) for a in reversed(found) if a.key == "atp-world-monthly"}

    return asyncio.run(ask())


def test_an_artifact_tells_versions_quality_and_what_changed_of_published_and_rejected(
    techtrade: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for vintage in ("2023-01", "2025-02"):
        ran = techtrade("publish", ATP, "--source", "snapshot", "--vintage", vintage, "--json")
        made.append(json.loads(ran.out)[0]["version"])
    text = left()[f"{ATP}@{made[1]}"]
    assert text.startswith(f"# {ATP}@{made[1]}, published") and f"Readers get {ATP}@{made[1]}" in text
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| 2026-")]
    assert [(row[0].strip("| "), row[1], row[2]) for row in rows] == [
        (made[1], "latest", "2025-02"), (made[0], "published", "2023-01"),
    ]  # fmt: skip
    assert "| revised | 37 | 111 |" in text
    assert "The first 40:" in text and "| 2020-01-01 | balance_usd | revised | " in text
    assert f"techtrade diff {ATP} {made[0]} {made[1]}" in text

    with CensusDouble("2025-02") as double:
        double.fault = "thousands"
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", f"{double.url}/country.xlsx")
        rejected = json.loads(techtrade("publish", ATP, "--json").out)[0]["version"]
    text = left()[f"{ATP}@{rejected}"]
    assert (
        text.startswith(f"# {ATP}@{rejected}, rejected by the quality gate") and f"Readers get {ATP}@{made[1]}" in text
    )
    assert "**Nearly every figure of exports_usd, imports_usd and balance_usd is 1,000 times what it was" in text
    assert "| critical | " in text and "deploy/runbooks/quality.md#unit-and-size" in text

    # Of a version whose manifest is damaged the log still says something.
    store = open_store(str(tmp_path / "store"))
    (tmp_path / "store" / layout.manifest(ATP, made[0])).write_text("{}")
    assert f"| {made[0]} | published | 2023-01 | " in artifacts.markdown(store, ATP, made[1])
    monkeypatch.setattr(artifacts, "CHANGES_BYTES", 10)
    assert "Too many to be shown here. All: `techtrade diff" in artifacts.markdown(store, ATP, made[1])


def test_artifact_of_a_held_candidate_says_held(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    good = sealing.seal(store, ATP, sealing.world({0: 100}), "2025-02")
    version = holding.held(store, {0: 100, 1: 900})
    text = artifacts.markdown(store, ATP, version)
    assert text.startswith(f"# {ATP}@{version}, held until confirmed") and f"Readers get {ATP}@{good}" in text
    assert f"`techtrade held {ATP}`" in text and "| hold | no month is out of season |" in text
