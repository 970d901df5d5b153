"""The ten groups of advanced technology, as the Census Bureau names them."""

from __future__ import annotations

GROUPS = {
    "01": "Biotechnology",
    "02": "Life science",
    "03": "Opto-electronics",
    "04": "Information and communications",
    "05": "Electronics",
    "06": "Flexible manufacturing",
    "07": "Advanced materials",
    "08": "Aerospace",
    "09": "Weapons",
    "10": "Nuclear technology",
}
