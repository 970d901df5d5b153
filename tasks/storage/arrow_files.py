"""Data files on S3 as files for pyarrow, with the retries and the errors of the store.

s3fs opens a file with two requests for its size, and says "no such file" where the store answered 403 or 503. Here the
first request brings the size and the end of the file, where parquet has its footer; what is small comes whole with it.
An error of the store comes out of pyarrow and polars as it was raised, at the opening or while rows are collected.
"""

from __future__ import annotations

import io
from typing import Any, Protocol

import pyarrow as pa
from pyarrow import fs

from configs.errors import StoreError

TAIL_BYTES = 4 << 20


class RangeReader(Protocol):
    """A store that reads parts of an object."""

    url: str
    root: str

    def tail(self, key: str, most: int) -> tuple[bytes, int]: ...
    def part(self, key: str, start: int, length: int) -> bytes: ...


class DataFile(io.RawIOBase):
    """An object, opened for reading."""

    def __init__(self, store: RangeReader, key: str) -> None:
        super().__init__()
        self._store, self._key, self._at = store, key, 0
        self._tail, self._size = store.tail(key, TAIL_BYTES)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def size(self) -> int:
        return self._size

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        stop = self._size if size is None or size < 0 else min(self._at + size, self._size)
        start, self._at = self._at, max(self._at, stop)
        if start >= stop:
            return b""
        begins = self._size - len(self._tail)
        if start >= begins:
            return self._tail[start - begins : stop - begins]
        return self._store.part(self._key, start, stop - start)

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: Any) -> int:
        body = self.read(len(buffer))
        buffer[: len(body)] = body
        return len(body)


class Files(fs.FileSystemHandler):  # type: ignore[misc]
    """A store that pyarrow can read from, by the addresses of ``ObjectStore.uri``."""

    def __init__(self, store: RangeReader) -> None:
        self._store = store

    def get_type_name(self) -> str:
        return "techtrade"

    def normalize_path(self, path: str) -> str:
        return path.removeprefix("s3://")

    def open_input_file(self, path: str) -> Any:
        return pa.PythonFile(DataFile(self._store, self.normalize_path(path).removeprefix(self._store.root)), mode="r")

    open_input_stream = open_input_file

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Files) and other._store is self._store

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return id(self._store)

    def _refuse(self, *arguments: object) -> Any:
        raise StoreError(f"{self._store.url}: pyarrow may only open data files here")

    get_file_info = get_file_info_selector = create_dir = delete_dir = delete_dir_contents = _refuse
    delete_root_dir_contents = delete_file = move = copy_file = open_output_stream = open_append_stream = _refuse
