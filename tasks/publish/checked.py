"""A candidate that was checked. It cannot be taken for a published version: they are of different types."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.extract.source import Extraction
from tasks.quality.results import GateResult
from tasks.warehouse.candidate import Built
from tasks.warehouse.protocol import Draft
from tasks.warehouse.records import ChangeCounts


@dataclass(frozen=True)
class Checked:
    """A staged candidate with the gate's report and everything else that its manifest needs."""

    draft: Draft
    built: Built
    extraction: Extraction
    changes: ChangeCounts
    report: GateResult
