"""Reading the members of a ZIP that came from outside, without unpacking it to disk.

What a member says of itself is not believed: its size is counted while it is read, and ends the reading where it is
more than the bound or more than was told. Nothing is ever written under a member's name, so a name with ``..`` can do
no harm; it is refused all the same, because no publisher has one.
"""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from configs.errors import IncompleteResponseError, SourceResponseError

SOURCE = "census_bulk"
CHUNK = 32 * 2**20
# The largest true member, a December of imports, is 2.4 GB.
MEMBER_BYTES = 8 * 2**30
# Text of blanks and digits shrinks thirtyfold at most; a bomb, a thousandfold.
RATIO = 200
MEMBERS = 200
DAMAGED = (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError)


class Members:
    """The members of a ZIP by the name of the record they hold (``IMP_DETL``), whatever their case and folder."""

    def __init__(self, archive: zipfile.ZipFile, told: str) -> None:
        self._archive, self._told = archive, told
        self._found: dict[str, zipfile.ZipInfo] = {}
        infos = archive.infolist()
        if len(infos) > MEMBERS:
            raise SourceResponseError(SOURCE, f"{told} has {len(infos):,} members; a month has some twenty")
        for info in infos:
            self._add(info)

    def _add(self, info: zipfile.ZipInfo) -> None:
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in info.filename:
            raise SourceResponseError(SOURCE, f"{self._told} has a member with the path {info.filename!r}")
        if info.flag_bits & 1:
            raise SourceResponseError(SOURCE, f"{self._told}: {info.filename} is encrypted")
        if info.file_size > MEMBER_BYTES or info.file_size > RATIO * max(info.compress_size, 1024):
            raise SourceResponseError(
                SOURCE,
                f"{self._told}: {info.filename} says it is {info.file_size:,} bytes out of {info.compress_size:,}; "
                "no month is",
            )
        if info.is_dir() or path.suffix.upper() != ".TXT":
            return
        record = path.stem.upper()
        if record in self._found:
            raise SourceResponseError(SOURCE, f"{self._told} has {record} twice")
        self._found[record] = info

    @property
    def names(self) -> list[str]:
        return sorted(self._found)

    @property
    def sizes(self) -> Mapping[str, int]:
        return {name: info.file_size for name, info in self._found.items()}

    def refuse_missing(self, record: str) -> zipfile.ZipInfo:
        """Raises ``SourceResponseError`` if there is no such member."""
        info = self._found.get(record)
        if info is None:
            raise SourceResponseError(
                SOURCE, f"{self._told} has no {record}.TXT; it has: {', '.join(self.names) or 'no text at all'}"
            )
        return info

    def chunks(self, record: str, size: int = CHUNK) -> Iterator[bytes]:
        """The bytes of a member, in chunks.

        Raises:
            SourceResponseError: there is no such member, or it is more than it says.
            IncompleteResponseError: it cannot be unpacked, or its checksum does not hold.
        """
        info = self.refuse_missing(record)
        try:
            with self._archive.open(info) as member:
                yield from self._counted(member, info, size)
        except (*DAMAGED, zlib.error, lzma.LZMAError) as e:
            raise IncompleteResponseError(SOURCE, f"{self._told}: {info.filename} cannot be unpacked ({e})") from e

    def _counted(self, member: IO[bytes], info: zipfile.ZipInfo, size: int) -> Iterator[bytes]:
        read = 0
        while chunk := member.read(size):
            read += len(chunk)
            if read > info.file_size:
                raise SourceResponseError(SOURCE, f"{self._told}: {info.filename} is more than it says")
            yield chunk


def ahead(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same chunks, each unpacked while the one before it is used: two of them are in memory."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = thread.submit(next, chunks, None)
            yield chunk


@contextmanager
def members(file: Path, told: str) -> Iterator[Members]:
    """A ZIP on disk.

    Args:
        told: what it is called in an error: its address.

    Raises:
        IncompleteResponseError: it is no ZIP, or was cut short: the directory stands at its end.
        SourceResponseError: it is none that the publisher would make.
    """
    try:
        archive = zipfile.ZipFile(file)
    except FileNotFoundError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as e:
        raise IncompleteResponseError(SOURCE, f"{told} is no whole ZIP ({e})") from e
    with archive:
        yield Members(archive, told)
