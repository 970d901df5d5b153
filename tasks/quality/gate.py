"""The gate: runs every check of a dataset through Great Expectations and reports.

A check that raises, in polars or inside Great Expectations, *could not run*: that is a failed run, neither a pass nor
a rejection. Great Expectations itself answers ``success=False`` with ``exception_info`` in that case, which is why its
``success`` is never looked at before its ``exception_info``. A store that cannot be read while a frame is made comes
as ``OSError`` through polars, and counts as could not run too.

A rule held against no rows at all is recorded as not applicable: its empty list of violations shows nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pyarrow as pa

from configs.errors import CheckCouldNotRunError
from expectations import columns
from expectations.base import Check, GateInput, load_checks
from tasks.quality.report import FAILING_ROWS, CheckOutcome, CheckResult, Report

# What polars raises while it makes a frame; the last two come from the store's files through pyarrow.
UNREADABLE = (pl.exceptions.PolarsError, pa.ArrowException, OSError)
# Up to this many rows a frame is read from the store once and kept: about thirty checks read it otherwise, each anew.
KEPT_ROWS = 2_000_000
NOTHING_TO_HOLD = "there were no rows to hold this rule against"


def judge(gate: GateInput) -> Report:
    """Holds a staged candidate against its contract and its dataset's rules.

    Raises:
        CheckCouldNotRunError: a check raised instead of answering, or what it needs could not be read.
        ConfigError: the contract does not give a bound that a check needs.
    """
    name = gate.contract.name
    try:
        gate = replace(gate, data=_kept(gate.data), parent=_kept(gate.parent) if gate.parent is not None else None)
        checks = [*columns.checks(gate), *load_checks(name).checks(gate)]
    except UNREADABLE as e:
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


def _kept(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The frame read into memory, unless it is large."""
    rows = int(frame.select(pl.len()).collect().item())
    return frame if rows > KEPT_ROWS else frame.collect().lazy()


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
    return _made(gate, group[0].id, frame)


def _made(gate: GateInput, check_id: str, frame: pl.LazyFrame) -> pl.DataFrame:
    try:
        return frame.collect()
    except UNREADABLE as e:
        raise CheckCouldNotRunError(gate.contract.name, check_id, _first_line(e)) from e


def _validate(gate: GateInput, group: list[Check], frame: pl.DataFrame) -> tuple[list[CheckResult], Any]:
    batch = _batch(group[0].id, frame)
    import great_expectations as gx
    from great_expectations.exceptions import GreatExpectationsError

    built = [_expectation(gate, check) for check in group]
    key = [k for k in gate.contract.primary_key if k in frame.columns]
    try:
        result = batch.validate(
            gx.ExpectationSuite(name=f"{gate.contract.name}.{group[0].id}", expectations=built),
            result_format={
                "result_format": "SUMMARY",
                "unexpected_index_column_names": key,
                "partial_unexpected_count": FAILING_ROWS,
            },
        )
    except GreatExpectationsError as e:
        raise CheckCouldNotRunError(gate.contract.name, group[0].id, _first_line(e)) from e
    answers = {r.expectation_config.meta["check"]: r for r in result.results if r.expectation_config}
    return [_answered(gate, c, answers[c.id], frame) for c in group], result.to_json_dict()


def _expectation(gate: GateInput, check: Check) -> Any:
    """The Great Expectations object of a check, marked with the check's id."""
    try:
        expectation = check.expectation()
    except ValueError as e:  # its models (pydantic 1) refuse an argument with a kind of ValueError
        raise CheckCouldNotRunError(gate.contract.name, check.id, _first_line(e)) from e
    expectation.meta = {"check": check.id}
    return expectation


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
        checked = _held_against(gate, check)
    else:
        failed = int(answer.result.get("unexpected_count", 0))
        rows = [json.dumps(r, default=str) for r in answer.result.get("partial_unexpected_index_list") or []]
        checked = int(answer.result.get("element_count", frame.height))
    if answer.success and checked == 0:
        return _not_applicable(replace(check, reason=NOTHING_TO_HOLD), gate)
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


def _held_against(gate: GateInput, check: Check) -> int | None:
    """How many rows the rule was held against; None for a rule that is not about rows."""
    if check.over is None:
        return None
    return int(_made(gate, check.id, check.over.select(pl.len())).item())


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
