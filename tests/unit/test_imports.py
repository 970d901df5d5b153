"""What is run or measured stands without the tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT

PRODUCT = ("configs", "expectations", "flows", "tasks")
BESIDE = ("benchmarks", "deploy")


def imported(file: Path) -> Iterator[str]:
    """The first names of all that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def importers(package: str, *names: str) -> list[str]:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    return [str(f.relative_to(ROOT)) for f in files if not set(names).isdisjoint(imported(f))]


@pytest.mark.parametrize("package", [*PRODUCT, *BESIDE])
def test_only_tests_import_tests(package: str) -> None:
    assert importers(package, "tests", "pytest", "conftest") == []


@pytest.mark.parametrize("package", PRODUCT)
def test_the_product_imports_no_tool_beside_it(package: str) -> None:
    assert importers(package, *BESIDE) == []


def test_an_import_within_a_function_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text("def f():\n    from tests.doubles import demo\n    import json.decoder\n")
    assert list(imported(file)) == ["tests", "json"]
