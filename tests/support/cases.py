"""Many cases of one thing: a few of them in every run of the suite, the others with the slow drills, which CI runs too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def quick(cases: Iterable[Any], few: int) -> list[Any]:
    """For ``parametrize``: the first ``few`` as they are, the others marked as slow."""
    every = list(cases)
    return [*every[:few], *(pytest.param(case, marks=pytest.mark.slow) for case in every[few:])]
