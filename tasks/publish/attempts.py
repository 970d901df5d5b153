"""What one run has sealed, so that a later attempt of it can tell whether an earlier one was published after all.

A swap can be applied although neither its reply nor ``latest.json`` could be read afterwards. A run that starts over
then meets its own version, and would call it "nothing new".
"""

from __future__ import annotations

from tasks.quality.results import GateResult
from tasks.warehouse.outcomes import Published
from tasks.warehouse.protocol import Sealed
from tasks.warehouse.records import Latest


class SealedAttempts:
    """Filled by the attempts of one run."""

    def __init__(self) -> None:
        self._sealed: list[tuple[Sealed, GateResult]] = []

    def add(self, sealed: Sealed, report: GateResult) -> None:
        self._sealed.append((sealed, report))

    @property
    def last(self) -> str | None:
        """The version that was sealed last, published or not."""
        return self._sealed[-1][0].manifest.version if self._sealed else None

    def published(self, latest: Latest | None) -> Published | None:
        """Return the version of this run that is in the log."""
        logged = {e.manifest_sha256 for e in latest.published} if latest else set()
        return next(
            (Published.of(s.manifest, r.failures()) for s, r in self._sealed if s.manifest_sha256 in logged), None
        )
