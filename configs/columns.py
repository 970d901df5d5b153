"""Columns, their types, and what follows from a key: the part of a contract that figures are made by.

It stands apart because it enters the code fingerprint of every dataset; the words and rules of a contract do not, as
they are hashed with it.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

import polars as pl
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

Kind = Literal["date", "int16", "int32", "int64", "float64", "string", "boolean"]
Role = Literal["key", "measure", "attribute", "vintage"]

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


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Frozen):
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


class Table(Frozen):
    """The columns of a dataset, and what an absent row means."""

    primary_key: tuple[str, ...] = Field(min_length=1)
    sort_by: tuple[str, ...] = Field(min_length=1)
    partition_by: str | None = None
    absent_row_means: Literal["zero", "missing"]
    columns: tuple[Column, ...]

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
