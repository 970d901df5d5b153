"""What an extract module is: one source, two functions, one typed value out.

``fetch`` does the I/O and archives every answer verbatim before anything looks into it; ``parse`` is a pure
function of the archived bytes, so that a version can be built again from the archive alone. A module
``tasks/extract/<source>.py`` is found by the name that a contract's ``sources`` gives; there is no registry
to edit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

import polars as pl

from configs.errors import ConfigError


@dataclass(frozen=True)
class RawDocument:
    """One answer of a publisher, as archived.

    ``role`` tells ``parse`` what it is (``workbook``, ``receipts/1``); ``url`` has no secrets.
    """

    role: str
    url: str
    retrieved_at: str
    sha256: str
    raw_key: str
    body: bytes


@dataclass(frozen=True)
class Extraction:
    """What came in, parsed. ``tables`` are lazy frames under the names that the dataset's transform takes.

    ``vintage`` is the publisher's name for its state. ``vintage_may_go_back``: whether an older vintage than
    the published one is normal (bundled vintages are replayed in order) or a fault (a live publisher).
    """

    source: str
    dataset: str
    vintage: str
    documents: tuple[RawDocument, ...]
    tables: Mapping[str, pl.LazyFrame]
    licence: str
    citation: str
    vintage_may_go_back: bool = False


class Archive(Protocol):
    """Keeps bytes before anything parses them."""

    def keep(self, source: str, role: str, url: str, body: bytes, suffix: str) -> RawDocument:
        """Archives the bytes under their hash (once) and returns the document."""
        ...


class Source(Protocol):
    """What a module ``tasks/extract/<source>.py`` provides."""

    def vintages(self, dataset: str) -> Sequence[str]:
        """The vintages that can be asked for by name, oldest first. Empty: only the publisher's current one."""
        ...

    def fetch(self, dataset: str, vintage: str | None, archive: Archive) -> tuple[RawDocument, ...]:
        """Gets and archives what the dataset needs. Raises a ``SourceError``."""
        ...

    def parse(self, dataset: str, documents: tuple[RawDocument, ...], vintage: str | None) -> Extraction:
        """Reads archived documents. Raises ``SourceError`` with the raw keys; ``VintageUnavailableError`` when
        ``vintage`` is asked for and the documents are of another."""
        ...


def load_source(name: str) -> Source:
    """The extract module of that name."""
    try:
        return cast(Source, import_module(f"tasks.extract.{name}"))
    except ModuleNotFoundError as e:
        if e.name != f"tasks.extract.{name}":
            raise
        raise ConfigError(f"no extract module tasks/extract/{name}.py, which a contract names as a source") from e
