"""Containers that unpack to too much, or are not what they say, in front of every reader of one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from tests.faults.harness import Fault, Ground, Row
from tests.paths import ROOT

SECONDS = 60
MOST_MB = 700
WORKBOOKS = ("balance workbook", "ft900 workbook", "balance drift", "ft900 drift")
OF_DIRECTORY = (
    "many members", "long directory", "total", "two of a name", "two of a name in other case", "shared bytes",
    "encrypted", "bzip2", "lzma", "unknown method", "absolute name", "name upwards", "name of a drive",
    "name with an escape", "name with NUL", "no directory", "half", "nothing",
)  # fmt: skip
OF_ANY = ("ratio", "size told too low", "packed size told too high", "a ZIP within", "gzip within", "wrong checksum")
OF_WORKBOOK = (
    "cells far apart", "cells some way apart", "cells that are not named", "cells that others seem to name",
    "cells with a prefix", "a column beyond any", "a row beyond any", "rows backwards", "many cells",
    "one text in many cells", "many texts", "entities", "many sheets",
)  # fmt: skip
KINDS = {
    **dict.fromkeys(WORKBOOKS, (*OF_DIRECTORY, *OF_ANY, *OF_WORKBOOK)),
    "month": tuple(kind for kind in (*OF_DIRECTORY, *OF_ANY) if kind != "total"),
    # The end of the file is all that it gets: what is in the directory is what it can see.
    "month drift": tuple(kind for kind in OF_DIRECTORY if kind not in ("total", "nothing")),
}
_old = False


class _Child:
    """The process that reads. One that died is replaced."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "tests.faults.containers_child", *arguments]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"POLARS_MAX_THREADS": "1"}, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def ask(self, reader: str, kind: str) -> dict[str, Any] | None:
        """None: it died, or hung."""
        assert self.process.stdin is not None and self.process.stdout is not None
        watchdog = threading.Timer(SECONDS, self.process.kill)
        watchdog.start()
        try:
            self.process.stdin.write(json.dumps([reader, kind]) + "\n")
            line = self.process.stdout.readline()
        finally:
            watchdog.cancel()
        found: dict[str, Any] | None = json.loads(line) if line else None
        return found


_children: dict[bool, _Child] = {}


def _tried(reader: str, kind: str) -> str:
    child = _children.get(_old)
    if child is None or child.process.poll() is not None:
        child = _children[_old] = _Child(*(["old"] if _old else []))
    told = child.ask(reader, kind)
    if told is None:
        return f"the process ended ({child.process.wait()})"
    if not told["ours"]:
        return told["error"] or "was read"
    if told["mb"] > MOST_MB:
        return f"took {told['mb']} MB"
    if not told["kept"]:
        return "the bytes were not archived as they came"
    return "" if told["error"].isprintable() else f"not printable: {told['error']!r}"


def _fault(reader: str, kind: str) -> Fault:
    def attempt(_: Ground) -> str:
        return _tried(reader, kind)

    return Fault(f"{reader}: {kind}", attempt)


def faults() -> Sequence[Fault]:
    return [_fault(reader, kind) for reader, of in KINDS.items() for kind in of]


def seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "_old", True)


ROW = Row(
    name="containers",
    title="ZIP and workbook bombs: too large, overlapping members, wrong sizes, sparse sheets",
    right=f"a typed error within {MOST_MB} MB; workbooks archived as they came; the process lives",
    faults=faults,
    seed=seed,
    seeded=("balance workbook: cells far apart", "ft900 drift: encrypted", "balance drift: cells some way apart"),
    slow=True,
)
