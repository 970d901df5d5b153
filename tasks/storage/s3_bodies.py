"""Reading the bytes of objects on S3: whole, or a range at a time.

A length that is wrong shows only in a checksum. The client compares the one that the store keeps; where the store keeps
none, the tag of an object that was written in one piece is the MD5 of its bytes. Not on every server: once the same
bytes come twice with another tag, tags are not compared any more.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from configs.errors import StoreError
from tasks.storage.object_store import StoredObject
from tasks.storage.s3_errors import BrokenAnswerError, EmptyRangeError
from tasks.storage.s3_requests import Requests

PART_BYTES = 16 << 20
AT_ONCE = 4
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG)
MOST_BYTES = 1 << 30  # of an object that is read whole, where the answer promises no length
_SUM = re.compile(r"[0-9a-f]{32}")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class Bodies:
    """Reads objects of one bucket; ``key`` is the whole key there, ``name`` what messages call it."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._sums = True
        self._odd: set[tuple[str, str]] = set()

    def get(self, key: str, name: str) -> StoredObject:
        """Read an object whole."""

        async def take(answer: dict[str, Any]) -> StoredObject:
            chunks: list[bytes] = []
            await self._requests.drain(answer["Body"], chunks.append, answer.get("ContentLength", MOST_BYTES))
            body = b"".join(chunks)
            self._check(answer, len(body), lambda: hashlib.md5(body, usedforsecurity=False).hexdigest())
            return StoredObject(body, bare(answer["ETag"]))

        found: StoredObject = self._requests.ask("get_object", name, take, Key=key)
        return found

    def download(self, key: str, name: str, path: Path) -> None:
        """Write an object to a file: a large one in ranges, each of which is asked for again if it breaks."""

        async def take(answer: dict[str, Any]) -> int:
            length = int(answer["ContentLength"])
            if length > 2 * PART_BYTES:
                answer["Body"].close()
                return length
            md5 = hashlib.md5(usedforsecurity=False)
            with _written(path) as file:

                def write(chunk: bytes) -> None:
                    file.write(chunk)
                    md5.update(chunk)

                size = await self._requests.drain(answer["Body"], write, length)
            self._check(answer, size, md5.hexdigest)
            return 0

        async def parts() -> None:
            if not (length := await self._requests.asked("get_object", name, take, Key=key)):
                return
            with _written(path) as file:
                starts = range(0, length, PART_BYTES)
                for batch in (starts[n : n + AT_ONCE] for n in range(0, len(starts), AT_ONCE)):
                    for part in await asyncio.gather(*(self._range(key, name, n, length) for n in batch)):
                        file.write(part)

        self._requests.run(parts)

    async def _range(self, key: str, name: str, start: int, length: int) -> bytes:
        return (await self.range(key, name, f"bytes={start}-{min(start + PART_BYTES, length) - 1}", length))[0]

    async def range(self, key: str, name: str, wanted: str, whole: int | None = None) -> tuple[bytes, int]:
        """Read a range; returns its bytes and the size of the whole object, which must be ``whole`` if given."""

        async def take(answer: dict[str, Any]) -> tuple[bytes, int]:
            if not (given := _RANGE.fullmatch(answer.get("ContentRange") or "")):
                answer["Body"].close()
                raise BrokenAnswerError("a range was asked for, and something else came")
            first, last, total = map(int, given.groups())
            chunks: list[bytes] = []
            await self._requests.drain(answer["Body"], chunks.append, last - first + 1)
            body = b"".join(chunks)
            if len(body) != last - first + 1 or total != (whole or total):
                raise BrokenAnswerError(f"{len(body)} bytes of {total} where {last - first + 1} were promised")
            return body, total

        found: tuple[bytes, int] = await self._requests.asked("get_object", name, take, Key=key, Range=wanted)
        return found

    def tail(self, key: str, name: str, most: int) -> tuple[bytes, int]:
        """Read the end of an object, and its size."""
        try:
            found: tuple[bytes, int] = self._requests.run(self.range, key, name, f"bytes=-{most}")
            return found
        except EmptyRangeError:
            return b"", 0

    def part(self, key: str, name: str, start: int, length: int) -> bytes:
        """Read some bytes of an object."""
        body, _ = self._requests.run(self.range, key, name, f"bytes={start}-{start + length - 1}")
        return bytes(body)

    def _check(self, answer: dict[str, Any], size: int, md5: Any) -> None:
        if (promised := answer.get("ContentLength")) is not None and promised != size:
            raise BrokenAnswerError(f"{size} bytes where {promised} were promised")
        tag = bare(answer["ETag"])
        compared = answer["ResponseMetadata"].get("ChecksumAlgorithm")
        encrypted = "kms" in answer.get("ServerSideEncryption", "") or answer.get("SSECustomerAlgorithm")
        if compared or encrypted or not self._sums or not _SUM.fullmatch(tag):
            return
        digest = md5()
        if digest == tag:
            return
        if (tag, digest) in self._odd:
            self._sums = False
            return
        self._odd.add((tag, digest))
        raise BrokenAnswerError("other bytes than the tag says")


def bare(etag: str) -> str:
    """Servers differ in whether they quote a tag; without quotes it can be compared, with them it is sent."""
    return str(etag).removeprefix("W/").strip('"')


@contextmanager
def _written(path: Path) -> Iterator[IO[bytes]]:
    """Open a file of this machine for writing. What goes wrong with it is no fault of the store.

    Raises:
        StoreError: it cannot be written; the store is not asked again for that.
    """
    try:
        with open(path, "wb") as file:
            yield file
    except OSError as e:
        if isinstance(e, TimeoutError | ConnectionError) or (e.filename != str(path) and e.errno not in DISK):
            raise
        raise StoreError(f"Cannot write {path} on this machine: {e.strerror}. Make room there, or set TMPDIR") from e
