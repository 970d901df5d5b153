"""Recomputing the raw inputs that a version names: whether its figures could be built again from the archive.

Readers do not depend on them: a document that was taken down, or that expired under a yanked version, is told of and
is no fault. One that is damaged, or gone without anybody having said so, is.
"""

from __future__ import annotations

from dataclasses import dataclass

from configs.errors import CorruptVersionError, ObjectNotFoundError
from tasks.raw.archive import RawArchive
from tasks.raw.keep import is_sidecar
from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.reader import Resolved
from tasks.warehouse.records import SourceEntry

GONE = "is gone, and nothing says that it was taken down"


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
