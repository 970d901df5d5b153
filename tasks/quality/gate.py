"""The gate: runs every check of a dataset through Great Expectations and reports.

A check that raises, in polars or inside Great Expectations, *could not run*: that is a failed run, neither a pass nor
a rejection. Great Expectations itself answers ``success=False`` with ``exception_info`` in that case, which is why its
``success`` is never looked at before its ``exception_info``. A store that cannot be read while a frame is made comes
as ``OSError`` through polars, and counts as could not run too.

A rule held against no rows at all is recorded as not applicable: its empty list of violations shows nothing.

Great Expectations takes 7 ms of its own for a validation, whatever the frame, so the rules are judged in two: on a
frame that has a column a rule with the number of its violations, and on one with the values that stand for a column.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from typing import Any, ParamSpec, TypeVar

import polars as pl
import pyarrow as pa

from configs.errors import CheckCouldNotRunError, StoreError
from configs.words import few, plural
from expectations import from_contract
from expectations.check import Check, GateInput
from expectations.registry import load_checks
from expectations.runbooks import runbook
from tasks.quality import confirmation, expected_breaks
from tasks.quality.cells import Cell, cells_of
from tasks.quality.deviation import how_far, values_of
from tasks.quality.diagnosis import diagnose, why_held
from tasks.quality.measures import compare_measures
from tasks.quality.results import FAILING_ROWS, CheckOutcome, CheckResult, GateResult

# What polars raises while it makes a frame; the last two come from the store's files through pyarrow.
UNREADABLE = (pl.exceptions.PolarsError, pa.ArrowException, OSError)
log = logging.getLogger("techtrade")
P = ParamSpec("P")
T = TypeVar("T")
NOTHING_TO_HOLD = "there were no rows to hold this rule against"


def run_gate(gate: GateInput) -> GateResult:
    """Holds a staged candidate against its contract and its dataset's rules.

    Raises:
        CheckCouldNotRunError: a check raised instead of answering, or what it needs could not be read.
        ConfigError: the contract does not give a bound that a check needs.
    """
    name = gate.contract.name
    try:
        checks = [*from_contract.checks(gate), *load_checks(gate.contract).checks(gate), *expected_breaks.checks(gate)]
    except UNREADABLE as e:
        raise CheckCouldNotRunError(name, "preparing the checks", first_line(e)) from e
    expected_breaks.refuse_unknown(gate, checks)
    applying = [c for c in checks if c.frame is not None]
    documents: list[Any] = []
    try:
        held = [*confirmation.left_over(gate, checks)]
    except UNREADABLE as e:
        raise CheckCouldNotRunError(name, "looking at what is held", first_line(e)) from e
    results: list[CheckResult] = [_silent(c, gate, held) for c in checks if c.frame is None]
    # Great Expectations is busy with one core and the rules on values while polars makes the frames of the others.
    with ThreadPoolExecutor(1) as threads:
        pool = _SameContext(threads)
        source, under_way = pool.submit(_data_source), []
        for some in ([c for c in applying if c.column], [c for c in applying if not c.column]):
            frames = _unknown(gate, some, _collected(gate, some))
            for group, frame in _groups(some, frames):
                under_way.append((group, frames, pool.submit(_validate, gate, source.result(), group, frame)))
        for group, frames, validated in under_way:
            answers, document = validated.result()
            results.extend(_answered(gate, check, answers[check.id], frames) for check in group)
            held += [c for check in group if check.severity == "hold" for c in cells_of(check, frames.frame[check.id])]
            documents.append(document)
    order = {c.id: i for i, c in enumerate(checks)}
    results.sort(key=lambda r: order[r.check_id])
    came = expected_breaks.breaks_that_came(results, gate.breaks)
    try:
        results, cells = confirmation.settle(gate, results, held)
    except UNREADABLE as e:
        raise CheckCouldNotRunError(name, "asking second sources", first_line(e)) from e
    gx_json = (json.dumps(documents, indent=1, default=str) + "\n").encode()
    report = GateResult(tuple(results), gx_json, came, cells=cells)
    return replace(report, diagnosis=_diagnosis(gate, report))


def _diagnosis(gate: GateInput, report: GateResult) -> str:
    """Return what happened to the figures as a whole. Of large data only where they are not published: warnings are
    common there, and the comparison reads all of it."""
    failed = report.rejected or report.held or (gate.in_memory and report.counts.failed_warning > 0)
    told = ""
    try:
        if failed:
            told = diagnose(compare_measures(gate.contract, gate.data, gate.parent), report.results)
    except (*UNREADABLE, StoreError) as e:  # the verdict stands without it
        log.warning("%s: no diagnosis could be made: %s", gate.contract.name, first_line(e))
    if told or not report.held:
        return told
    first = next(r for r in report.results if r.check_id == report.held[0])
    return why_held(first, [c for c in report.cells if c.state != "confirmed"])


@dataclass(frozen=True)
class _SameContext:
    """Threads whose log lines say of which run they are."""

    threads: ThreadPoolExecutor

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        here = copy_context()
        return self.threads.submit(lambda: here.run(function, *args, **kwargs))


@dataclass(frozen=True)
class _Frames:
    """What the checks are held against, by check id; ``over``: how many rows a rule was held against; ``known``: what
    was left out because it is known to be true, in words."""

    frame: Mapping[str, pl.DataFrame]
    over: Mapping[str, int]
    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _collected(gate: GateInput, checks: Sequence[Check]) -> _Frames:
    """All frames: at once, because polars runs them side by side and reads what they share once; of what is in files
    one by one, because side by side they would hold all columns of all rows, and a copy for each filter."""
    lazy = {c.id: c.frame for c in checks if c.frame is not None}
    over = {c.id: c.over.select(pl.len()) for c in checks if c.over is not None}
    each = [*lazy.items(), *over.items()]
    try:
        made = pl.collect_all([frame for _, frame in each]) if gate.in_memory else None
    except UNREADABLE:
        made = None  # one of them; which one, they say one by one
    if made is None:
        made = [_made(gate, check_id, frame) for check_id, frame in each]
    frames, counts = made[: len(lazy)], made[len(lazy) :]
    return _Frames(
        dict(zip(lazy, frames, strict=True)),
        {check_id: int(count.item()) for check_id, count in zip(over, counts, strict=True)},
    )


def _unknown(gate: GateInput, checks: Sequence[Check], frames: _Frames) -> _Frames:
    """The frames without what is known: nothing is held, or warned of, twice."""
    settled = {c.id: confirmation.unknown(gate, c, frames.frame[c.id]) for c in checks if c.observed and c.violations}
    return replace(
        frames,
        frame={**frames.frame, **{i: s.rows for i, s in settled.items()}},
        known={i: s.known for i, s in settled.items() if s.known},
    )


def _groups(checks: Sequence[Check], frames: _Frames) -> list[tuple[list[Check], pl.DataFrame]]:
    """Which checks are validated together, and on what: what is no column of a rule's own stays by itself."""
    columns = {
        c.id: pl.Series(c.id, [frames.frame[c.id].height]) if c.violations else frames.frame[c.id][c.id]
        for c in checks
        if c.violations or (c.column and frames.frame[c.id].height)
    }
    apart = [([c], frames.frame[c.id]) for c in checks if c.id not in columns]
    counted, valued = [c for c in checks if c.violations], [c for c in checks if c.id in columns and not c.violations]
    return [(g, _side_by_side([columns[c.id] for c in g])) for g in (counted, valued) if g] + apart


def _side_by_side(columns: Sequence[pl.Series]) -> pl.DataFrame:
    """The longest column says how long; the others end in nulls, which no rule on values looks at."""
    height = max(map(len, columns))
    return pl.DataFrame([s.extend_constant(None, height - len(s)) if len(s) < height else s for s in columns])


def _made(gate: GateInput, check_id: str, frame: pl.LazyFrame) -> pl.DataFrame:
    try:
        return frame.collect()
    except UNREADABLE as e:
        raise CheckCouldNotRunError(gate.contract.name, check_id, first_line(e)) from e


def _validate(gate: GateInput, source: Any, group: Sequence[Check], frame: pl.DataFrame) -> tuple[dict[str, Any], Any]:
    """Great Expectations' answer to each check, by check id, and its result in its own form."""
    import great_expectations as gx
    from great_expectations.exceptions import GreatExpectationsError

    what = group[0].id if len(group) == 1 else "rules"
    # Arrow-backed, so that nothing is copied or turned into floats.
    batch = source.get_batch({"dataframe": frame.to_pandas(use_pyarrow_extension_array=True)})
    expectations = [_expectation(gate, check) for check in group]
    suite = gx.ExpectationSuite(name=f"{gate.contract.name}.{what}", expectations=expectations)
    try:
        # Counts and the first values that failed; SUMMARY has the values counted as well, for twice the time.
        result = batch.validate(
            suite, result_format={"result_format": "BASIC", "partial_unexpected_count": FAILING_ROWS}
        )
    except GreatExpectationsError as e:
        raise CheckCouldNotRunError(gate.contract.name, what, first_line(e)) from e
    answers = {answer.expectation_config.meta["check"]: answer for answer in result.results}
    for check in group:
        if check.id not in answers:
            raise CheckCouldNotRunError(gate.contract.name, check.id, "Great Expectations gave no answer")
    return answers, result.to_json_dict()


def _expectation(gate: GateInput, check: Check) -> Any:
    """The Great Expectations object of a check, marked with the check's id."""
    try:
        expectation = check.expectation()
    except ValueError as e:  # its models (pydantic 1) refuse an argument with a kind of ValueError
        raise CheckCouldNotRunError(gate.contract.name, check.id, first_line(e)) from e
    expectation.meta = {"check": check.id}
    return expectation


def _data_source() -> Any:
    """Where Great Expectations takes frames from; one for all checks of a gate, because each costs 25 ms."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    frames = context.data_sources.add_pandas("polars").add_dataframe_asset("frame of a check")
    return frames.add_batch_definition_whole_dataframe("whole")


def _answered(gate: GateInput, check: Check, answer: Any, frames: _Frames) -> CheckResult:
    raised = _exception(answer.exception_info)
    if raised or answer.success is None:
        raise CheckCouldNotRunError(gate.contract.name, check.id, raised or "Great Expectations gave no answer")
    frame, checked = frames.frame[check.id], frames.over.get(check.id)
    behind = frame if check.violations else None if answer.success else _failing(gate, check)
    failed = behind.height if behind is not None else 0
    if behind is not None and failed == 0 and not answer.success:
        raise CheckCouldNotRunError(
            gate.contract.name, check.id, "Great Expectations says that it failed, and no row does"
        )
    rows = [json.dumps(r, default=str) for r in behind.head(FAILING_ROWS).to_dicts()] if behind is not None else []
    if answer.success and checked == 0:
        return _not_applicable(replace(check, reason=NOTHING_TO_HOLD), gate)
    outcome: CheckOutcome = "passed" if answer.success else "failed"
    result = CheckResult(
        check_id=check.id,
        title=check.title,
        severity=check.severity,
        outcome=outcome,
        expected=check.expected,
        observed=_observed(check, None if answer.success else behind, checked, frames.known.get(check.id, ())),
        rows_checked=checked,
        rows_failed=failed,
        failing_rows=tuple(rows[:FAILING_ROWS]),
        reason=check.reason,
        owner=gate.contract.owner,
        gx_expectation=str(answer.expectation_config.type),
        runbook=runbook(check.id),
    )
    return expected_breaks.exempted(gate, result, behind)


def _observed(check: Check, behind: pl.DataFrame | None, checked: int | None, known: Sequence[str]) -> str:
    """Return how many rows failed, how far off they are where the rows can tell, and what is known to be true."""
    if behind is None:
        return f"as expected, but for what is known: {few(known, separator='; ')}" if known else "as expected"
    told = values_of(behind, check.column) if check.column else how_far(behind)
    failed = behind.height
    if checked is None or checked < failed:
        counted = plural(failed, "row fails", "rows fail")
    else:
        of = f"of {plural(checked, 'row')}"
        counted = plural(failed, f"{of} fails", f"{of} fail")
    return counted + (f"; {told}" if told else "")


def _failing(gate: GateInput, check: Check) -> pl.DataFrame:
    """The rows behind a failure that was found on values standing for them."""
    if check.failing is None:
        raise CheckCouldNotRunError(gate.contract.name, check.id, "the check does not say which rows failed")
    return _made(gate, check.id, check.failing)


def _exception(info: Any) -> str | None:
    """The message of an exception that Great Expectations swallowed. Its two forms: flat, or one entry a metric."""
    if not info:
        return None
    entries = [info] if "raised_exception" in info else [v for v in info.values() if isinstance(v, dict)]
    return next((str(e.get("exception_message")) for e in entries if e.get("raised_exception")), None)


def _silent(check: Check, gate: GateInput, left: Sequence[Cell]) -> CheckResult:
    """The result of a check that does not apply; failed where an older candidate is held by it for what is still so."""
    result = _not_applicable(check, gate)
    rows = [json.dumps(c.names | {"value_usd": c.given}) for c in left if c.check_id == check.id]
    if not rows:
        return result
    told = f"{plural(len(rows), 'figure')} held before; this time not applicable: {check.reason}"
    return replace(
        result, outcome="failed", observed=told, rows_failed=len(rows), failing_rows=tuple(rows[:FAILING_ROWS])
    )


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
        runbook=runbook(check.id),
    )


def first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
