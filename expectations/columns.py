"""The checks that follow from any contract: schema, key, nulls, allowed values, patterns, ranges, row count."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pyarrow as pa

from configs.contract import Column
from expectations.base import Check, GateInput, none_of, not_applicable
from expectations.change import NO_PARENT


def checks(gate: GateInput) -> list[Check]:
    """The generated checks of a dataset."""
    found = [_schema(gate), _has_rows(gate), _key_unique(gate)]
    for column in gate.contract.columns:
        found.extend(_of_column(gate, column))
    return [*found, _row_count(gate), _asked_vintage(gate), _yanked_content(gate)]


def _schema(gate: GateInput) -> Check:
    wanted = gate.contract.arrow_schema
    rows = [] if gate.staged_schemas else [("(none)", "(columns)", ", ".join(wanted.names), "no data file was staged")]
    for path, schema in gate.staged_schemas.items():
        if schema.names != wanted.names:
            rows.append((path, "(columns)", ", ".join(wanted.names), ", ".join(schema.names)))
        rows.extend(
            (path, f.name, _field(f), _field(schema.field(f.name)))
            for f in wanted
            if f.name in schema.names and _field(f) != _field(schema.field(f.name))
        )
    differences = pl.LazyFrame(
        rows, schema=dict.fromkeys(("file", "column", "expected", "observed"), pl.String), orient="row"
    )
    return none_of(
        gate, "schema", "each file has the contract's columns, types, units and meanings", "no difference", differences
    )


def _field(field: pa.Field) -> str:
    meta = {k.decode(): v.decode() for k, v in (field.metadata or {}).items()}
    told = "; ".join(f"{k}: {meta[k]}" for k in ("unit", "basis", "description") if k in meta)
    return f"{field.type}{'' if field.nullable else ' not null'} ({told})"


def _has_rows(gate: GateInput) -> Check:
    empty = gate.data.select(pl.len().alias("rows")).filter(pl.col("rows") == 0)
    return none_of(gate, "has_rows", "there are rows", "at least one row", empty)


def _key_unique(gate: GateInput) -> Check:
    key = list(gate.contract.primary_key)

    def build() -> Any:
        import great_expectations.expectations as gxe

        if len(key) == 1:
            return gxe.ExpectColumnValuesToBeUnique(column=key[0])
        return gxe.ExpectCompoundColumnsToBeUnique(column_list=key)

    policy = gate.contract.policy("key_unique", "critical")
    expected = f"no two rows with the same {', '.join(key)}"
    return Check("key_unique", "the primary key is unique", policy.severity, expected, gate.data, build, policy.reason)


def _of_column(gate: GateInput, column: Column) -> list[Check]:
    name = column.name
    found = []
    if not column.nullable:
        found.append(
            _on_data(gate, f"not_null_{name}", f"{name} is never null", "no nulls", column, "NotBeNull", lambda: {})
        )
    if column.type == "float64":
        nan = gate.data.filter(pl.col(name).is_nan()).select(*gate.contract.primary_key, name)
        title = f"{name} is a number or null, never NaN"
        found.append(none_of(gate, f"no_nan_{name}", title, "no NaN", nan, over=gate.data))
    if column.allowed is not None:
        values = list(column.allowed)
        told = f"one of {', '.join(map(str, values))}"
        found.append(
            _on_data(
                gate, f"allowed_{name}", f"{name} has an allowed value", told, column, "BeInSet",
                lambda: {"value_set": values},
            )
        )  # fmt: skip
    if column.pattern is not None:
        told = f"matches {column.pattern}"
        found.append(
            _on_data(
                gate, f"pattern_{name}", f"{name} has the form of its kind", told, column, "MatchRegex",
                lambda: {"regex": column.pattern},
            )
        )  # fmt: skip
    if column.minimum is not None or column.maximum is not None:
        found.append(_range(gate, column))
    return found


def _on_data(
    gate: GateInput,
    check_id: str,
    title: str,
    expected: str,
    column: Column,
    kind: str,
    arguments: Callable[[], dict[str, Any]],
) -> Check:
    def build() -> Any:
        import great_expectations.expectations as gxe

        return getattr(gxe, f"ExpectColumnValuesTo{kind}")(column=column.name, **arguments())

    policy = gate.contract.policy(check_id, "critical")
    return Check(check_id, title, policy.severity, expected, gate.data, build, policy.reason)


def _range(gate: GateInput, column: Column) -> Check:
    low, high = column.minimum, column.maximum
    expected = " and ".join(
        f"{word} {value:,}" if isinstance(value, int | float) else f"{word} {value}"
        for word, value in (("at least", low), ("at most", high))
        if value is not None
    )
    check_id, title = f"range_{column.name}", f"{column.name} is within its range"
    if column.type != "date":
        check = _on_data(
            gate, check_id, title, expected, column, "BeBetween", lambda: {"min_value": low, "max_value": high}
        )
        return Check(**(vars(check) | {"reason": column.range_reason}))
    # Great Expectations compares dates of the arrow kind with nothing; polars does.
    value, outside = pl.col(column.name), pl.lit(False)
    if low is not None:
        outside = outside | (value < date.fromisoformat(str(low)))
    if high is not None:
        outside = outside | (value > date.fromisoformat(str(high)))
    off = gate.data.filter(outside).select(gate.contract.primary_key)
    check = none_of(gate, check_id, title, expected, off, over=gate.data)
    return Check(**(vars(check) | {"reason": column.range_reason}))


def _row_count(gate: GateInput) -> Check:
    title = "the number of rows does not shrink"
    if gate.parent is None:
        return not_applicable(gate, "row_count", title, NO_PARENT)
    policy = gate.contract.policy("row_count", "critical")
    share = policy.bounds.get("minimum_share", 1.0)
    counts = pl.concat(
        [
            gate.data.select(pl.len().cast(pl.Int64).alias("rows")),
            gate.parent.select(pl.len().cast(pl.Int64).alias("rows_before")),
        ],
        how="horizontal",
    )
    shrunk = counts.filter(pl.col("rows") < pl.col("rows_before") * share)
    return none_of(gate, "row_count", title, f"at least {share:.0%} of the rows of the version before", shrunk)


def _asked_vintage(gate: GateInput) -> Check:
    title = "the vintage is the one asked for"
    if gate.asked_vintage is None:
        return not_applicable(gate, "asked_vintage", title, "no vintage was asked for by name")
    pair = pl.LazyFrame({"vintage": [gate.vintage], "asked": [gate.asked_vintage]})
    return none_of(gate, "asked_vintage", title, gate.asked_vintage, pair.filter(pl.col("vintage") != pl.col("asked")))


def _yanked_content(gate: GateInput) -> Check:
    same = [told for content, told in gate.yanked_contents.items() if content == gate.content_sha256]
    frame = pl.LazyFrame({"same_as_yanked": same}, schema={"same_as_yanked": pl.String})
    title = "the figures are not those of a yanked version"
    return none_of(gate, "yanked_content", title, "other figures than any yanked version", frame, "warning")
