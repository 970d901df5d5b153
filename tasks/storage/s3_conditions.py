"""Proof that an S3 server acts on conditions, before a write of this process relies on them.

Some servers accept ``If-None-Match`` and ``If-Match`` and write all the same. Two publishers then both claim 0001, and
the second overwrites the first without either noticing. So before the first conditional write of a process at a store,
two writes are made that must be refused. They send the bytes that are there already, under a key that the caller may
write with that very condition: they change nothing even where the server does not refuse them, and need no right that
the caller lacks. That is two requests a process and store, and one more if the bytes have to be read first.

Before a first creation there may be nothing to repeat. Then the key is seen to be free, and the creation itself is
repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from configs.errors import ConditionsIgnoredError, ObjectNotFoundError, PreconditionFailedError
from tasks.storage.object_store import StoredObject

Put = Callable[..., str]
NONE_MATCH, MATCH = "If-None-Match", "If-Match"
SMALL_BYTES = 64 << 10
FRESH_SECONDS = 30.0
REMEMBERED = 8
NO_TAG = '"00000000000000000000000000000000"'
_PROVED: set[tuple[str, str, str]] = set()


class Conditions:
    """What is proved of the server of one store."""

    def __init__(self, url: str, bucket: str, endpoint: Callable[[], str]) -> None:
        self._url, self._bucket, self._endpoint = url, bucket, endpoint
        self._seen: dict[str, tuple[bytes, float]] = {}

    def _at(self, header: str) -> tuple[str, str, str]:
        return self._endpoint(), self._bucket, header

    def seen(self, key: str, stored: StoredObject) -> None:
        """Remember what was just read: a swap usually follows, and its proof need not read it again."""
        if self._at(MATCH) not in _PROVED and len(stored.body) <= SMALL_BYTES:
            self._seen[key] = stored.body, time.monotonic()
            if len(self._seen) > REMEMBERED:
                self._seen.pop(next(iter(list(self._seen))), None)  # other threads may read, too

    def before_creation(self, key: str, get: Callable[[str], StoredObject], put: Put) -> None:
        """Repeat the creation of what is there under the key already, if anything is.

        Raises:
            ConditionsIgnoredError: the store did not refuse it.
        """
        if self._at(NONE_MATCH) not in _PROVED:
            with suppress(ObjectNotFoundError):
                self._refused(NONE_MATCH, key, get(key).body, put, IfNoneMatch="*")

    def after_creation(self, key: str, body: bytes, put: Put) -> None:
        """Repeat a creation.

        Raises:
            ConditionsIgnoredError: the store did not refuse it.
        """
        self._refused(NONE_MATCH, key, body, put, IfNoneMatch="*")

    def before_replacement(self, key: str, get: Callable[[str], StoredObject], put: Put) -> None:
        """Write the current bytes under conditions that do not hold.

        Raises:
            ConditionsIgnoredError: the store did not refuse one of them.
            ObjectNotFoundError: there is nothing to replace.
        """
        if self._at(MATCH) in _PROVED and self._at(NONE_MATCH) in _PROVED:
            return
        body = self._current(key, get)
        self._refused(NONE_MATCH, key, body, put, IfNoneMatch="*")
        self._refused(MATCH, key, body, put, IfMatch=NO_TAG)
        self._seen.clear()

    def _current(self, key: str, get: Callable[[str], StoredObject]) -> bytes:
        body, when = self._seen.get(key, (b"", 0.0))
        return body if when and time.monotonic() - when < FRESH_SECONDS else get(key).body

    def _refused(self, header: str, key: str, body: bytes, put: Put, **condition: str) -> None:
        if self._at(header) in _PROVED:
            return
        try:
            put(key, body, **condition)
        except (PreconditionFailedError, ObjectNotFoundError):
            _PROVED.add(self._at(header))
        else:
            raise ConditionsIgnoredError(self._url, header)
