"""One way to corrupt one dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.quality_mutations.operations import Corruption

Level = Literal["figures", "table"]


@dataclass(frozen=True)
class Case:
    """``level``: ``figures`` go wrong at the publisher, and all that he adds up follows; a ``table`` goes wrong with
    us. ``vintage``: told as another than the true one."""

    dataset: str
    kind: str
    what: str
    corrupt: Corruption
    level: Level = "figures"
    vintage: str | None = None
