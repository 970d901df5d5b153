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
import shutil
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
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
    SourceLayoutError,
    SourceResponseError,
    SourceUnavailableError,
)
from configs.settings import SourceSettings
from configs.words import plural
from tasks.extract.base import Meter
from tasks.extract.http_answers import Answer, Found, Passing, RedirectedError, StatusError, advice, retry_after
from tasks.extract.limits import Limits, limits_of
from tasks.extract.secrets import Scrubber, redacted_log, without_secrets
from tasks.starting import bundled_instead

HEADERS = {"User-Agent": "techtrade/0.1 (open data pipeline)"}
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
T = TypeVar("T")

# httpx2 logs each address, with the key in it; httpcore2, at debug level, the headers of answers.
for _name in ("httpx2", "httpcore2", *(f"httpcore2.{part}" for part in ("connection", "http11", "http2", "proxy"))):
    logging.getLogger(_name).addFilter(redacted_log)


class Client:
    """Asks one source, within its limits. ``deadline``: by the monotonic clock, when the run's budget is over."""

    def __init__(self, source: str, settings: SourceSettings, key: str | None, meter: Meter) -> None:
        self.source, self.settings, self.meter = source, settings, meter
        self.scrub = Scrubber.of(key, settings)
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
        if self._is_file(url):
            return receive(self._from_disk(url))
        return self._tried(
            url, lambda deadline: receive(self._ask_once(url, params, deadline, empty_ok=empty_ok)), attempts
        )

    def head(self, url: str) -> Found | None:
        """What the publisher says of a file; None if it is not there (404).

        Raises:
            SourceUnavailableError, SourceResponseError, LockedOutError, ConfigError: as of ``get``.
        """
        if self._is_file(url):
            path = Path(unquote(urlsplit(url).path))
            if not path.is_file():
                return None
            told = path.stat()
            return Found(url, told.st_size, formatdate(told.st_mtime, usegmt=True))

        def once(deadline: float) -> Found | None:
            # As it is, not as it would be sent compressed: the size is compared with that of what is known.
            with self._request("HEAD", url, deadline, {"Accept-Encoding": "identity"}) as (shown, response):
                if response.status_code == 404:
                    return None
                self._refuse(shown, response)
                return _found(shown, response)

        return self._tried(url, once)

    def download(self, url: str, to: Path) -> Found:
        """Writes a file of any size to ``to``. What an attempt got is kept: the next one asks for the rest only, if the
        file is still the one that it was (``If-Range``).

        Returns:
            What the publisher said of the file that was written.

        Raises:
            SourceUnavailableError, SourceResponseError, LockedOutError, ConfigError: as of ``get``.
        """
        if self._is_file(url):
            try:
                shutil.copyfile(unquote(urlsplit(url).path), to)
            except OSError as e:
                raise self._unreadable(url, e) from e
            return self.head(url) or Found(url, to.stat().st_size, "")
        to.unlink(missing_ok=True)
        begun: list[Found] = []  # of what is in the file so far

        def once(deadline: float) -> Found:
            have = to.stat().st_size if begun and begun[0].modified and to.exists() else 0
            ranged = {"Range": f"bytes={have}-", "If-Range": begun[0].modified} if have else {}
            with self._request("GET", url, deadline, {"Accept-Encoding": "identity", **ranged}) as (shown, response):
                if have and response.status_code == 416:
                    to.unlink()
                    raise Passing("the part that is here already is not a part of the file any more")
                goes_on = have > 0 and response.status_code == 206
                if not goes_on:
                    self._refuse(shown, response)
                    begun[:] = [_found(shown, response)]
                elif response.headers.get("content-range", "").partition("-")[0] != f"bytes {have}":
                    to.unlink()
                    raise Passing(f"another part came than was asked for: {response.headers.get('content-range')}")
                self._write(shown, response, deadline, to, append=goes_on)
            size = to.stat().st_size
            if begun[0].size is not None and begun[0].size != size:
                to.unlink()
                raise Passing(f"{plural(size, 'byte')} came of {begun[0].size:,}")
            return begun[0]

        return self._tried(url, once)

    def tail(self, url: str, count: int, receive: Callable[[Answer], T]) -> T:
        """Hands the last ``count`` bytes of a file to ``receive``, whose value is returned.

        Raises:
            SourceLayoutError: the publisher gives whole files only.
            SourceUnavailableError, SourceResponseError, LockedOutError, ConfigError: as of ``get``.
        """
        if self._is_file(url):
            whole = self._from_disk(url)
            return receive(replace(whole, body=whole.body[-count:]))

        def once(deadline: float) -> T:
            ranged = {"Accept-Encoding": "identity", "Range": f"bytes=-{count}"}
            with self._request("GET", url, deadline, ranged) as (shown, response):
                if response.status_code != 206:
                    self._refuse(shown, response)
                    raise SourceLayoutError(self.source, f"{shown} is given whole only, not in parts (Range)")
                body = self._read(shown, response, deadline)
                self._limits.received(len(body))
                return receive(Answer(shown, body, response.headers.get("content-type", "")))

        return self._tried(url, once)

    def _is_file(self, url: str) -> bool:
        parts = urlsplit(url)
        if parts.scheme == "file":
            return True
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            shown = without_secrets(url)
            raise ConfigError(f"source {self.source}: {shown} is not https://, http://127.0.0.1 or file://")
        return False

    def _tried(self, url: str, once: Callable[[float], T], attempts: int | None = None) -> T:
        """``once``, with its deadline, as often as the settings allow."""
        deadline = min(time.monotonic() + self.settings.total_budget, self._deadline)
        tried = 0

        def hook(error: Exception) -> bool | float:
            if not isinstance(error, Passing | PassingAnswerError):
                return False
            self._limits.error()
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            wait = error.wait if isinstance(error, Passing) else None
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
                    return once(deadline)
        except Passing as last:
            raise self._unavailable(url, tried, str(last), slow=last.slow) from last
        except PassingAnswerError as last:
            raise self._unavailable(url, tried, str(last), raw_keys=last.raw_keys) from last
        raise AssertionError("unreachable: the retry context returns or raises")

    def _unavailable(
        self, url: str, tried: int, last: str, *, slow: bool = False, raw_keys: tuple[str, ...] = ()
    ) -> SourceUnavailableError:
        instead = bundled_instead(self.source)
        bundled = f"; the bundled figures need neither: {instead}" if instead else ""
        return SourceUnavailableError(
            self.source,
            f"{without_secrets(url)} could not be read in {plural(tried, 'attempt')}; "
            f"last: {self.scrub.text(last)}. "
            f"Check the network and the publisher's site, and run again{bundled}",
            raw_keys=raw_keys,
            slow=slow,
        )

    def _ask_once(self, url: str, params: Mapping[str, str] | None, deadline: float, *, empty_ok: bool) -> Answer:
        with self._request("GET", url, deadline, params=params) as (shown, response):
            self._refuse(shown, response, empty_ok=empty_ok)
            body = self._read(shown, response, deadline)
            self._limits.received(len(body))
            return Answer(shown, body, response.headers.get("content-type", ""), response.status_code)

    @contextmanager
    def _request(
        self,
        method: str,
        url: str,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Iterator[tuple[str, httpx2.Response]]:
        """One request: its address without secrets, and the answer, whose body is still to come."""
        self._limits.request()
        left = max(0.01, deadline - time.monotonic())
        settings = self.settings
        timeouts = httpx2.Timeout(min(settings.read_timeout, left), connect=min(settings.connect_timeout, left))
        query = {**(params or {}), **self._key}
        told = {**HEADERS, **(headers or {})}
        self.meter.requests += 1
        try:
            # A new client each time: after an error a kept connection may be half dead.
            with (
                httpx2.Client(verify=_trust(), timeout=timeouts, follow_redirects=False, headers=told) as client,
                client.stream(method, url, params=query or None) as response,
            ):
                yield without_secrets(str(response.url), query), response
        except httpx2.TimeoutException as e:
            raise Passing(f"no answer in time ({type(e).__name__})", slow=True) from e
        except httpx2.TransportError as e:
            raise Passing(self.scrub.text(f"{type(e).__name__}: {e}")) from e

    def _read(self, shown: str, response: httpx2.Response, deadline: float) -> bytes:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            self._came(shown, len(chunk), len(body), deadline)
        return bytes(body)

    def _write(self, shown: str, response: httpx2.Response, deadline: float, to: Path, *, append: bool) -> None:
        with open(to, "ab" if append else "wb") as out:
            for chunk in response.iter_raw():
                out.write(chunk)
                self._limits.received(len(chunk))
                self._came(shown, len(chunk), out.tell(), deadline)

    def _came(self, shown: str, more: int, size: int, deadline: float) -> None:
        """Counts what came, and says when it is enough."""
        self.meter.bytes += more
        if size > self.settings.max_bytes:
            told = f"{shown} is larger than {self.settings.max_bytes:,} bytes; check the address, or raise max_bytes"
            raise SourceResponseError(self.source, f"{told} in configs/sources/{self.source}.yaml")
        if time.monotonic() > deadline:
            budget = self.settings.total_budget
            raise Passing(f"still sending after {budget:g} s ({plural(size, 'byte')} so far)", slow=True)

    def _refuse(self, shown: str, response: httpx2.Response, *, empty_ok: bool = False) -> None:
        status = response.status_code
        if status == 200 or (status == 204 and empty_ok):
            return
        wait = retry_after(response.headers.get("retry-after"))
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
            raise Passing(f"status {status}", wait, slow=status >= 500)
        head = " ".join(response.read()[:200].decode("utf-8", "replace").split())
        told = self.scrub.text(f"{shown} answered status {status}: {head or 'empty body'}")
        raise StatusError(self.source, f"{told}; {advice(self.source, status)}", status=status)

    def _from_disk(self, url: str) -> Answer:
        path = Path(unquote(urlsplit(url).path))
        try:
            return Answer(without_secrets(url), path.read_bytes(), "")
        except OSError as e:
            raise self._unreadable(url, e) from e

    def _unreadable(self, url: str, error: OSError) -> SourceUnavailableError:
        return SourceUnavailableError(
            self.source, f"{without_secrets(url)} cannot be read: {error.strerror}; check the path"
        )


def _found(shown: str, response: httpx2.Response) -> Found:
    length = response.headers.get("content-length", "")
    return Found(shown, int(length) if length.isdigit() else None, response.headers.get("last-modified", ""))


@cache
def _trust() -> ssl.SSLContext:
    """The certificates that are trusted. Read once: to read them takes 20 to 40 ms, and each request has its client."""
    return httpx2.create_ssl_context()
