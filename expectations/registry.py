"""Checks by the name that a contract gives: its field ``checks``, else the name of the dataset.

``expectations/datasets/<name>_revisions.py`` belongs to ``<name>.py`` and is not named by a contract.
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from configs.contract import Contract
from configs.named_modules import module_named, modules_in
from expectations.check import Check, GateInput

PACKAGE = "expectations.datasets"


class Checks(Protocol):
    """What the expectations module of a dataset provides."""

    def checks(self, gate: GateInput) -> list[Check]:
        """Return the rules of this dataset beyond those that its contract's columns state."""
        ...


def checks_module(contract: Contract) -> str:
    """Return the dotted name of the expectations module of a dataset. Raises ``ConfigError`` if there is none."""
    known = {name: module for name, module in modules_in(PACKAGE).items() if not name.endswith("_revisions")}
    return module_named(contract.checks or contract.name, "checks", contract.name, known)


def load_checks(contract: Contract) -> Checks:
    """Return the expectations module of a dataset. Raises ``ConfigError`` if there is none."""
    return cast(Checks, import_module(checks_module(contract)))
