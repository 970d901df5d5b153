"""The report of a gate: what it counts, says and writes down. Without Great Expectations."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from typing import Any

import polars as pl
import pytest

from configs.contract import Severity
from configs.contracts import dataset_names, load_contract, published_names
from configs.errors import ConfigError
from expectations.registry import load_checks
from tasks.publish.staged import parquet_bytes
from tasks.quality.results import SCHEMA, CheckOutcome, CheckResult, GateResult, failures_of


def result(check_id: str, outcome: CheckOutcome, severity: Severity = "critical", **more: Any) -> CheckResult:
    given = {
        "title": f"title of {check_id}", "expected": "none", "observed": "1 row fails", "rows_checked": 10,
        "rows_failed": 1, "failing_rows": ('{"period": "2021-05-01"}',), "reason": "", "owner": "somebody",
        "gx_expectation": "expect_table_row_count_to_equal",
    }  # fmt: skip
    return CheckResult(check_id=check_id, outcome=outcome, severity=severity, **(given | more))


MIXED = GateResult(
    (
        result("note", "failed", "info"),
        result("odd", "failed", "warning"),
        result("wrong", "failed"),
        result("fine", "passed", rows_failed=0, failing_rows=()),
        result("skipped", "not_applicable", rows_checked=None, rows_failed=None, failing_rows=()),
    ),
    b"[]",
)


def test_outcomes_are_counted_by_severity_and_a_check_that_did_not_apply_is_no_pass() -> None:
    counts = MIXED.counts
    assert (counts.passed, counts.not_applicable) == (1, 1)
    assert (counts.failed_critical, counts.failed_warning, counts.failed_info) == (1, 1, 1)


@pytest.mark.parametrize(("severity", "rejected"), [("critical", True), ("warning", False), ("info", False)])
def test_only_a_failed_critical_check_rejects(severity: Severity, rejected: bool) -> None:
    assert GateResult((result("a", "failed", severity),), b"").rejected is rejected
    assert not GateResult((result("a", "passed", severity), result("b", "not_applicable", severity)), b"").rejected


def test_failures_are_told_in_words_the_critical_first() -> None:
    told = MIXED.failures()
    assert [("(wrong)" in t, "(odd)" in t, "(note)" in t) for t in told] == [
        (True, False, False), (False, True, False), (False, False, True),
    ]  # fmt: skip
    assert told[0] == ("check failed: title of wrong (wrong): 1 row fails; expected none; for example 2021-05-01")


def test_the_frame_keeps_everything_through_parquet() -> None:
    back = pl.read_parquet(BytesIO(parquet_bytes(MIXED.frame())))
    assert dict(back.schema) == {n: t if isinstance(t, pl.DataType) else t() for n, t in SCHEMA.items()}
    assert back.height == 5
    assert failures_of(back) == MIXED.failures_by_severity()
    assert failures_of(back)[0].startswith("critical check failed: title of wrong")
    skipped = back.filter(pl.col("check_id") == "skipped").row(0, named=True)
    assert (skipped["rows_checked"], skipped["rows_failed"], skipped["failing_rows"]) == (None, None, [])


def test_every_dataset_has_checks_and_a_missing_module_is_told() -> None:
    for name in published_names():
        assert callable(load_checks(load_contract(name)).checks)
    with pytest.raises(ConfigError, match=r"expectations/datasets/no_such\.py.*ip_trade_annual"):
        load_checks(load_contract("ip_trade_annual").model_copy(update={"checks": "no_such"}))


def test_every_bound_in_a_contract_carries_its_reason() -> None:
    without = [
        f"{name}: {check}" for name in dataset_names()
        for check, policy in load_contract(name).quality.items() if not policy.reason
    ]  # fmt: skip
    assert without == []


def test_great_expectations_is_not_imported_before_a_gate_runs() -> None:
    """It takes seconds, and `techtrade --help` has half of one."""
    modules = [
        "tasks.quality.gate",
        "expectations.from_contract",
        *[f"expectations.datasets.{d}" for d in dataset_names()],
    ]
    code = f"import sys, {', '.join(modules)}; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
