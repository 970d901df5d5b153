"""A store on S3, through s3fs.

Creation is ``If-None-Match: *``, the swap is ``If-Match``; both are decided by the server. s3fs and botocore retry
by themselves when a connection breaks, so a write can be applied and its retry then refused with 412: creation
settles that by reading back what is there. s3fs reports a refused condition as an ``OSError`` like many other
errors; what it was stands in the ``ClientError`` that caused it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import s3fs
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from fsspec.asyn import sync

from configs.errors import (
    ObjectExistsError,
    ObjectNotFoundError,
    PreconditionFailedError,
    StoreError,
    StorePermissionError,
    StoreUnavailableError,
)
from tasks.store.objects import Entry, Stored

CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 10, 60, 4
_REFUSED = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_ABSENT = {"NoSuchKey", "404", "NotFound"}
_DENIED = {"AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "401"}


class S3Store:
    """See ``objects.ObjectStore`` for what each method promises."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._bucket, _, prefix = self.url.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        if not self._bucket:
            raise StoreError(f"{url}: no bucket in the address; write s3://bucket or s3://bucket/prefix")
        # No instance cache and no listing cache: readers must see what is there now, and a forked process must not
        # inherit another's connections.
        self._fs = s3fs.S3FileSystem(
            skip_instance_cache=True,
            use_listings_cache=False,
            config_kwargs={
                "connect_timeout": CONNECT_SECONDS,
                "read_timeout": READ_SECONDS,
                "retries": {"max_attempts": ATTEMPTS, "mode": "standard"},
            },
        )

    def _key(self, key: str) -> str:
        if not key or key.startswith("/") or ".." in key.split("/"):
            raise StoreError(f"{key!r} is not a key of a store")
        return self._prefix + key

    def _call(self, method: str, **arguments: Any) -> Any:
        return self._fs.call_s3(method, Bucket=self._bucket, **arguments)

    # ------------------------------------------------------------------ reading

    def get(self, key: str) -> Stored:
        with self._errors(key):
            body, etag = sync(self._fs.loop, self._read, self._key(key))
        return Stored(body, etag)

    async def _read(self, key: str) -> tuple[bytes, str]:
        response = await self._fs._call_s3("get_object", Bucket=self._bucket, Key=key)
        async with response["Body"] as stream:
            return await stream.read(), response["ETag"]

    def size(self, key: str) -> int | None:
        try:
            with self._errors(key):
                return int(self._call("head_object", Key=self._key(key))["ContentLength"])
        except ObjectNotFoundError:
            return None

    def entries(self, prefix: str) -> Iterator[Entry]:
        for page in self._pages(prefix, {}):
            for found in page.get("Contents", []):
                yield Entry(found["Key"].removeprefix(self._prefix), found["Size"], found["LastModified"])

    def folders(self, prefix: str) -> list[str]:
        return sorted(
            found["Prefix"].removeprefix(self._prefix + prefix).rstrip("/")
            for page in self._pages(prefix, {"Delimiter": "/"})
            for found in page.get("CommonPrefixes", [])
        )

    def _pages(self, prefix: str, extra: dict[str, str]) -> Iterator[dict[str, Any]]:
        token: dict[str, str] = {}
        while True:
            with self._errors(prefix):
                page = self._call("list_objects_v2", Prefix=self._prefix + prefix, **extra, **token)
            yield page
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    # ------------------------------------------------------------------ writing

    def create(self, key: str, body: bytes) -> str:
        try:
            with self._errors(key):
                return str(self._call("put_object", Key=self._key(key), Body=body, IfNoneMatch="*")["ETag"])
        except PreconditionFailedError as refused:
            there = self.get(key)
            if there.body != body:
                raise ObjectExistsError(key) from refused
            return there.etag

    def create_file(self, key: str, path: Path) -> None:
        try:
            with self._errors(key):
                self._fs.put_file(str(path), f"{self._bucket}/{self._key(key)}", mode="create")
        except PreconditionFailedError as refused:
            with open(path, "rb") as mine:
                ours = hashlib.file_digest(mine, "sha256").digest()
            with self._errors(key), self._fs.open(f"{self._bucket}/{self._key(key)}", "rb") as theirs:
                digest = hashlib.sha256()
                while chunk := theirs.read(8 << 20):
                    digest.update(chunk)
            if digest.digest() != ours:
                raise ObjectExistsError(key) from refused

    def replace(self, key: str, body: bytes, etag: str | None) -> str:
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        try:
            with self._errors(key):
                return str(self._call("put_object", Key=self._key(key), Body=body, **condition)["ETag"])
        except ObjectNotFoundError as gone:  # If-Match on an object that was deleted answers 404
            raise PreconditionFailedError(key) from gone

    def copy(self, source: str, target: str) -> None:
        with self._errors(source):
            # Objects above 5 GB need a multipart copy, which s3fs does.
            self._fs.copy(f"{self._bucket}/{self._key(source)}", f"{self._bucket}/{self._key(target)}")

    def delete(self, key: str) -> None:
        with self._errors(key):
            self._call("delete_object", Key=self._key(key))

    def abort_uploads(self, prefix: str, older_than: datetime) -> list[str]:
        with self._errors(prefix):
            found = self._call("list_multipart_uploads", Prefix=self._prefix + prefix).get("Uploads", [])
            old = [u for u in found if u["Initiated"] < older_than]
            for upload in old:
                self._call("abort_multipart_upload", Key=upload["Key"], UploadId=upload["UploadId"])
        return [u["Key"].removeprefix(self._prefix) for u in old]

    def uri(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._key(key)}"

    def filesystem(self) -> Any:
        return self._fs

    # ------------------------------------------------------------------ errors

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except (OSError, ClientError, BotoCoreError, TimeoutError) as e:
            raise self._translated(e, key) from e

    def _translated(self, error: BaseException, key: str) -> StoreError:
        cause = next((c for c in _chain(error) if isinstance(c, ClientError)), None)
        where = f"{self.url}/{key}"
        if cause is not None:
            code = str(cause.response.get("Error", {}).get("Code", ""))
            if code in _REFUSED:
                return PreconditionFailedError(key)
            if code == "NoSuchBucket":
                return StoreError(f"{self.url}: there is no bucket {self._bucket!r}; create it first")
            if code in _ABSENT:
                return ObjectNotFoundError(key)
            if code in _DENIED:
                return StorePermissionError(
                    f"{where}: the store answered {code}; check the credentials and their rights"
                )
            return StoreUnavailableError(f"{where}: the store answered {code or 'an error'}; try again later")
        if isinstance(error, FileNotFoundError):
            return ObjectNotFoundError(key)
        if isinstance(error, PermissionError):
            return StorePermissionError(f"{where}: permission denied; check the credentials and their rights")
        if isinstance(error, NoCredentialsError):
            return StorePermissionError(f"{where}: no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        return StoreUnavailableError(f"{where}: {type(error).__name__}: {error}; is the store up and reachable?")


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__
