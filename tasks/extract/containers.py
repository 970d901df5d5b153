"""One guard for every container that came from outside: ZIPs, and the workbooks that are ZIPs.

The central directory is checked before anything is unpacked: number, names, sizes and places of the members. What it
says is then not believed: sizes are counted while a member is unpacked. Nothing is written under a member's name; a
name with ``..`` is refused all the same, because no publisher has one. One level is unpacked at a time: the only ZIPs
within a ZIP are the workbooks of a bundle, each of which passes the guard again.

Sizes of real files: a balance workbook is 1.8 MB and unpacks to 8.7 MB, a part of a workbook shrinks at most tenfold;
a month of imports is 200 MB, its largest member 2.4 GB. Text of blanks and digits shrinks thirtyfold, a bomb a
thousandfold.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from configs.errors import IncompleteResponseError, SourceResponseError
from configs.words import plural

CHUNK = 1 * 2**20
# Below this a ratio says nothing: a part of a workbook can be one tag, repeated.
SMALL = 1 * 2**20
METHODS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflate"}
ENCRYPTED = 0x1 | 0x40 | 0x2000
# What a member may not begin with: ZIP (also an empty one), gzip, zstd, xz, bzip2, 7z.
CONTAINERS = (b"PK\3\4", b"PK\5\6", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh", b"7z\xbc\xaf\x27\x1c")
DAMAGED = (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError, zlib.error)


@dataclass(frozen=True)
class Bound:
    """What a container may be. ``name``: of the value in this module, for errors. ``holds``: how the names of members
    end that may be containers themselves."""

    name: str
    members: int
    member_bytes: int
    total_bytes: int
    ratio: int
    holds: str = ""


WORKBOOK = Bound("WORKBOOK", members=1_000, member_bytes=64 * 2**20, total_bytes=64 * 2**20, ratio=100)
# FT-900 has some forty exhibits, each in a workbook of up to 250 kB.
BUNDLE = Bound("BUNDLE", members=100, member_bytes=16 * 2**20, total_bytes=64 * 2**20, ratio=100, holds=".xlsx")
MONTH = Bound("MONTH", members=200, member_bytes=8 * 2**30, total_bytes=16 * 2**30, ratio=200)


@dataclass(frozen=True)
class Origin:
    """Whose container it is. ``told``: its address, for errors."""

    source: str
    told: str
    raw_keys: tuple[str, ...] = ()

    def refusal(self, message: str) -> SourceResponseError:
        return SourceResponseError(self.source, f"{self.told} {message}", raw_keys=self.raw_keys)

    def damage(self, message: str) -> IncompleteResponseError:
        return IncompleteResponseError(self.source, f"{self.told} {message}; run again", raw_keys=self.raw_keys)


class Container:
    """The members of a ZIP whose directory was checked."""

    def __init__(self, archive: zipfile.ZipFile, origin: Origin, bound: Bound) -> None:
        self._archive, self.origin, self._bound = archive, origin, bound
        self.members = archive.infolist()
        if len(self.members) > bound.members:
            raise self._over(f"has {plural(len(self.members), 'member')}", f"{bound.members:,}")
        seen = set[str]()
        for member in self.members:
            self._check(member)
            name = _path(member).casefold()
            if name in seen:
                raise origin.refusal(f"has two members named {member.filename!r}; check the address")
            seen.add(name)
        if (total := sum(m.file_size for m in self.members)) > bound.total_bytes:
            raise self._over(f"says that it unpacks to {plural(total, 'byte')}", f"{bound.total_bytes:,}")
        self._check_places()

    def _over(self, what: str, most: str) -> SourceResponseError:
        where = f"the bound is {most} ({self._bound.name} in tasks/extract/containers.py)"
        return self.origin.refusal(f"{what}; {where}. Check the address; raise the bound only if the file is real")

    def _check(self, member: zipfile.ZipInfo) -> None:
        name, path = member.filename, PurePosixPath(_path(member))
        # NUL and what follows it are not in ``filename``.
        odd = _path(member) != member.orig_filename.replace("\\", "/") or not name or not name.isprintable()
        if odd or path.is_absolute() or ".." in path.parts or ":" in name:
            raise self.origin.refusal(f"has a member with the path {member.orig_filename!r}; check the address")
        if member.flag_bits & ENCRYPTED:
            raise self.origin.refusal(f"has an encrypted member, {name!r}; no password is known for it")
        if member.compress_type not in METHODS:
            told = ", ".join(METHODS.values())
            raise self.origin.refusal(
                f"has a member with compression method {member.compress_type}, {name!r}; supported: {told}"
            )
        size, packed = member.file_size, member.compress_size
        if size > self._bound.member_bytes:
            raise self._over(f"has a member of {plural(size, 'byte')}, {name!r}", f"{self._bound.member_bytes:,}")
        if size > SMALL and size > self._bound.ratio * packed:
            told = f"has a member of {plural(size, 'byte')} packed into {packed:,}, {name!r}"
            raise self._over(told, f"{self._bound.ratio} to 1")

    def _check_places(self) -> None:
        """No two members may share bytes, as those of a ZIP that unpacks to itself or to petabytes do."""
        end, before = None, ""
        for member in sorted(self.members, key=lambda m: m.header_offset):
            if end is not None and member.header_offset < end:
                raise self.origin.refusal(f"has members that share bytes, {before!r} and {member.filename!r}")
            end, before = member.header_offset + 30 + len(member.orig_filename) + member.compress_size, member.filename
        if end is not None and end > self._archive.start_dir:
            raise self.origin.damage(f"is cut short or damaged: {before!r} goes on past the end")

    def chunks(self, member: zipfile.ZipInfo, size: int = CHUNK) -> Iterator[bytes]:
        """The bytes of a member, in chunks.

        Raises:
            SourceResponseError: it is more than it says, or a container itself.
            IncompleteResponseError: it cannot be unpacked, or its checksum is wrong.
        """
        try:
            with self._archive.open(member) as opened:
                yield from self._counted(opened, member, size)
        except DAMAGED as e:
            raise self.origin.damage(f"is damaged: {member.filename} cannot be unpacked ({e})") from e

    def _counted(self, opened: IO[bytes], member: zipfile.ZipInfo, size: int) -> Iterator[bytes]:
        read = 0
        while chunk := opened.read(size):
            if not read and chunk.startswith(CONTAINERS) and not self._may_hold(member.filename):
                raise self.origin.refusal(f"has a container within it, {member.filename!r}; one level is unpacked")
            read += len(chunk)
            if read > member.file_size:
                raise self.origin.refusal(f"has a member that is more than it says, {member.filename!r}")
            yield chunk

    def _may_hold(self, name: str) -> bool:
        # A workbook may embed another, which no reader opens.
        return "/embeddings/" in name or bool(self._bound.holds and name.lower().endswith(self._bound.holds))

    def read(self, member: zipfile.ZipInfo) -> bytes:
        """All bytes of a member. Raises as ``chunks`` does."""
        return b"".join(self.chunks(member))


def _path(member: zipfile.ZipInfo) -> str:
    return member.filename.replace("\\", "/")


@contextmanager
def opened(file: Path | bytes, origin: Origin, bound: Bound) -> Iterator[Container]:
    """A ZIP on disk or in memory; nothing of it is unpacked yet.

    Raises:
        IncompleteResponseError: it is not a ZIP, or was cut short: the directory is at its end.
        SourceResponseError: it is not one that the publisher would make.
    """
    with io.BytesIO(file) if isinstance(file, bytes) else open(file, "rb") as handle:
        limited = _Limited(handle, bound.members * 512)
        try:
            archive = zipfile.ZipFile(limited)
        except _LongDirectoryError as e:
            told = f"the bound is {bound.members:,} members ({bound.name} in tasks/extract/containers.py)"
            raise origin.refusal(f"has a directory of {plural(e.size, 'byte')}; {told}. Check the address") from None
        except DAMAGED as e:
            raise origin.damage(f"is not a ZIP, or was cut short ({e})") from e
        limited.most = None
        with archive:
            yield Container(archive, origin, bound)


class _LongDirectoryError(Exception):
    def __init__(self, size: int) -> None:
        self.size = size


class _Limited:
    """A file of which no more than ``most`` bytes are read at once: ``zipfile`` reads a directory whole and makes an
    object of each entry before it can be asked how many there are."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file = file
        self.most: int | None = most
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, file.close

    def read(self, size: int = -1) -> bytes:
        # The end of the directory and its comment, of 64 KiB at most, are read before its size is known.
        if self.most is not None and size > max(self.most, 2**17):
            raise _LongDirectoryError(size)
        return self._file.read(size)
