"""The faults of S3 that were seen in use, of the many in ``tests/faults/s3_answers.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.harness import Ground
from tests.faults.s3_answers import faults
from tests.integration.seaweed import Seaweed

pytestmark = pytest.mark.s3
SEEN = (
    "get latest.json: reset in the body",
    "get a data file: length too small",
    "read a range: SlowDown",
    "read a range: AccessDenied",
    "read a range: 404 of a load balancer",
    "size: ExpiredToken",
    "list a version: empty answer",
    "create a claim: delivered late",
    "swap latest.json: reset after it was applied",
    "swap latest.json: delivered twice",
    "swap latest.json: ExpiredToken",
    "complete an upload: reset after it was applied",
    "copy: short body",
    "delete: reset before the request is passed on",
    "list uploads: InternalError",
)


@pytest.mark.parametrize("name", SEEN)
def test_broken_answer_ends_in_no_wrong_state(name: str, seaweed_server: Seaweed, tmp_path: Path) -> None:
    fault = next(f for f in faults() if f.name == name)
    assert not fault.attempt(Ground(tmp_path, lambda: seaweed_server))
