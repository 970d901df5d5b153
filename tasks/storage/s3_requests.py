"""One request to S3: bounded in attempts and time, checked for being whole, and every error typed.

botocore repeats a request whose connection breaks before the answer, or that is answered 500 or 503. It does not repeat
one whose answer breaks off in the body, and s3fs lets that out as an error of aiohttp. It has no limit on how long an
answer may drip either. So the retries of both are off, and this is the only layer that repeats.

Repeating a write is safe because all of them are conditional or idempotent: one that was applied already is refused by
its own condition, and the store settles that by reading back.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import s3fs
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from fsspec.asyn import sync

from configs.errors import ConfigError, StoreUnavailableError
from tasks.storage.s3_errors import BrokenAnswerError, ConflictError, translated

SLOWEST = 16 << 10  # bytes a second; what is slower counts as broken
CHUNK_BYTES = 256 << 10
PAUSE_SECONDS = 0.5  # before the second attempt, then doubled
LONGEST_PAUSE_SECONDS = 8.0  # a run of a worker has more attempts: they must not double for minutes
# ValueError and KeyError: what botocore raises on an answer with headers or elements that make no sense.
RAISED = (OSError, ClientError, BotoCoreError, aiohttp.ClientError, ResponseParserError, ValueError, KeyError)

Take = Callable[[dict[str, Any]], Awaitable[Any]]


class Requests:
    """Requests to one bucket, with a client for each process."""

    def __init__(self, url: str, bucket: str, *, connect_seconds: float, read_seconds: float, attempts: int) -> None:
        self._url, self._bucket = url, bucket
        self._connect, self._read, self._attempts = connect_seconds, read_seconds, attempts
        self.pause_seconds = PAUSE_SECONDS
        # By process: connections must not be shared with a fork, and those of the parent must not be closed by it.
        self.made: dict[int, Any] = {}
        # The ``Date`` of the last answer, and when it came by the monotonic clock.
        self.date: tuple[datetime, float] | None = None

    @property
    def filesystem(self) -> Any:
        """The s3fs file system that holds the client."""
        if os.getpid() not in self.made:
            self.made[os.getpid()] = self._connected()
        return self.made[os.getpid()]

    @property
    def endpoint(self) -> str:
        """The address of the server."""
        return str(self.filesystem.s3.meta.endpoint_url)

    def _connected(self) -> Any:
        region = os.environ.get("AWS_REGION")  # botocore knows AWS_DEFAULT_REGION only
        fs = s3fs.S3FileSystem(
            skip_instance_cache=True,
            use_listings_cache=False,
            client_kwargs={"region_name": region} if region else {},
            config_kwargs={
                "connect_timeout": self._connect,
                "read_timeout": self._read,
                "retries": {"total_max_attempts": 1, "mode": "standard"},
            },
        )
        fs.retries = 1
        try:
            fs.connect()
        except ValueError as e:  # botocore's word for an endpoint that is no URL; nothing was contacted yet
            raise ConfigError(f"{self._url}: {e}; check AWS_ENDPOINT_URL") from e
        return fs

    def run(self, work: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        """Run a coroutine function on the client's event loop and wait for it."""
        return sync(self.filesystem.loop, work, *arguments)

    def ask(self, method: str, key: str, take: Take | None = None, **arguments: Any) -> Any:
        """``asked``, for callers outside the event loop."""
        return self.run(lambda: self.asked(method, key, take, **arguments))

    async def asked(self, method: str, key: str, take: Take | None = None, *, moves: int = 0, **arguments: Any) -> Any:
        """Send a request, again while the store is unavailable, and return its answer.

        Args:
            method: of botocore's client.
            key: for messages.
            take: reads the answer and returns the result; an answer that it finds broken is asked for again.
            moves: bytes that the server copies before it answers.
            arguments: of the request, without the bucket.

        Raises:
            StoreError: of the fitting kind.
        """
        # Of what has no body to read afterwards the whole answer is within this time.
        seconds = self._connect + self._read + (len(arguments.get("Body", b"")) + moves) / SLOWEST
        attempt = 1
        while True:
            try:
                return await self._once(method, seconds, take, arguments)
            except RAISED as e:
                error = translated(e, self._url, self._bucket, key)
                again = isinstance(error, StoreUnavailableError) and not isinstance(error, ConflictError)
                if not again or attempt == self._attempts:
                    raise error from e
            pause = min(self.pause_seconds * 2 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            attempt += 1

    async def _once(self, method: str, seconds: float, take: Take | None, arguments: dict[str, Any]) -> Any:
        client = await self.filesystem.set_session()
        async with asyncio.timeout(seconds):
            answer = await getattr(client, method)(Bucket=self._bucket, **arguments)
        self._note_date(answer)
        return await take(answer) if take else answer

    def _note_date(self, answer: dict[str, Any]) -> None:
        said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        with suppress(TypeError, ValueError):  # no date, or none that can be read
            moment = parsedate_to_datetime(said)
            self.date = (moment.replace(tzinfo=moment.tzinfo or UTC), time.monotonic())

    def now(self) -> datetime | None:
        """Return the time by the clock of the server; None if no answer said it."""
        return self.date[0] + timedelta(seconds=time.monotonic() - self.date[1]) if self.date else None

    async def drain(self, body: Any, write: Callable[[bytes], object], most: int) -> int:
        """Read a body to its end; returns its length.

        Raises:
            BrokenAnswerError: it comes too slowly, or is longer than ``most``.
        """
        clock = asyncio.get_running_loop().time
        total, since, until = 0, 0, clock() + self._read
        async with body as stream:
            while True:
                async with asyncio.timeout(self._read):
                    chunk = await stream.read(CHUNK_BYTES)
                if not chunk:
                    return total
                if total + len(chunk) > most:
                    raise BrokenAnswerError(f"more than {most} bytes")
                write(chunk)
                total, since = total + len(chunk), since + len(chunk)
                if clock() >= until:
                    if since < SLOWEST * self._read:
                        raise BrokenAnswerError(f"only {since} bytes in {self._read:g} s")
                    since, until = 0, clock() + self._read


def needs(*names: str) -> Take:
    """Return a check that an answer has these fields: an empty or foreign page with status 200 has none."""

    async def take(answer: dict[str, Any]) -> dict[str, Any]:
        if missing := [name for name in names if answer.get(name) is None]:
            raise BrokenAnswerError(f"an answer without {', '.join(missing)}")
        return answer

    return take
