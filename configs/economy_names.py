"""The names by which economies are known, so that one can be told from a new name and from that of another economy.

The World Bank renames economies (Turkey, Swaziland, Czech Republic), and a right table must not wait for that. Its own
names are those of the bundled list; ours are in the table of partners.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from configs import CONFIGS

PUBLISHED = CONFIGS / "snapshot" / "ip_trade_annual" / "economies.csv"
# Names that the World Bank gave before or after those of the bundled list.
OTHER = {
    "CIV": ("Ivory Coast",),
    "CPV": ("Cape Verde",),
    "CZE": ("Czech Republic", "Czechia"),
    "MKD": ("Macedonia, FYR", "North Macedonia"),
    "NRU": ("Naoero",),
    "PSE": ("Palestine", "State of Palestine"),
    "PRI": ("Puerto Rico (US)",),
    "SOM": ("Somalia, Fed. Rep.",),
    "SWZ": ("Swaziland", "Eswatini"),
    "TUR": ("Turkey", "Turkiye"),
    "ZAR": ("Zaire",),
}


def plain(name: str) -> str:
    """Return a name as letters alone, without case, accents and marks."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    return re.sub(r"[^a-z0-9]", "", letters)


@cache
def known_names() -> Mapping[str, str]:
    """Return the code that each name belongs to, by the name as ``plain`` has it."""
    with PUBLISHED.open(encoding="utf-8", newline="") as f:
        published = {plain(r["economy_name"]): r["economy_code"] for r in csv.DictReader(f)}
    return MappingProxyType(published | {plain(name): code for code, names in OTHER.items() for name in names})
