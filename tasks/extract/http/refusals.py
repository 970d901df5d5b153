"""Answers that do not bring what was asked for: which error each stands for, and what is quoted of it."""

from __future__ import annotations

import html
import re
import time
from contextlib import suppress

import httpx2

from configs.errors import LockedOutError
from configs.settings import SourceSettings
from configs.words import visible
from tasks.common.redact import Redactor, without_named_secrets, without_secrets
from tasks.common.text import cut
from tasks.extract.http.bodies import BrokenBodyError, encoding_of, unpacked
from tasks.extract.http.responses import (
    RedirectedError,
    ShutOutError,
    StatusError,
    TransientError,
    hint_for_status,
    retry_after,
)
from tasks.extract.http.wire import Bounds, TooMuchError

LONGEST = 500  # characters of an address or an error of the library, to be quoted
ERROR_BYTES = 4096  # of the body of an error, to be quoted
# What pages of filters say (Cloudflare, Akamai, Imperva). Of a source without a key any page with 403 is one.
FILTER = re.compile(
    r"been blocked|attention required|access denied|request (was )?(blocked|rejected)|captcha|incapsula|not a (ro)?bot"
    r"|unusual traffic|cloudflare",
    re.IGNORECASE,
)
ERROR_SECONDS = 5.0  # to wait for it: the status says what is wrong without it


def refuse(
    source: str,
    settings: SourceSettings,
    scrub: Redactor,
    shown: str,
    response: httpx2.Response,
    bounds: Bounds,
    *,
    empty_ok: bool = False,
) -> None:
    """Raise the error that an answer stands for, unless it brings what was asked for.

    Args:
        shown: the address, without secrets.
        empty_ok: whether 204, no content, is an answer.
    """
    status = response.status_code
    if status == 200 or (status == 204 and empty_ok):
        return
    wait = retry_after(response.headers.get("retry-after"))
    if status in settings.lockout_statuses:
        seconds = max(wait or 0.0, settings.lockout_seconds)
        raise LockedOutError(
            source,
            f"{shown} answered status {status}: the publisher has shut this key out; nothing may be asked for "
            f"{seconds / 60:.0f} minutes. Wait, then run again",
            seconds,
        )
    if response.is_redirect:
        target = shown_address(scrub.text(response.headers.get("location", "nowhere")))
        raise RedirectedError(
            source,
            f"{shown} redirects to {target}, which is not followed; check the address",
            target=target,
            headers={k.lower(): v for k, v in response.headers.items()},
        )
    if status == 429 or status >= 500:
        raise TransientError(f"status {status}", wait, slow=status >= 500)
    body, whole = _error_body(response, bounds)
    # In this order: of a key that the end cuts, the scrubber would not know the rest.
    said = scrub.text(body.decode("utf-8", "replace"), cut=not whole)
    page = page_words(said, response.headers.get("content-type", ""))
    if status == 403 and page is not None and (settings.key is None or FILTER.search(said)):
        raise ShutOutError(f"status 403 with a page{page}", wait)
    if status == 400 and page is not None and any(title in page for title in settings.passing_pages):
        raise TransientError(f"status 400 with a page{page}", wait)
    quoted = f"a page{page}" if page is not None else " ".join(said.split())[:200] or "empty body"
    hint = hint_for_status(source, status, keyed=settings.key is not None)
    raise StatusError(source, f"{scrub.text(shown)} answered status {status}: {quoted}; {hint}", status=status)


def page_words(body: str, content_type: str) -> str | None:
    """What a page says, for a person: `` titled '...'``, empty where it has no title; None if it is no page."""
    if not content_type.startswith("text/html") and not re.match(r"\s*<(!doctype html|html|head|body)\b", body, re.I):
        return None
    title = re.search(r"<title[^>]*>(.*?)(</title|$)", body, re.IGNORECASE | re.DOTALL)
    words = visible(cut(re.sub(r"<[^>]*>?", " ", html.unescape(title[1])), 80)) if title else ""
    return f" titled {words!r}" if words else ""


def _error_body(response: httpx2.Response, bounds: Bounds) -> tuple[bytes, bool]:
    """What came of the body of an error, up to a bound, and whether it is all; that more is missing is no other
    error."""
    bounds.allow(1 << 17)  # what was read with the head does not count
    bounds.deadline = min(bounds.deadline, time.monotonic() + ERROR_SECONDS)
    body = b""
    with suppress(httpx2.TransportError, TooMuchError, BrokenBodyError):
        for piece in unpacked(response.iter_raw()) if encoding_of(response) == "gzip" else response.iter_raw():
            body += piece
            if len(body) >= ERROR_BYTES:
                break
        else:
            return body, True
    return body[:ERROR_BYTES], False


def shown_address(url: str) -> str:
    """Return an address of any form for people: without secrets, and not too long."""
    try:
        return cut(without_secrets(url), LONGEST)
    except (httpx2.InvalidURL, ValueError):
        return cut(without_named_secrets(url), LONGEST)
