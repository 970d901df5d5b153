"""A publisher's answer as archived, what its archive provides, and what an unfinished extraction notes of it.

The archive itself (``tasks.raw.archive``) needs a store; who reads answers needs these types only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self

from tasks.storage.documents import Document, Record


@dataclass(frozen=True)
class RawDocument:
    """One answer of a publisher, as archived.

    ``role`` tells ``parse`` what it is (``workbook``, ``receipts/1``) and is the same in every run, so that a run
    can take over what an earlier one got; ``url`` has no secrets. ``read`` gives the bytes, from memory or from
    the archive: a run that finds nothing new reads no old answer. ``source``: who gave it, where that is not the
    source of the extraction (a table of reference, an independent check). ``modified``: what the publisher said of when
    it was last changed; of a file that came without, a hash of its end.
    """

    role: str
    url: str
    retrieved_at: str
    sha256: str
    raw_key: str
    size: int
    read: Callable[[], bytes] = field(repr=False, compare=False)
    source: str = ""
    modified: str = ""

    @property
    def body(self) -> bytes:
        return self.read()

    @staticmethod
    def of(
        role: str, url: str, body: bytes, *, raw_key: str = "", retrieved_at: str = "", source: str = ""
    ) -> RawDocument:
        """A document whose bytes are at hand."""
        sha256 = hashlib.sha256(body).hexdigest()
        key = raw_key or f"memory/{sha256}"
        return RawDocument(role, url, retrieved_at, sha256, key, len(body), lambda: body, source)


class Archive(Protocol):
    """Keeps bytes before anything parses them, and remembers what an extraction that was cut off had got."""

    def keep(self, source: str, role: str, url: str, body: bytes, suffix: str) -> RawDocument:
        """Archives the bytes under their hash (once) and returns the document."""

    def keep_file(self, source: str, role: str, url: str, file: Path, suffix: str, modified: str) -> RawDocument:
        """The same of a file of any size, which is not read into memory."""

    def unfinished(self, source: str, plan: str, since: datetime) -> Mapping[str, RawDocument]:
        """What an earlier run of that plan got after ``since`` without coming to its end, by role. Of other plans for
        the same dataset nothing is taken: a document of before a release must not be put together with one of after
        it. What is older is dropped, of any plan."""

    def note(self, source: str, plan: str, document: RawDocument) -> None:
        """Notes that the plan has got this document."""

    def finished(self, source: str, plan: str) -> None:
        """Drops the notes of a plan that came to its end."""


class Noted(Record):
    """A document that an extraction has got, noted in case it is cut off."""

    role: str
    url: str
    retrieved_at: str
    sha256: str
    raw_key: str
    bytes: int
    modified: str = ""

    identified_by = ("role", "raw_key")

    @classmethod
    def of(cls, document: RawDocument) -> Self:
        """Return what is noted of a document."""
        return cls(
            role=document.role,
            url=document.url,
            retrieved_at=document.retrieved_at,
            sha256=document.sha256,
            raw_key=document.raw_key,
            bytes=document.size,
            modified=document.modified,
        )


class UnfinishedNote(Document, Noted):
    """``_raw/<source>/_unfinished/...``: the same as a document of its own, until the extraction ends."""
