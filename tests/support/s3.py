"""The S3 server of the tests, as a place for stores."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from tests.support import seaweed
from tests.support.drill import Place

_numbers = itertools.count(1)


@dataclass(frozen=True)
class S3:
    """The server of the tests, with the variables of the writer and of the identity that may only read."""

    endpoint: str
    writer: dict[str, str]
    readonly: dict[str, str]

    def place(self) -> Place:
        return Place(f"s3://{seaweed.BUCKET}/{next(_numbers)}/store", self.writer)
