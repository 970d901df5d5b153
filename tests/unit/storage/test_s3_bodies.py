"""Bytes and tags: other bytes than the tag says are asked for again, unless the server's tags are no sums."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from configs.errors import StoreError
from tasks.storage.s3_bodies import Bodies, _written
from tasks.storage.s3_errors import BrokenAnswerError
from tasks.storage.s3_requests import CHUNK_BYTES, Requests, Take

OURS, OTHERS = "0" * 32, "1" * 32


@pytest.fixture
def bodies() -> Bodies:
    return Bodies(Requests("s3://b/p", "b", connect_seconds=1, read_seconds=1, attempts=1))


def answer(tag: str, length: int = 3, algorithm: str | None = None, **more: str) -> dict[str, object]:
    return {"ETag": f'"{tag}"', "ContentLength": length, "ResponseMetadata": {"ChecksumAlgorithm": algorithm}} | more


def test_other_bytes_than_the_tag_says_are_broken(bodies: Bodies) -> None:
    with pytest.raises(BrokenAnswerError, match="tag"):
        bodies._check(answer(OURS), 3, lambda: OTHERS)
    bodies._check(answer(OURS), 3, lambda: OURS)


def test_other_length_than_promised_is_broken(bodies: Bodies) -> None:
    with pytest.raises(BrokenAnswerError, match="2 bytes where 3"):
        bodies._check(answer(OURS), 2, lambda: OURS)


def test_server_whose_tags_are_no_sums_is_believed_after_a_second_read(bodies: Bodies) -> None:
    with pytest.raises(BrokenAnswerError):
        bodies._check(answer(OURS), 3, lambda: OTHERS)
    bodies._check(answer(OURS), 3, lambda: OTHERS)
    bodies._check(answer(OTHERS), 3, lambda: OURS)


@pytest.mark.parametrize(
    "given",
    [
        answer(f"{OURS}-2"),
        answer("not a sum"),
        answer(OURS, algorithm="crc32"),
        answer(OURS, ServerSideEncryption="aws:kms"),
        answer(OURS, SSECustomerAlgorithm="AES256"),
    ],
    ids=["parts", "opaque", "compared by the client", "kms", "key of the customer"],
)
def test_tag_that_is_no_sum_is_not_compared(bodies: Bodies, given: dict[str, object]) -> None:
    bodies._check(given, 3, lambda: OTHERS)


def test_tags_that_are_no_sums_are_learnt_by_readers_at_once(bodies: Bodies) -> None:
    for tag, digest in ((OURS, OTHERS), (OTHERS, OURS)):
        with pytest.raises(BrokenAnswerError):
            bodies._check(answer(tag), 3, lambda digest=digest: digest)
    bodies._check(answer(OURS), 3, lambda: OTHERS)


class Body:
    """A body that an answer brings, and how much of it was read."""

    def __init__(self, size: int) -> None:
        self.left, self.read_bytes, self.closed = size, 0, False

    async def __aenter__(self) -> Body:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def read(self, most: int) -> bytes:
        some = min(most, self.left)
        self.left, self.read_bytes = self.left - some, self.read_bytes + some
        return b"x" * some

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("given", [None, "bytes 0-9/100"], ids=["the whole object", "a longer range"])
def test_range_that_was_not_asked_for_is_not_read(given: str | None, bodies: Bodies) -> None:
    body = Body(64 << 20)

    async def asked(method: str, name: str, take: Take, **_: object) -> object:
        return await take({"Body": body, "ContentRange": given} if given else {"Body": body})

    bodies._requests.asked = asked  # type: ignore[method-assign, assignment]
    with pytest.raises(BrokenAnswerError):
        asyncio.run(bodies.range("key", "name", "bytes=0-9"))
    assert body.closed and body.read_bytes <= CHUNK_BYTES


def test_full_disk_of_this_machine_is_no_fault_of_the_store() -> None:
    with pytest.raises(StoreError, match="on this machine"), _written(Path("/dev/full")) as file:
        file.write(b"x" * (1 << 20))
    with pytest.raises(StoreError, match="on this machine"), _written(Path("/proc/no-such-folder/file")):
        pass
