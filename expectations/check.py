"""What a check is, and what it is given. Great Expectations is imported only when a check is built (about 3 to 10 s).

A check hands Great Expectations one frame and one expectation on it. The frame is what polars has boiled the data down
to: the *violations* of a rule, of which there must be none, or the few values of a column that stand for all. Great
Expectations knows pandas and SQL, not polars, and takes long over what polars has in no time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pyarrow as pa

from configs.breaks import ExpectedBreak
from configs.contract import Contract, Severity
from configs.errors import CheckCouldNotRunError, ConfigError
from configs.known_values import KnownValue


@dataclass(frozen=True)
class Other:
    """A version of another dataset: the published one, as its readers get it, or a candidate that is held.

    ``doubt``: what a second source has in place of a figure of such a candidate; it can confirm nothing then."""

    frame: pl.LazyFrame
    vintage: str
    version: str = ""
    doubt: str = ""


def no_others(dataset: str) -> Other | None:
    """For gates that look at one dataset alone."""
    return None


@dataclass(frozen=True)
class GateInput:
    """All that a gate may look at.

    ``data`` is the staged candidate as read back from the store, ``parent`` the version before it (its contract may
    have been older), ``tables`` what the source said, ``staged_schemas`` the arrow schema of each staged file, ``live``
    whether a publisher was asked: bundled figures are as old as they are. ``others`` gives what readers get of another
    dataset, None if nothing of it is published. ``unavailable``: why a table of ``tables`` that only checks need has no
    rows, by its name. ``before``: how each check ended on the version before, by its id. ``in_memory``: whether the
    rows are few enough to be looked at in all ways at once. ``breaks`` are expected, ``breaks_seen`` came already.

    ``known_values`` are true by configuration, ``confirmed`` by what the version before was published with (its
    ``confirmations.parquet``). ``held_cells``: what an older candidate is held for (its ``held.parquet``).
    ``held_others`` gives the candidate of another dataset that is held, None if none is."""

    contract: Contract
    data: pl.LazyFrame
    staged_schemas: Mapping[str, pa.Schema]
    parent: pl.LazyFrame | None
    tables: Mapping[str, pl.LazyFrame]
    vintage: str
    asked_vintage: str | None
    parent_vintage: str | None
    yanked_contents: Mapping[str, str]
    content_sha256: str
    live: bool = False
    others: Callable[[str], Other | None] = no_others
    breaks: tuple[ExpectedBreak, ...] = ()
    breaks_seen: tuple[str, ...] = ()
    known_values: tuple[KnownValue, ...] = ()
    confirmed: pl.DataFrame | None = None
    held_cells: pl.DataFrame | None = None
    held_others: Callable[[str], Other | None] = no_others
    in_memory: bool = True
    unavailable: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, str] = field(default_factory=dict)
    today: date = field(default_factory=lambda: datetime.now(UTC).date())

    def table(self, name: str, check_id: str) -> pl.LazyFrame:
        """What the source said, under that name.

        Raises:
            CheckCouldNotRunError: the source gave no such table, so the check has nothing to compare with.
        """
        if name not in self.tables:
            have = ", ".join(sorted(self.tables)) or "none"
            raise CheckCouldNotRunError(
                self.contract.name, check_id, f"the source gives no table {name!r}; there are: {have}"
            )
        return self.tables[name]


@dataclass(frozen=True)
class Observations:
    """The observations that a rule judges, one a row, so that one can be recognised in other places.

    With them, violations whose value is published already are left out (figures that readers have count as
    confirmed), and those of a check that holds can be found in a second source.

    ``now`` and ``published`` (None: there is no version before) have the columns ``key`` and ``value``, in the same
    types; the violations have them too, and ``against``: the value that was expected, in the same unit.
    """

    key: tuple[str, ...]
    now: pl.LazyFrame
    published: pl.LazyFrame | None
    value: str = "value_usd"
    against: str = "usual"


@dataclass(frozen=True)
class Check:
    """One rule.

    ``frame`` None means that the rule does not apply; ``reason`` then says why, else why its bounds are what they
    are. ``expectation`` builds the Great Expectations object. ``violations``: the frame holds only failing rows.
    ``over``: the rows that the rule was held against. None of them means that nothing was shown: the check is then
    recorded as not applicable, because an empty list of violations would look like a pass. ``failing``: the rows
    behind a failure, where ``frame`` holds, under the check's id, values of ``column`` that stand for many rows.
    ``observed``: what was judged, observation by observation; every check of severity ``hold`` has it.
    """

    id: str
    title: str
    severity: Severity
    expected: str
    frame: pl.LazyFrame | None
    expectation: Callable[[], Any]
    reason: str = ""
    violations: bool = False
    over: pl.LazyFrame | None = None
    failing: pl.LazyFrame | None = None
    column: str | None = None
    observed: Observations | None = None


def once(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The frame made now, for what is small and looked at more than once."""
    return frame.collect().lazy()


def none_of(
    gate: GateInput,
    check_id: str,
    title: str,
    expected: str,
    violations: pl.LazyFrame,
    default: Severity = "critical",
    over: pl.LazyFrame | None = None,
    observed: Observations | None = None,
) -> Check:
    """A rule whose violations polars has found among the rows ``over``; there must be none.

    Without ``over`` the rule is not about rows that could be missing (a vintage, a total), and always answers.
    """

    def build() -> Any:
        import great_expectations.expectations as gxe

        # The gate hands it a frame of one row: how many violations there are, a column a rule.
        return gxe.ExpectColumnMaxToBeBetween(column=check_id, max_value=0)

    policy = gate.contract.policy(check_id, default)
    return Check(
        check_id, title, policy.severity, expected, violations, build, policy.reason, True, over, observed=observed
    )


def not_applicable(gate: GateInput, check_id: str, title: str, why: str, default: Severity = "critical") -> Check:
    """A rule that cannot be held against this candidate. It is recorded as such, never as passed."""
    return Check(check_id, title, gate.contract.policy(check_id, default).severity, "", None, lambda: None, why)


def not_made(
    gate: GateInput, check_id: str, title: str, table: str, otherwise: str, default: Severity = "warning"
) -> Check:
    """A rule that needs a table beside the dataset's source, which could not be had. ``otherwise``: why, if the source
    gives no reason."""
    why = gate.unavailable.get(table, otherwise)
    return not_applicable(gate, check_id, title, f"could not be made, because {why}", default)


def bound(gate: GateInput, check_id: str, name: str) -> float:
    """A bound of a check, from the contract.

    Raises:
        ConfigError: the contract does not give it.
    """
    policy = gate.contract.quality.get(check_id)
    if policy is None or name not in policy.bounds:
        raise ConfigError(f"configs/datasets/{gate.contract.name}.yaml: quality.{check_id}.bounds.{name} is missing")
    return policy.bounds[name]
