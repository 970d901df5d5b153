"""A store in a local folder.

Creation is a temporary file, fsync, ``link``: the name appears with its whole content or not at all, and never
replaces. ``O_EXCL`` and then writing was dropped because a kill in between leaves an empty object; a swap by
reading, comparing and renaming without a lock loses updates, so it is done under ``flock`` (one host only).
Temporary and lock files live in ``.techtrade/`` at the root of the store, which no listing shows.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import Any

from configs.errors import (
    ObjectExistsError,
    ObjectNotFoundError,
    PreconditionFailedError,
    StoreError,
    StorePermissionError,
    StoreUnavailableError,
)
from tasks.common.hashing import sha256_of_file
from tasks.storage.object_store import ListedObject, StoredObject

PRIVATE = ".techtrade"
TEMPORARY = re.compile(r"[0-9]+-[0-9a-f]{32}")
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class LocalStore:
    """See ``objects.ObjectStore`` for what each method promises."""

    shares_clock = True

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.url = str(root)

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        if not parts or key.startswith("/") or ".." in parts or parts[0] == PRIVATE:
            raise StoreError(f"{key!r} is not a key of a store")
        return self.root.joinpath(*parts)

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except PermissionError as e:
            raise StorePermissionError(f"{self.url}/{key}: no permission ({e.strerror}); check the owner") from e
        except OSError as e:
            hint = "; make room" if e.errno in (errno.ENOSPC, errno.EDQUOT) else ""
            raise StoreUnavailableError(f"{self.url}/{key}: {e.strerror or e}{hint}") from e

    def clock(self) -> datetime | None:
        with self._errors(PRIVATE), self._temporary() as new:
            return datetime.fromtimestamp(new.stat().st_mtime, UTC)

    # ------------------------------------------------------------------ reading

    def get(self, key: str) -> StoredObject:
        path = self._path(key)
        with self._errors(key):
            try:
                body = path.read_bytes()
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as e:
                raise ObjectNotFoundError(key) from e
        return StoredObject(body, hashlib.sha256(body).hexdigest())

    def size(self, key: str) -> int | None:
        path = self._path(key)
        with self._errors(key):
            try:
                stat = path.stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
            return stat.st_size if S_ISREG(stat.st_mode) else None

    def entries(self, prefix: str) -> Iterator[ListedObject]:
        with self._errors(prefix):
            for key, child in self._walk(prefix):
                if not _is_file(child):
                    continue
                try:
                    stat = child.stat(follow_symlinks=False)
                except FileNotFoundError:  # deleted since the scan: a listing may or may not show it
                    continue
                yield ListedObject(key, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))

    def _walk(self, prefix: str, deep: bool = True) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """All that has a name below, folders apart. Symbolic links are never followed: one leads out of the store, or
        to another version, and what is listed may be deleted."""
        folder, _, start = prefix.rpartition("/")
        base = self._path(folder) if folder else self.root
        if not base.is_dir() or self._linked(base):
            return
        # Names are visited in the order of whole keys, in which "a-b" comes before "a/b".
        children = sorted(os.scandir(base), key=lambda e: e.name + ("/" if _is_folder(e) else ""))
        for child in children:
            key = f"{folder}/{child.name}" if folder else child.name
            if not child.name.startswith(start) or key == PRIVATE:
                continue
            if not _is_folder(child):
                yield key, child
            elif deep:
                yield from self._walk(key + "/")

    def _linked(self, path: Path) -> Path | None:
        """The symbolic link on the way from the root of the store to a path, itself included. The root may be one."""
        below = path.relative_to(self.root)
        return next((p for p in (self.root / b for b in (below, *below.parents) if b.parts) if p.is_symlink()), None)

    def folders(self, prefix: str) -> list[str]:
        found = sorted(n.rstrip("/") for n in self.names(prefix) if n.endswith("/"))
        return [n for n in found if not self._is_empty(f"{prefix}{n}/")]

    def _is_empty(self, prefix: str) -> bool:
        try:
            return next(self.entries(prefix), None) is None
        except StorePermissionError:  # not known to be empty; who looks into it gets the error
            return False

    def names(self, prefix: str) -> list[str]:
        base = self._path(prefix) if prefix else self.root
        with self._errors(prefix):
            if not base.is_dir() or self._linked(base):
                return []
            children = [e for e in os.scandir(base) if (prefix or e.name != PRIVATE) and (_is_folder(e) or _is_file(e))]
            return sorted(e.name + ("/" if _is_folder(e) else "") for e in children)

    def oddities(self, prefix: str, *, deep: bool = True) -> list[str]:
        with self._errors(prefix):
            return [key for key, child in self._walk(prefix, deep) if not _is_file(child)]

    # ------------------------------------------------------------------ writing

    def create(self, key: str, body: bytes) -> str:
        self._refuse_link(key)
        with self._errors(key), self._temporary() as temporary:
            _write_through(temporary, body)
            try:
                self._publish(temporary, key)
            except FileExistsError as e:
                # A link that leads nowhere takes the name as well.
                if self.size(key) is None or self.get(key).body != body:
                    raise ObjectExistsError(key) from e
        return hashlib.sha256(body).hexdigest()

    def create_file(self, key: str, path: Path) -> None:
        if not path.is_file():
            raise StoreError(f"{path}: no such file on this machine, so nothing was written as {key}")
        self._refuse_link(key)
        with self._errors(key), self._temporary() as temporary:
            shutil.copyfile(path, temporary)
            _sync(temporary)
            try:
                self._publish(temporary, key)
            except FileExistsError as e:
                if sha256_of_file(self._path(key)) != sha256_of_file(path):
                    raise ObjectExistsError(key) from e

    @contextmanager
    def local_file(self, key: str) -> Iterator[Path]:
        path = self._path(key)
        if not path.is_file():
            raise ObjectNotFoundError(key)
        yield path

    def replace(self, key: str, body: bytes, etag: str | None) -> str:
        path = self._path(key)
        with self._errors(key), self._lock(key):
            current = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
            if current != etag:
                raise PreconditionFailedError(key)
            with self._temporary() as temporary:
                _write_through(temporary, body)
                self._make_folder(path.parent)
                os.replace(temporary, path)
            _sync(path.parent)
        return hashlib.sha256(body).hexdigest()

    def prove_conditions(self, key: str) -> None:
        pass  # the conditions are ours

    def copy(self, source: str, target: str) -> None:
        # A hard link is the copy that costs nothing: no object is ever written to in place.
        with self._errors(target):
            try:
                self._publish(self._path(source), target)
            except FileNotFoundError as e:
                raise ObjectNotFoundError(source) from e
            except FileExistsError as e:
                if sha256_of_file(self._path(target)) != sha256_of_file(self._path(source)):
                    raise ObjectExistsError(target) from e
            except OSError as e:
                if e.errno != errno.EMLINK:
                    raise
                # A file system has a most number of names for one file; a part that never changes gets there.
                self.create_file(target, self._path(source))

    def delete(self, key: str) -> None:
        path = self._path(key)
        with self._errors(key):
            if (link := self._linked(path)) is not None:
                raise StoreError(
                    f"Cannot delete {self.url}/{key}: {link.relative_to(self.root)} is a symbolic link, and nothing is "
                    "deleted through one. Remove the link"
                )
            path.unlink(missing_ok=True)

    def abort_uploads(self, prefix: str, older_than: datetime) -> list[str]:
        # Temporary files carry no key, so those of the whole store go, whatever the prefix.
        gone = []
        folder = self.root / PRIVATE / "tmp"
        for path in sorted(folder.glob("*")) if not self._linked(folder) else ():
            if not TEMPORARY.fullmatch(path.name) or path.is_symlink():
                continue
            with self._errors(f"{PRIVATE}/tmp"):
                if _given_up(path, older_than):
                    gone.append(f"{PRIVATE}/tmp/{path.name}")
        return gone

    def uri(self, key: str) -> str:
        return str(self._path(key))

    def filesystem(self) -> Any:
        import fsspec

        return fsspec.filesystem("file")

    def arrow_files(self) -> Any:
        return self.filesystem()

    # ------------------------------------------------------------------ details

    def _refuse_link(self, key: str) -> None:
        """A folder that a person linked is taken: what is created there would stand in another place."""
        folder = self._path(key).parent
        if folder != self.root and folder.is_symlink():
            raise ObjectExistsError(key)

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        """A new empty file, locked as long as it is written. The lock ends with the process, so gc can tell a
        file that a killed writer left from one that is in use."""
        folder = self.root / PRIVATE / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            path = folder / f"{os.getpid()}-{uuid.uuid4().hex}"
            with open(path, "xb") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                if os.fstat(handle.fileno()).st_nlink == 0:  # gc got it between its creation and its lock
                    continue
                try:
                    yield path
                finally:
                    path.unlink(missing_ok=True)
                return

    def _publish(self, source: Path, key: str) -> None:
        target = self._path(key)
        self._make_folder(target.parent)
        try:
            os.link(source, target)
        except OSError as e:
            if e.errno not in NO_LINKS or not self._lacks_links():
                raise
            raise StoreError(
                f"{self.url}: this file system has no hard links ({e.strerror}), like FAT, exFAT and some mounts; "
                "without them a file cannot appear whole or not at all. Put the store on ext4, XFS, APFS or the like, "
                "or into S3"
            ) from e
        _sync(target.parent)

    def _lacks_links(self) -> bool:
        """Whether a file of our own cannot have a second name either: EPERM can be about the one file."""
        with self._temporary() as temporary:
            second = temporary.with_name(f"{temporary.name}.link")
            try:
                os.link(temporary, second)
            except OSError as e:
                return e.errno in NO_LINKS
            second.unlink()
        return False

    def _make_folder(self, folder: Path) -> None:
        """Creates the folder and makes each new name in its parent last through a power cut."""
        missing = [p for p in (folder, *folder.parents) if not p.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for new in missing:
            _sync(new.parent)

    @contextmanager
    def _lock(self, key: str) -> Iterator[None]:
        folder = self.root / PRIVATE / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / hashlib.sha256(key.encode()).hexdigest()[:32], "a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _is_folder(child: os.DirEntry[str]) -> bool:
    return child.is_dir(follow_symlinks=False)


def _is_file(child: os.DirEntry[str]) -> bool:
    return child.is_file(follow_symlinks=False)


def _given_up(path: Path, older_than: datetime) -> bool:
    """Removes a temporary file that is old and that no living process writes."""
    try:
        with open(path, "rb") as handle:
            if datetime.fromtimestamp(os.fstat(handle.fileno()).st_mtime, UTC) >= older_than:
                return False
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
            return True
    except (FileNotFoundError, BlockingIOError):
        return False


def _write_through(path: Path, body: bytes) -> None:
    with open(path, "wb") as f:
        f.write(body)
        f.flush()
        os.fsync(f.fileno())


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
