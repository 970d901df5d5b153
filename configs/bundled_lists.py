"""The bundled lists of advanced technology products: the files, and the codes that each has."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

from configs import CONFIGS

FOLDER = CONFIGS / "snapshot" / "atp_products"


def list_files() -> list[tuple[str, str, Path]]:
    """Return flow, first month (YYYY-MM) and path of each file ``<flow>-<YYYY-MM>.csv``."""
    return [(*path.stem.split("-", maxsplit=1), path) for path in sorted(FOLDER.glob("*.csv"))]  # type: ignore[misc]


def content(path: Path) -> bytes:
    """Return a list as it is bundled."""
    return path.read_bytes()


@cache
def bundled_codes() -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Return flow, first month and ten-digit codes of each bundled list."""
    found = []
    for flow, month, path in list_files():
        with path.open(encoding="utf-8", newline="") as f:
            found.append((flow, month, tuple(row["hs10"] for row in csv.DictReader(f))))
    return tuple(found)
