"""Keeping bytes under their hash, with a look at what stands there already.

Neither a name nor a size says that bytes are whole: an upload by hand that was cut short, or a disk that lies, would
have a version published that names an input from which nobody can make it again. So whatever is there already is read
and hashed, each time. That costs a read of what a publisher has just sent, never more: a document that was not asked
for again is not kept again. (Trusting the inputs of the current version was dropped: they are damaged like any other.)

The right bytes heal a damaged object: the damaged ones are kept beside it, then it is swapped. Where the identity in
use may only create, as a writer on AWS, somebody who may delete has to make room.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

from configs.errors import (
    DamagedRawError,
    NewerFormatError,
    ObjectExistsError,
    PreconditionFailedError,
    StoreError,
    StorePermissionError,
)
from tasks.common.hashing import sha256_of_file
from tasks.storage.documents import read_modify_write, refuse_newer, stored_at
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout

log = logging.getLogger("techtrade")
TRIES = 5


def body(store: ObjectStore, key: str, body: bytes) -> None:
    """Have these bytes under the key; ``key`` is of their hash.

    Raises:
        DamagedRawError: others are there, and may not be replaced.
    """
    there = stored_at(store, key)
    if there is None:
        try:
            store.create(key, body)
            return
        except ObjectExistsError:  # another run was first
            there = stored_at(store, key)
    if there is None or there.body != body:
        _heal(store, key, body)


def file(store: ObjectStore, key: str, path: Path) -> None:
    """Have the bytes of a file of any size under the key.

    Raises:
        DamagedRawError: others are there, and may not be replaced.
    """
    if store.size(key) is None:
        try:
            store.create_file(key, path)
            return
        except ObjectExistsError:  # another run was first
            pass
    if not _equal(store, key, path):
        _heal(store, key, path.read_bytes())  # in memory, as a swap needs it; seldom enough


def sidecar(store: ObjectStore, key: str, told: bytes) -> None:
    """Have a note beside a document that says where it came from. One that is sound stays: it knows when first. One
    that is damaged is written again, if that is allowed: no version depends on it."""
    note = f"{key}.json"
    there = stored_at(store, note)
    try:
        if there is None:
            store.create(note, told)
        elif not is_sidecar(there.body, key):
            store.replace(note, told, there.etag)
            log.warning("%s was damaged and is written again", note)
    except (ObjectExistsError, PreconditionFailedError):
        return  # another run may have seen the same bytes first, and then its note says so
    except StorePermissionError as e:
        log.warning("%s is damaged, and this identity may not write it again: %s", note, e)


def is_sidecar(body: bytes, key: str) -> bool:
    """Whether it is the note on the document of that key, or one of a newer techtrade, which is left as it is."""
    try:
        about = json.loads(body.decode())
        refuse_newer(about, key)
    except NewerFormatError:
        return True
    except (ValueError, RecursionError):
        return False
    sha256 = about.get("sha256") if isinstance(about, dict) else None
    return isinstance(sha256, str) and len(sha256) == 64 and sha256 in key


def _equal(store: ObjectStore, key: str, path: Path) -> bool:
    if store.size(key) != path.stat().st_size:
        return False
    with store.local_file(key) as there:
        return sha256_of_file(there) == sha256_of_file(path)


def _heal(store: ObjectStore, key: str, body: bytes) -> None:
    aside = ""

    def healed(there: bytes | None) -> bytes:
        nonlocal aside
        if there is None:
            raise StoreError(
                f"Cannot archive {key}: the name is taken, and there is no object under it. If its folder is a "
                "symbolic link, remove the link, then publish again"
            )
        aside = "" if there == body else layout.damaged(key, hashlib.sha256(there).hexdigest())
        if aside:
            store.create(aside, there)
        return body

    try:
        read_modify_write(store, key, healed, TRIES)
    except StorePermissionError as e:
        if not aside:  # it may not even be read
            raise
        raise DamagedRawError(
            key,
            "The right bytes were downloaded, but this identity may not replace it. Delete the object with the "
            f"credentials of the role maintenance (docs/access.md), then publish again; a copy is kept as {aside}",
        ) from e
    if aside:
        log.warning("%s was damaged and is healed; the damaged bytes are kept as %s", key, aside)
