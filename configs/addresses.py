"""What an address in a setting may not have: a user or a password.

Addresses are published: in manifests, in the ledger, beside raw documents, in Prefect's database. Credentials have
settings of their own, or stay out. Standard library only; nothing here shows an address, nor raises an error that does
(``urlsplit`` quotes what it cannot split).
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# Also of an address that a library would still take: backslashes, one slash, none.
_AUTHORITY = re.compile(r"\s*[a-z][a-z0-9+.\-]*:[/\\]*([^/\\?#]*)", re.IGNORECASE)
# Of a file it ends with the third slash, where the path begins, which may have an @.
_OF_FILE = re.compile(r"\s*file:(?:[/\\]{2}([^/\\?#]*))?", re.IGNORECASE)
_QUERY = re.compile(r"[?#](.*)\Z", re.DOTALL)


def has_login(url: str) -> bool:
    """Whether an address has a user or a password before its host."""
    return "@" in _authority(url)


def login_of(url: str) -> str:
    """``user:password`` of an address, empty if it has none."""
    return _authority(url).rpartition("@")[0]


def _authority(url: str) -> str:
    found = _OF_FILE.match(url) or _AUTHORITY.match(url)
    return (found[1] or "") if found else ""


def query_of(url: str) -> str:
    """The query and fragment of an address, without the mark before them."""
    found = _QUERY.search(url)
    return found[1] if found else ""


def without_login(url: str) -> str:
    """The address, for a setting.

    Raises:
        ValueError: it has a user or a password, or is no address; says what to do, and does not show it.
    """
    if has_login(url):
        raise ValueError(
            "a user or password does not belong in an address, because addresses are written down: remove what is "
            "before the @ (keys of publishers: CENSUS_API_KEY, BEA_API_KEY; S3: AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY; Prefect: PREFECT_API_AUTH_STRING)"
        )
    try:
        urlsplit(url).port  # noqa: B018 - it is read when it is asked for
    except ValueError:
        raise ValueError("it cannot be read as an address: check its host and port") from None
    return url


def without_query(url: str) -> str:
    """The address, for a setting of what is written down as it is.

    Raises:
        ValueError: it has a query or a fragment, or as of ``without_login``.
    """
    if "://" in url and query_of(url):
        raise ValueError("a query or fragment does not belong in this address: remove what begins with ? or #")
    return without_login(url)
