"""How long a request to S3 is repeated: never for minutes, however many attempts a run has."""

from __future__ import annotations

import asyncio

import pytest

from configs.errors import StoreUnavailableError
from flows.publish import PATIENT_ATTEMPTS
from tasks.storage import s3_requests
from tasks.storage.s3_requests import Requests


@pytest.mark.parametrize("attempts", [1, 4, PATIENT_ATTEMPTS])
def test_store_that_is_down_is_given_up_within_a_minute(attempts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[float] = []
    asked: list[str] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)

    async def once(method: str, *_: object) -> None:
        asked.append(method)
        raise ConnectionResetError

    requests = Requests("s3://b/p", "b", connect_seconds=1, read_seconds=1, attempts=attempts)
    monkeypatch.setattr(requests, "_once", once)
    monkeypatch.setattr(s3_requests.random, "uniform", lambda least, most: most)  # the longest that it can be
    monkeypatch.setattr(asyncio, "sleep", pause)
    with pytest.raises(StoreUnavailableError):
        asyncio.run(requests.asked("get_object", "key"))
    assert len(asked) == attempts
    assert sum(paused) < 60
