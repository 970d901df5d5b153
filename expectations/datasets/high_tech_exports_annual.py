"""Checks of ``high_tech_exports_annual``: those of every table by economy and year."""

from __future__ import annotations

from expectations.check import Check, GateInput
from expectations.rules.economies import checks_of_economies
from expectations.rules.economy_revisions import against_parent


def checks(gate: GateInput) -> list[Check]:
    """See docs/quality.md for the list in words."""
    return [*checks_of_economies(gate), *against_parent(gate)]
