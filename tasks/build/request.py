"""What a run is asked for, and what it fetched. Types only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from configs.contract import Contract
from configs.first_publish import not_bundled
from configs.months import Months
from tasks.extract.source import Meter, Refresh
from tasks.raw.documents import RawDocument

SourceKind = Literal["live", "snapshot"]


@dataclass(frozen=True)
class Request:
    """What to publish. ``vintage`` None: the newest that the source has. ``months``: asked for whatever is known.

    Raises:
        NotBundledError: the snapshot is asked for, and nothing of this dataset is bundled.
    """

    contract: Contract
    kind: SourceKind
    vintage: str | None = None
    refresh: Refresh = "auto"
    months: Months | None = None

    def __post_init__(self) -> None:
        if self.kind == "snapshot" and self.contract.sources.snapshot is None:
            raise not_bundled(self.contract.name)

    @property
    def source(self) -> str:
        """The extract module."""
        sources = self.contract.sources
        return sources.snapshot if self.kind == "snapshot" and sources.snapshot else sources.live


@dataclass(frozen=True)
class Fetched:
    """What a source gave, archived and not parsed yet. ``unavailable``: as of ``FetchRequest``."""

    source: str
    documents: tuple[RawDocument, ...]
    meter: Meter
    unavailable: Mapping[str, str] = field(default_factory=dict)
