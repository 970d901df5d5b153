"""The raw archive: what a publisher answered, verbatim, kept before anything looks into it.

Content-addressed, so the same bytes are kept once however often they are fetched. Beside each object stands a
sidecar that says where it came from when it was first seen.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress

from configs.errors import CorruptVersionError, ObjectExistsError
from tasks.extract.base import RawDocument
from tasks.store import layout
from tasks.store.objects import ObjectStore
from tasks.store.versions import Clock, stamp, utc_now


class RawArchive:
    """Implements ``tasks.extract.base.Archive`` on a store."""

    def __init__(self, store: ObjectStore, clock: Clock = utc_now) -> None:
        self._store, self._clock = store, clock

    def keep(self, source: str, role: str, url: str, body: bytes, suffix: str) -> RawDocument:
        sha256 = hashlib.sha256(body).hexdigest()
        key = layout.raw(source, sha256, suffix)
        now = stamp(self._clock())
        if self._store.size(key) != len(body):
            self._store.create(key, body)
        sidecar = key + ".json"
        if self._store.size(sidecar) is None:
            about = {
                "source": source,
                "role": role,
                "url": url,
                "first_retrieved_at": now,
                "bytes": len(body),
                "sha256": sha256,
                "suffix": suffix,
            }
            # Another run may have seen the same bytes first, and then its sidecar says so.
            with suppress(ObjectExistsError):
                self._store.create(sidecar, (json.dumps(about, indent=2) + "\n").encode())
        return RawDocument(role, url, now, sha256, key, body)

    def load(self, key: str) -> bytes:
        """Archived bytes, checked against the hash in their name.

        Raises:
            CorruptVersionError: they are not the bytes that were archived.
        """
        body = self._store.get(key).body
        if hashlib.sha256(body).hexdigest() != key.rsplit("/", 1)[-1].split(".", maxsplit=1)[0]:
            raise CorruptVersionError("_raw", key, ["the bytes are not those that were archived"])
        return body
