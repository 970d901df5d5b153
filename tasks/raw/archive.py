"""The raw archive: what a publisher answered, verbatim, kept before anything looks into it.

Content-addressed, so the same bytes are kept once however often they are fetched. Beside each object stands a
sidecar that says where it came from when it was first seen. What a version was made from stands in its manifest,
by role: that is also how a later run knows what it need not ask for again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from configs.errors import DamagedRawError, ObjectExistsError
from tasks.common.clock import Clock, stamp, utc_now
from tasks.common.hashing import sha256_of_file
from tasks.raw import keep as raw_keep
from tasks.raw.documents import Noted, RawDocument, UnfinishedNote
from tasks.storage.documents import read_document
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.records import Manifest, SourceEntry


class RawArchive:
    """Implements ``tasks.raw.documents.Archive`` on a store."""

    def __init__(self, store: ObjectStore, clock: Clock = utc_now) -> None:
        self.store, self._clock = store, clock

    def keep(self, source: str, role: str, url: str, body: bytes, suffix: str) -> RawDocument:
        sha256 = hashlib.sha256(body).hexdigest()
        key = layout.raw(source, sha256, suffix)
        raw_keep.body(self.store, key, body)
        now = self._told(source, role, url, len(body), sha256, suffix)
        return RawDocument.of(role, url, body, raw_key=key, retrieved_at=now, source=source)

    def keep_file(self, source: str, role: str, url: str, file: Path, suffix: str, modified: str) -> RawDocument:
        size = file.stat().st_size
        sha256 = sha256_of_file(file)
        key = layout.raw(source, sha256, suffix)
        raw_keep.file(self.store, key, file)
        now = self._told(source, role, url, size, sha256, suffix)
        noted = Noted(role=role, url=url, retrieved_at=now, sha256=sha256, raw_key=key, bytes=size, modified=modified)
        return self.document(noted, source)

    def _told(self, source: str, role: str, url: str, size: int, sha256: str, suffix: str) -> str:
        """Writes down where bytes came from, unless that is known; returns the moment."""
        key, now = layout.raw(source, sha256, suffix), stamp(self._clock())
        about = {
            "format": 1,
            "source": source,
            "role": role,
            "url": url,
            "first_retrieved_at": now,
            "bytes": size,
            "sha256": sha256,
            "suffix": suffix,
        }
        raw_keep.sidecar(self.store, key, (json.dumps(about, indent=2) + "\n").encode())
        return now

    @contextmanager
    def file(self, raw_key: str) -> Iterator[Path]:
        """Archived bytes of any size as a file on this machine, checked against the hash in their name.

        Raises:
            ObjectNotFoundError, DamagedRawError: as of ``load``.
        """
        with self.store.local_file(raw_key) as path:
            _refuse_other(raw_key, sha256_of_file(path))
            yield path

    def load(self, key: str) -> bytes:
        """Archived bytes, checked against the hash in their name.

        Raises:
            ObjectNotFoundError: they are not there (any more).
            DamagedRawError: they are not the bytes that were archived.
        """
        body = self.store.get(key).body
        _refuse_other(key, hashlib.sha256(body).hexdigest())
        return body

    def known(self, manifest: Manifest) -> dict[str, RawDocument]:
        """The documents that a version was made from, by role; their bytes are read when they are needed. Of a source
        whose bytes were taken down, only what is there: the rest has to be asked for again."""
        gone = {s.source for s in manifest.sources if self.store.size(layout.taken_down(s.source)) is not None}
        return {
            s.role: self.document(s, s.source)
            for s in manifest.sources
            if s.role and (s.source not in gone or self.store.size(s.raw_key) == s.bytes)
        }

    def unfinished(self, source: str, plan: str, since: datetime) -> Mapping[str, RawDocument]:
        wanted = layout.notes(source, plan)
        found: dict[str, RawDocument] = {}
        for entry in list(self.store.entries(layout.notes(source, plan.split("/", maxsplit=1)[0]))):
            noted = read_document(self.store, entry.key, UnfinishedNote.load)
            if noted is None:  # another run came to its end meanwhile
                continue
            # A note whose bytes were taken down since is worth nothing.
            if noted.retrieved_at < stamp(since) or self.store.size(noted.raw_key) != noted.bytes:
                self.store.delete(entry.key)
            elif entry.key.startswith(wanted):
                known = found.get(noted.role)
                if known is None or known.retrieved_at < noted.retrieved_at:
                    found[noted.role] = self.document(noted, source)
        return found

    def note(self, source: str, plan: str, document: RawDocument) -> None:
        name = hashlib.sha256(f"{document.role} {document.sha256}".encode()).hexdigest()[:32]
        key = f"{layout.notes(source, plan)}{name}.json"
        if self.store.size(key) is None:
            # A run beside this one may note the very same answer; either note will do.
            with suppress(ObjectExistsError):
                self.store.create(key, UnfinishedNote.of(document).dump())

    def finished(self, source: str, plan: str) -> None:
        for entry in list(self.store.entries(layout.notes(source, plan))):
            self.store.delete(entry.key)

    def document(self, noted: Noted | SourceEntry, source: str = "") -> RawDocument:
        """Return a document that is archived; its bytes are read when they are needed."""
        return RawDocument(
            role=noted.role,
            url=noted.url,
            retrieved_at=noted.retrieved_at,
            sha256=noted.sha256,
            raw_key=noted.raw_key,
            size=noted.bytes,
            read=lambda: self.load(noted.raw_key),
            source=source,
            modified=noted.modified,
        )


def _refuse_other(key: str, sha256: str) -> None:
    if sha256 != key.rsplit("/", 1)[-1].split(".", maxsplit=1)[0]:
        raise DamagedRawError(key)
