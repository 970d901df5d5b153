"""Whether the objects of a version are the bytes that were staged and sealed."""

from __future__ import annotations

import hashlib

from configs.errors import CorruptVersionError, ObjectNotFoundError
from configs.words import plural
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.protocol import Draft
from tasks.warehouse.reader import HasFiles
from tasks.warehouse.records import FileEntry


def confirm(store: ObjectStore, draft: Draft) -> None:
    """Read back what was staged, before anything is sealed: the gate judges what is in the store, so that must be
    what was built. Of a file that was copied from the parent, size only: ``verify`` reads those.

    Raises:
        CorruptVersionError: names every object that is not what was staged.
    """
    problems: list[str] = []
    copied = set(draft.head.manifest.files) if draft.head.manifest else set()
    for file in draft.files:
        if file not in copied:
            read_sealed(store, draft, file, problems)
        elif store.size(layout.version(draft.dataset, draft.version, file.path)) != file.bytes:
            problems.append(f"{file.path} was not copied whole")
    if problems:
        raise CorruptVersionError(draft.dataset, draft.version, problems)


def refuse_damaged(store: ObjectStore, version: HasFiles) -> None:
    """Read every object of a sealed version, published or not.

    Raises:
        CorruptVersionError: names every object that is not what was sealed.
    """
    problems: list[str] = []
    for file in version.files:
        read_sealed(store, version, file, problems)
    if problems:
        raise CorruptVersionError(version.dataset, version.version, problems)


def read_sealed(store: ObjectStore, manifest: HasFiles, file: FileEntry, problems: list[str]) -> bytes | None:
    """Return the object if it is the one that was sealed; otherwise None, and add a problem."""
    try:
        body = store.get(layout.version(manifest.dataset, manifest.version, file.path)).body
    except ObjectNotFoundError:
        problems.append(f"{file.path} is gone")
        return None
    if len(body) != file.bytes:
        problems.append(f"{file.path} has {plural(len(body), 'byte')}, sealed were {file.bytes:,}")
        return None
    if hashlib.sha256(body).hexdigest() != file.sha256:
        problems.append(f"{file.path} is not what was sealed (sha256)")
        return None
    return body
