"""The client of a probe: it asks as publishing does, keeps what passes, and stops early.

A subclass and not a client of its own, so that bounds, limits, redaction and refusals are those of publishing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import httpx2

from configs.errors import SourceLayoutError, SourceUnavailableError
from configs.settings import SourceSettings
from configs.words import plural
from tasks.common.redact import without_secrets
from tasks.extract.http.bodies import BrokenBodyError, encoding_of, unpacked
from tasks.extract.http.client import AS_IT_IS, Client
from tasks.extract.http.refusals import refuse
from tasks.extract.http.responses import Answer
from tasks.extract.http.wire import Bounds
from tasks.extract.probe.exchanges import Exchange, kept_body, kept_headers
from tasks.extract.source import Meter

# Of any one publisher, repeated attempts included.
MOST_REQUESTS = 16
# One repetition tells a passing failure from a lasting one; a person can run the probe again.
ATTEMPTS = 2
REFUSED = (401, 403, 429)
SECONDS = 600.0


def cautious(settings: SourceSettings) -> SourceSettings:
    """Return settings that ask less and give up sooner than publishing does, and never repeat a refusal."""
    return settings.model_copy(
        update={
            "attempts": min(settings.attempts, ATTEMPTS),
            "total_budget": min(settings.total_budget, SECONDS / 2),
            "run_budget": min(settings.run_budget, SECONDS),
            "lockout_statuses": tuple({*settings.lockout_statuses, 429}),
        }
    )


class _Tee(httpx2.SyncByteStream):
    """A body that is copied while it is read."""

    def __init__(self, inner: httpx2.SyncByteStream) -> None:
        self._inner, self.copy, self.ended = inner, bytearray(), False

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._inner:
            self.copy += chunk
            yield chunk
        self.ended = True

    def close(self) -> None:
        self._inner.close()


class Recorder(Client):
    """A client that keeps its exchanges. ``probe``: the name under which the next ones are kept."""

    def __init__(self, source: str, settings: SourceSettings, key: str | None) -> None:
        super().__init__(source, cautious(settings), key, Meter())
        self.exchanges: list[Exchange] = []
        self.probe = ""

    @contextmanager
    def _request(
        self,
        method: str,
        url: str,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Iterator[tuple[str, httpx2.Response, Bounds]]:
        if self.refused:
            raise SourceUnavailableError(self.source, "not asked again: the publisher has refused")
        if len(self.exchanges) >= MOST_REQUESTS:
            told = f"a probe sends at most {plural(MOST_REQUESTS, 'request')} to a publisher"
            raise SourceUnavailableError(self.source, f"not asked: {told}")
        began, address, seen = time.monotonic(), "", None
        try:
            with super()._request(method, url, deadline, headers, params) as (shown, response, bounds):
                address, body = shown, _Tee(_stream(response))
                response.stream = body
                seen = (response, body)
                yield shown, response, bounds
        finally:
            asked = (headers or {}).get("Range", "")
            seconds = time.monotonic() - began
            self.exchanges.append(self._exchange(method, address or self._shown(url, params), asked, seen, seconds))

    @property
    def refused(self) -> bool:
        """Whether the publisher has refused a request: asking again would count against us."""
        return any(x.status in REFUSED for x in self.exchanges)

    @contextmanager
    def without_key(self) -> Iterator[None]:
        """Make the requests of a block without the key: of pages that need none."""
        kept, self._key = self._key, {}
        try:
            yield
        finally:
            self._key = kept

    def part(self, url: str, first: int, last: int) -> Answer:
        """Return the bytes of a file from ``first`` to ``last``.

        Raises:
            SourceLayoutError: the publisher gives whole files only.
            SourceError: as of ``get``.
        """

        def once(deadline: float) -> Answer:
            ranged = AS_IT_IS | {"Range": f"bytes={first}-{last}"}
            with self._request("GET", url, deadline, ranged) as (shown, response, bounds):
                if response.status_code != 206:
                    refuse(self.source, self.settings, self.scrub, shown, response, bounds)
                    raise SourceLayoutError(self.source, f"{shown} is given whole only, not in parts (Range)")
                body = self._read(shown, response, bounds)
                return Answer(shown, body, response.headers.get("content-type", ""), response.status_code)

        return self._tried(url, once)

    def _shown(self, url: str, params: Mapping[str, str] | None) -> str:
        query = {**(params or {}), **self._key}
        with suppress(httpx2.InvalidURL, ValueError):
            return without_secrets(str(httpx2.Request("GET", url, params=query or None).url), query)
        return without_secrets(url)

    def _exchange(
        self,
        method: str,
        address: str,
        asked: str,
        seen: tuple[httpx2.Response, _Tee] | None,
        seconds: float,
    ) -> Exchange:
        if seen is None:
            return Exchange(
                self.source, self.probe, method, address, asked, seconds=seconds, problem="no answer came", whole=False
            )
        response, copied = seen
        body, whole = bytes(copied.copy), copied.ended or method == "HEAD"
        if encoding_of(response) == "gzip" and body:
            body, intact = _unpacked(body, self.settings.max_bytes)
            whole = whole and intact
        headers, others = kept_headers(response.headers, self.scrub)
        return Exchange(
            self.source,
            self.probe,
            method,
            address,
            asked,
            response.status_code,
            headers,
            others,
            kept_body(body, response.status_code, self.scrub),
            whole,
            seconds,
        )


def _stream(response: httpx2.Response) -> httpx2.SyncByteStream:
    stream = response.stream
    if not isinstance(stream, httpx2.SyncByteStream):
        raise TypeError("a response of the synchronous transport has a synchronous stream")
    return stream


def _unpacked(body: bytes, most: int) -> tuple[bytes, bool]:
    """Return what a gzip holds, as far as it can be read, and whether that is all."""
    found = bytearray()
    try:
        for piece in unpacked([body]):
            found += piece
            if len(found) > most:
                return bytes(found), False
    except BrokenBodyError:
        return bytes(found), False
    return bytes(found), True
