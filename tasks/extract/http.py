"""One way to ask a publisher: bounded in attempts, time and size, and honest about what came back.

- Redirects are never followed: publishers redirect to HTML pages that answer 200.
- A transport error, a time-out, 429 and 5xx are asked again, with exponential backoff and jitter; ``Retry-After`` is
  honoured, but capped. All attempts together stay within the source's ``total_budget``, also against a server that
  sends one byte now and then for ever.
- Any other status is an error at once. A body cut short is a transport error.
- Secrets in a query never reach an error or the archive.

No HTTP cache: it would store the key that is in the URL, and HTML error pages.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx2
import stamina

from configs.errors import ConfigError, SourceResponseError, SourceUnavailableError
from configs.settings import SourceSettings

USER_AGENT = "techtrade/0.1 (open data pipeline)"
SECRET_PARAMETERS = {"key", "userid", "api_key", "apikey", "token", "subscription-key"}
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Answer:
    """A body, as it came, and the address it came from, without secrets."""

    url: str
    body: bytes
    content_type: str


class _Passing(Exception):  # not an error of ours: it says that asking again can help
    """Something that may be over at the next attempt. ``wait``: what the publisher asked for, in seconds."""

    def __init__(self, cause: str, wait: float | None = None) -> None:
        self.wait = wait
        super().__init__(cause)


def get(source: str, settings: SourceSettings, url: str, params: Mapping[str, str] | None = None) -> Answer:
    """Gets one document.

    Args:
        source: for error messages.
        settings: time-outs, attempts and sizes of the source.
        url: ``https://``, ``http://`` on loopback, or ``file://``.
        params: the query.

    Raises:
        SourceUnavailableError: no attempt was answered with success.
        SourceResponseError: the answer is a refusal, a redirect, or too large.
        ConfigError: the address is of another kind.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return _from_disk(source, url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ConfigError(f"source {source}: {without_secrets(url)} is not https://, http://127.0.0.1 or file://")
    deadline = time.monotonic() + settings.total_budget
    tried = 0

    def hook(error: Exception) -> bool | float:
        if not isinstance(error, _Passing):
            return False
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        return min(error.wait, settings.backoff_max, left) if error.wait is not None else True

    try:
        for attempt in stamina.retry_context(
            on=hook,
            attempts=settings.attempts,
            timeout=settings.total_budget,
            wait_initial=settings.backoff,
            wait_max=settings.backoff_max,
            wait_jitter=settings.backoff / 2,
        ):
            with attempt:
                tried += 1
                return _ask_once(source, settings, url, params, deadline)
    except _Passing as last:
        raise SourceUnavailableError(
            source,
            f"{without_secrets(url)} could not be read in {tried} attempt{'s' if tried > 1 else ''}; last: {last}. "
            "Check the network and the publisher's site, and run again; the bundled figures need neither: "
            "--source snapshot",
        ) from last
    raise AssertionError("unreachable: the retry context returns or raises")


def _ask_once(
    source: str, settings: SourceSettings, url: str, params: Mapping[str, str] | None, deadline: float
) -> Answer:
    left = max(0.01, deadline - time.monotonic())
    limits = httpx2.Timeout(min(settings.read_timeout, left), connect=min(settings.connect_timeout, left))
    try:
        # A new client each time: after an error a kept connection may be half dead.
        with (
            httpx2.Client(timeout=limits, follow_redirects=False, headers={"User-Agent": USER_AGENT}) as client,
            client.stream("GET", url, params=dict(params) if params else None) as response,
        ):
            shown = without_secrets(str(response.url))
            _refuse(source, shown, response)
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > settings.max_bytes:
                    raise SourceResponseError(source, f"{shown} is larger than {settings.max_bytes:,} bytes")
                if time.monotonic() > deadline:
                    raise _Passing(f"still sending after {settings.total_budget:g} s ({len(body):,} bytes so far)")
            return Answer(shown, bytes(body), response.headers.get("content-type", ""))
    except httpx2.TimeoutException as e:
        raise _Passing(f"no answer in time ({type(e).__name__})") from e
    except httpx2.TransportError as e:
        raise _Passing(f"{type(e).__name__}: {e}") from e


def _refuse(source: str, shown: str, response: httpx2.Response) -> None:
    status = response.status_code
    if status == 200:
        return
    if response.is_redirect:
        target = without_secrets(response.headers.get("location", "nowhere"))
        raise SourceResponseError(source, f"{shown} redirects to {target}, which is not followed; check the address")
    if status == 429 or status >= 500:
        raise _Passing(f"status {status}", _retry_after(response.headers.get("retry-after")))
    head = " ".join(response.read()[:200].decode("utf-8", "replace").split())
    raise SourceResponseError(source, f"{shown} answered status {status}: {head or 'empty body'}")


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


def _from_disk(source: str, url: str) -> Answer:
    path = Path(unquote(urlsplit(url).path))
    try:
        return Answer(url, path.read_bytes(), "")
    except OSError as e:
        raise SourceUnavailableError(source, f"{url} cannot be read: {e.strerror}; check the path") from e


def without_secrets(url: str) -> str:
    """The address with the values of secret parameters replaced."""
    parsed = httpx2.URL(url)
    if not parsed.query:
        return url
    return str(
        parsed.copy_with(
            params=[(k, "REDACTED" if k.lower() in SECRET_PARAMETERS else v) for k, v in parsed.params.multi_items()]
        )
    )
