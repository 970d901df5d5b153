"""Keeping secrets out of everything that is written: addresses, bodies, messages, logs.

Three ways at once, because each misses something. Of an address nothing is written down but the parameters that we
add ourselves, those that carry a key blanked. The key in use is blanked wherever it stands (one publisher echoes it in
the body of its answer), and so is what a configured address has after its question mark: a mirror's signature.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote_plus

import httpx2

from configs.addresses import login_of, query_of

if TYPE_CHECKING:
    from configs.settings import SourceSettings

SECRET_PARAMETERS = {"key", "userid", "api_key", "apikey", "token", "subscription-key"}
# What carries a secret in an address that somebody else signed.
SIGNATURES = {"sig", "signature", "access_token", "password", "secret", "x-amz-signature", "x-amz-security-token"}
REDACTED = "REDACTED"
# Shorter values are words that stand elsewhere too.
SHORTEST = 6
# No body has a value of so many characters by chance, whatever its parameter is called.
LONG = 16
_IN_TEXT = re.compile(rf"(?i)\b({'|'.join(SECRET_PARAMETERS)})=[^&\s\"'<>]+")
# Query, fragment and user of any address in a text, a relative one included.
_QUERY_IN_TEXT = re.compile(r"(?<=[^\s\"'])[?#][^\s\"'<>]+")
_LOGIN_IN_TEXT = re.compile(r"(?<=//)[^/\s\"'?#]*@")


class Redactor:
    """Blanks the given secrets, in any case and as an address spells them.

    ``in_text``: what is blanked in texts only, because the body of an answer may have it by chance.
    """

    def __init__(self, secrets: Iterable[str], in_text: Iterable[str] = ()) -> None:
        known = [s for s in secrets if s]
        self._forms = _forms([*known, *in_text])
        self._text, found = _pattern(self._forms), _pattern(_forms(known))
        self._bytes = re.compile(found.pattern.encode(), re.IGNORECASE) if found else None

    @staticmethod
    def of(key: str | None, settings: SourceSettings) -> Redactor:
        """The secrets of a source: its key, and what its configured addresses have of any."""
        urls = [settings.url, *settings.documents.values(), *settings.yearly.values()]
        signed = [v for url in urls for k, v in _parameters(url) if k.casefold() in SIGNATURES | SECRET_PARAMETERS]
        others = [value for url in urls for value in secrets_of(url)]
        return Redactor([key or "", *signed, *(v for v in others if len(v) >= LONG)], others)

    def text(self, text: str, *, cut: bool = False) -> str:
        """The text without secrets. Scrub first and shorten then. ``cut``: it ends where more was to come, and so may
        end with a part of a secret, which is left out."""
        found = self._text.sub(REDACTED, text) if self._text else text
        if not cut:
            return found
        end = found.casefold()
        parts = {form[:n].casefold() for form in self._forms for n in range(1, len(form))}
        return found[: len(found) - max((len(part) for part in parts if end.endswith(part)), default=0)]

    def bytes(self, body: bytes) -> bytes:
        return self._bytes.sub(REDACTED.encode(), body) if self._bytes else body


def _forms(secrets: Iterable[str]) -> list[str]:
    return sorted({f for s in secrets if s for f in (s, quote(s, safe=""))}, key=len, reverse=True)


def _pattern(forms: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(re.escape(f) for f in forms), re.IGNORECASE) if forms else None


def secrets_of(url: str) -> list[str]:
    """What of an address may be a secret: user and password, the values of its query, its fragment."""
    login, query = login_of(url), query_of(url)
    parts = [login, login.partition(":")[2], query, *re.split(r"[&#]", query), *(v for _, v in _parameters(url))]
    return [p for part in parts for p in {part, unquote_plus(part)} if len(p) >= SHORTEST]


def _parameters(url: str) -> list[tuple[str, str]]:
    """As they are written, and decoded."""
    query = query_of(url).partition("#")[0]
    written = [(name, value) for part in query.split("&") for name, _, value in [part.partition("=")]]
    return [(name, value) for name, value in [*written, *parse_qsl(query)] if len(value) >= SHORTEST]


def without_secrets(url: str, ours: Mapping[str, str] | None = None) -> str:
    """The address as it may be written down: without a user, a fragment and a query, but for the parameters that are
    ``ours``; the values of those that carry a key are replaced."""
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError, TypeError):
        bare = re.split(r"[?#]", url)[0]
        return _LOGIN_IN_TEXT.sub("", bare) if bare == url else f"{_LOGIN_IN_TEXT.sub('', bare)}?{REDACTED}"
    if not (parsed.query or parsed.userinfo or parsed.fragment or "?" in url or "#" in url):
        return url
    given = parsed.params.multi_items()
    kept = [(k, REDACTED if k.lower() in SECRET_PARAMETERS else v) for k, v in given if k in (ours or {})]
    shown = parsed.copy_with(userinfo=b"", fragment=None, query=None)
    if kept:
        shown = shown.copy_with(params=kept)
    if len(kept) == len(given) and not parsed.fragment:
        return str(shown)
    return f"{shown}{'&' if kept else '?'}{REDACTED}"


def without_named_secrets(text: str) -> str:
    """The text with the values of parameters blanked that are known to carry a secret."""
    return _IN_TEXT.sub(rf"\1={REDACTED}", text)


def redacted_log(record: logging.LogRecord) -> bool:
    """A logging filter that blanks what follows the question mark of each address in a message, and logins."""
    record.msg = _LOGIN_IN_TEXT.sub("", _QUERY_IN_TEXT.sub(f"?{REDACTED}", record.getMessage()))
    record.args = ()
    return True
