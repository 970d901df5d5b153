"""Proof that an S3 server acts on conditions, before a write of this process relies on them.

Some servers accept ``If-None-Match`` and ``If-Match`` and write all the same. Two publishers then both claim 0001, and
the second overwrites the first without either noticing. So the first conditional write of a process at a store is
accompanied by one or two that must be refused. They send the bytes that are there already, under keys that the caller
may write with that very condition: they change nothing even where the server does not refuse them, and need no right
that the write itself does not need.

Creation is proved right after the first small one, by repeating it. A swap is proved right before the first one, by
writing the current bytes under a tag that is none.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from configs.errors import ConditionsIgnoredError, ObjectNotFoundError, PreconditionFailedError
from tasks.store.objects import Stored

Put = Callable[..., str]
NONE_MATCH, MATCH = "If-None-Match", "If-Match"
SMALL_BYTES = 64 << 10
FRESH_SECONDS = 30.0
NO_TAG = '"00000000000000000000000000000000"'
_PROVED: set[tuple[str, str, str]] = set()


class Conditions:
    """What is proved of the server of one store."""

    def __init__(self, url: str, bucket: str, endpoint: Callable[[], str]) -> None:
        self._url, self._bucket, self._endpoint = url, bucket, endpoint
        self._last: tuple[str, Stored, float] | None = None

    def _at(self, header: str) -> tuple[str, str, str]:
        return self._endpoint(), self._bucket, header

    def seen(self, key: str, stored: Stored) -> None:
        """Remember what was just read: a swap usually follows, and its proof need not read it again."""
        if self._at(MATCH) not in _PROVED and len(stored.body) <= SMALL_BYTES:
            self._last = key, stored, time.monotonic()

    def prove_creation(self, key: str, body: bytes, put: Put) -> None:
        """Repeat a creation.

        Raises:
            ConditionsIgnoredError: the store did not refuse it.
        """
        if len(body) <= SMALL_BYTES:
            self._prove(NONE_MATCH, lambda: put(key, body, IfNoneMatch="*"))

    def prove_replacement(self, key: str, etag: str, get: Callable[[str], Stored], put: Put) -> None:
        """Write the current bytes under conditions that do not hold.

        Raises:
            ConditionsIgnoredError: the store did not refuse one of them.
            PreconditionFailedError: the object no longer has the tag.
        """
        if self._at(MATCH) in _PROVED and self._at(NONE_MATCH) in _PROVED:
            return
        there = self._current(key, etag, get)
        self._prove(NONE_MATCH, lambda: put(key, there.body, IfNoneMatch="*"))
        self._prove(MATCH, lambda: put(key, there.body, IfMatch=NO_TAG))
        self._last = None

    def _current(self, key: str, etag: str, get: Callable[[str], Stored]) -> Stored:
        if self._last is not None:
            read, stored, when = self._last
            if (read, stored.etag) == (key, etag) and time.monotonic() - when < FRESH_SECONDS:
                return stored
        try:
            stored = get(key)
        except ObjectNotFoundError as e:
            raise PreconditionFailedError(key) from e
        if stored.etag != etag:
            raise PreconditionFailedError(key)
        return stored

    def _prove(self, header: str, write: Callable[[], str]) -> None:
        if self._at(header) in _PROVED:
            return
        try:
            write()
        except (PreconditionFailedError, ObjectNotFoundError):
            _PROVED.add(self._at(header))
            return
        raise ConditionsIgnoredError(self._url, header)
