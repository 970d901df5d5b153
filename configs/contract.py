"""The contract of a dataset: one YAML file from which schema, metadata, checks and dictionary are generated.

Nothing of what stands in ``configs/datasets/<name>.yaml`` is written a second time elsewhere: the polars and
arrow schemas, the parquet field metadata, the column expectations and ``techtrade show`` are all derived here
or from here. The hash of the contract is part of every manifest, so a changed description is a new version.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import date
from typing import Annotated, Literal

import polars as pl
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from configs import yaml_file

Kind = Literal["date", "int16", "int32", "int64", "float64", "string", "boolean"]
Role = Literal["key", "measure", "attribute", "vintage"]
Severity = Literal["critical", "warning", "info"]

_POLARS: dict[str, pl.DataType] = {
    "date": pl.Date(),
    "int16": pl.Int16(),
    "int32": pl.Int32(),
    "int64": pl.Int64(),
    "float64": pl.Float64(),
    "string": pl.String(),
    "boolean": pl.Boolean(),
}
_ARROW: dict[str, pa.DataType] = {
    "date": pa.date32(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "boolean": pa.bool_(),
}


# What is no promise to readers: a change of it is no new version.
NOT_TOLD = (
    "quality", "ask_within_days", "judged", "sources", "derived_from_any", "has_history", "history_of", "profile_by",
    "headlines", "transform", "checks",
)  # fmt: skip


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Frozen):
    """One column: what it is called, means and may hold.

    ``role`` says how a difference in it is counted: a *measure* is revised, an *attribute* or *vintage* is
    relabelled. ``representation_tolerance`` is the relative difference up to which two values of a measure are
    the same figure printed twice (a publisher that prints 15 digits today and 17 tomorrow revised nothing).
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    type: Kind
    role: Role
    unit: str
    description: str
    basis: str = ""
    nullable: bool = False
    allowed: tuple[str | int, ...] | None = None
    pattern: str | None = None
    minimum: float | str | None = None
    maximum: float | str | None = None
    range_reason: str = ""
    references: str | None = None
    publisher_name: str = ""
    representation_tolerance: float = 0.0

    @property
    def polars(self) -> pl.DataType:
        return _POLARS[self.type]

    @property
    def arrow(self) -> pa.Field:
        """The arrow field, its unit, description and basis in the metadata."""
        meta = {"unit": self.unit, "description": self.description, "basis": self.basis}
        return pa.field(self.name, _ARROW[self.type], self.nullable, {k: v for k, v in meta.items() if v})

    @model_validator(mode="after")
    def _consistent(self) -> Column:
        if self.role == "key" and self.nullable:
            raise ValueError(f"key column {self.name!r} cannot be nullable")
        if self.references and not re.fullmatch(r"partners\.[a-z0-9_]+_code", self.references):
            raise ValueError(f"column {self.name!r} references {self.references!r}, not a code column of partners")
        if (self.minimum is not None or self.maximum is not None) and not self.range_reason:
            raise ValueError(f"column {self.name!r} has a range without a range_reason")
        return self


class Policy(_Frozen):
    """A check's severity and bounds, with the reason for them. Bounds are read by the check of that id."""

    severity: Severity
    reason: str = ""
    bounds: dict[str, float] = Field(default_factory=dict)


class Sources(_Frozen):
    """Which extract module gives this dataset, by kind of input; ``snapshot`` None: nothing of it is bundled."""

    live: str
    snapshot: str | None = None


class Span(_Frozen):
    """A closed range of values of a key column; None is open."""

    first: date | int | str | None = None
    last: date | int | str | None = None


class Bias(_Frozen):
    """Something that a publisher says, or that we know, about some figures: in ``configs/notes/``, published with
    every version as ``notes.parquet``. It holds where *all* spans of ``where`` do, for ``measures`` (all if none)."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    kind: Literal["overstated", "understated", "suppressed", "break", "membership", "delay", "definition"]
    text: str
    source: str
    url: str = ""
    amount_usd: int | None = None
    measures: tuple[str, ...] = ()
    where: dict[str, Span] = Field(default_factory=dict)


class Headline(_Frozen):
    """A total that is looked at first: the sum of a measure over a year, of the rows where the columns have these
    values. Each page of changes says whether it moved."""

    title: str
    measure: str
    where: dict[str, str | bool] = Field(default_factory=dict)


class Contract(_Frozen):
    """A dataset, as outsiders may rely on it.

    ``schema_version`` follows the rules in ``tasks/publish/compatibility.py``. ``breaking_notes``: for each major step
    of it (``"2"``) what readers have to change.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    title: str
    description: str
    grain: str
    primary_key: tuple[str, ...] = Field(min_length=1)
    sort_by: tuple[str, ...] = Field(min_length=1)
    partition_by: str | None = None
    absent_row_means: Literal["zero", "missing"]
    schema_version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    owner: str
    cadence: str
    freshness_limit_days: int
    revision_window: str
    licence: str
    citation: str
    sources: Sources
    # The longest that its publisher may go unasked. When it is asked stands in deploy/prefect.yaml.
    ask_within_days: int = Field(ge=1)
    # The modules of these names in tasks/transform and expectations/datasets; empty: those of the dataset's name.
    transform: str = ""
    checks: str = ""
    # What the gate looks at: a dataset that is made a partition at a time is judged by what differs from its parent.
    judged: Literal["whole", "changed_partitions"] = "whole"
    # Made from versions of these datasets, and of nothing else; published with each of theirs.
    derived_from: tuple[str, ...] = ()
    # Whether those of them that are published are enough.
    derived_from_any: bool = False
    has_history: bool = True
    # The key columns by which revisions are told.
    profile_by: tuple[str, ...] = ()
    # The measures that have a history; all, if none is named.
    history_of: tuple[str, ...] = ()
    headlines: tuple[Headline, ...] = ()
    columns: tuple[Column, ...]
    quality: dict[str, Policy] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    breaking_notes: dict[str, str] = Field(default_factory=dict)
    biases: tuple[Bias, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Contract:
        names = [c.name for c in self.columns]
        if len(set(names)) != len(names):
            raise ValueError("a column is defined twice")
        keys = {c.name for c in self.columns if c.role == "key"}
        if keys != set(self.primary_key):
            raise ValueError(f"the columns with role key {sorted(keys)} are not the primary_key")
        for name in (*self.sort_by, *([self.partition_by] if self.partition_by else [])):
            if name not in names:
                raise ValueError(f"{name!r} is not a column")
        for bias in self.biases:
            for name in {*bias.where} - keys | {*bias.measures} - set(names):
                raise ValueError(f"the note {bias.id!r} names {name!r}, which is no such column")
        for name in {*self.profile_by} - keys:
            raise ValueError(f"profile_by names {name!r}, which is no key column")
        for name in {*self.history_of} - {c.name for c in self.columns if c.role == "measure"}:
            raise ValueError(f"history_of names {name!r}, which is no measure")
        for headline in self.headlines:
            for name in {headline.measure, *headline.where} - set(names):
                raise ValueError(f"the headline {headline.title!r} names {name!r}, which is no such column")
        for step, note in self.breaking_notes.items():
            if not step.isdigit() or not note.strip():
                raise ValueError(f"breaking_notes: {step!r} is not a major step of schema_version with a text")
        return self

    @property
    def breaking_note(self) -> str:
        """What readers have to change since the last major step; empty if there was none."""
        return self.breaking_notes.get(self.schema_version.partition(".")[0], "")

    @property
    def period(self) -> str | None:
        """The key column that says when: the last date of the key, or its ``year``; None for a table of codes."""
        dates = [k for k in self.primary_key if self.column(k).type == "date"]
        return dates[-1] if dates else "year" if "year" in self.primary_key else None

    @property
    def referring(self) -> list[Column]:
        """The columns whose values are codes of the table of partners."""
        return [c for c in self.columns if c.references]

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    @property
    def names(self) -> list[str]:
        return [c.name for c in self.columns]

    @property
    def measures(self) -> list[Column]:
        return [c for c in self.columns if c.role == "measure"]

    @property
    def polars_schema(self) -> pl.Schema:
        return pl.Schema({c.name: c.polars for c in self.columns})

    @property
    def arrow_schema(self) -> pa.Schema:
        """What a data file of this dataset has: fields with unit, description and basis; the dataset, licence
        and citation for the file. Not the version: an unchanged file can then be copied within the store."""
        return pa.schema(
            [c.arrow for c in self.columns],
            metadata={
                "dataset": self.name,
                "title": self.title,
                "licence": self.licence,
                "citation": self.citation,
                "schema_version": self.schema_version,
            },
        )

    @property
    def sha256(self) -> str:
        """Hash of everything readers are told: not of bounds, pace, sources and what is judged, whose change is no new
        version, and not of layout and comments of the YAML."""
        told = self.model_dump(mode="json", exclude=set(NOT_TOLD))
        # Hashed only where they say something: the fields are younger than versions that are published.
        told = {k: v for k, v in told.items() if k not in ("breaking_notes", "derived_from") or v}
        body = json.dumps(told, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(body.encode()).hexdigest()

    def policy(self, check: str, default: Severity) -> Policy:
        """The policy for a check, or one with the default severity and no bounds."""
        return self.quality.get(check) or Policy(severity=default)


def parse_contract(text: str, where: str, biases: str = "") -> Contract:
    """Reads a contract, and the notes on its figures (YAML, a list).

    Raises:
        ConfigError: not YAML, or not a contract; names the place.
    """
    raw, known = yaml_file.parsed(text, where), yaml_file.parsed(biases, where)
    return yaml_file.validated(Contract, raw | {"biases": known} if known else raw, where)
