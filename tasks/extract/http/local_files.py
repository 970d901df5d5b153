"""Reading what an address ``file://`` names, within the bounds of a source: regular files, up to a size.

A pipe or a device would be waited for, or read, for ever; a folder is no document.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from configs.errors import SourceResponseError, SourceUnavailableError
from configs.words import plural
from tasks.common.redact import without_secrets
from tasks.extract.http.responses import Answer, RemoteFile

STEP = 1 << 20  # bytes copied at a time


def read(source: str, url: str, most: int, tail: int | None = None) -> Answer:
    """The file as an answer, or its last ``tail`` bytes.

    Raises:
        SourceUnavailableError: there is no such file, or it cannot be read.
        SourceResponseError: it is no regular file, or larger than ``most`` bytes.
    """
    with _opened(source, url, most) as file:
        if tail is not None:
            file.seek(max(0, file.seek(0, os.SEEK_END) - tail))
        body = file.read(most + 1) or b""
    if len(body) > most:
        raise _too_large(source, url, most)
    return Answer(without_secrets(url), body, "")


def find(source: str, url: str) -> RemoteFile | None:
    """Size and time of the file; None if it is not there. Raises as ``read`` does."""
    path = _path(source, url)
    try:
        told = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as e:
        raise _unreadable(source, url, str(e.strerror)) from e
    if not stat.S_ISREG(told.st_mode):
        return None
    return RemoteFile(without_secrets(url), told.st_size, formatdate(told.st_mtime, usegmt=True))


def copy(source: str, url: str, to: Path, most: int) -> RemoteFile:
    """Write the file to ``to``; return size and time. Raises as ``read`` does."""
    with _opened(source, url, most) as file, open(to, "wb") as out:
        while piece := file.read(STEP):
            out.write(piece)
            if out.tell() > most:  # it grows, or has no size, as in /proc
                raise _too_large(source, url, most)
        return RemoteFile(without_secrets(url), out.tell(), formatdate(os.fstat(file.fileno()).st_mtime, usegmt=True))


@contextmanager
def _opened(source: str, url: str, most: int) -> Iterator[BinaryIO]:
    path = _path(source, url)
    try:
        # Without O_NONBLOCK, to open a pipe would wait for somebody to write into it.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            told = os.fstat(file.fileno())
            if not stat.S_ISREG(told.st_mode):
                raise SourceResponseError(source, f"{without_secrets(url)} is not a regular file; check the path")
            if told.st_size > most:
                raise _too_large(source, url, most)
            yield file
    except OSError as e:
        raise _unreadable(source, url, str(e.strerror)) from e


def _path(source: str, url: str) -> Path:
    path = unquote(urlsplit(url).path)
    if "\0" in path:
        raise _unreadable(source, url, "the path has a NUL in it")
    return Path(path)


def _unreadable(source: str, url: str, why: str) -> SourceUnavailableError:
    return SourceUnavailableError(source, f"{without_secrets(url)} cannot be read: {why}; check the path")


def _too_large(source: str, url: str, most: int) -> SourceResponseError:
    told = f"{without_secrets(url)} is larger than {plural(most, 'byte')}; check the path, or raise max_bytes"
    return SourceResponseError(source, f"{told} in configs/sources/{source}.yaml")
