"""Reading the records of a month's ZIP, without unpacking it to disk. What it may be: ``containers.MONTH``."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from tasks.extract import containers

SOURCE = "census_bulk"
CHUNK = 32 * 2**20


class Members:
    """The members of a ZIP by the name of the record they hold (``IMP_DETL``), whatever their case and folder."""

    def __init__(self, container: containers.Container) -> None:
        self._container = container
        self._found: dict[str, zipfile.ZipInfo] = {}
        for info in container.members:
            self._add(info)

    def _add(self, info: zipfile.ZipInfo) -> None:
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if info.is_dir() or path.suffix.upper() != ".TXT":
            return
        record = path.stem.upper()
        if record in self._found:
            raise self._container.origin.refusal(f"has {record} twice")
        self._found[record] = info

    @property
    def names(self) -> list[str]:
        return sorted(self._found)

    def refuse_missing(self, record: str) -> zipfile.ZipInfo:
        """Raises ``SourceResponseError`` if there is no such member."""
        if (info := self._found.get(record)) is None:
            named = ", ".join(self.names) or "no text at all"
            raise self._container.origin.refusal(f"has no {record}.TXT; it has: {named}")
        return info

    def chunks(self, record: str, size: int = CHUNK) -> Iterator[bytes]:
        """The bytes of a member, in chunks.

        Raises:
            SourceResponseError: there is no such member, or see ``Container.chunks``.
            IncompleteResponseError: it cannot be unpacked, or its checksum is wrong.
        """
        return self._container.chunks(self.refuse_missing(record), size)


def prefetch(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same chunks, each unpacked while the one before it is used: two of them are in memory."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = thread.submit(next, chunks, None)
            yield chunk


@contextmanager
def zip_members(file: Path, told: str) -> Iterator[Members]:
    """A ZIP on disk.

    Args:
        told: what it is called in an error: its address.

    Raises:
        SourceError: see ``containers.opened``.
    """
    with containers.opened(file, containers.Origin(SOURCE, told), containers.MONTH) as container:
        yield Members(container)
