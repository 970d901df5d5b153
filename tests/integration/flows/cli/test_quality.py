"""``techtrade quality`` on what real runs left in a store: published, rejected, of an older layout, given up."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.publish.staged import parquet_bytes
from tasks.quality.results import read_results
from tasks.storage.open import open_store
from tasks.warehouse import layout, protocol
from tests.doubles.publishers import CensusDouble
from tests.support.bundled import Bundled
from tests.support.plain import Ran, nothing_published

Run = Callable[..., Ran]
ATP = "atp_world_monthly"


@pytest.fixture
def rejected(techtrade: Run, bundled: Bundled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A published version, and after it a candidate in dollars taken for millions that the gate stopped."""
    bundled(tmp_path / "store", ATP, "2025-02")
    with CensusDouble("2025-02") as double:
        double.fault = "thousands"
        monkeypatch.setenv("TECHTRADE_SOURCES__CENSUS_BALANCE__URL", f"{double.url}/country.xlsx")
        ran = techtrade("publish", ATP, "--json")
    assert ran.code == 3, ran.err
    return str(json.loads(ran.out)[0]["version"])


def test_a_rejected_version_tells_what_failed_how_far_off_and_what_to_do(
    techtrade: Run, rejected: str, tmp_path: Path
) -> None:
    ran = techtrade("quality", f"{ATP}@{rejected}")
    assert ran.code == 0
    served = protocol.read_latest(open_store(str(tmp_path / "store")), ATP)[0].version
    assert f"Readers still get {ATP}@{served}." in ran.out
    first = ran.out.index("CRITICAL: failed: ")
    assert first < ran.out.index("HOLD: failed: ") < ran.out.index("WARNING: failed: ") < ran.out.index("\npassed:\n")
    assert ran.out.index("nearly every figure of exports_usd, imports_usd and balance_usd is 1,000 times") < first
    for words in (
        "furthest off: value_usd", "(1,000 times)", "why this bound", "techtrade data team",
        "deploy/runbooks/quality.md#unit-and-size", "1989-01-01: exports_usd 5,762,200,000,000", "434 of 434 rows fail", "and 431 more; 17 of them with --json",
        "quality_gx.json",
    ):  # fmt: skip
        assert words in ran.out, words

    plain = json.loads(techtrade("quality", f"{ATP}@{rejected}", "--json").out)
    assert (plain["state"], plain["served"]["version"]) == ("rejected", served)
    failed = [c for c in plain["checks"] if c["outcome"] == "failed"]
    assert plain["checks"][: len(failed)] == failed and failed[0]["severity"] == "critical"
    off = next(c for c in failed if c["check_id"] == "range_exports_usd")
    assert len(off["failing_rows"]) == 20 and off["failing_rows"][0]["period"] == "1989-01-01"
    assert {"title", "severity", "owner", "expected", "observed", "rows_failed", "runbook"} <= off.keys()
    assert off["rows_failed"] == 434

    # Without a version it is the latest, and the one that was stopped is pointed at.
    latest = techtrade("quality", ATP)
    assert f"{ATP}@{served} (latest)" in latest.out
    assert f"techtrade quality {ATP}@{rejected}" in latest.err


def test_the_page_draws_the_candidate_beside_what_readers_get(techtrade: Run, rejected: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    ran = techtrade("quality", f"{ATP}@{rejected}", "--html", str(page))
    assert (ran.code, ran.out) == (0, "")
    html = page.read_text(encoding="utf-8")
    assert "is 1,000 times what it was in the version before.</p>" in html and "logarithmic" in html
    assert html.count("<svg") >= 2 and "Do not promote." in html
    shown = next(r for r in html.split("<tr>") if '"row">1989-01-01' in r)
    assert "5,762,200,000<" in shown and "5,762,200,000,000<" in shown, "before, and now"
    missing = techtrade("quality", f"{ATP}@{rejected}", "--html", str(tmp_path / "no" / "page.html"))
    assert missing.code == 1 and "cannot be written" in missing.err


def test_evidence_of_an_older_version_still_reads(techtrade: Run, rejected: str, tmp_path: Path) -> None:
    """The columns that were not there then are empty, and the entry of the runbook follows from the check."""
    store = open_store(str(tmp_path / "store"))
    manifest = protocol.read_manifest(store, ATP, rejected)
    key = layout.version(ATP, rejected, "quality.parquet")
    now = pl.read_parquet(BytesIO(store.get(key).body))
    older = now.drop("runbook").with_columns(future=pl.lit(1))
    store.replace(key, parquet_bytes(older), store.get(key).etag)
    read = read_results(store, manifest)
    assert read.columns == now.columns and read["runbook"].null_count() == read.height
    ran = techtrade("quality", f"{ATP}@{rejected}")
    assert ran.code == 0 and "deploy/runbooks/quality.md#unit-and-size" in ran.out
    assert techtrade("quality", f"{ATP}@{rejected}", "--html", str(tmp_path / "old.html")).code == 0


def test_what_has_no_evidence_is_told(techtrade: Run, tmp_path: Path, candidates: Callable[[int], Any]) -> None:
    store = open_store(str(tmp_path / "store"))
    nothing_published(store)
    nothing = techtrade("quality", ATP)
    assert nothing.code == 1 and "nothing is published" in nothing.err
    absent = techtrade("quality", f"{ATP}@2026-01-01.0009")
    assert absent.code == 1 and "no such version" in absent.err
    assert techtrade("quality", "no_such").code == 2
    claimed = protocol.claim(store, protocol.read_head(store, ATP))
    assert techtrade("gc", "--grace-hours", "0").code == 0
    given_up = techtrade("quality", f"{ATP}@{claimed.version}")
    assert given_up.code == 1 and "given up before it was checked" in given_up.err
