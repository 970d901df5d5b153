"""The gate: runs every check of a dataset through Great Expectations and reports.

A check that raises, in polars or inside Great Expectations, *could not run*: that is a failed run, neither a pass nor
a rejection. Great Expectations itself answers ``success=False`` with ``exception_info`` in that case, which is why its
``success`` is never looked at before its ``exception_info``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from configs.errors import CheckCouldNotRunError
from expectations import columns
from expectations.base import Check, GateInput, load_checks
from tasks.quality.report import FAILING_ROWS, CheckOutcome, CheckResult, Report


def judge(gate: GateInput) -> Report:
    """Holds a staged candidate against its contract and its dataset's rules.

    Raises:
        CheckCouldNotRunError: a check raised instead of answering.
    """
    name = gate.contract.name
    try:
        checks = [*columns.checks(gate), *load_checks(name).checks(gate)]
    except pl.exceptions.PolarsError as e:
        raise CheckCouldNotRunError(name, "preparing the checks", _first_line(e)) from e
    results: list[CheckResult] = []
    documents: list[Any] = []
    for group in _by_frame([c for c in checks if c.frame is not None]):
        frame = _collected(gate, group)
        answered, document = _validate(gate, group, frame)
        results.extend(answered)
        documents.append(document)
    results.extend(_not_applicable(c, gate) for c in checks if c.frame is None)
    order = {c.id: i for i, c in enumerate(checks)}
    results.sort(key=lambda r: order[r.check_id])
    return Report(tuple(results), (json.dumps(documents, indent=1, default=str) + "\n").encode())


def _by_frame(checks: Sequence[Check]) -> Iterator[list[Check]]:
    """Checks of the same frame in one validation: each validation has a cost of its own."""
    groups: dict[int, list[Check]] = {}
    for check in checks:
        groups.setdefault(id(check.frame), []).append(check)
    yield from groups.values()


def _collected(gate: GateInput, group: list[Check]) -> pl.DataFrame:
    frame = group[0].frame
    if frame is None:
        raise ValueError("a check that does not apply has no frame")
    try:
        return frame.collect()
    except pl.exceptions.PolarsError as e:
        raise CheckCouldNotRunError(gate.contract.name, group[0].id, _first_line(e)) from e


def _validate(gate: GateInput, group: list[Check], frame: pl.DataFrame) -> tuple[list[CheckResult], Any]:
    batch = _batch(group[0].id, frame)
    import great_expectations as gx

    built = []
    for check in group:
        expectation = check.expectation()
        expectation.meta = {"check": check.id}
        built.append(expectation)
    key = [k for k in gate.contract.primary_key if k in frame.columns]
    result = batch.validate(
        gx.ExpectationSuite(name=f"{gate.contract.name}.{group[0].id}", expectations=built),
        result_format={
            "result_format": "SUMMARY",
            "unexpected_index_column_names": key,
            "partial_unexpected_count": FAILING_ROWS,
        },
    )
    answers = {r.expectation_config.meta["check"]: r for r in result.results if r.expectation_config}
    return [_answered(gate, c, answers[c.id], frame) for c in group], result.to_json_dict()


def _batch(name: str, frame: pl.DataFrame) -> Any:
    """A Great Expectations batch over the frame; arrow-backed, so that nothing is copied or turned into floats."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    definition = context.data_sources.add_pandas("polars").add_dataframe_asset(name)
    whole = definition.add_batch_definition_whole_dataframe("whole")
    return whole.get_batch({"dataframe": frame.to_pandas(use_pyarrow_extension_array=True)})


def _answered(gate: GateInput, check: Check, answer: Any, frame: pl.DataFrame) -> CheckResult:
    raised = _exception(answer.exception_info)
    if raised or answer.success is None:
        raise CheckCouldNotRunError(gate.contract.name, check.id, raised or "Great Expectations gave no answer")
    if check.violations:
        failed = frame.height
        rows = [json.dumps(r, default=str) for r in frame.head(FAILING_ROWS).iter_rows(named=True)]
        checked = None
    else:
        failed = int(answer.result.get("unexpected_count", 0))
        rows = [json.dumps(r, default=str) for r in answer.result.get("partial_unexpected_index_list") or []]
        checked = int(answer.result.get("element_count", frame.height))
    outcome: CheckOutcome = "passed" if answer.success else "failed"
    observed = "as expected" if answer.success else f"{failed:,} row{'s' if failed != 1 else ''} otherwise"
    return CheckResult(
        check_id=check.id,
        title=check.title,
        severity=check.severity,
        outcome=outcome,
        expected=check.expected,
        observed=observed,
        rows_checked=checked,
        rows_failed=failed,
        failing_rows=tuple(rows[:FAILING_ROWS]),
        reason=check.reason,
        owner=gate.contract.owner,
        gx_expectation=str(answer.expectation_config.type),
    )


def _exception(info: Any) -> str | None:
    """The message of an exception that Great Expectations swallowed. Its two forms: flat, or one entry a metric."""
    if not info:
        return None
    entries = [info] if "raised_exception" in info else [v for v in info.values() if isinstance(v, dict)]
    return next((str(e.get("exception_message")) for e in entries if e.get("raised_exception")), None)


def _not_applicable(check: Check, gate: GateInput) -> CheckResult:
    return CheckResult(
        check_id=check.id,
        title=check.title,
        severity=check.severity,
        outcome="not_applicable",
        expected=check.expected,
        observed="",
        rows_checked=None,
        rows_failed=None,
        failing_rows=(),
        reason=check.reason,
        owner=gate.contract.owner,
        gx_expectation="",
    )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
