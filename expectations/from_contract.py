"""The checks that follow from any contract: schema, key, nulls, allowed values, patterns, ranges, references, row
count, vintage."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pyarrow as pa

from configs.columns import Column
from configs.vintages import last_day
from expectations.check import Check, GateInput, none_of, not_applicable
from expectations.rules.revisions import NO_PARENT
from expectations.rules.unknown_codes import resolves

# The replacement character, control characters, and what "é", "ç" or a dash in UTF-8 look like in Latin-1.
UNREADABLE = r"\x{FFFD}|[\x00-\x1F\x7F-\x9F]|[\x{C2}-\x{C5}][\x{A0}-\x{BF}\x{2018}-\x{2122}]|\x{E2}\x{20AC}"


def checks(gate: GateInput) -> list[Check]:
    """The generated checks of a dataset."""
    names_partners = gate.contract.referring and "partner_name" in gate.contract.names
    return [
        _schema(gate),
        _has_rows(gate),
        _key_unique(gate),
        *(check for column in gate.contract.columns for check in _of_column(gate, column)),
        _readable_text(gate),
        *([_partner_names(gate)] if names_partners else []),
        _row_count(gate),
        _asked_vintage(gate),
        _past_vintage(gate),
        _fresh_enough(gate),
        _yanked_content(gate),
    ]


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
    if each_after_the_one_before(gate):
        twice = pl.LazyFrame(schema={**{k: gate.contract.column(k).polars for k in key}, "rows": pl.UInt32})
    else:
        # Rows with a number in common are few, or none; only these are told apart by their keys, which takes longer.
        alike = gate.data.select(key).filter(pl.struct(key).hash().is_duplicated())
        twice = alike.group_by(key).len("rows").filter(pl.col("rows") > 1).sort(key)
    expected = f"no two rows with the same {', '.join(key)}"
    return none_of(gate, "key_unique", "the primary key is unique", expected, twice, over=gate.data)


def each_after_the_one_before(gate: GateInput) -> bool:
    """Whether each row has a greater key than the one before it, the part that it lies in counted first: then none is
    there twice. One look along the rows, which stand in that order as a rule."""
    contract = gate.contract
    if set(contract.sort_by) != set(contract.primary_key):
        return False
    if contract.partition_by is not None and contract.partition_by not in contract.primary_key:
        return False  # the same key could stand in two parts
    part = [] if contract.partition_by is None else [pl.col(contract.partition_by)]
    if part and contract.column(str(contract.partition_by)).type == "date":
        part = [part[0].dt.year()]
    after = pl.lit(False)
    for value in reversed([*part, *(pl.col(k) for k in contract.sort_by)]):
        before = value.shift(1)
        after = (value > before) | ((value == before) & after)
    first = pl.int_range(pl.len()) == 0
    # A null is neither greater nor equal.
    return bool(gate.data.select((first | after.fill_null(False)).all()).collect().item())


def _of_column(gate: GateInput, column: Column) -> list[Check]:
    name, value = column.name, pl.col(column.name)
    present = gate.data.drop_nulls(name)
    found = []
    if not column.nullable:
        nulls = gate.data.filter(value.is_null()).select(gate.contract.primary_key)
        found.append(none_of(gate, f"not_null_{name}", f"{name} is never null", "no nulls", nulls, over=gate.data))
    if column.type == "float64":
        nan = gate.data.filter(value.is_nan()).select(*gate.contract.primary_key, name)
        title = f"{name} is a number or null, never NaN"
        found.append(none_of(gate, f"no_nan_{name}", title, "no NaN", nan, over=present))
    if column.allowed is not None:
        values = list(column.allowed)
        told = f"one of {', '.join(map(str, values))}"
        found.append(
            _on_values(
                gate, f"allowed_{name}", f"{name} has an allowed value", told, _distinct(present, name),
                ~value.is_in(values), "BeInSet", name, {"value_set": values}, over=present,
            )
        )  # fmt: skip
    if column.pattern is not None:
        told = f"matches {column.pattern}"
        found.append(
            _on_values(
                gate, f"pattern_{name}", f"{name} has the form of its kind", told, _distinct(present, name),
                ~value.str.contains(column.pattern), "MatchRegex", name, {"regex": column.pattern}, over=present,
            )
        )  # fmt: skip
    if column.minimum is not None or column.maximum is not None:
        found.append(_range(gate, column))
    if column.references:
        found.extend(resolves(gate, column))
    return found


def _distinct(frame: pl.LazyFrame, name: str) -> pl.LazyFrame:
    return frame.select(pl.col(name).unique())


def _on_values(
    gate: GateInput,
    check_id: str,
    title: str,
    expected: str,
    values: pl.LazyFrame,
    wrong: pl.Expr,
    kind: str,
    name: str,
    arguments: dict[str, Any],
    over: pl.LazyFrame,
) -> Check:
    """A rule on the values of one column. Great Expectations judges ``values``: few that stand for all, so that it
    takes no longer over a million rows than over a hundred. ``wrong`` finds the rows behind a failure."""

    def build() -> Any:
        import great_expectations.expectations as gxe

        return getattr(gxe, f"ExpectColumnValuesTo{kind}")(column=check_id, **arguments)

    policy = gate.contract.policy(check_id, "critical")
    shown = [*gate.contract.primary_key, *([] if name in gate.contract.primary_key else [name])]
    failing = gate.data.filter(wrong).select(shown)
    return Check(
        check_id, title, policy.severity, expected, values.rename({name: check_id}), build, policy.reason,
        over=over, failing=failing, column=name,
    )  # fmt: skip


def _range(gate: GateInput, column: Column) -> Check:
    name, value, low, high = column.name, pl.col(column.name), column.minimum, column.maximum
    expected = " and ".join(
        f"{word} {bound:,.15g}" if isinstance(bound, int | float) else f"{word} {bound}"
        for word, bound in (("at least", low), ("at most", high))
        if bound is not None
    )
    check_id, title = f"range_{name}", f"{name} is within its range"
    present = gate.data.drop_nulls(name)
    outside = pl.any_horizontal(
        pl.lit(False),
        *([value < _bound(column, low)] if low is not None else []),
        *([value > _bound(column, high)] if high is not None else []),
    )
    if column.type == "date":
        # Great Expectations compares dates of the arrow kind with nothing; polars does.
        off = gate.data.filter(outside).select(gate.contract.primary_key)
        check = none_of(gate, check_id, title, expected, off, over=present)
    else:
        # NaN is larger than any number to polars, and no_nan_ tells of it.
        numbers = present.filter(value.is_not_nan()) if column.type == "float64" else present
        extremes = pl.concat([numbers.select(value.min()), numbers.select(value.max())]).drop_nulls()
        check = _on_values(
            gate, check_id, title, expected, extremes, outside, "BeBetween", name,
            {"min_value": low, "max_value": high}, over=present,
        )  # fmt: skip
    return replace(check, reason=column.range_reason)


def _bound(column: Column, value: float | str) -> pl.Expr:
    return pl.lit(date.fromisoformat(str(value)) if column.type == "date" else value)


def _readable_text(gate: GateInput) -> Check:
    """Text that went through another encoding on its way: what could not be read, control characters, and the pairs of
    letters that two bytes of UTF-8 look like in Latin-1."""
    names = [c.name for c in gate.contract.columns if c.type == "string" and not c.allowed and c.role != "key"]
    texts = [
        gate.data.select(pl.col(name).unique().alias("text")).drop_nulls().with_columns(column=pl.lit(name))
        for name in names
    ]
    title = "text is readable"
    if not texts:
        return not_applicable(gate, "readable_text", title, "no column holds text")
    text = pl.concat(texts)
    off = text.filter(pl.col("text").str.contains(UNREADABLE)).select("column", "text").sort("column", "text")
    return none_of(gate, "readable_text", title, "no sign of another encoding", off, over=gate.data)


def _partner_names(gate: GateInput) -> Check:
    """Name and ISO code beside a code are its own: a join that slips gives figures another name."""
    column = gate.contract.referring[0]
    code = str(column.references).partition(".")[2]
    told = [c for c in ("partner_name", "partner_iso3") if c in gate.contract.names]
    known = gate.table("partners", "partner_names").drop_nulls(code).select(
        pl.col(code).alias(column.name), pl.col("partner_name").alias("partner_name_known"),
        pl.col("iso3").alias("partner_iso3_known"),
    )  # fmt: skip
    named = gate.data.select(column.name, *told).unique()
    other = [pl.col(c).ne_missing(pl.col(f"{c}_known")) for c in told]
    off = named.join(known, on=column.name).filter(pl.any_horizontal(other)).sort(column.name)
    title = "a partner's name and ISO code are those of the table of partners"
    return none_of(gate, "partner_names", title, "as in partners", off, over=gate.data)


def _row_count(gate: GateInput) -> Check:
    title = "the number of rows does not shrink"
    if gate.parent is None:
        return not_applicable(gate, "row_count", title, NO_PARENT)
    share = gate.contract.policy("row_count", "critical").bounds.get("minimum_share", 1.0)
    counts = pl.concat(
        [
            _counted(gate, gate.data).select(pl.len().cast(pl.Int64).alias("rows")),
            _counted(gate, gate.parent).select(pl.len().cast(pl.Int64).alias("rows_before")),
        ],
        how="horizontal",
    )
    shrunk = counts.filter(pl.col("rows") < pl.col("rows_before") * share)
    return none_of(gate, "row_count", title, f"at least {share:.0%} of the rows of the version before", shrunk)


def _counted(gate: GateInput, frame: pl.LazyFrame) -> pl.LazyFrame:
    """The rows that count: of a table of series, those with a figure that is not zero. Zeros are being withdrawn."""
    have = frame.collect_schema()
    series = [pl.col(f"{name}_usd") != 0 for name in gate.contract.series if f"{name}_usd" in have]
    return frame.filter(pl.any_horizontal(series)) if series else frame


def _asked_vintage(gate: GateInput) -> Check:
    title = "the vintage is the one asked for"
    if gate.asked_vintage is None:
        return not_applicable(gate, "asked_vintage", title, "no vintage was asked for by name")
    pair = pl.LazyFrame({"vintage": [gate.vintage], "asked": [gate.asked_vintage]})
    return none_of(gate, "asked_vintage", title, gate.asked_vintage, pair.filter(pl.col("vintage") != pl.col("asked")))


def _past_vintage(gate: GateInput) -> Check:
    """Whatever a vintage is named after, a month or a day, it cannot lie ahead: figures of a year that was filled up
    with copies would otherwise be published, and every true vintage after them be taken for an older one."""
    now = gate.today.isoformat()[: len(gate.vintage)]
    ahead = pl.LazyFrame({"vintage": [gate.vintage], "now": [now]}).filter(pl.col("vintage") > pl.col("now"))
    return none_of(gate, "past_vintage", "the vintage does not lie in the future", f"at most {now}", ahead)


def _fresh_enough(gate: GateInput) -> Check:
    """A publisher that has stopped, or an address that it has left, goes on answering with what it had."""
    title, limit = "the vintage is as recent as the publisher's cadence lets expect", gate.contract.freshness_limit_days
    if not gate.live:
        return not_applicable(gate, "fresh_enough", title, "no publisher was asked", "warning")
    last = last_day(gate.vintage)
    if last is None:
        return not_applicable(
            gate, "fresh_enough", title, f"the vintage {gate.vintage!r} names no day, month or year", "warning"
        )
    age = pl.LazyFrame({"vintage": [gate.vintage], "days_old": [(gate.today - last).days]})
    old = age.filter(pl.col("days_old") > limit)
    return none_of(gate, "fresh_enough", title, f"at most {limit} days old on {gate.today}", old, "warning")


def _yanked_content(gate: GateInput) -> Check:
    same = [told for content, told in gate.yanked_contents.items() if content == gate.content_sha256]
    frame = pl.LazyFrame({"same_as_yanked": same}, schema={"same_as_yanked": pl.String})
    title = "the figures are not those of a yanked version"
    return none_of(gate, "yanked_content", title, "other figures than any yanked version", frame)
