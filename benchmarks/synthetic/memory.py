"""An archive in memory, for tests without I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from tasks.raw.documents import RawDocument


class Memory:
    """Implements ``tasks.extract.source.Archive``; ``kept``: every body by its key, ``notes`` by plan and role."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.notes: dict[tuple[str, str], dict[str, RawDocument]] = {}

    def keep(self, source: str, role: str, url: str, body: bytes, suffix: str) -> RawDocument:
        key = f"{source}/{hashlib.sha256(body).hexdigest()}{suffix}"
        self.kept[key] = body
        now = "2026-01-01T00:00:00.000000Z"
        return RawDocument.of(role, url, body, raw_key=key, retrieved_at=now, source=source)

    def keep_file(self, source: str, role: str, url: str, file: Path, suffix: str, modified: str) -> RawDocument:
        return replace(self.keep(source, role, url, file.read_bytes(), suffix), modified=modified)

    def unfinished(self, source: str, plan: str, since: datetime) -> Mapping[str, RawDocument]:
        return dict(self.notes.get((source, plan), {}))

    def note(self, source: str, plan: str, document: RawDocument) -> None:
        self.notes.setdefault((source, plan), {})[document.role] = document

    def finished(self, source: str, plan: str) -> None:
        self.notes.pop((source, plan), None)
