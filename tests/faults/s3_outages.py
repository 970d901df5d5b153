"""S3 that answers one kind of request wrongly for good, or every request: credentials that expire midway, an outage."""

from __future__ import annotations

from functools import partial

import pytest

from tests.faults.harness import Fault, Row
from tests.faults.s3_answers import CASES, PERMISSION, Case, attempt, publishes, verifies, yanks

MODES = (
    *PERMISSION,
    "SlowDown",
    "PermanentRedirect",
    "404 of a load balancer",
    "reset before the request is passed on",
    "reset after it was applied",
    "short body",
)
EVERY = (
    Case("every request of a publish", "", "", publishes),
    Case("every request of a yank", "", "", yanks),
    Case("every request of a verification", "", "", verifies),
)


def faults() -> list[Fault]:
    """Every operation, and all at once, with every mode."""
    return [Fault(f"{c.name}: {m}", partial(attempt, c, m, times=10**6)) for c in (*CASES, *EVERY) for m in MODES]


def _seed(patch: pytest.MonkeyPatch) -> None:
    """Whatever answers 404 says that an object is not there, as it once did."""
    patch.setattr("tasks.storage.s3_errors._ABSENT", {"NoSuchKey", "NoSuchUpload", "NotFound", "404"})


ROW = Row(
    name="s3_outages",
    title="the same for good: one operation fails, or every request",
    right="a typed error that does not claim absence; readers get the old version or the new one, whole",
    faults=faults,
    seed=_seed,
    seeded=("get latest.json: 404 of a load balancer", "every request of a verification: 404 of a load balancer"),
    slow=True,
    at_once=8,
)
