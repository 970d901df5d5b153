"""The contract of a history, which follows from that of its dataset and ``history.yaml``."""

from __future__ import annotations

from functools import cache
from typing import Any

from configs import CONFIGS, yaml_file
from configs.columns import Column
from configs.contract import Contract, Sources

SUFFIX = "_history"
SOURCE = "versions"
CHECKS = "any_history"
FIRST, WITHDRAWAL, REPRESENTATION, UNATTRIBUTED = "first", "withdrawal", "representation", "unattributed"
CAUSES = (
    FIRST,
    "new_period",
    "source_revision",
    "reclassification",
    "method",
    REPRESENTATION,
    WITHDRAWAL,
    UNATTRIBUTED,
)
OWN_KEYS = ("measure", "vintage_from", "seq_from")


def base_of(name: str) -> str | None:
    """The dataset that a name is the history of; None if it is none."""
    return name.removesuffix(SUFFIX) if name.endswith(SUFFIX) else None


def kept(base: Contract) -> list[Column]:
    """The columns that the history has: the measures, or those that ``history_of`` names."""
    return [c for c in base.columns if (c.name in base.history_of if base.history_of else c.role == "measure")]


def series_of(base: Contract) -> tuple[str, ...]:
    """Return the columns that name one series of the history: the key without its period, and the measure."""
    return (*(k for k in base.primary_key if k != base.period), "measure")


def history_contract(base: Contract) -> Contract:
    """The contract of ``<dataset>_history``: the key of the dataset, and the columns that every history has."""
    all_kept = "All measures of {base} are kept here; its attributes are in each version's changes.parquet."
    some_kept = (
        "Of the measures of {base} these are kept here: {names}; the others are in each version's changes.parquet."
    )
    words = {"base": base.name, "names": ", ".join(base.history_of)}
    words["units"] = ", ".join(f"{m.name}: {m.unit}" for m in kept(base))
    words["kept"] = (some_kept if base.history_of else all_kept).format_map(words)
    told = _filled(_template(), words)
    numbers = "float64" if any(m.type == "float64" for m in kept(base)) else "int64"
    own = [c | {"type": numbers} if c["name"] == "value" else c for c in told.pop("columns")]
    own[0]["allowed"] = tuple(m.name for m in kept(base))
    key, series = (*base.primary_key, *OWN_KEYS), series_of(base)
    return Contract(
        **told,
        name=base.name + SUFFIX,
        primary_key=key,
        sort_by=(*series, *(k for k in key if k not in series)),
        partition_by=base.partition_by,
        absent_row_means="missing",
        schema_version=base.schema_version,
        breaking_notes=base.breaking_notes,
        owner=base.owner,
        freshness_limit_days=base.freshness_limit_days,
        licence=base.licence,
        citation=base.citation,
        sources=Sources(live=SOURCE),
        ask_within_days=base.ask_within_days,
        derived_from=(base.name,),
        checks=CHECKS,
        has_history=False,
        judged=base.judged,
        columns=(*(_key(base.column(k)) for k in base.primary_key), *map(Column.model_validate, own)),
    )


def _key(column: Column) -> Column:
    """The same column without rules: what was a code once stays what it was."""
    return Column.model_validate(
        column.model_dump(include={"name", "type", "role", "unit", "description", "basis", "publisher_name"})
    )


@cache
def _template() -> dict[str, Any]:
    return yaml_file.load(dict[str, Any], CONFIGS / "history.yaml")


def _filled(value: Any, words: dict[str, str]) -> Any:
    """The template with its words, in texts at any depth."""
    if isinstance(value, dict):
        return {k: _filled(v, words) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, words) for v in value]
    return value.format_map(words) if isinstance(value, str) else value
