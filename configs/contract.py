"""The contract of a dataset: one YAML file from which schema, metadata, checks and dictionary are generated.

Nothing of what stands in ``configs/datasets/<name>.yaml`` is written a second time elsewhere: the polars and
arrow schemas, the parquet field metadata, the column expectations and ``techtrade show`` are all derived here
or from here. The hash of the contract is part of every manifest, so a changed description is a new version.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from configs import yaml_file
from configs.columns import Frozen, Table
from configs.operations import Listing, Operations, Releases, Series

# critical: the candidate is rejected. hold: it waits until a second source or a person confirms what was found.
# warning: it is published, and its owner gets an alert. info: it is published.
Severity = Literal["critical", "hold", "warning", "info"]

# What is no promise to readers: a change of it is no new version.
NOT_TOLD = (
    "quality", "ask_within_days", "judged", "sources", "derived_from_any", "has_history", "history_of", "profile_by",
    "headlines", "transform", "checks", "series", "operations", "releases", "listing", "profiled",
)  # fmt: skip


class Policy(Frozen):
    """A check's severity and bounds, with the reason for them. Bounds are read by the check of that id.

    ``confirmed_by``: of a check that holds, where the same observation can be found in another raw document of the same
    vintage: names in ``expectations/second_sources.py``.
    """

    severity: Severity
    reason: str = ""
    confirmed_by: tuple[str, ...] = ()
    bounds: dict[str, float] = Field(default_factory=dict)


class Sources(Frozen):
    """Which extract module gives this dataset, by kind of input; ``snapshot`` None: nothing of it is bundled.
    ``archived``: which one reads the publisher's older vintages, for the history. ``beside``: which one is fetched with
    it for checks alone."""

    live: str
    snapshot: str | None = None
    archived: str | None = None
    beside: str | None = None


class Span(Frozen):
    """A closed range of values of a key column; None is open."""

    first: date | int | str | None = None
    last: date | int | str | None = None


class Bias(Frozen):
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


class Headline(Frozen):
    """A total that is looked at first: the sum of a measure over a year, of the rows where the columns have these
    values. Each page of changes says whether it moved."""

    title: str
    measure: str
    where: dict[str, str | bool] = Field(default_factory=dict)


class Contract(Table):
    """A dataset, as outsiders may rely on it.

    ``schema_version`` follows the rules in ``tasks/publish/compatibility.py``. ``breaking_notes``: for each major step
    of it (``"2"``) what readers have to change.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    title: str
    description: str
    grain: str
    schema_version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    owner: str
    cadence: str
    freshness_limit_days: int
    revision_window: str
    licence: str
    citation: str
    sources: Sources
    # The longest that its publisher may go unasked; the schedules of ``operations`` keep to it.
    ask_within_days: int = Field(ge=1)
    # By name; a figure of the series ``receipts`` stands in the column ``receipts_usd``.
    series: dict[str, Series] = Field(default_factory=dict)
    operations: Operations | None = None
    releases: Releases | None = None
    listing: Listing | None = None
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
    # Whether revision_profile says how large revisions of its figures have been.
    profiled: bool = False
    # The key columns by which revisions are told.
    profile_by: tuple[str, ...] = ()
    # The columns beside the key that have a history; all measures, if none is named.
    history_of: tuple[str, ...] = ()
    headlines: tuple[Headline, ...] = ()
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
        series = {f"{name}_usd" for name in self.series} - {m.name for m in self.measures}
        for name in series | {*self.history_of} - (set(names) - keys):
            raise ValueError(f"history_of or series names {name!r}, which is no column beside the key, or no measure")
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
        return hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

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
