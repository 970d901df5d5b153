"""Recomputing checksums: of the raw inputs that a version names, and of the version as a whole.

Readers do not depend on the raw inputs: one that was taken down, or that expired under a yanked version, is reported
and is no fault. One that is damaged, or gone without a record, is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from configs.contracts import published_names
from configs.errors import CorruptVersionError, ObjectNotFoundError, StoreError, StoreUnavailableError
from tasks.raw.archive import RawArchive
from tasks.raw.keep import is_sidecar
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout, reader
from tasks.warehouse.reader import Resolved
from tasks.warehouse.records import SourceEntry, as_plain
from tasks.warehouse.upkeep.verify import verify

GONE = "is gone, and nothing says that it was taken down"
HEAL = "restore them from a copy of the store, or publish with --refresh all: what the publisher sends again heals them"


@dataclass(frozen=True)
class RawReport:
    """``documents``: how many are there, with the bytes that were archived. ``gone``: those that are not and need not
    be, in words."""

    documents: int
    gone: tuple[str, ...]
    problems: tuple[str, ...]


class RawVerifier:
    """Reads each document once, however many versions were made from it."""

    def __init__(self, store: ObjectStore) -> None:
        self._store, self._archive = store, RawArchive(store)
        self._seen: dict[str, str] = {}

    def verify(self, version: Resolved) -> RawReport:
        """Holds every raw input of a published version against its hash."""
        inputs = {s.raw_key: s for s in version.manifest.sources}
        told = {key: self._problem(key) for key in inputs}
        lost = [key for key, problem in told.items() if problem == GONE]
        excused = {key: why for key in lost if (why := self._excuse(inputs[key], yanked=version.yank is not None))}
        return RawReport(
            documents=sum(not problem for problem in told.values()),
            gone=tuple(f"the raw input {key} is gone: {why}" for key, why in excused.items()),
            problems=tuple(f"{key} {problem}" for key, problem in told.items() if problem and key not in excused),
        )

    def _problem(self, key: str) -> str:
        if key not in self._seen:
            self._seen[key] = self._read(key)
        return self._seen[key]

    def _read(self, key: str) -> str:
        try:
            with self._archive.file(key):
                pass
        except ObjectNotFoundError:
            return GONE
        except CorruptVersionError:
            return "is not what was archived (sha256)"
        try:
            note = self._store.get(f"{key}.json").body
        except ObjectNotFoundError:  # a run was killed before it wrote it; the next writes it
            return ""
        return "" if is_sidecar(note, key) else f"is whole, and {key}.json beside it is damaged"

    def _excuse(self, entry: SourceEntry, *, yanked: bool) -> str:
        # The key says under which source it was archived, which `source` of an independent check may not.
        source = entry.raw_key.removeprefix(layout.raw_of()).split("/", maxsplit=1)[0]
        if self._store.size(layout.taken_down(source)) is not None:
            return f"what was archived of {source} was taken down"
        return "raw inputs of yanked versions may expire" if yanked else ""


def published_versions(store: ObjectStore) -> list[tuple[str, str | None]]:
    """Return every published version, as dataset and version; a dataset without a version if its log cannot be read.

    Raises:
        StoreUnavailableError: the store as a whole cannot be read.
    """
    found: list[tuple[str, str | None]] = []
    for name in published_names():
        try:
            found += [(name, v.version) for v in reader.list_versions(store, name)]
        except StoreError as e:
            if isinstance(e, StoreUnavailableError):
                store.size(layout.CATALOG)
            found.append((name, None))  # its problem is reported when it is verified
    return found


def verified(store: ObjectStore, raw: RawVerifier, name: str, version: str | None) -> dict[str, Any]:
    """Return what a check of every checksum of a version found: ``ok``, counts, and where it failed ``error``."""
    told: dict[str, Any] = {"dataset": name, "version": version}
    try:
        report = verify(store, name, version)
        inputs = raw.verify(reader.resolve(store, name, version))
    except CorruptVersionError as e:
        return told | {"ok": False, "problems": e.problems, "error": str(e)}
    except reader.DAMAGED as e:
        return told | {"ok": False, "problems": [str(e)], "error": str(e)}
    told |= {"version": report.version, "ok": not inputs.problems, "files": report.files, "bytes": report.bytes}
    told |= {"retired": as_plain(report.retired) if report.retired else None}
    told |= {"raw": inputs.documents, "raw_gone": inputs.gone}
    if inputs.problems:
        error = f"{name}@{report.version}: its figures are whole, its raw inputs are not: {'; '.join(inputs.problems)}"
        told |= {"problems": inputs.problems, "error": f"{error}; {HEAL}"}
    return told
