"""Where keys come from: the environment, else a Secret block in Prefect, looked up when a key is used.

So a key that is changed in the block is used by the next run, without a new deployment or a restart. A block is named
after the variable: ``CENSUS_API_KEY`` is in ``techtrade-census-api-key``. It is asked for only where a Prefect server
is configured. A value that was read stays in memory for one thing: to blank it in what is said.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Any
from urllib.parse import unquote

from configs.errors import KeyStoreError
from configs.settings import from_environment, key_variables, secret_block
from flows.prefect_setup.defaults import is_embedded
from tasks.common.redact import Redactor, secrets_of, without_named_secrets
from tasks.common.text import one_line

_read: set[str] = set()
# What it takes to get into Prefect's server and the store. Their libraries look these up, and may say them in errors.
LOGINS = ("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")

_ADDRESSES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:[^\s\"']+")


def secret_value(variable: str) -> str | None:
    """The value of a variable, or of the block that stands in for it; None where there is neither.

    Raises:
        KeyStoreError: the Prefect server that is configured could not be asked.
    """
    return from_environment(variable) or _from_block(variable)


def _from_block(variable: str) -> str | None:
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value() or is_embedded():
        return None
    from prefect.exceptions import ObjectNotFound

    name = secret_block(variable)
    try:
        return block(name)
    except Exception as e:  # noqa: BLE001 - whatever Prefect's client has
        # A block that is not there is a ValueError, with the server's answer as its cause.
        if isinstance(e.__cause__, ObjectNotFound):
            return None
        # Its text may hold anything.
        raise KeyStoreError(variable, name, type(e).__name__) from None


def block(name: str) -> str | None:
    """What a Secret block holds, None if nothing. Raises whatever Prefect's client does."""
    from prefect.blocks.system import Secret

    secret: Any = Secret.load(name)
    value = str(secret.get()).strip()
    if value:
        _read.add(value)
    return value or None


def redacted(text: str) -> str:
    """The text without any key that is set or was read: nobody knows what stands in an error that nobody foresaw."""
    known = [value for variable in (*key_variables(), *LOGINS) if (value := from_environment(variable))]
    return without_named_secrets(Redactor([*known, *_passwords(), *_of_addresses(), *_read]).text(text))


def _of_addresses() -> list[str]:
    """What configured addresses have of secrets: of sources, also those that are refused, and of proxies."""
    named = [v for k, v in os.environ.items() if k.upper().startswith("TECHTRADE_") or k.upper() in _ADDRESSES]
    return [secret for value in named for url in _URL.findall(value) for secret in secrets_of(url)]


def _passwords() -> list[str]:
    """Of Prefect's server: what its address has of one, and ``user:password``; of a login without a colon, all."""
    urls, pairs = [os.environ.get("PREFECT_API_URL", "")], [os.environ.get("PREFECT_API_AUTH_STRING", "")]
    if "prefect.settings" in sys.modules:  # a profile of Prefect's can name the server too
        urls.append(sys.modules["prefect.settings"].PREFECT_API_URL.value() or "")
    # Not urlsplit, which raises: what cannot be an address is told like any other error.
    pairs += [url.rpartition("@")[0].rpartition("//")[2] for url in urls]
    found = [pair.strip().partition(":")[2] or pair.strip() for pair in pairs]
    return [p for password in found for p in {password, unquote(password)} if p]


def describe_safely(error: BaseException) -> str:
    """An error that nobody foresaw, in a line without keys."""
    return f"{type(error).__name__}: {redacted(one_line(error))}".removesuffix(": ")
