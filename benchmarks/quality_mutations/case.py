"""One way to corrupt one dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from benchmarks.quality_mutations.grounds.ground import Of, Tables
from benchmarks.quality_mutations.operations import Corruption

Level = Literal["figures", "table", "before", "source"]
List = Literal["first", "named", "ours"]
Renamed = Callable[[str], str]


@dataclass(frozen=True)
class Case:
    """``level``: ``figures`` go wrong at the publisher, and all that he adds up follows; a ``table`` goes wrong with
    us; ``before``: the version before is given as the new one; ``source``: rows go wrong that the publisher has added
    up himself. ``vintage``: told as another than the true one. ``tables``: what goes wrong in other tables of the
    source at the same time. ``of``: which list the case is counted in. ``grounds``: where it can be said at all."""

    dataset: str
    kind: str
    what: str
    corrupt: Corruption
    level: Level = "figures"
    vintage: Renamed | None = None
    tables: Callable[[Tables], Tables] | None = None
    of: List = "first"
    grounds: tuple[Of, ...] = ("single", "live")

    @property
    def key(self) -> str:
        return f"{self.dataset}: {self.kind}: {self.what}"
