"""The few operations the publishing protocol needs of an object store, and nothing else.

The protocol is written once against this interface; a local folder and S3 each implement it with what they
have (``link`` and ``flock``; conditional writes). General file system layers were tried first: fsspec has no
compare-and-swap, and its ``exists`` then ``write`` is a race. Keys are relative to the store, with ``/``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class StoredObject:
    """The body of an object and the tag of exactly that body, from one read."""

    body: bytes
    etag: str


@dataclass(frozen=True)
class ListedObject:
    """An object in a listing."""

    key: str
    size: int
    modified: datetime  # UTC, by the store's clock


class ObjectStore(Protocol):
    """What a store can do. Every method either did what it says or raised a ``StoreError``.

    A write whose reply was lost may have been applied. ``create`` settles that itself (it reads back and
    compares); ``replace`` cannot know and is settled by the caller, see ``documents.read_modify_write`` and
    ``protocol.move_latest``.
    """

    url: str
    # Whether the store's clock is that of this machine.
    shares_clock: bool

    def clock(self) -> datetime | None:
        """The time by the store's own clock; None if it does not say."""

    def get(self, key: str) -> StoredObject:
        """Body and tag in one uncached read. Raises ``ObjectNotFoundError``."""

    def size(self, key: str) -> int | None:
        """Bytes of the object, None when there is none."""

    def create(self, key: str, body: bytes) -> str:
        """Writes a new object, atomically. Raises ``ObjectExistsError`` if another body is there already;
        if the very same body is there this is the write that was applied before its reply got lost."""

    def create_file(self, key: str, path: Path) -> None:
        """Like ``create``, from a file of any size."""

    def local_file(self, key: str) -> AbstractContextManager[Path]:
        """The object as a file on this machine while the block runs, whatever its size; not to be written to.
        Raises ``ObjectNotFoundError``."""

    def replace(self, key: str, body: bytes, etag: str | None) -> str:
        """Compare-and-swap: writes if the object still has ``etag`` (None: if there is no object).
        Raises ``PreconditionFailedError``."""

    def prove_conditions(self, key: str) -> None:
        """Prove, once a process, that the store refuses writes whose condition does not hold. ``key``: an object that
        the caller may replace. Raises ``ConditionsIgnoredError``, or ``ObjectNotFoundError`` if there is none."""

    def copy(self, source: str, target: str) -> None:
        """Copies within the store, without the bytes passing through this machine where it can."""

    def delete(self, key: str) -> None:
        """Deletes; an object that is not there is no error."""

    def entries(self, prefix: str) -> Iterator[ListedObject]:
        """All objects whose key starts with ``prefix``, in order of key."""

    def folders(self, prefix: str) -> list[str]:
        """Names directly below ``prefix`` (which ends in ``/`` or is empty) that have objects below them."""

    def names(self, prefix: str) -> list[str]:
        """Names directly below ``prefix``: of objects, and of folders with ``/`` at the end. Nothing is looked into."""

    def oddities(self, prefix: str, *, deep: bool = True) -> list[str]:
        """What has a name below ``prefix`` (``deep`` false: directly below) and is no object, so that no listing shows
        it: symbolic links, pipes."""

    def abort_uploads(self, prefix: str, older_than: datetime) -> list[str]:
        """Gives up half-done writes (multipart uploads, temporary files) begun before then; their keys."""

    def uri(self, key: str) -> str:
        """The address a reader uses: a path, or ``s3://...``."""

    def filesystem(self) -> Any:
        """The fsspec file system that ``uri`` belongs to, for handing to readers."""

    def arrow_files(self) -> Any:
        """Return what pyarrow opens ``uri`` with; on S3 its errors are those of the store."""
