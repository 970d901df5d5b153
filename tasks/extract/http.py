"""One way to ask a publisher: bounded in attempts, time, size and rate, and honest about what came back.

- Redirects are never followed: publishers redirect to HTML pages that answer 200.
- A transport error, a time-out, 429 and 5xx are asked again, with exponential backoff and jitter, and so is an answer
  that whoever receives it calls passing; ``Retry-After`` is honoured, but capped. All attempts together stay within
  the source's ``total_budget``, also against a server that sends one byte now and then for ever.
- Any other status is an error at once. A body cut short is a transport error.
- Requests, megabytes and errors a minute stay within what the publisher allows. A status that means "shut out" ends
  the run: asking again would prolong it.
- Secrets in a query never reach an error, a log or the archive.

No HTTP cache: it would store the key that is in the URL, and HTML error pages.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import httpx2
import stamina

from configs.errors import (
    ConfigError,
    LockedOutError,
    PassingAnswerError,
    SourceResponseError,
    SourceUnavailableError,
)
from configs.settings import SourceSettings
from tasks.extract.base import Meter
from tasks.extract.limits import Limits, limits_of
from tasks.extract.secrets import Scrubber, redacted_log, without_secrets

HEADERS = {"User-Agent": "techtrade/0.1 (open data pipeline)"}
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
T = TypeVar("T")

# httpx2 logs each address, with the key in it.
logging.getLogger("httpx2").addFilter(redacted_log)


@dataclass(frozen=True)
class Answer:
    """A body, as it came, and the address it came from, without secrets. ``status`` is 200 or 204."""

    url: str
    body: bytes
    content_type: str
    status: int = 200


class _Passing(Exception):  # not an error of ours: it says that asking again can help
    """Something that may be over at the next attempt. ``wait``: what the publisher asked for, in seconds."""

    def __init__(self, cause: str, wait: float | None = None, *, slow: bool = False) -> None:
        self.wait, self.slow = wait, slow
        super().__init__(cause)


class Client:
    """Asks one source, within its limits. ``deadline``: by the monotonic clock, when the run's budget is over."""

    def __init__(self, source: str, settings: SourceSettings, key: str | None, meter: Meter) -> None:
        self.source, self.settings, self.meter = source, settings, meter
        self.scrub = Scrubber([key] if key else [])
        self._key = {settings.key.parameter: key} if settings.key and key else {}
        self._limits: Limits = limits_of(settings)
        self._deadline = time.monotonic() + settings.run_budget

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None,
        receive: Callable[[Answer], T],
        *,
        attempts: int | None = None,
        empty_ok: bool = False,
    ) -> T:
        """Gets one document and hands it to ``receive``, whose value is returned.

        Args:
            url: ``https://``, ``http://`` on loopback, or ``file://``.
            params: the query, without the key.
            receive: may raise ``PassingAnswerError``, which is asked again like a 503.
            attempts: fewer than the settings say, where the caller can ask for less at a time.
            empty_ok: whether 204, no content, is an answer.

        Raises:
            SourceUnavailableError: no attempt was answered with success; ``slow`` says whether all that came was
                a time-out or a 5xx, so that asking for less may help.
            SourceResponseError: the answer is a refusal, a redirect, or too large.
            LockedOutError: the publisher shut us out.
            ConfigError: the address is of another kind.
        """
        parts = urlsplit(url)
        if parts.scheme == "file":
            return receive(self._from_disk(url))
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            shown = without_secrets(url)
            raise ConfigError(f"source {self.source}: {shown} is not https://, http://127.0.0.1 or file://")
        deadline = min(time.monotonic() + self.settings.total_budget, self._deadline)
        tried = 0

        def hook(error: Exception) -> bool | float:
            if not isinstance(error, _Passing | PassingAnswerError):
                return False
            self._limits.error()
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            wait = error.wait if isinstance(error, _Passing) else None
            return min(wait, self.settings.retry_after_max, left) if wait is not None else True

        try:
            for attempt in stamina.retry_context(
                on=hook,
                attempts=min(attempts or self.settings.attempts, self.settings.attempts),
                timeout=max(0.0, deadline - time.monotonic()),
                wait_initial=self.settings.backoff,
                wait_max=self.settings.backoff_max,
                wait_jitter=self.settings.backoff / 2,
            ):
                with attempt:
                    tried += 1
                    return receive(self._ask_once(url, params, deadline, empty_ok=empty_ok))
        except _Passing as last:
            raise self._unavailable(url, tried, str(last), slow=last.slow) from last
        except PassingAnswerError as last:
            raise self._unavailable(url, tried, str(last), raw_keys=last.raw_keys) from last
        raise AssertionError("unreachable: the retry context returns or raises")

    def _unavailable(
        self, url: str, tried: int, last: str, *, slow: bool = False, raw_keys: tuple[str, ...] = ()
    ) -> SourceUnavailableError:
        bundled = "; the bundled figures need neither: --source snapshot" if self.settings.bundled else ""
        return SourceUnavailableError(
            self.source,
            f"{without_secrets(url)} could not be read in {tried} attempt{'s' if tried > 1 else ''}; "
            f"last: {self.scrub.text(last)}. "
            f"Check the network and the publisher's site, and run again{bundled}",
            raw_keys=raw_keys,
            slow=slow,
        )

    def _ask_once(self, url: str, params: Mapping[str, str] | None, deadline: float, *, empty_ok: bool) -> Answer:
        self._limits.request()
        left = max(0.01, deadline - time.monotonic())
        settings = self.settings
        timeouts = httpx2.Timeout(min(settings.read_timeout, left), connect=min(settings.connect_timeout, left))
        query = {**(params or {}), **self._key}
        self.meter.requests += 1
        try:
            # A new client each time: after an error a kept connection may be half dead.
            with (
                httpx2.Client(verify=_trust(), timeout=timeouts, follow_redirects=False, headers=HEADERS) as client,
                client.stream("GET", url, params=query or None) as response,
            ):
                shown = without_secrets(str(response.url))
                self._refuse(shown, response, empty_ok=empty_ok)
                body = self._read(shown, response, deadline)
                self._limits.received(len(body))
                return Answer(shown, body, response.headers.get("content-type", ""), response.status_code)
        except httpx2.TimeoutException as e:
            raise _Passing(f"no answer in time ({type(e).__name__})", slow=True) from e
        except httpx2.TransportError as e:
            raise _Passing(self.scrub.text(f"{type(e).__name__}: {e}")) from e

    def _read(self, shown: str, response: httpx2.Response, deadline: float) -> bytes:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            self.meter.bytes += len(chunk)
            if len(body) > self.settings.max_bytes:
                told = (
                    f"{shown} is larger than {self.settings.max_bytes:,} bytes; check the address, or raise max_bytes"
                )
                raise SourceResponseError(self.source, f"{told} in configs/sources/{self.source}.yaml")
            if time.monotonic() > deadline:
                budget = self.settings.total_budget
                raise _Passing(f"still sending after {budget:g} s ({len(body):,} bytes so far)", slow=True)
        return bytes(body)

    def _refuse(self, shown: str, response: httpx2.Response, *, empty_ok: bool) -> None:
        status = response.status_code
        if status == 200 or (status == 204 and empty_ok):
            return
        wait = _retry_after(response.headers.get("retry-after"))
        if status in self.settings.lockout_statuses:
            seconds = max(wait or 0.0, self.settings.lockout_seconds)
            raise LockedOutError(
                self.source,
                f"{shown} answered status {status}: the publisher has shut this key out; nothing may be asked for "
                f"{seconds / 60:.0f} minutes. Wait, then run again",
                seconds,
            )
        if response.is_redirect:
            target = without_secrets(response.headers.get("location", "nowhere"))
            raise RedirectedError(
                self.source,
                f"{shown} redirects to {target}, which is not followed; check the address",
                target=target,
                headers={k.lower(): v for k, v in response.headers.items()},
            )
        if status == 429 or status >= 500:
            raise _Passing(f"status {status}", wait, slow=status >= 500)
        head = " ".join(response.read()[:200].decode("utf-8", "replace").split())
        told = self.scrub.text(f"{shown} answered status {status}: {head or 'empty body'}")
        raise StatusError(self.source, f"{told}; {_advice(self.source, status)}", status=status)

    def _from_disk(self, url: str) -> Answer:
        path = Path(unquote(urlsplit(url).path))
        try:
            return Answer(url, path.read_bytes(), "")
        except OSError as e:
            raise SourceUnavailableError(self.source, f"{url} cannot be read: {e.strerror}; check the path") from e


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


def _advice(source: str, status: int) -> str:
    """What to do about a refusal."""
    address = f"the address of the source (TECHTRADE_SOURCES__{source.upper()}__URL)"
    if status in (401, 403):
        return f"check the key, if the source needs one, and {address}"
    if status in (404, 410):
        return f"the publisher may have moved it: look for it on its site, and set {address}"
    return f"check {address} and what was asked for; if both are right, run again later"


@cache
def _trust() -> ssl.SSLContext:
    """The certificates that are trusted. Read once: to read them takes 20 to 40 ms, and each request has its client."""
    return httpx2.create_ssl_context()


def _retry_after(value: str | None) -> float | None:
    """Seconds, from either form of the header; None where it makes no sense."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
