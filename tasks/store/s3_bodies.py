"""Reading the bytes of objects on S3: whole, or a range at a time.

A length that is wrong shows only in a checksum. The client compares the one that the store keeps; where the store keeps
none, the tag of an object that was written in one piece is the MD5 of its bytes. Not on every server: once the same
bytes come twice with another tag, tags are not compared any more.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from pathlib import Path
from typing import Any

from tasks.store.objects import Stored
from tasks.store.s3_errors import BrokenAnswerError, EmptyRangeError
from tasks.store.s3_requests import Requests

PART_BYTES = 16 << 20
AT_ONCE = 4
_SUM = re.compile(r"[0-9a-f]{32}")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class Bodies:
    """Reads objects of one bucket; ``key`` is the whole key there, ``name`` what messages call it."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._sums = True
        self._odd: tuple[str, str] | None = None

    def get(self, key: str, name: str) -> Stored:
        """Read an object whole."""

        async def take(answer: dict[str, Any]) -> Stored:
            chunks: list[bytes] = []
            await self._requests.drain(answer["Body"], chunks.append)
            body = b"".join(chunks)
            self._check(answer, len(body), lambda: hashlib.md5(body, usedforsecurity=False).hexdigest())
            return Stored(body, bare(answer["ETag"]))

        found: Stored = self._requests.ask("get_object", name, take, Key=key)
        return found

    def download(self, key: str, name: str, path: Path) -> None:
        """Write an object to a file: a large one in ranges, each of which is asked for again if it breaks."""

        async def take(answer: dict[str, Any]) -> int:
            length = int(answer["ContentLength"])
            if length > 2 * PART_BYTES:
                answer["Body"].close()
                return length
            md5 = hashlib.md5(usedforsecurity=False)
            with open(path, "wb") as file:

                def write(chunk: bytes) -> None:
                    file.write(chunk)
                    md5.update(chunk)

                size = await self._requests.drain(answer["Body"], write)
            self._check(answer, size, md5.hexdigest)
            return 0

        async def parts() -> None:
            length = await self._requests.asked("get_object", name, take, Key=key)
            if not length:
                return
            with open(path, "wb") as file:
                starts = range(0, length, PART_BYTES)
                for batch in (starts[n : n + AT_ONCE] for n in range(0, len(starts), AT_ONCE)):
                    for part in await asyncio.gather(*(self._range(key, name, n, length) for n in batch)):
                        file.write(part)

        self._requests.run(parts)

    async def _range(self, key: str, name: str, start: int, length: int) -> bytes:
        wanted = f"bytes={start}-{min(start + PART_BYTES, length) - 1}"
        return (await self.range(key, name, wanted, length))[0]

    async def range(self, key: str, name: str, wanted: str, whole: int | None = None) -> tuple[bytes, int]:
        """Read a range; returns its bytes and the size of the whole object, which must be ``whole`` if given."""

        async def take(answer: dict[str, Any]) -> tuple[bytes, int]:
            chunks: list[bytes] = []
            await self._requests.drain(answer["Body"], chunks.append)
            body = b"".join(chunks)
            given = _RANGE.fullmatch(answer.get("ContentRange") or "")
            if not given:
                raise BrokenAnswerError("a range was asked for, and something else came")
            first, last, total = map(int, given.groups())
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
        promised = answer.get("ContentLength")
        if promised is not None and promised != size:
            raise BrokenAnswerError(f"{size} bytes where {promised} were promised")
        tag = bare(answer["ETag"])
        compared = answer["ResponseMetadata"].get("ChecksumAlgorithm")
        encrypted = "kms" in answer.get("ServerSideEncryption", "") or answer.get("SSECustomerAlgorithm")
        if compared or encrypted or not self._sums or not _SUM.fullmatch(tag):
            return
        digest = md5()
        if digest == tag:
            return
        if self._odd == (tag, digest):
            self._sums = False
            return
        self._odd = (tag, digest)
        raise BrokenAnswerError("other bytes than the tag says")


def bare(etag: str) -> str:
    """Servers differ in whether they quote a tag; without quotes it can be compared, with them it is sent."""
    return str(etag).removeprefix("W/").strip('"')
