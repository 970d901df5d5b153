"""What ``revision_profile`` is made from: every dataset whose contract says ``profiled``."""

from __future__ import annotations

from collections.abc import Sequence

from configs.contract import Contract
from configs.history_contract import SUFFIX


def profiled(contracts: Sequence[Contract]) -> str:
    """Return the entries of ``derived_from`` in ``configs/derived/revision_profile.yaml``."""
    chosen = [c for c in contracts if c.profiled]
    histories = [f"{c.name}{SUFFIX}" for c in chosen]
    by_row = [c.name for c in chosen if c.sources.snapshot and any(column.role == "vintage" for column in c.columns)]
    return "\n".join(f"  - {name}" for name in (*histories, *by_row))
