"""Expected breaks at the gate: a failure that was announced becomes a warning, wherever all of it was announced.

A critical check, or one that holds, that an entry names, and whose failing rows *all* lie within what is expected, is
recorded as a warning with the reason; the severity that the contract declares stays beside it. One row outside, one row
that cannot be placed
(the check sums up over the columns of ``where``), and the whole failure blocks as ever.

An entry that has expired exempts nothing, and the check ``expected_breaks`` says so until it is taken out: as a
warning, and as critical once a break that never came is ``GRACE_DAYS`` past its expiry. Then either the entry or the
figures are wrong, and nobody has looked for a month.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta

import polars as pl

from configs.breaks import ExpectedBreak
from configs.contract import Contract, Span
from configs.errors import ConfigError
from expectations.check import Check, GateInput, none_of
from tasks.quality.results import CheckResult

GRACE_DAYS = 30
GUARD = "expected_breaks"


def exempted(gate: GateInput, result: CheckResult, failing: pl.DataFrame | None) -> CheckResult:
    """The result, as a warning if all rows behind a critical failure were expected to fail."""
    entries = [b for b in gate.breaks if b.holds(gate.today) and result.check_id in b.checks]
    if result.outcome != "failed" or result.severity not in ("critical", "hold") or failing is None or not entries:
        return result
    came = covering(failing, entries, gate.contract)
    if not came:
        return result
    told = "; ".join(f"expected break {b.id}: {' '.join(b.reason.split())} ({b.source})" for b in came)
    return replace(result, severity="warning", declared_severity=result.severity, exemption=told)


def covering(failing: pl.DataFrame, entries: Sequence[ExpectedBreak], contract: Contract) -> tuple[ExpectedBreak, ...]:
    """Those entries that rows lie in, if every row lies in one; else none."""
    if failing.is_empty():
        return ()
    inside = failing.select(
        [_inside(entry, failing.schema, contract).fill_null(False).alias(entry.id) for entry in entries]
    )
    if not inside.select(pl.any_horizontal(pl.all()).all()).item():
        return ()
    return tuple(entry for entry in entries if inside[entry.id].any())


def _inside(entry: ExpectedBreak, schema: pl.Schema, contract: Contract) -> pl.Expr:
    return pl.all_horizontal([_within(name, span, schema, contract) for name, span in entry.where.items()])


def _within(name: str, span: Span, schema: pl.Schema, contract: Contract) -> pl.Expr:
    """Whether a row lies in the span; false for a row that does not say. A year lies in it if all its months do."""
    column = contract.column(name)
    bounds = [(span.first, pl.Expr.ge), (span.last, pl.Expr.le)]
    if schema.get(name) == column.polars:
        return pl.all_horizontal([compare(pl.col(name), pl.lit(b)) for b, compare in bounds if b is not None])
    year = schema.get("year")
    if name not in schema and column.type == "date" and year is not None and year.is_integer():
        ends = [(pl.date(pl.col("year"), 1, 1), *bounds[0]), (pl.date(pl.col("year"), 12, 1), *bounds[1])]
        return pl.all_horizontal([compare(end, pl.lit(b)) for end, b, compare in ends if b is not None])
    return pl.repeat(False, pl.len())


def breaks_that_came(results: Collection[CheckResult], entries: Sequence[ExpectedBreak]) -> tuple[str, ...]:
    """The ids of the entries that exempted something."""
    told = [r.exemption for r in results if r.exemption]
    return tuple(b.id for b in entries if any(f"expected break {b.id}: " in t for t in told))


def checks(gate: GateInput) -> list[Check]:
    """The guard against entries that outlive their break; nothing where no break is expected."""
    if not gate.breaks:
        return []
    past = [b for b in gate.breaks if b.expired(gate.today)]
    rows = [(b.id, b.expires, b.id in gate.breaks_seen, " ".join(b.reason.split())) for b in past]
    schema = {"break_id": pl.String, "expired": pl.Date, "came": pl.Boolean, "reason": pl.String}
    frame = pl.LazyFrame(rows, schema=schema, orient="row")
    title = "breaks that were expected have come, and their entries are taken out in time"
    check = none_of(
        gate, GUARD, title, f"no entry of configs/breaks/{gate.contract.name}.yaml past its expiry", frame, "warning"
    )
    grace = timedelta(days=GRACE_DAYS)
    blocks = any(gate.today > b.expires + grace and b.id not in gate.breaks_seen for b in past)
    reason = f"a break that never came by {GRACE_DAYS} days after its expiry means that entry or figures are wrong"
    return [replace(check, severity="critical" if blocks else "warning", reason=reason)]


def refuse_unknown(gate: GateInput, checks: Collection[Check]) -> None:
    """A misspelt check would exempt nothing, in silence.

    Raises:
        ConfigError: an entry names a check that the dataset does not have.
    """
    known = {c.id for c in checks}
    for entry in gate.breaks:
        for name in entry.checks:
            if name not in known:
                told = f"configs/breaks/{gate.contract.name}.yaml: {entry.id} names the check {name!r}"
                raise ConfigError(f"{told}, which there is not; there are: {', '.join(sorted(known))}")
