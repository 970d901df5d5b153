"""The measurements can be run: each module imports, and the cheapest of them measures something."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import benchmarks
from benchmarks.commands import help_against_interpreter
from benchmarks.publishing import nothing_new_against_publish

MODULES = sorted(p.stem for p in Path(benchmarks.__path__[0]).glob("*.py") if not p.stem.startswith("__"))


@pytest.mark.parametrize("module", MODULES)
def test_every_module_of_measurements_imports(module: str) -> None:
    importlib.import_module(f"benchmarks.{module}")


def test_help_is_measured_against_the_interpreter() -> None:
    found = help_against_interpreter(rounds=1)
    assert found.seconds > 0 and found.base_seconds > 0


def test_finding_nothing_new_is_measured_against_publishing() -> None:
    found = nothing_new_against_publish(rounds=1)
    assert found.seconds > 0 and found.base_seconds > 0
