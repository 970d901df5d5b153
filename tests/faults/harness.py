"""What a row of faults is, and how it is tried."""

from __future__ import annotations

import itertools
import pkgutil
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support import seaweed
from tests.support.drill import Place

ROWS_THAT_ARE_NONE = {"harness", "table", "__main__", "test_faults"}


@dataclass(frozen=True)
class Fault:
    """One fault. ``attempt`` causes it and returns what came out wrong, empty if nothing did. What it raises counts as
    wrong, too: an error that the product may raise is caught and judged by the attempt."""

    name: str
    attempt: Callable[[Ground], str]


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        name: of the module, and of the row on the command line.
        title: which faults, in words.
        right: what must come out, in words.
        faults: every fault; listing them does no I/O, so that the table can be held against the code.
        seed: put a bug into the product, with which the row must turn red.
        seeded: names of the faults that are tried with the bug: at least one of them must come out wrong.
        slow: whether it takes more than some 20 s, and belongs to the slow tests.
        at_once: how many faults may be tried at the same time; more than 1 only if none changes this process.
    """

    name: str
    title: str
    right: str
    faults: Callable[[], Sequence[Fault]]
    seed: Callable[[pytest.MonkeyPatch], None]
    seeded: tuple[str, ...]
    slow: bool = False
    at_once: int = 1


@dataclass(frozen=True)
class Tally:
    """How a row came out. ``wrong``: by fault, what came out wrong."""

    row: Row
    tried: int
    wrong: dict[str, str] = field(default_factory=dict)


class Ground:
    """Where faults are tried: folders of their own, and a real S3 server that is started when the first needs it."""

    def __init__(self, folder: Path, server: Callable[[], seaweed.Seaweed]) -> None:
        self._root, self._server = folder, server
        self._numbers = itertools.count(1)

    def folder(self) -> Path:
        """A new empty folder."""
        made = self._root / str(next(self._numbers))
        made.mkdir(parents=True)
        return made

    def s3(self) -> seaweed.Seaweed:
        """The real S3 server."""
        return self._server()

    def place(self, kind: str = "local") -> Place:
        """A new empty store: ``local``, or ``s3`` with the environment of its writer."""
        if kind == "local":
            return Place(str(self.folder() / "store"), {})
        server = self.s3()
        name = f"faults-{self._root.name}-{next(self._numbers)}"
        return Place(f"s3://{seaweed.BUCKET}/{name}/store", server.writer.environment(server.endpoint))


@contextmanager
def ground() -> Iterator[Ground]:
    """Ground outside of pytest."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="techtrade-faults-")))
        running: list[seaweed.Seaweed] = []

        def server() -> seaweed.Seaweed:
            if not running:
                (folder / "weed").mkdir()
                running.append(stack.enter_context(seaweed.running(folder / "weed")))
            return running[0]

        yield Ground(folder, server)


def rows() -> list[Row]:
    """Every row, by name."""
    names = [m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)])]
    modules = [import_module(f"tests.faults.{n}") for n in names if n not in ROWS_THAT_ARE_NONE]
    return sorted((m.ROW for m in modules if hasattr(m, "ROW")), key=lambda r: r.name)


def tried(row: Row, where: Ground, only: Sequence[str] = ()) -> Tally:
    """Try the faults of a row, or those named."""
    faults = [f for f in row.faults() if not only or f.name in only]
    missing = set(only) - {f.name for f in faults}
    assert not missing, f"{row.name} has no faults {sorted(missing)}"
    with ThreadPoolExecutor(row.at_once) as pool:
        told = list(pool.map(lambda f: _outcome(f, where), faults))
    return Tally(row, len(faults), {f.name: t for f, t in zip(faults, told, strict=True) if t})


def _outcome(fault: Fault, where: Ground) -> str:
    try:
        return fault.attempt(where)
    except Exception:  # noqa: BLE001 - an error that the attempt did not expect is a wrong outcome
        return traceback.format_exc(limit=-4)
