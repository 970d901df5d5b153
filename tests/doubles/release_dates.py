"""A double of BEA's list of release days."""

from __future__ import annotations

import json
from typing import Any

from tests.doubles.publishers import Double

FT900 = "U.S. International Trade in Goods and Services"
RELEASES: dict[str, Any] = {
    "file_update": "2026-11-20T16:00:00-05:00",
    "Gross Domestic Product": {"release_dates": ["2026-11-25T08:30:00-05:00"]},
    FT900: {
        "release_dates": ["2026-09-03T08:30:00-04:00", "2026-10-06T08:30:00-04:00", "2026-12-08T08:30:00-05:00"],
        "to_be_rescheduled": ["2026-11-04T08:30:00-05:00"],
    },
}


class ReleaseDatesDouble(Double):
    """Serves ``releases``."""

    def __init__(self) -> None:
        super().__init__()
        self.releases: Any = RELEASES

    def document(self, path: str) -> tuple[bytes, str]:
        return json.dumps(self.releases).encode(), "application/json"
