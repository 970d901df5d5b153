"""A request and its answer as they are kept for the maintainers: no key, no address of ours, nothing else that is ours.

Headers are kept by name: a list of what to leave out would miss the cookie that a filter sets tomorrow.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.common.redact import REDACTED, Redactor, without_named_secrets
from tasks.extract.http.refusals import shown_address

KEPT = (
    "accept-ranges", "age", "cache-control", "content-disposition", "content-encoding", "content-length",
    "content-range", "content-type", "date", "etag", "last-modified", "location", "retry-after", "server",
    "transfer-encoding", "vary", "x-datawebapi-keyerror",
)  # fmt: skip
# A filter's page shows the address that it blocks, which is ours.
_OURS = r"\b(?!127\.0\.0\.1\b)(?:\d{1,3}\.){3}\d{1,3}\b|\b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{1,4}\b"
_IN_TEXT, _IN_BODY = re.compile(_OURS, re.IGNORECASE), re.compile(_OURS.encode(), re.IGNORECASE)


@dataclass(frozen=True)
class Exchange:
    """``range``: the part that was asked for. ``status``: None where no answer came. ``others``: names of headers whose
    values are not kept. ``body``: decoded and redacted; ``whole``: whether all of it was read. ``problem``: why there
    is no answer."""

    source: str
    probe: str
    method: str
    url: str
    range: str = ""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    body: bytes = field(default=b"", repr=False)
    whole: bool = True
    seconds: float = 0.0
    problem: str = ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    @property
    def media(self) -> str:
        """The media type, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def kept_headers(headers: Mapping[str, str], scrub: Redactor) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the headers that are kept, redacted, and the names of the others."""
    found = {name.lower(): value for name, value in headers.items()}
    kept = {name: without_named_secrets(scrub.text(found[name])) for name in KEPT if name in found}
    if "location" in kept:
        kept["location"] = shown_address(kept["location"])
    return kept, tuple(sorted(set(found) - set(KEPT)))


def kept_body(body: bytes, status: int | None, scrub: Redactor) -> bytes:
    """Return a body without secrets, and a refusal without network addresses."""
    found = scrub.bytes(body)
    return _IN_BODY.sub(REDACTED.encode(), found) if status is not None and status >= 400 else found


def without_addresses(text: str) -> str:
    """Return a text without network addresses: an error may quote a filter's page."""
    return _IN_TEXT.sub(REDACTED, text)
