"""One way to ask a publisher: bounded in attempts, time, size and rate, and honest about what came back.

- Redirects are never followed: publishers redirect to HTML pages that answer 200.
- A transport error, a time-out, 429 and 5xx are asked again, with exponential backoff and jitter, and so are the page
  of a filter (403) and an answer that its receiver calls passing; ``Retry-After`` is honoured, but capped. All attempts
  together stay within the source's ``total_budget``, and all requests of a run within its ``run_budget``.
- Every byte is within these bounds, and within ``max_bytes`` as it comes over the wire and as it is unpacked: of status
  lines, headers, 1xx answers, chunks and trailers (``wire``), of compressed bodies (``bodies``), of error bodies, which
  are read to a few KiB, and of files on disk (``local_files``).
- Any other status is an error at once. A body cut short is a transport error.
- Requests, megabytes and errors a minute stay within what the publisher allows. A status that means "shut out" ends
  the run: asking again would prolong it.
- Secrets in a query never reach an error, a log or the archive.

No HTTP cache: it would store the key that is in the URL, and HTML error pages.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar
from urllib.parse import SplitResult, urlsplit

import httpx2
import stamina

from configs.errors import (
    BlockedError,
    ConfigError,
    PassingAnswerError,
    SourceLayoutError,
    SourceResponseError,
    SourceUnavailableError,
)
from configs.first_publish import bundled_instead
from configs.settings import SourceSettings
from configs.words import plural
from tasks.common.redact import Redactor, redacted_log, without_secrets
from tasks.common.text import cut
from tasks.extract.http import local_files
from tasks.extract.http.bodies import BrokenBodyError, encoding_of, unpacked
from tasks.extract.http.rate_limits import RateLimits, limits_of
from tasks.extract.http.refusals import LONGEST, refuse, shown_address
from tasks.extract.http.responses import (
    Answer,
    RemoteFile,
    ShutOutError,
    TransientError,
    part_of,
    whole_number,
)
from tasks.extract.http.wire import HEAD, Bounds, TooMuchError, opened
from tasks.extract.source import Meter

HEADERS = {"User-Agent": "techtrade/0.1 (open data pipeline)", "Accept": "*/*", "Accept-Encoding": "gzip"}
AS_IT_IS = {"Accept-Encoding": "identity"}
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
T = TypeVar("T")

# httpx2 logs each address, with the key in it; httpcore2, at debug level, the headers of answers.
for _name in ("httpx2", "httpcore2", *(f"httpcore2.{part}" for part in ("connection", "http11", "http2", "proxy"))):
    logging.getLogger(_name).addFilter(redacted_log)


class Client:
    """Asks one source, within its limits. ``began``: by the monotonic clock, since when the run's budget is counted."""

    def __init__(
        self, source: str, settings: SourceSettings, key: str | None, meter: Meter, began: float | None = None
    ) -> None:
        self.source, self.settings, self.meter = source, settings, meter
        self.scrub = Redactor.of(key, settings)
        self._key = {settings.key.parameter: key} if settings.key and key else {}
        self._limits: RateLimits = limits_of(settings)
        self._deadline = (time.monotonic() if began is None else began) + settings.run_budget

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
            BlockedError: a filter in front of the publisher shut us out. LockedOutError: the publisher did.
            ConfigError: the address is of another kind.
        """
        if self._is_file(url):
            return receive(local_files.read(self.source, url, self.settings.max_bytes))
        return self._tried(
            url, lambda deadline: receive(self._ask_once(url, params, deadline, empty_ok=empty_ok)), attempts
        )

    def head(self, url: str) -> RemoteFile | None:
        """What the publisher says of a file; None if it is not there (404).

        Raises:
            SourceUnavailableError, SourceResponseError, LockedOutError, ConfigError: as of ``get``.
        """
        if self._is_file(url):
            return local_files.find(self.source, url)

        def once(deadline: float) -> RemoteFile | None:
            # As it is, not as it would be sent compressed: the size is compared with that of what is known.
            with self._request("HEAD", url, deadline, AS_IT_IS) as (shown, response, bounds):
                if response.status_code == 404:
                    return None
                refuse(self.source, self.settings, self.scrub, shown, response, bounds)
                return _found(shown, response)

        return self._tried(url, once)

    def download(self, url: str, to: Path) -> RemoteFile:
        """Writes a file of any size to ``to``. What an attempt got is kept: the next one asks for the rest only, if the
        file is still the one that it was (``If-Range``).

        Returns:
            What the publisher said of the file that was written.

        Raises:
            SourceUnavailableError, SourceResponseError, LockedOutError, ConfigError: as of ``get``.
        """
        if self._is_file(url):
            return local_files.copy(self.source, url, to, self.settings.max_bytes)
        to.unlink(missing_ok=True)
        begun: list[RemoteFile] = []  # of what is in the file so far

        def once(deadline: float) -> RemoteFile:
            have = to.stat().st_size if begun and begun[0].modified and to.exists() else 0
            ranged = {"Range": f"bytes={have}-", "If-Range": begun[0].modified} if have else {}
            with self._request("GET", url, deadline, AS_IT_IS | ranged) as (shown, response, bounds):
                if have and response.status_code == 416:
                    to.unlink()
                    raise TransientError("the part that is here already is not a part of the file any more")
                goes_on = have > 0 and response.status_code == 206
                if goes_on:
                    self._continues(response, have, begun[0], to)
                else:
                    refuse(self.source, self.settings, self.scrub, shown, response, bounds)
                    begun[:] = [_found(shown, response)]
                self._write(shown, response, bounds, to, append=goes_on)
            size = to.stat().st_size
            if begun[0].size is not None and begun[0].size != size:
                to.unlink()
                raise TransientError(f"{plural(size, 'byte')} came of {begun[0].size:,}")
            return begun[0]

        return self._tried(url, once)

    def _continues(self, response: httpx2.Response, have: int, begun: RemoteFile, to: Path) -> None:
        """Whether a part is all that is missing of the file that was begun."""
        told = response.headers.get("content-range", "")
        part = part_of(told)
        if part is None or part[0] != have or (part[2] is not None and part[1] + 1 != part[2]):
            to.unlink()
            raise TransientError(
                f"another part came than was asked for: {self._short(told) or 'it does not say which'}"
            )
        if begun.size is None and part[2] is None:
            to.unlink()  # nothing says when it is whole
            raise TransientError("a part came of a file whose size is not told")

    def tail(self, url: str, count: int, receive: Callable[[Answer], T]) -> T:
        """Hands the last ``count`` bytes of a file to ``receive``, whose value is returned.

        Raises:
            SourceLayoutError: the publisher gives whole files only.
            SourceUnavailableError, SourceResponseError, LockedOutError, ConfigError: as of ``get``.
        """
        if self._is_file(url):
            return receive(local_files.read(self.source, url, self.settings.max_bytes, count))

        def once(deadline: float) -> T:
            ranged = AS_IT_IS | {"Range": f"bytes=-{count}"}
            with self._request("GET", url, deadline, ranged) as (shown, response, bounds):
                if response.status_code != 206:
                    refuse(self.source, self.settings, self.scrub, shown, response, bounds)
                    raise SourceLayoutError(self.source, f"{shown} is given whole only, not in parts (Range)")
                body, told = self._read(shown, response, bounds), response.headers.get("content-range", "")
                part = part_of(told)
                whole = part is not None and (len(body) == count or part[0] == 0) and part[2] in (None, part[1] + 1)
                if part is None or not whole or len(body) != part[1] + 1 - part[0]:
                    raise TransientError(
                        f"another part came than was asked for: {self._short(told) or 'it does not say which'}"
                    )
                return receive(Answer(shown, body, response.headers.get("content-type", "")))

        return self._tried(url, once)

    def _is_file(self, url: str) -> bool:
        parts, shown = _split(url), shown_address(url)
        if parts is not None and parts.scheme == "file":
            return True
        if parts is None or not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)):
            raise ConfigError(f"source {self.source}: {shown} is not https://, http://127.0.0.1 or file://")
        return False

    def _tried(self, url: str, once: Callable[[float], T], attempts: int | None = None) -> T:
        """``once``, with its deadline, as often as the settings allow."""
        now = time.monotonic()
        if now >= self._deadline:
            told = f"the run has used its {self.settings.run_budget:g} s (run_budget); run again"
            raise SourceUnavailableError(self.source, f"{shown_address(url)} was not asked for: {told}", slow=True)
        deadline = min(now + self.settings.total_budget, self._deadline)
        tried = 0

        def hook(error: Exception) -> bool | float:
            if not isinstance(error, TransientError | PassingAnswerError):
                return False
            self._limits.error()
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            wait = error.wait if isinstance(error, TransientError) else None
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
        except ShutOutError as last:
            raise self._shut_out(url, tried, str(last)) from last
        except TransientError as last:
            raise self._unavailable(url, tried, str(last), slow=last.slow) from last
        except PassingAnswerError as last:
            raise self._unavailable(url, tried, str(last), raw_keys=last.raw_keys) from last
        raise AssertionError("unreachable: the retry context returns or raises")

    def _shut_out(self, url: str, tried: int, last: str) -> BlockedError:
        instead = bundled_instead(self.source)
        return BlockedError(
            self.source,
            f"{shown_address(url)} answered {last}, in {plural(tried, 'attempt')}: a filter shuts this client or its "
            "network out, whatever it asks for. Neither key nor address is wrong. Such blocks have been over within "
            "days: run again later, or from another network" + (f"; the bundled figures: {instead}" if instead else ""),
        )

    def _unavailable(
        self, url: str, tried: int, last: str, *, slow: bool = False, raw_keys: tuple[str, ...] = ()
    ) -> SourceUnavailableError:
        instead = bundled_instead(self.source)
        bundled = f"; the bundled figures need neither: {instead}" if instead else ""
        return SourceUnavailableError(
            self.source,
            f"{shown_address(url)} could not be read in {plural(tried, 'attempt')}; "
            f"last: {self.scrub.text(last).rstrip('.')}. "
            f"Check the network and the publisher's site, and run again{bundled}",
            raw_keys=raw_keys,
            slow=slow,
        )

    def _ask_once(self, url: str, params: Mapping[str, str] | None, deadline: float, *, empty_ok: bool) -> Answer:
        with self._request("GET", url, deadline, params=params) as (shown, response, bounds):
            refuse(self.source, self.settings, self.scrub, shown, response, bounds, empty_ok=empty_ok)
            body = self._read(shown, response, bounds)
            return Answer(shown, body, response.headers.get("content-type", ""), response.status_code)

    @contextmanager
    def _request(
        self,
        method: str,
        url: str,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Iterator[tuple[str, httpx2.Response, Bounds]]:
        """One request: its address without secrets, and the answer, whose body is still to come."""
        self._limits.request()
        settings, bounds, shown = self.settings, Bounds(deadline), shown_address(url)
        query = {**(params or {}), **self._key}
        self.meter.requests += 1
        try:
            request = httpx2.Request(method, url, params=query or None, headers={**HEADERS, **(headers or {})})
            shown = without_secrets(str(request.url), query)
            with opened(request, bounds, settings.connect_timeout, settings.read_timeout) as response:
                yield shown, response, bounds
        except httpx2.TimeoutException as e:
            if bounds.came and not bounds.left():
                told = f"still sending after {settings.total_budget:g} s ({plural(bounds.came, 'byte')} so far)"
                raise TransientError(told, slow=True) from e
            raise TransientError(f"no answer in time ({type(e).__name__})", slow=True) from e
        except httpx2.TransportError as e:
            raise TransientError(self._short(f"{type(e).__name__}: {e}")) from e
        except BrokenBodyError as e:
            raise TransientError(str(e)) from e
        except httpx2.InvalidURL as e:
            raise ConfigError(f"source {self.source}: {shown} cannot be asked: {self._short(str(e))}") from e
        except TooMuchError:
            if bounds.most == HEAD:
                told = f"{shown} sent {plural(HEAD, 'byte')} and no answer yet; check the address"
                raise SourceResponseError(self.source, told) from None
            self._too_large(shown)
        finally:
            self.meter.bytes += bounds.came
            self._limits.received(bounds.came)

    def _short(self, text: str) -> str:
        return cut(self.scrub.text(text), LONGEST)

    def _read(self, shown: str, response: httpx2.Response, bounds: Bounds) -> bytes:
        body = bytearray()
        for piece in self._body(shown, response, bounds):
            body += piece
            if len(body) > self.settings.max_bytes:
                self._too_large(shown)
        return bytes(body)

    def _write(self, shown: str, response: httpx2.Response, bounds: Bounds, to: Path, *, append: bool) -> None:
        with open(to, "ab" if append else "wb") as out:
            for piece in self._body(shown, response, bounds, as_it_is=True):
                out.write(piece)
                if out.tell() > self.settings.max_bytes:
                    self._too_large(shown)

    def _body(
        self, shown: str, response: httpx2.Response, bounds: Bounds, *, as_it_is: bool = False
    ) -> Iterator[bytes]:
        """The content in pieces. What frames it on the wire (a few bytes a chunk) may come on top of its size."""
        bounds.allow(self.settings.max_bytes + self.settings.max_bytes // 16 + (1 << 16))
        encoding = encoding_of(response)
        if encoding not in ("", "gzip") or (encoding and as_it_is):
            told = f"{shown} comes compressed ({self._short(encoding)}), as it was not asked for; check the address"
            raise SourceResponseError(self.source, told)
        return unpacked(response.iter_raw()) if encoding else response.iter_raw()

    def _too_large(self, shown: str) -> NoReturn:
        told = f"{shown} is larger than {self.settings.max_bytes:,} bytes; check the address, or raise max_bytes"
        raise SourceResponseError(self.source, f"{told} in configs/sources/{self.source}.yaml")


def _found(shown: str, response: httpx2.Response) -> RemoteFile:
    size, modified = (response.headers.get(name, "") for name in ("content-length", "last-modified"))
    # The time is sent back with If-Range, which takes ASCII only.
    return RemoteFile(shown, whole_number(size), modified if modified.isascii() else "")


def _split(url: str) -> SplitResult | None:
    """The parts of an address; None if it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return None
