"""From an address to a store."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from configs.addresses import has_login, without_login, without_query
from configs.errors import ConfigError
from configs.words import as_line
from tasks.storage.local import LocalStore
from tasks.storage.object_store import ObjectStore

ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")


def open_store(url: str, attempts: int | None = None) -> ObjectStore:
    """The store at a folder, ``file://`` or ``s3://`` address. Nothing is created or contacted yet.

    ``attempts``: at a request to S3 that is answered 503 or not at all; None for few, as who waits at a terminal wants.

    Raises:
        ConfigError: an address of another kind, or with line breaks or control characters. The publishing
            protocol needs conditional writes, which each kind of store has to bring; others are refused rather than
            half supported.
    """
    if not url.isprintable():  # every message would repeat it
        raise ConfigError(
            f"the address of the store has characters that cannot be shown, {as_line(url)}; leave them out"
        )
    try:
        without_query(url) if "://" in url else without_login(url)
        parts = urlsplit(url)
    except ValueError as e:
        raise ConfigError(f"the address of the store: {e}") from None
    if not url.strip():
        raise ConfigError("the address of the store is empty; name a folder or s3://bucket/prefix")
    if parts.scheme == "file" and parts.netloc not in ("", "localhost"):
        raise ConfigError(f"{url}: file:// takes a whole path, as in file:///srv/store; or leave file:// out")
    if parts.scheme in ("", "file"):
        return LocalStore(Path(unquote(parts.path) if parts.scheme else url).expanduser())
    if parts.scheme == "s3":
        for variable in ENDPOINTS:
            if has_login(os.environ.get(variable, "")):
                raise ConfigError(
                    f"{variable} has a user or password in it, which errors and logs would show; set AWS_ACCESS_KEY_ID "
                    "and AWS_SECRET_ACCESS_KEY instead"
                )
        from tasks.storage.s3 import S3Store

        return S3Store(url) if attempts is None else S3Store(url, attempts=attempts)
    raise ConfigError(
        f"store {parts.scheme}://... is not supported: a folder, file:// or s3://bucket/prefix is, "
        "because publishing needs conditional writes"
    )
