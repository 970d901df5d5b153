"""A store on S3, through s3fs.

Creation is ``If-None-Match: *``, the swap is ``If-Match``; both are decided by the server. botocore sends a write
again when a connection breaks, so a write can be applied and its retry then be refused: creation settles that by
reading back what is there, a swap is settled by ``versions.move_latest``.

s3fs retries on top of botocore, five times each of botocore's attempts; that second layer is switched off, or a
store that is down is noticed only after minutes. Caches of instances and listings are off too: readers must see
what is there now.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import s3fs
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from fsspec.asyn import sync

from configs.errors import (
    ConfigError,
    ObjectExistsError,
    ObjectNotFoundError,
    PreconditionFailedError,
    StoreError,
    StoreUnavailableError,
)
from tasks.store.objects import Entry, Stored
from tasks.store.s3_errors import ConflictError, translated

PART_BYTES = 16 << 20  # four parts at a time: 64 MiB in memory, whatever the file
CONFLICTS = 6
# What a browser shows instead of saving it: of an object without a type it knows nothing.
SHOWN = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "md": "text/plain; charset=utf-8",
    "xml": "application/atom+xml",
}


class S3Store:
    """See ``objects.ObjectStore`` for what each method promises.

    Credentials, region and endpoint come from the usual AWS variables and files; none is held here.
    """

    def __init__(self, url: str, *, connect_seconds: float = 10, read_seconds: float = 60, attempts: int = 4) -> None:
        self._bucket, _, prefix = url.removeprefix("s3://").rstrip("/").partition("/")
        self.url = f"s3://{self._bucket}/{prefix}".rstrip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        if not self._bucket:
            raise ConfigError(f"{url}: no bucket in the address; write s3://bucket or s3://bucket/prefix")
        self._limits = {"connect_seconds": connect_seconds, "read_seconds": read_seconds, "attempts": attempts}
        self._attempts = attempts
        # By process: connections must not be shared with a fork, and those of the parent must not be closed by it.
        self._made: dict[int, Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.url, self._limits)

    @property
    def _fs(self) -> Any:
        made = self._made.get(os.getpid())
        if made is None:
            made = self._connected()
            self._made[os.getpid()] = made
        return made

    def _connected(self) -> Any:
        region = os.environ.get("AWS_REGION")  # botocore knows AWS_DEFAULT_REGION only
        fs = s3fs.S3FileSystem(
            skip_instance_cache=True,
            use_listings_cache=False,
            client_kwargs={"region_name": region} if region else {},
            config_kwargs={
                "connect_timeout": self._limits["connect_seconds"],
                "read_timeout": self._limits["read_seconds"],
                "retries": {"total_max_attempts": self._attempts, "mode": "standard"},
            },
        )
        fs.retries = 1
        try:
            fs.connect()
        except ValueError as e:  # botocore's word for an endpoint that is no URL; nothing was contacted yet
            raise ConfigError(f"{self.url}: {e}; check AWS_ENDPOINT_URL") from e
        return fs

    def _key(self, key: str) -> str:
        if not key or key.startswith("/") or ".." in key.split("/"):
            raise StoreError(f"{key!r} is not a key of a store")
        return self._prefix + key

    def _path(self, key: str) -> str:
        return f"{self._bucket}/{self._key(key)}"

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except (OSError, ClientError, BotoCoreError) as e:
            raise translated(e, self.url, self._bucket, key) from e

    def _call(self, method: str, key: str, **arguments: Any) -> Any:
        with self._errors(key):
            return self._fs.call_s3(method, Bucket=self._bucket, **arguments)

    # ------------------------------------------------------------------ reading

    def get(self, key: str) -> Stored:
        with self._errors(key):
            body, etag = sync(self._fs.loop, self._read, self._key(key))
        return Stored(body, etag)

    async def _read(self, key: str) -> tuple[bytes, str]:
        attempt = 1
        while True:
            response = await self._fs._call_s3("get_object", Bucket=self._bucket, Key=key)
            try:
                async with response["Body"] as stream:
                    return await stream.read(), _bare(response["ETag"])
            except HTTPClientError:  # the connection broke within the body, which botocore does not retry
                if attempt == self._attempts:
                    raise
                await asyncio.sleep(0.1 * attempt)
                attempt += 1

    def size(self, key: str) -> int | None:
        try:
            return int(self._call("head_object", key, Key=self._key(key))["ContentLength"])
        except ObjectNotFoundError:
            # The answer to HEAD has no body, so a bucket that does not exist looks like an absent object.
            self._call("list_objects_v2", key, Prefix=self._key(key), MaxKeys=1)
            return None

    def entries(self, prefix: str) -> Iterator[Entry]:
        found = [entry for page in self._pages("list_objects_v2", prefix) for entry in page.get("Contents", [])]
        # AWS lists in the order of keys; SeaweedFS folder by folder.
        for entry in sorted(found, key=lambda e: str(e["Key"])):
            yield Entry(entry["Key"].removeprefix(self._prefix), entry["Size"], entry["LastModified"].astimezone(UTC))

    def folders(self, prefix: str) -> list[str]:
        return sorted(
            found["Prefix"].removeprefix(self._prefix + prefix).rstrip("/")
            for page in self._pages("list_objects_v2", prefix, Delimiter="/")
            for found in page.get("CommonPrefixes", [])
        )

    def names(self, prefix: str) -> list[str]:
        start = len(self._prefix + prefix)
        found = [
            str(of[kind])[start:]
            for page in self._pages("list_objects_v2", prefix, Delimiter="/")
            for below, kind in (("Contents", "Key"), ("CommonPrefixes", "Prefix"))
            for of in page.get(below, [])
        ]
        return sorted(n for n in found if n)

    def oddities(self, prefix: str, *, deep: bool = True) -> list[str]:
        return []

    def _pages(self, method: str, prefix: str, **extra: str) -> Iterator[dict[str, Any]]:
        onward: dict[str, str] = {}
        while True:
            page = self._call(method, prefix, Prefix=self._prefix + prefix, **extra, **onward)
            yield page
            if not page.get("IsTruncated"):
                return
            if method == "list_objects_v2":
                onward = {"ContinuationToken": page["NextContinuationToken"]}
            else:
                onward = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    # ------------------------------------------------------------------ writing

    def create(self, key: str, body: bytes) -> str:
        try:
            return self._put(key, body, IfNoneMatch="*")
        except (PreconditionFailedError, StoreUnavailableError) as unclear:
            there = self._settled(key, unclear)
            if there.body != body:
                raise ObjectExistsError(key) from unclear
            return there.etag

    def _settled(self, key: str, unclear: StoreError) -> Stored:
        """What stands under the key after a creation that was refused or whose reply never came."""
        try:
            return self.get(key)
        except ObjectNotFoundError:
            if isinstance(unclear, StoreUnavailableError):
                raise unclear from None
            raise StoreUnavailableError(f"{self.url}/{key}: was there and is gone again; try again") from unclear

    def create_file(self, key: str, path: Path) -> None:
        if not path.is_file():
            raise StoreError(f"{path}: no such file on this machine, so nothing was written as {key}")
        try:
            with self._errors(key):
                self._fs.put_file(str(path), self._path(key), mode="create", chunksize=PART_BYTES, max_concurrency=4)
        except (PreconditionFailedError, StoreUnavailableError, ObjectNotFoundError) as unclear:
            # "Not found": an upload in parts that was completed, its reply lost, is no longer there to complete.
            size = self.size(key)
            if size is None:
                raise StoreUnavailableError(f"{self.url}/{key}: was not written ({unclear}); try again") from unclear
            if size != path.stat().st_size or self._sha256(key) != _sha256_of(path):
                raise ObjectExistsError(key) from unclear

    def _sha256(self, key: str) -> bytes:
        digest = hashlib.sha256()
        with self._errors(key), self._fs.open(self._path(key), "rb", block_size=PART_BYTES) as there:
            while chunk := there.read(PART_BYTES):
                digest.update(chunk)
        return digest.digest()

    @contextmanager
    def local_file(self, key: str) -> Iterator[Path]:
        with TemporaryDirectory(prefix="techtrade-") as scratch:
            path = Path(scratch) / key.rpartition("/")[2]
            with self._errors(key):
                self._fs.get_file(self._path(key), str(path))
            yield path

    def replace(self, key: str, body: bytes, etag: str | None) -> str:
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": f'"{etag}"'}
        try:
            return self._put(key, body, **condition)
        except ObjectNotFoundError as gone:  # If-Match on an object that is not there answers 404
            raise PreconditionFailedError(key) from gone

    def _put(self, key: str, body: bytes, **condition: str) -> str:
        for attempt in range(1, CONFLICTS):
            try:
                return self._put_once(key, body, **condition)
            except ConflictError:  # AWS: neither applied nor refused, send it again
                time.sleep(0.05 * 2**attempt)
        return self._put_once(key, body, **condition)

    def _put_once(self, key: str, body: bytes, **condition: str) -> str:
        kind = SHOWN.get(key.rpartition(".")[2])
        told = condition | ({"ContentType": kind} if kind else {})
        return _bare(self._call("put_object", key, Key=self._key(key), Body=body, **told)["ETag"])

    def copy(self, source: str, target: str) -> None:
        for last in (False, True):  # a copy in parts whose last reply was lost can only be made again
            try:
                with self._errors(source):
                    sync(self._fs.loop, self._fs._cp_file, self._path(source), self._path(target))
                return
            except StoreUnavailableError:
                if last:
                    raise
            except ObjectNotFoundError:
                if last or self.size(source) is None:
                    raise

    def delete(self, key: str) -> None:
        self._call("delete_object", key, Key=self._key(key))

    def abort_uploads(self, prefix: str, older_than: datetime) -> list[str]:
        pages = self._pages("list_multipart_uploads", prefix)
        old = [u for page in pages for u in page.get("Uploads", []) if u["Initiated"] < older_than]
        for upload in old:
            try:
                self._call("abort_multipart_upload", upload["Key"], Key=upload["Key"], UploadId=upload["UploadId"])
            except ObjectNotFoundError:
                continue  # completed or given up by somebody else meanwhile
        return [u["Key"].removeprefix(self._prefix) for u in old]

    def uri(self, key: str) -> str:
        return f"s3://{self._path(key)}"

    def filesystem(self) -> Any:
        return self._fs


def _again(url: str, limits: dict[str, Any]) -> S3Store:
    return S3Store(url, **limits)


def _bare(etag: str) -> str:
    """Servers differ in whether they quote a tag; without quotes it can be compared, with them it is sent."""
    return str(etag).removeprefix("W/").strip('"')


def _sha256_of(path: Path) -> bytes:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
