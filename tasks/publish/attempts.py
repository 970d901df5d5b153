"""What one run has sealed, so that a later attempt of it can see whether an earlier one has won after all.

A swap can be applied although neither its reply nor ``latest.json`` could be read afterwards. Whoever starts over then
meets its own version, and would call it "nothing new".
"""

from __future__ import annotations

from tasks.publish import steps
from tasks.quality.results import Report
from tasks.warehouse.outcomes import Published
from tasks.warehouse.protocol import Sealed
from tasks.warehouse.records import Latest


class Sealings:
    """Filled by the attempts of one run. No dataclass: Prefect makes copies of those when it hands them to a task."""

    def __init__(self) -> None:
        self._sealed: list[tuple[Sealed, Report]] = []

    def add(self, sealed: Sealed, report: Report) -> None:
        self._sealed.append((sealed, report))

    @property
    def last(self) -> str | None:
        """The version that was sealed last, published or not."""
        return self._sealed[-1][0].manifest.version if self._sealed else None

    def published(self, latest: Latest | None) -> Published | None:
        """The version of this run that stands in the log."""
        logged = {e.manifest_sha256 for e in latest.published} if latest else set()
        for sealed, report in self._sealed:
            if sealed.manifest_sha256 in logged:
                return steps.published(sealed.manifest, report)
        return None
