"""The command line without Prefect, for commands that run no flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tasks.storage.object_store import ObjectStore
from tasks.warehouse import layout
from tasks.warehouse.records import Catalog


@dataclass(frozen=True)
class Ran:
    """What a command said and ended with."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


def nothing_published(store: ObjectStore) -> None:
    """Make a store of an empty place, with nothing published in it."""
    store.create(layout.CATALOG, Catalog().dump())


def plain(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], store: str = "") -> Run:
    """Runs ``techtrade`` in this process, on that store."""
    monkeypatch.setenv("TECHTRADE_STORE", store)

    def run(*arguments: str) -> Ran:
        from flows.cli import main

        monkeypatch.setattr("sys.argv", ["techtrade", *arguments])
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as e:
            code = e.code if isinstance(e.code, int) else 1
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return run


def error_line(ran: Ran) -> str:
    lines = [line for line in ran.err.splitlines() if line.strip()]
    assert "Traceback" not in ran.err
    assert lines[-1].startswith("error: ")
    return lines[-1]
