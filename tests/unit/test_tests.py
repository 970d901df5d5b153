"""The tests themselves: they mirror the tree, and none needs the module of another."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT

TESTS = ROOT / "tests"


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports, those inside its functions included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_module_imports_a_test_module() -> None:
    found = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in TESTS.rglob("*.py")
        for name in imported(path)
        if (parts := name.split("."))[0] == "tests" and any(p == "conftest" or p.startswith("test_") for p in parts)
    }
    assert found == set()


def test_helpers_hold_no_tests() -> None:
    found = [path for folder in ("support", "doubles") for path in (TESTS / folder).rglob("test_*.py")]
    assert found == []


@pytest.mark.parametrize("kind", ["unit", "integration"])
def test_each_folder_of_tests_is_named_after_what_it_tests(kind: str) -> None:
    folders = {p.parent.relative_to(TESTS / kind) for p in (TESTS / kind).rglob("test_*.py")} - {Path()}
    parents = (ROOT, ROOT / "tasks", TESTS)
    assert [f for f in sorted(folders) if not any((parent / f).is_dir() for parent in parents)] == []
