"""Breaks that are expected: known beforehand, entered in ``configs/breaks/<dataset>.yaml`` with an expiry.

An entry says which checks will fail, on which rows, why, and until when that is taken as explained. Everything outside
``where`` fails as ever. What the contract promises (types, keys, nulls, values, ranges) cannot be exempted: whoever
wants that changes the contract, which readers are told of.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from typing import Annotated

from pydantic import Field, model_validator

from configs import CONFIGS, yaml_file
from configs.columns import Column, Frozen
from configs.contract import Contract, Span
from configs.contracts import load_contract
from configs.errors import ConfigError

BREAKS = CONFIGS / "breaks"
NEVER = ("schema", "has_rows", "key_unique", "yanked_content", "asked_vintage", "past_vintage", "expected_breaks")
NEVER_OF_COLUMN = ("not_null_", "no_nan_", "allowed_", "pattern_", "range_", "resolves_")
_PYTHON: dict[str, type] = {"date": date, "string": str, "int16": int, "int32": int, "int64": int}


class ExpectedBreak(Frozen):
    """One entry. It holds for runs from ``since`` up to and including ``expires``, for the checks of these ids, on rows
    where *all* spans of ``where`` hold. ``source``: who announced it."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    checks: tuple[str, ...] = Field(min_length=1)
    where: dict[str, Span] = Field(min_length=1)
    reason: Annotated[str, Field(min_length=10)]
    source: Annotated[str, Field(min_length=1)]
    since: date
    expires: date

    @model_validator(mode="after")
    def _consistent(self) -> ExpectedBreak:
        if self.expires < self.since:
            raise ValueError(f"{self.id!r} expires before it holds")
        for name, span in self.where.items():
            if span.first is None and span.last is None:
                raise ValueError(f"{self.id!r}: the span of {name!r} is open on both sides, so it says nothing")
        for check in self.checks:
            if check in NEVER or check.startswith(NEVER_OF_COLUMN):
                raise ValueError(f"{self.id!r}: {check!r} is what the contract promises; change the contract instead")
        return self

    def holds(self, day: date) -> bool:
        return self.since <= day <= self.expires

    def expired(self, day: date) -> bool:
        return day > self.expires


def parse_breaks(text: str, contract: Contract, where: str) -> tuple[ExpectedBreak, ...]:
    """Reads a list of entries.

    Raises:
        ConfigError: not YAML, not such a list, or not of this contract's key columns and their types.
    """
    found = yaml_file.parse(tuple[ExpectedBreak, ...], text, where, empty=())
    if len({b.id for b in found}) != len(found):
        raise ConfigError(f"{where}: an id stands twice")
    for entry in found:
        for name, span in entry.where.items():
            if name not in contract.primary_key:
                raise ConfigError(f"{where}: {entry.id}: {name!r} is not a column of the key of {contract.name}")
            _refuse_other_type(contract.column(name), span, f"{where}: {entry.id}")
    return found


def _refuse_other_type(column: Column, span: Span, where: str) -> None:
    kind = _PYTHON.get(column.type)
    for value in (span.first, span.last):
        # A bool is an int to Python, a moment a date.
        if value is not None and (kind is None or not isinstance(value, kind) or isinstance(value, bool | datetime)):
            raise ConfigError(f"{where}: {value!r} is no {column.type}, which {column.name} is")


@cache
def load_breaks(dataset: str) -> tuple[ExpectedBreak, ...]:
    """The breaks expected of a dataset; none if it has no file.

    Raises:
        ConfigError: the file is wrong.
    """
    path = BREAKS / f"{dataset}.yaml"
    if not path.exists():
        return ()
    return parse_breaks(path.read_text(encoding="utf-8"), load_contract(dataset), f"configs/breaks/{dataset}.yaml")
