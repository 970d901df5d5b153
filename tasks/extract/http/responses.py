"""What a publisher answers, and what it means: answers, refusals, and what may be over at the next attempt."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from configs.errors import SourceResponseError
from tasks.raw.documents import RawDocument

LONGEST_WAIT = 30 * 86_400.0  # seconds; what a publisher says beyond that is no time that somebody waits


@dataclass(frozen=True)
class Answer:
    """A body, as it came, and the address it came from, without secrets. ``status`` is 200 or 204."""

    url: str
    body: bytes
    content_type: str
    status: int = 200


@dataclass(frozen=True)
class RemoteFile:
    """What a publisher says of a file before it is asked for: its size in bytes (None: not told) and
    ``Last-Modified``, as it is written (empty: not told)."""

    url: str
    size: int | None
    modified: str

    def is_of(self, known: RawDocument) -> bool:
        """Whether a document is what the publisher has, by ``Last-Modified`` and the size where it tells one; without
        a time it may be another by now (``Session.same``)."""
        return bool(self.modified) and self.modified == known.modified and self.size in (None, known.size)


class TransientError(Exception):  # not an error of ours: it says that asking again can help
    """Something that may be over at the next attempt. ``wait``: what the publisher asked for, in seconds."""

    def __init__(self, cause: str, wait: float | None = None, *, slow: bool = False) -> None:
        self.wait, self.slow = wait, slow
        super().__init__(cause)


class ShutOutError(TransientError):
    """A page of a filter instead of an answer."""


class RedirectedError(SourceResponseError):
    """The publisher redirects, with what it says of why in the headers (names in lower case)."""

    def __init__(self, source: str, message: str, *, target: str, headers: Mapping[str, str]) -> None:
        self.target, self.headers = target, headers
        super().__init__(source, message)


class StatusError(SourceResponseError):
    """The publisher refused, with this status."""

    def __init__(self, source: str, message: str, *, status: int) -> None:
        self.status = status
        super().__init__(source, message)


def hint_for_status(source: str, status: int, *, keyed: bool) -> str:
    """What to do about a refusal. ``keyed``: whether the source needs a key."""
    address = f"the address of the source (TECHTRADE_SOURCES__{source.upper()}__URL)"
    if status in (401, 403):
        return f"check the key and {address}" if keyed else f"check {address}"
    if status in (404, 410):
        return f"the publisher may have moved it: look for it on its site, and set {address}"
    return f"check {address} and what was asked for; if both are right, run again later"


def retry_after(value: str | None) -> float | None:
    """Seconds, from either form of the header, a month at the most; None where it makes no sense."""
    if value is None:
        return None
    text = value.strip()
    try:
        seconds = (
            float(text) if re.fullmatch(r"[0-9]+", text) else parsedate_to_datetime(text).timestamp() - time.time()
        )
    except (ValueError, TypeError, OverflowError, IndexError):  # whatever the library makes of an odd date
        return None
    return min(max(0.0, seconds), LONGEST_WAIT)


def whole_number(text: str) -> int | None:
    """The number of bytes that a header says; None where it is no number, or none that a file can have."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text.strip()) else None


def part_of(content_range: str) -> tuple[int, int, int | None] | None:
    """First and last byte, and the size of the whole if it is told, of ``bytes 0-99/1000``; None if it says no such."""
    found = re.fullmatch(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", content_range.strip())
    if found is None or int(found[2]) < int(found[1]):
        return None
    return int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3])
