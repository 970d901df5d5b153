"""Bytes and tags: other bytes than the tag says are asked for again, unless the server's tags are no sums."""

from __future__ import annotations

import pytest

from tasks.store.s3_bodies import Bodies
from tasks.store.s3_errors import BrokenAnswerError
from tasks.store.s3_requests import Requests

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
