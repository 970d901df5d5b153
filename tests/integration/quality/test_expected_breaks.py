"""Expected breaks at the gate and through a whole publish: what was announced warns, everything else blocks as ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from configs import breaks as config
from configs.breaks import load_breaks, parse_breaks
from configs.contracts import load_contract
from configs.errors import ConfigError
from expectations.check import GateInput
from tasks.common.clock import utc_now
from tasks.quality.expected_breaks import GRACE_DAYS
from tasks.quality.gate import run_gate
from tasks.quality.results import CheckResult, GateResult, failures_of, read_results, results_of
from tasks.storage.open import open_store
from tasks.warehouse import reader
from tests.support.gate import ATP, MAY, given, when
from tests.support.plain import Ran

Good = Callable[[str, str], pl.DataFrame]
DAY = date(2026, 11, 24)
TRIPLED = when(
    MAY, exports_usd=pl.col("exports_usd") * 3, balance_usd=pl.col("exports_usd") * 3 - pl.col("imports_usd")
)  # fmt: skip


YEAR = "{first: 2021-01-01, last: 2021-12-01}"
ALL_THAT_SEE_IT = "[jumps, in_season, known_years, settled_years]"


def text(where: str = "{first: 2021-05-01, last: 2021-05-01}", checks: str = "[jumps]", **days: date) -> str:
    since, expires = days.get("since", DAY - timedelta(30)), days.get("expires", DAY + timedelta(30))
    return (
        f"- id: three_times\n  checks: {checks}\n  where: {{period: {where}}}\n  reason: It was announced beforehand.\n"
        f"  source: the publisher\n  since: {since}\n  expires: {expires}\n"
    )


def judged(good: Good, corrupt: Any, entries: str, **more: Any) -> GateResult:
    breaks = parse_breaks(entries, load_contract(ATP), "x")
    gate: GateInput = given(ATP, corrupt(good(ATP, "2025-02")), "2025-02", breaks=breaks, today=DAY, **more)
    return run_gate(gate)


def of(report: GateResult, check_id: str) -> CheckResult:
    return next(r for r in report.results if r.check_id == check_id)


def test_what_was_announced_is_published_with_a_warning_that_says_why(good: Good) -> None:
    report = judged(good, TRIPLED, text(YEAR, ALL_THAT_SEE_IT))
    jumps = of(report, "jumps")
    assert (jumps.outcome, jumps.severity, jumps.declared_severity) == ("failed", "warning", "critical")
    assert jumps.exemption == "expected break three_times: It was announced beforehand. (the publisher)"
    assert jumps.failing_rows and not report.rejected and not report.held and report.breaks == ("three_times",)
    assert jumps.exemption in report.failures_by_severity()[0]
    assert (
        results_of(report.frame())[0] == report.results[0]
        and failures_of(report.frame()) == report.failures_by_severity()
    )
    assert of(report, "expected_breaks").outcome == "passed"


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        (text("{first: 2021-06-01, last: null}"), "a month beside it"),
        (text(checks="[no_gaps]"), "another check"),
        (text(since=DAY + timedelta(1)), "not yet"),
        (text(since=DAY - timedelta(90), expires=DAY - timedelta(1)), "no longer"),
    ],
    ids=lambda v: v if not v.startswith("- ") else "",
)
def test_what_was_not_announced_blocks(good: Good, entries: str, why: str) -> None:
    report = judged(good, TRIPLED, entries)
    jumps = of(report, "jumps")
    assert (jumps.severity, jumps.exemption, report.breaks) == ("critical", "", ()), why
    assert report.rejected


def test_a_second_month_that_nobody_announced_blocks_with_the_first(good: Good) -> None:
    other = when(
        pl.col("period") == date(2019, 5, 1),
        exports_usd=pl.col("exports_usd") * 4, balance_usd=pl.col("exports_usd") * 4 - pl.col("imports_usd"),
    )  # fmt: skip
    report = judged(good, lambda df: other(TRIPLED(df)), text())
    assert of(report, "jumps").severity == "critical" and report.rejected


def test_no_entry_no_guard(good: Good) -> None:
    assert "expected_breaks" not in {r.check_id for r in run_gate(given(ATP, good(ATP, "2025-02"), "2025-02")).results}


@pytest.mark.parametrize(
    ("days", "seen", "severity"),
    [
        (0, (), None),
        (1, (), "warning"),
        (GRACE_DAYS, (), "warning"),
        (GRACE_DAYS + 1, (), "critical"),
        (GRACE_DAYS + 1, ("three_times",), "warning"),
        (GRACE_DAYS + 1, ("another",), "critical"),
    ],
)
def test_an_entry_that_outlives_its_break_is_told_and_one_whose_break_never_came_blocks_in_the_end(
    good: Good, days: int, seen: tuple[str, ...], severity: str | None
) -> None:
    expires = DAY - timedelta(days)
    report = judged(good, lambda df: df, text(since=expires, expires=expires), breaks_seen=seen)
    guard = of(report, "expected_breaks")
    assert (guard.severity if guard.outcome == "failed" else None) == severity
    assert report.rejected is (severity == "critical")
    if severity:
        row = json.loads(guard.failing_rows[0])
        assert (row["break_id"], row["came"]) == ("three_times", "three_times" in seen)


def test_an_entry_for_a_check_that_there_is_not_is_told(good: Good) -> None:
    with pytest.raises(ConfigError, match="three_times names the check 'jumsp'"):
        judged(good, TRIPLED, text(checks="[jumsp]"))


# ------------------------------------------------------------------- a whole publish


def test_a_break_is_entered_and_the_run_that_was_rejected_publishes(
    techtrade: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bundled figures, with a bound that calls a real month a jump: rejected, exempted, published, remembered."""
    folder = tmp_path / "breaks"
    folder.mkdir()
    monkeypatch.setattr(config, "BREAKS", folder)
    contract = load_contract(ATP)
    jumps = contract.quality["jumps"].model_copy(update={"bounds": {"factor": 1.29}})
    strict = contract.model_copy(update={"quality": contract.quality | {"jumps": jumps}})
    monkeypatch.setattr("flows.publish.load_contract", lambda name: strict)
    monkeypatch.setattr("tasks.publish.steps.code_version", lambda: f"code of {sorted(folder.glob('*'))}")
    load_breaks.cache_clear()

    def publish() -> Ran:
        return techtrade("publish", ATP, "--source", "snapshot", "--vintage", "2025-02")

    ran = publish()
    assert ran.code == 3 and "(jumps)" in ran.err, ran.err
    today = utc_now().date()
    entries = text("{first: 1989-01-01, last: 2025-01-01}", since=today - timedelta(1), expires=today + timedelta(9))
    (folder / f"{ATP}.yaml").write_text(entries)
    load_breaks.cache_clear()
    ran = publish()
    assert ran.code == 0 and "expected break three_times" in ran.out, ran.err
    store = open_store(str(tmp_path / "store"))
    manifest = reader.resolve(store, ATP).manifest
    assert (manifest.status, manifest.breaks_seen, manifest.override) == ("passed", ("three_times",), None)
    assert manifest.quality.failed_warning >= 1
    row = read_results(store, manifest).filter(pl.col("check_id") == "jumps").row(0, named=True)
    assert (row["severity"], row["declared_severity"]) == ("warning", "critical")
    load_breaks.cache_clear()
