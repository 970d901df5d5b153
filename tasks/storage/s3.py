"""A store on S3, through s3fs's client.

Creation is ``If-None-Match: *``, the swap is ``If-Match``; both are decided by the server, and that it does decide is
proved before the first write of a process counts (``s3_conditions``). A write is sent again when its reply is lost, so
it can be applied and its retry then be refused: creation settles that by reading back what is there, a swap is settled
by ``versions.move_latest``.

Caches of instances and listings are off: readers must see what is there now.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from configs.errors import (
    ConfigError,
    ObjectExistsError,
    ObjectNotFoundError,
    PreconditionFailedError,
    StoreError,
    StorePermissionError,
    StoreUnavailableError,
)
from tasks.common.hashing import sha256_of_file
from tasks.storage import s3_parts
from tasks.storage.object_store import ListedObject, StoredObject
from tasks.storage.s3_bodies import Bodies, bare
from tasks.storage.s3_conditions import SMALL_BYTES, Conditions
from tasks.storage.s3_errors import ConflictError
from tasks.storage.s3_requests import Requests, Take, needs

PART_BYTES = 16 << 20  # four parts at a time: 64 MiB in memory, whatever the file
ONE_COPY_BYTES = 150 << 20
CONFLICTS = 6
# By the method that lists: from a mark in a request to what the answer before calls it.
MARKS = {
    "list_objects_v2": {"ContinuationToken": "NextContinuationToken"},
    "list_multipart_uploads": {"KeyMarker": "NextKeyMarker", "UploadIdMarker": "NextUploadIdMarker"},
}
SAME_BYTES = ("_raw/", "_pieces/", "_ledger/")  # named by their content or copied: a second creation is harmless
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

    shares_clock = False

    def __init__(self, url: str, *, connect_seconds: float = 10, read_seconds: float = 60, attempts: int = 4) -> None:
        self._bucket, _, prefix = url.removeprefix("s3://").rstrip("/").partition("/")
        self.url = f"s3://{self._bucket}/{prefix}".rstrip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        if not self._bucket:
            raise ConfigError(f"{url}: no bucket in the address; write s3://bucket or s3://bucket/prefix")
        self.root = f"{self._bucket}/{self._prefix}"
        self.part_bytes = PART_BYTES
        self._limits: dict[str, Any] = {
            "connect_seconds": connect_seconds,
            "read_seconds": read_seconds,
            "attempts": attempts,
        }
        self.requests = Requests(self.url, self._bucket, **self._limits)
        self._bodies = Bodies(self.requests)
        self._conditions = Conditions(self.url, self._bucket, lambda: self.requests.endpoint)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.url, self._limits)

    def clock(self) -> datetime | None:
        if self.requests.date is None:
            self._ask("list_objects_v2", "", Prefix=self._prefix, MaxKeys=1)
        return self.requests.now()

    def _key(self, key: str) -> str:
        if not key or key.startswith("/") or ".." in key.split("/"):
            raise StoreError(f"{key!r} is not a key of a store")
        return self._prefix + key

    def _ask(self, method: str, key: str, take: Take | None = None, **arguments: Any) -> Any:
        return self.requests.ask(method, key, take, **arguments)

    # ------------------------------------------------------------------ reading

    def get(self, key: str) -> StoredObject:
        found = self._bodies.get(self._key(key), key)
        self._conditions.seen(key, found)
        return found

    def tail(self, key: str, most: int) -> tuple[bytes, int]:
        """Return the last bytes of an object, and its size."""
        return self._bodies.tail(self._key(key), key, most)

    def part(self, key: str, start: int, length: int) -> bytes:
        """Return some bytes of an object."""
        return self._bodies.part(self._key(key), key, start, length)

    def size(self, key: str) -> int | None:
        try:
            answer = self._ask("head_object", key, needs("ContentLength", "ETag"), Key=self._key(key))
            return int(answer["ContentLength"])
        except (ObjectNotFoundError, StorePermissionError) as unclear:
            # The answer to HEAD has no body, so it cannot say that the bucket is not there or the credentials expired.
            found = self._ask("list_objects_v2", key, needs("IsTruncated"), Prefix=self._key(key), MaxKeys=1)
            if isinstance(unclear, StorePermissionError):
                raise
        return next((int(e["Size"]) for e in found.get("Contents", []) if e["Key"] == self._key(key)), None)

    def entries(self, prefix: str) -> Iterator[ListedObject]:
        found = [entry for page in self._pages("list_objects_v2", prefix) for entry in page.get("Contents", [])]
        # AWS lists in the order of keys; SeaweedFS folder by folder.
        for entry in sorted(found, key=lambda e: str(e["Key"])):
            yield ListedObject(
                entry["Key"].removeprefix(self._prefix), entry["Size"], entry["LastModified"].astimezone(UTC)
            )

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
        marks = MARKS[method]

        async def take(page: dict[str, Any]) -> dict[str, Any]:
            await needs("IsTruncated")(page)  # a page that is cut off or is none of S3 is no empty listing
            return await needs(*marks.values())(page) if page["IsTruncated"] else page

        onward: dict[str, str] = {}
        while True:
            page = self._ask(method, prefix, take, Prefix=self._prefix + prefix, **extra, **onward)
            yield page
            if not page["IsTruncated"]:
                return
            onward = {mark: page[following] for mark, following in marks.items()}

    # ------------------------------------------------------------------ writing

    def create(self, key: str, body: bytes) -> str:
        return self._proved_creation(key, body, self._created)

    def _proved_creation(self, key: str, body: bytes, write: Callable[[str, bytes], str]) -> str:
        if len(body) > SMALL_BYTES or key.startswith(SAME_BYTES):
            return write(key, body)
        self._conditions.before_creation(key, self.get, self._put)
        etag = write(key, body)
        self._conditions.after_creation(key, body, self._put)
        return etag

    def prove_conditions(self, key: str) -> None:
        self._conditions.before_replacement(key, self.get, self._put)

    def _created(self, key: str, body: bytes) -> str:
        for last in (False, True):
            try:
                return self._put(key, body, IfNoneMatch="*")
            except (PreconditionFailedError, StoreUnavailableError) as unclear:
                try:
                    there = self.get(key)
                except ObjectNotFoundError:
                    if isinstance(unclear, StoreUnavailableError):
                        raise unclear from None
                    if last:
                        told = f"{self.url}/{key}: the store refuses it as if it were there, and it is not; try again"
                        raise StoreUnavailableError(told) from unclear
                    continue  # it was there and is gone
                if there.body != body:
                    raise ObjectExistsError(key) from unclear
                return there.etag
        raise AssertionError

    def create_file(self, key: str, path: Path) -> None:
        if not path.is_file():
            raise StoreError(f"{path}: no such file on this machine, so nothing was written as {key}")
        size = path.stat().st_size
        if size < 2 * self.part_bytes:
            self.create(key, path.read_bytes())
            return
        for last in (False, True):
            try:
                self.requests.run(s3_parts.upload, self.requests, self._key(key), key, path, self.part_bytes)
                return
            except (PreconditionFailedError, StoreUnavailableError, ObjectNotFoundError) as unclear:
                # "Not found": an upload that was completed, its reply lost, is no longer there to complete.
                if (there := self.size(key)) is not None:
                    if there != size or self._sha256(key) != bytes.fromhex(sha256_of_file(path)):
                        raise ObjectExistsError(key) from unclear
                    return
                if last or type(unclear) is StoreUnavailableError:
                    told = f"{self.url}/{key}: was not written ({unclear}); try again"
                    raise StoreUnavailableError(told) from unclear

    def _sha256(self, key: str) -> bytes:
        with self.local_file(key) as path:
            return bytes.fromhex(sha256_of_file(path))

    @contextmanager
    def local_file(self, key: str) -> Iterator[Path]:
        with TemporaryDirectory(prefix="techtrade-") as scratch:
            path = Path(scratch) / key.rpartition("/")[2]
            self._bodies.download(self._key(key), key, path)
            yield path

    def replace(self, key: str, body: bytes, etag: str | None) -> str:
        if etag is None:
            return self._proved_creation(key, body, lambda key, body: self._put(key, body, IfNoneMatch="*"))
        try:
            self.prove_conditions(key)
            return self._put(key, body, IfMatch=f'"{etag}"')
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
        return bare(self._ask("put_object", key, needs("ETag"), Key=self._key(key), Body=body, **told)["ETag"])

    def copy(self, source: str, target: str) -> None:
        copied = {"Bucket": self._bucket, "Key": self._key(source)}
        for last in (False, True):  # a copy in parts whose last reply was lost can only be made again
            if (size := self.size(source)) is None:
                raise ObjectNotFoundError(source)
            how = s3_parts.copy_small if size <= ONE_COPY_BYTES else s3_parts.copy
            try:
                self.requests.run(how, self.requests, copied, self._key(target), source, size)
                return
            except (ConflictError, ObjectNotFoundError):
                if last:
                    raise

    def delete(self, key: str) -> None:
        self._ask("delete_object", key, Key=self._key(key))

    def abort_uploads(self, prefix: str, older_than: datetime) -> list[str]:
        pages = self._pages("list_multipart_uploads", prefix)
        old = [u for page in pages for u in page.get("Uploads", []) if u["Initiated"] < older_than]
        for upload in old:
            try:
                self._ask("abort_multipart_upload", upload["Key"], Key=upload["Key"], UploadId=upload["UploadId"])
            except ObjectNotFoundError:
                continue  # completed or given up by somebody else meanwhile
        return [u["Key"].removeprefix(self._prefix) for u in old]

    def uri(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._key(key)}"

    def filesystem(self) -> Any:
        return self.requests.filesystem

    def arrow_files(self) -> Any:
        from pyarrow.fs import PyFileSystem

        from tasks.storage.arrow_files import Files

        return PyFileSystem(Files(self))


def _again(url: str, limits: dict[str, Any]) -> S3Store:
    return S3Store(url, **limits)
