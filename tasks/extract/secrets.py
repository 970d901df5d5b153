"""Keeping keys out of everything that is written: addresses, bodies, messages, logs.

Two ways at once, because each misses something: parameters known to carry a secret are blanked by name, and the key
in use is blanked wherever it stands (one publisher echoes it in the body of its answer).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from urllib.parse import quote

import httpx2

SECRET_PARAMETERS = {"key", "userid", "api_key", "apikey", "token", "subscription-key"}
REDACTED = "REDACTED"
_IN_TEXT = re.compile(rf"(?i)\b({'|'.join(SECRET_PARAMETERS)})=[^&\s\"'<>]+")


class Scrubber:
    """Blanks the given secrets, in any case and as an address spells them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = sorted({f for s in secrets if s for f in (s, quote(s, safe=""))}, key=len, reverse=True)
        told = "|".join(re.escape(f) for f in forms)
        self._text = re.compile(told, re.IGNORECASE) if forms else None
        self._bytes = re.compile(told.encode(), re.IGNORECASE) if forms else None

    def text(self, text: str) -> str:
        return self._text.sub(REDACTED, text) if self._text else text

    def bytes(self, body: bytes) -> bytes:
        return self._bytes.sub(REDACTED.encode(), body) if self._bytes else body


def without_secrets(url: str) -> str:
    """The address with the values of secret parameters replaced."""
    parsed = httpx2.URL(url)
    if not parsed.query:
        return url
    return str(
        parsed.copy_with(
            params=[(k, REDACTED if k.lower() in SECRET_PARAMETERS else v) for k, v in parsed.params.multi_items()]
        )
    )


def without_named_secrets(text: str) -> str:
    """The text with the values of parameters blanked that are known to carry a secret."""
    return _IN_TEXT.sub(rf"\1={REDACTED}", text)


def redacted_log(record: logging.LogRecord) -> bool:
    """A logging filter that blanks secret parameters in a message."""
    record.msg = without_named_secrets(record.getMessage())
    record.args = ()
    return True
