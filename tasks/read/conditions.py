"""Conditions on columns, as people type them: ``economy_code=USA``, ``year>=2015``, ``partner_code=5700,1220``.

From text to values of the contract's types, and from these to polars expressions. One parser for ``read`` and
``history``; no I/O, and nothing that a scan could not take as a predicate.

- ``=`` takes a list: any of the values. ``!=`` is its opposite: none of them. A value with a comma is quoted as in CSV.
- ``null`` is the absent value. ``!=`` keeps rows without a value (SQL would drop them), so ``=`` and ``!=`` split the
  rows in two; ``<``, ``<=``, ``>`` and ``>=`` never select a null.
- A date can be a year or a month: ``period=2024`` is all of it, ``period<=2024`` runs to its last day.
"""

from __future__ import annotations

import calendar
import csv
import operator
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import reduce
from typing import Any, Literal, cast

import polars as pl

from configs.columns import Column
from configs.errors import UsageError
from configs.words import closest

Operator = Literal["=", "!=", ">=", "<=", ">", "<"]
NULL = "null"
_FORM = re.compile(r"\s*([A-Za-z_]\w*)\s*(!=|>=|<=|==|=|>|<)\s*(.*?)\s*", re.DOTALL)
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?")
_EXAMPLES = {"string": "TEXT", "date": "2024-06-01 (or 2024-06, or 2024)", "boolean": "true"}
_BITS = {"int16": 16, "int32": 32, "int64": 64}
_KINDS = {
    "date": "a date",
    "int16": "a whole number",
    "int32": "a whole number",
    "int64": "a whole number",
    "float64": "a number",
    "string": "a text",
    "boolean": "true or false",
}


@dataclass(frozen=True)
class Value:
    """What one value stands for: everything from ``first`` to ``last``. Only a date can be more than one value."""

    first: Any
    last: Any


@dataclass(frozen=True)
class Condition:
    """``column`` compared with ``values``; None among them is null. ``text`` is what was typed."""

    column: Column
    operator: Operator
    values: tuple[Value | None, ...]
    text: str

    @property
    def expression(self) -> pl.Expr:
        """The predicate. It is never null itself."""
        column = pl.col(self.column.name)
        given = [v for v in self.values if v is not None]
        if self.operator in ("=", "!="):
            parts = [column == self._literal(v.first) for v in given if v.first == v.last]
            if len(parts) > 1:
                one_of = pl.Series([v.first for v in given if v.first == v.last], dtype=self.column.polars)
                parts = [column.is_in(one_of.implode())]
            spans = [v for v in given if v.first != v.last]
            parts += [column.is_between(self._literal(v.first), self._literal(v.last)) for v in spans]
            null = None in self.values
            if self.operator == "=":
                return reduce(operator.or_, [*parts, *([column.is_null()] if null else [])])
            others = [~reduce(operator.or_, parts)] if parts else []
            if null:
                return reduce(operator.and_, [column.is_not_null(), *others])
            return column.is_null() | others[0]
        (value,) = given
        end = self._literal(value.last if self.operator in ("<=", ">") else value.first)
        return cast(pl.Expr, _COMPARE[self.operator](column, end))

    def may_hold(self, first: Any, last: Any) -> bool:
        """Whether a value from ``first`` to ``last`` can fulfil it. For a partition that has only these, none null."""
        given = [v for v in self.values if v is not None]
        if self.operator == "=":
            return any(v.first <= last and first <= v.last for v in given)
        if self.operator == "!=":
            return not any(v.first <= first and last <= v.last for v in given)
        (value,) = given
        if self.operator in (">", ">="):
            return bool(_COMPARE[self.operator](last, value.last if self.operator == ">" else value.first))
        return bool(_COMPARE[self.operator](first, value.last if self.operator == "<=" else value.first))

    def _literal(self, value: Any) -> pl.Expr:
        return pl.lit(value, dtype=self.column.polars)


_COMPARE: Mapping[Operator, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def parse(texts: Sequence[str], columns: Sequence[Column], of: str) -> tuple[Condition, ...]:
    """The conditions, all of which a row has to fulfil.

    Args:
        columns: those that can be named.
        of: what has these columns, for error messages: ``ip_trade_annual``.

    Raises:
        UsageError: not a condition, no such column, or a value that is not of the column's type.
    """
    found = tuple(_one(text, columns, of) for text in texts)
    for name, count in Counter(c.column.name for c in found if c.operator == "=").items():
        if count > 1:
            raise UsageError(f"{name}= is given {count} times, and no row fulfils both; list the values: {name}=A,B")
    return found


def unknown_column(name: str, known: Collection[str], of: str) -> UsageError:
    """The error for a column that is not there, with the nearest name and all names."""
    near = closest(name, known)
    told = f"; did you mean {near}? Its" if near else "; its"
    return UsageError(f"{of} has no column {name!r}{told} columns: {', '.join(known)}")


def unmatched(condition: Condition, values: pl.Series) -> str | None:
    """What to say of a condition that no row fulfils because a text is not among the column's ``values``."""
    if condition.operator != "=" or condition.column.type != "string":
        return None
    known = set(values.drop_nulls().to_list())
    for value in condition.values:
        if value is not None and value.first not in known:
            near = closest(str(value.first), sorted(known))
            return f"no row has {condition.column.name}={value.first}{f'; did you mean {near}?' if near else ''}"
    return None


# ---------------------------------------------------------------------- one condition


def _one(text: str, columns: Sequence[Column], of: str) -> Condition:
    known = {c.name: c for c in columns}
    form = _FORM.fullmatch(text)
    if form is None:
        raise _no_condition(text, known)
    name, sign, value = form.groups()
    sign = cast(Operator, "=" if sign == "==" else sign)
    if name not in known:
        raise unknown_column(name, known, of)
    column = known[name]
    if not value:
        raise UsageError(f"{text!r} has no value; for example: {_example(column)}, or {name}={NULL} where it is absent")
    listed = [v.strip() for v in next(csv.reader([value], skipinitialspace=True))]
    values = tuple(None if v == NULL else _typed(column, v) for v in listed)
    if sign in ("=", "!="):
        for given in values:
            _allowed(column, given)
    else:
        if len(values) > 1:
            raise UsageError(f"{text!r}: {sign} takes one value, not a list")
        if values[0] is None:
            raise UsageError(f"{text!r}: {NULL} has no order; use {name}={NULL} or {name}!={NULL}")
        if column.type == "boolean":
            raise UsageError(f"{text!r}: {name} is true or false; use = or !=")
    return Condition(column, sign, values, text)


def _no_condition(text: str, known: Mapping[str, Column]) -> UsageError:
    if text in known:
        quoted = f"quote < and >, which the shell takes for itself: '{text}>=VALUE'"
        return UsageError(f"{text!r} has no value; for example: {_example(known[text])}; {quoted}")
    example = _example(next(iter(known.values())))
    return UsageError(f"{text!r} is not a condition; write COLUMN=VALUE (or !=, >=, <=, >, <), for example: {example}")


def _typed(column: Column, text: str) -> Value:
    value = _parsed(column, text)
    if value is None:
        kind = f"{_KINDS[column.type]} ({column.type})"
        raise UsageError(f"{column.name}={text}: {column.name} is {kind}; for example: {_example(column)}")
    return value


def _allowed(column: Column, value: Value | None) -> None:
    if value is not None and column.allowed and value.first not in column.allowed:
        near = closest(str(value.first), [str(a) for a in column.allowed])
        told = f"; did you mean {near}? It" if near else "; it"
        raise UsageError(f"{column.name}={value.first}{told} is one of: {', '.join(map(str, column.allowed))}")


def _parsed(column: Column, text: str) -> Value | None:
    """The value of a text; None if it is not of the column's type."""
    if column.type == "date":
        return _span(text)
    if column.type == "boolean":
        known = {"true": True, "false": False}.get(text.casefold())
        return None if known is None else Value(known, known)
    if column.type == "string":
        return Value(text, text)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    if column.type == "float64":
        return Value(float(number), float(number))
    largest = 2 ** (_BITS[column.type] - 1)
    if number != number.to_integral_value() or not -largest <= number < largest:
        return None
    return Value(int(number), int(number))


def _span(text: str) -> Value | None:
    """A day, a month or a year."""
    form = _DATE.fullmatch(text)
    if form is None:
        return None
    year, month, day = (int(part) if part else None for part in form.groups())
    try:
        first = date(year or 0, month or 1, day or 1)
    except ValueError:
        return None
    if day is not None:
        return Value(first, first)
    last = calendar.monthrange(first.year, first.month)[1] if month else 31
    return Value(first, date(first.year, month or 12, last))


def _example(column: Column) -> str:
    number = "2020" if "year" in column.name else "1000"
    value = column.allowed[0] if column.allowed else _EXAMPLES.get(column.type, number)
    return f"{column.name}={value}"
