"""Sources by the name that contracts, manifests and the raw archive give them.

The names are public and stay; where the code of a source lies may change. A module is imported when its source is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from configs.errors import ConfigError
from tasks.extract.source import Source

SOURCES = {
    "atp_lists_bundled": "tasks.extract.bundled.atp_lists",
    "bea": "tasks.extract.bea.source",
    "census_atp_lists": "tasks.extract.census.atp_lists",
    "census_balance": "tasks.extract.census.balance_workbook",
    "census_bulk": "tasks.extract.census.merchandise.source",
    "census_hitech": "tasks.extract.census.trade_api",
    "ft900": "tasks.extract.census.ft900",
    "partner_reference": "tasks.extract.partners",
    "snapshot": "tasks.extract.bundled.snapshot",
    "world_bank": "tasks.extract.world_bank.indicators",
    "world_bank_archives": "tasks.extract.world_bank.archives",
}


def load_source(name: str) -> Source:
    """Return the module of a source. Raises ``ConfigError`` for a name that is no source."""
    if name not in SOURCES:
        known = ", ".join(sorted(SOURCES))
        raise ConfigError(f"cannot load source {name}, which a contract names: no such source. Sources are {known}.")
    return cast(Source, import_module(SOURCES[name]))
