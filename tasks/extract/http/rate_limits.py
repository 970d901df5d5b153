"""How much a publisher may be asked a minute: requests, megabytes, errors.

Kept in this process, for all sessions of a source together: runs of one source do not overlap (a concurrency limit on
its deployment sees to that), so nothing has to be shared between machines.
"""

from __future__ import annotations

import logging
import math
from functools import cache

from pyrate_limiter import Duration, Limiter, Rate

from configs.settings import SourceSettings

log = logging.getLogger("techtrade")
MEGABYTE = 1_000_000


class RateLimits:
    """Waits until there is room. A request reserves as many megabytes as the largest answer so far had, because how
    large an answer is shows only when it is there."""

    def __init__(self, requests: int | None, megabytes: int | None, errors: int | None) -> None:
        self._requests, self._megabytes, self._errors = (
            Limiter(Rate(n, Duration.MINUTE)) if n else None for n in (requests, megabytes, errors)
        )
        self._room = megabytes or 0
        self._largest = 1

    def request(self) -> None:
        _acquire(self._requests, "requests")
        _acquire(self._megabytes, "megabytes", min(self._largest, self._room))

    def received(self, size: int) -> None:
        """What came; beyond what was reserved for it, it is counted now."""
        megabytes = max(1, math.ceil(size / MEGABYTE))
        if megabytes > self._largest:
            _acquire(self._megabytes, "megabytes", min(megabytes - self._largest, self._room))
        self._largest = max(self._largest, megabytes)

    def error(self) -> None:
        _acquire(self._errors, "errors")


def _acquire(limiter: Limiter | None, what: str, weight: int = 1) -> None:
    if limiter is None or limiter.try_acquire(what, weight, blocking=False):
        return
    log.info("waiting for the publisher's limit of %s a minute", what)
    limiter.try_acquire(what, weight)


@cache
def _shared(url: str, requests: int | None, megabytes: int | None, errors: int | None) -> RateLimits:
    return RateLimits(requests, megabytes, errors)


def limits_of(settings: SourceSettings) -> RateLimits:
    """The limits of a source, shared by all its sessions in this process."""
    return _shared(
        settings.url, settings.requests_per_minute, settings.megabytes_per_minute, settings.errors_per_minute
    )
